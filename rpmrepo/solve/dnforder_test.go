package solve

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// In dnf's order a popular name comes first, in the metadata's the first.
func TestOrder(t *testing.T) {
	const pkgs = `
		a
		Rec: zz | yy
		Rec: b
		Rec: c
		b
		Con: c
		c
		o1
		Rec: c
		o2
		Rec: c
		yy
		zz`
	for _, tt := range []struct {
		order Order
		want  []string
	}{{OrderXML, []string{"a", "b", "yy"}}, {OrderDNF, []string{"a", "c", "yy"}}} {
		u := universe(t, Options{Order: tt.order}, "r", pkgs)
		if got := names(resolve(t, u, specs("a"))); !slices.Equal(got, tt.want) {
			t.Errorf("order %v: got %v, want %v", tt.order, got, tt.want)
		}
	}
}

// Dependency lists have the order that libsolv's cache gives them.
func TestOrderLikeLibsolv(t *testing.T) {
	for seed := range uint64(20) {
		d := &drawer{Rand: rand.New(rand.NewPCG(seed, 9)), names: strings.Split("ABCDEFGHIJKLMNOPQRSTUVWXYZ", ""), caps: []string{"x", "y", "z", "/usr/bin/f"}}
		var list []*rpm.Metadata
		for i := range 40 {
			m := d.pkg()
			m.Vendor = pick(d, []string{"", "A", "acme"})
			m.SourceRPM = pick(d, []string{"", "B-1-1.src.rpm", "C-2-1.src.rpm"})
			m.Files = append(m.Files, fmt.Sprintf("/etc/%s/%d", pick(d, d.names), i), "/usr/bin/x/"+pick(d, d.names))
			list = append(list, m)
		}
		u := NewUniverse(Options{})
		r := u.AddRepo(RepoOptions{ID: "r"})
		for _, m := range list {
			r.Add(m)
		}
		u.reindex()
		compareOrder(t, u, primaryXML(list))
	}
}

// compareOrder compares the lists of u's only repository with those that
// libsolv's tools leave of the same metadata.
func compareOrder(t *testing.T, u *Universe, primary []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.solv")
	convert := exec.Command("rpmmd2solv")
	convert.Stdin = bytes.NewReader(primary)
	solv, err := convert.Output()
	if err != nil {
		t.Fatalf("rpmmd2solv: %v (package libsolv-tools)", err)
	}
	if err := os.WriteFile(file, solv, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dumpsolv", file).Output()
	if err != nil {
		t.Fatalf("dumpsolv: %v (package libsolv-tools)", err)
	}
	want := dumpedLists(string(out))
	kinds := map[depKind]string{requires: "requires", conflicts: "conflicts", obsoletes: "obsoletes", recommends: "recommends", suggests: "suggests", supplements: "supplements", enhances: "enhances"}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		for kind, name := range kinds {
			var got []string
			for _, d := range u.list(p, kind) {
				got = append(got, noParens.Replace(dumpString(u, d)))
			}
			if w := want[int(p)][name]; !slices.Equal(got, w) {
				t.Errorf("%s %s: got %q, want %q", u.nevra(p), name, got, w)
			}
		}
	}
}

// noParens makes up for the few parentheses that dumpsolv leaves out.
var noParens = strings.NewReplacer("(", "", ")", "")

// dumpedLists reads dumpsolv's output: by package and kind, the dependencies.
func dumpedLists(out string) map[int]map[string][]string {
	lists := map[int]map[string][]string{}
	var current map[string][]string
	kind := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		var n, id int
		if c, _ := fmt.Sscanf(line, "solvable %d (%d):", &n, &id); c == 2 {
			current = map[string][]string{}
			lists[id] = current
		}
		if item, ok := strings.CutPrefix(line, "  "); ok && current != nil {
			if item != "solvable:prereqmarker" {
				current[kind] = append(current[kind], noParens.Replace(item))
			}
			continue
		}
		kind, _ = strings.CutPrefix(line, "solvable:")
		kind = strings.TrimSuffix(kind, ":")
	}
	return lists
}

// dumpString writes a dependency as dumpsolv does, without parentheses.
func dumpString(u *Universe, d depID) string {
	if !d.isRel() {
		return u.in.str(strID(d))
	}
	r := u.relOf(d)
	op := map[depOp]string{
		opLess: "<<", opGreater: ">>", opAnd: "&", opOr: "|", opWith: "+", opWithout: "-", opIf: "IF", opUnless: "UNLESS", opElse: "ELSE",
	}[r.op]
	if op == "" {
		op = r.op.String()
	}
	return dumpString(u, r.left) + " " + op + " " + dumpString(u, r.right)
}

func primaryXML(list []*rpm.Metadata) []byte {
	var b bytes.Buffer
	io.WriteString(&b, `<?xml version="1.0"?><metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm">`)
	for _, m := range list {
		fmt.Fprintf(&b, `<package type="rpm"><name>%s</name><arch>%s</arch><version epoch="%d" ver="%s" rel="%s"/><format><rpm:vendor>%s</rpm:vendor><rpm:sourcerpm>%s</rpm:sourcerpm>`,
			m.Name, m.Arch, m.Epoch, m.Version, m.Release, m.Vendor, m.SourceRPM)
		for _, l := range []struct {
			tag  string
			list []rpm.Dep
		}{{"provides", m.Provides}, {"requires", m.Requires}, {"conflicts", m.Conflicts}, {"obsoletes", m.Obsoletes}, {"suggests", m.Suggests}, {"enhances", m.Enhances}, {"recommends", m.Recommends}, {"supplements", m.Supplements}} {
			fmt.Fprintf(&b, "<rpm:%s>", l.tag)
			for _, d := range l.list {
				writeEntry(&b, d)
			}
			fmt.Fprintf(&b, "</rpm:%s>", l.tag)
		}
		for _, f := range m.Files {
			fmt.Fprintf(&b, "<file>%s</file>", f)
		}
		b.WriteString("</format></package>\n")
	}
	b.WriteString("</metadata>")
	return b.Bytes()
}

func writeEntry(b *bytes.Buffer, d rpm.Dep) {
	b.WriteString(`<rpm:entry name="`)
	xml.EscapeText(b, []byte(d.Name))
	b.WriteByte('"')
	if d.Flags != 0 {
		flags := map[rpm.Flags]string{rpm.LT: "LT", rpm.LT | rpm.EQ: "LE", rpm.EQ: "EQ", rpm.GT | rpm.EQ: "GE", rpm.GT: "GT"}
		e := rpm.ParseEVR(d.EVR)
		fmt.Fprintf(b, ` flags="%s" epoch="%d" ver="%s"`, flags[d.Flags], e.Epoch, e.Version)
		if e.Release != "" {
			fmt.Fprintf(b, ` rel="%s"`, e.Release)
		}
	}
	b.WriteString("/>")
}
