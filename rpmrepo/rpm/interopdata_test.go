//go:build interopdata

// These tests read real packages that are too large to keep here and compare
// every reading with what the rpm program says of them:
//
//	make interop-data DATA=dir
//
// which runs: TREEWRIGHT_DATA=dir go test -tags interopdata ./... -run InteropData.
// The folder holds rpm-features (packages of one peculiarity each, from the test
// suites of rpm, rpm-rs, createrepo_c, rpmlint, pulp and others), rpms/el7 (157
// packages of CentOS 7) and rpms/RPM-GPG-KEY-CentOS-7.

package rpm_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// dataDir returns a folder of the data; without it the tests fail.
func dataDir(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TREEWRIGHT_DATA")
	if root == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder that holds rpm-features and rpms")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packagesIn returns all package files below a folder.
func packagesIn(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".rpm") && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// open opens a package and returns a reader that stands at its payload.
func open(t *testing.T, path string) (*rpm.Package, *bufio.Reader, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r := bufio.NewReader(f)
	p, err := rpm.Open(r)
	return p, r, err
}

// rpmTool runs the real rpm and returns its output and whether it succeeded.
func rpmTool(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Fatalf("%v: install the package rpm", err)
	}
	cmd := exec.Command("rpm", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// A section is one part of a package's description: as rpm prints it, made the
// same shape as what we say. A missing tag prints as nothing.
type section struct {
	name   string
	format string
	ours   func(p *rpm.Package, m *rpm.Metadata, files []rpm.File, scriptlets []rpm.Scriptlet) string
	theirs func(string) string // nil when rpm's words are ours already
}

func sections() []section {
	list := []section{
		{"identity", `%{NAME}|%{EPOCHNUM}|%{VERSION}|%{RELEASE}|%|SOURCERPM?{%{ARCH}}||%{BUILDTIME}|%{LONGSIZE}|%{VENDOR}|%{SOURCERPM}`, ourIdentity, nil},
		{"files", `[%{FILENAMES}\t%{FILEMODES:octal}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{LONGFILESIZES}\t%{FILEDIGESTS}\t%{FILELINKTOS}\t%{FILEFLAGS}\t%{FILECOLORS}\t%{FILELANGS}\t%{FILECAPS}\t%{FILENLINKS}\t%{FILEMTIMES}\t%{FILERDEVS}\n]`, ourFiles, nil},
	}
	for _, tag := range []string{"REQUIRE", "PROVIDE", "CONFLICT", "OBSOLETE", "RECOMMEND", "SUGGEST", "SUPPLEMENT", "ENHANCE"} {
		list = append(list, section{tag, strings.ReplaceAll(`[%{@NAME}\t%{@FLAGS}\t%{@FLAGS:depflags}\t%{@VERSION}\n]`, "@", tag), ourDeps(tag), theirDeps})
	}
	for _, tag := range []string{"PREIN", "POSTIN", "PREUN", "POSTUN", "PRETRANS", "POSTTRANS", "VERIFYSCRIPT"} {
		list = append(list, section{tag, strings.ReplaceAll(`%{@}\b[%{@PROG} ]`, "@", tag), ourScriptlet(tag), nil})
	}
	for _, tag := range []string{"TRIGGER", "FILETRIGGER", "TRANSFILETRIGGER"} {
		prio := ""
		if tag != "TRIGGER" {
			prio = "%{" + tag + "PRIORITIES}"
		}
		list = append(list,
			section{tag, strings.ReplaceAll(`[%{@SCRIPTS}\b%{@SCRIPTPROG}\b%{@TYPE}\b`, "@", tag) + prio + `\a]`, ourTriggers(tag), nil},
			section{tag + " conditions", strings.ReplaceAll(`[%{@NAME}\t%{@FLAGS:depflags}\t%{@VERSION}\t%{@INDEX}\n]`, "@", tag), ourConditions(tag), theirConditions})
	}
	return list
}

func TestInteropDataReadings(t *testing.T) {
	files := append(packagesIn(t, dataDir(t, "rpm-features")), packagesIn(t, dataDir(t, "rpms/el7"))...)
	if len(files) != 234+157 {
		t.Errorf("got %d packages, want %d", len(files), 234+157)
	}
	all := sections()
	var format strings.Builder
	for _, s := range all {
		format.WriteString(s.format + `\f`)
	}
	for _, file := range files {
		p, _, err := open(t, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		m, err := p.Metadata()
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		list, err := p.Files()
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if p.Source != strings.HasSuffix(file, ".src.rpm") || p.Source != (m.Arch == "src") {
			t.Errorf("%s: got source %t, arch %s", file, p.Source, m.Arch)
		}
		scriptlets, err := p.Scriptlets()
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		out, ok := rpmTool(t, "-qp", "--nosignature", "--nodigest", "--qf", format.String(), file)
		theirs := strings.Split(strings.ReplaceAll(out, "(none)", ""), "\f")
		if !ok || len(theirs) != len(all)+1 {
			t.Errorf("%s: rpm -qp refuses it", file)
			continue
		}
		for i, s := range all {
			want := theirs[i]
			if s.theirs != nil {
				want = s.theirs(want)
			}
			compare(t, file+": "+s.name, s.ours(p, m, list, scriptlets), want)
		}
	}
}

// compare compares line by line and reports the first difference. Text that is
// not UTF-8 is left alone: rpm converts it before it prints.
func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if !utf8.ValidString(got) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("%s: line %d:\ngot  %q\nwant %q", what, i+1, a, b)
			return
		}
	}
}

func ourIdentity(_ *rpm.Package, m *rpm.Metadata, _ []rpm.File, _ []rpm.Scriptlet) string {
	arch := m.Arch
	if m.SourceRPM == "" { // rpm's mark of a source package, whose arch is that of its builder
		arch = ""
	}
	return fmt.Sprintf("%s|%d|%s|%s|%s|%d|%d|%s|%s", m.Name, m.Epoch, m.Version, m.Release, arch, m.BuildTime, m.InstalledSize, m.Vendor, m.SourceRPM)
}

func ourFiles(p *rpm.Package, _ *rpm.Metadata, files []rpm.File, _ []rpm.Scriptlet) string {
	var b strings.Builder
	for _, f := range files {
		color := ""
		if p.Header.Has(rpm.TagFileColors) {
			color = fmt.Sprint(f.Color)
		}
		fmt.Fprintf(&b, "%s\t%o\t%s\t%s\t%d\t%x\t%s\t%d\t%s\t%s\t%s\t%d\t%d\t%d\n", f.Path, f.Mode, f.User, f.Group, f.Size,
			f.Digest, f.LinkTo, f.Flags, color, f.Lang, f.Caps, f.Nlink, f.MTime, f.RDev)
	}
	return b.String()
}

func ourDeps(tag string) func(*rpm.Package, *rpm.Metadata, []rpm.File, []rpm.Scriptlet) string {
	return func(_ *rpm.Package, m *rpm.Metadata, _ []rpm.File, _ []rpm.Scriptlet) string {
		list := map[string][]rpm.Dep{
			"REQUIRE": m.Requires, "PROVIDE": m.Provides, "CONFLICT": m.Conflicts, "OBSOLETE": m.Obsoletes,
			"RECOMMEND": m.Recommends, "SUGGEST": m.Suggests, "SUPPLEMENT": m.Supplements, "ENHANCE": m.Enhances,
		}[tag]
		var b strings.Builder
		for _, dep := range list {
			fmt.Fprintf(&b, "%s %t\n", dep, dep.Pre)
		}
		return b.String()
	}
}

func theirDeps(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 || strings.HasPrefix(f[0], "rpmlib(") {
			continue
		}
		flags, _ := strconv.ParseUint(f[1], 10, 32)
		dep := f[0]
		if op := strings.TrimSpace(f[2]); op != "" && f[3] != "" {
			dep += " " + op + " " + f[3]
		}
		fmt.Fprintf(&b, "%s %t\n", dep, flags&(1<<6|1<<9|1<<10) != 0)
	}
	return b.String()
}

func ourScriptlet(tag string) func(*rpm.Package, *rpm.Metadata, []rpm.File, []rpm.Scriptlet) string {
	return func(p *rpm.Package, _ *rpm.Metadata, _ []rpm.File, list []rpm.Scriptlet) string {
		for _, s := range list {
			if string(s.Kind) == strings.ToLower(tag) {
				return s.Body + "\b" + strings.Join(s.Interpreter, " ") + " "
			}
		}
		return "\b"
	}
}

func ourTriggers(tag string) func(*rpm.Package, *rpm.Metadata, []rpm.File, []rpm.Scriptlet) string {
	return func(_ *rpm.Package, _ *rpm.Metadata, _ []rpm.File, list []rpm.Scriptlet) string {
		var b strings.Builder
		for _, s := range list {
			if when, ok := strings.CutPrefix(string(s.Kind), strings.ToLower(tag)); ok {
				b.WriteString(s.Body + "\b" + s.Interpreter[0] + "\b" + when + "\b")
				if tag != "TRIGGER" {
					fmt.Fprintf(&b, "%d", s.Priority)
				}
				b.WriteString("\a")
			}
		}
		return b.String()
	}
}

func ourConditions(tag string) func(*rpm.Package, *rpm.Metadata, []rpm.File, []rpm.Scriptlet) string {
	return func(_ *rpm.Package, _ *rpm.Metadata, _ []rpm.File, list []rpm.Scriptlet) string {
		var b strings.Builder
		n := 0
		for _, s := range list {
			if !strings.HasPrefix(string(s.Kind), strings.ToLower(tag)) {
				continue
			}
			for _, d := range s.Triggers {
				fmt.Fprintf(&b, "%s %s %s %d\n", d.Name, d.Flags, d.EVR, n)
			}
			for _, path := range s.Paths {
				fmt.Fprintf(&b, "%s   %d\n", path, n)
			}
			n++
		}
		return b.String()
	}
}

// theirConditions orders conditions by the script that they run.
func theirConditions(out string) string {
	var list [][]string
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b []string) int {
		x, _ := strconv.Atoi(a[3])
		y, _ := strconv.Atoi(b[3])
		return cmp.Compare(x, y)
	})
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s %s %s %s\n", f[0], strings.TrimSpace(f[1]), f[2], f[3])
	}
	return b.String()
}

// TestInteropDataPayloads reads every payload; only the package that was cut
// off on purpose fails, and says so.
func TestInteropDataPayloads(t *testing.T) {
	for _, file := range append(packagesIn(t, dataDir(t, "rpm-features")), packagesIn(t, dataDir(t, "rpms/el7"))...) {
		p, r, err := open(t, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		err = readAll(p, r)
		if corrupt := strings.HasSuffix(file, "-corrupted.rpm"); corrupt != (err != nil) {
			t.Errorf("%s: got error %v, want one: %t", file, err, corrupt)
		}
		if u := p.UnknownFeatures(); len(u) > 0 {
			t.Errorf("%s: unknown features %q", file, u)
		}
	}
}

func readAll(p *rpm.Package, r io.Reader) error {
	payload, err := p.Payload(r)
	if err != nil {
		return err
	}
	defer payload.Close()
	for {
		if _, _, err := payload.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, payload); err != nil {
			return err
		}
	}
}
