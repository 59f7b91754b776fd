package rpmrepo

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
)

const compsHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a -->\n<!DOCTYPE comps\n  PUBLIC '-//Red Hat, Inc.//DTD Comps info//EN'\n  'comps.dtd'>\n"

const fullComps = compsHead + `<comps>
  <group><id>core</id><name>Core</name><name xml:lang="de">Kern</name><description>a &amp; b</description>
    <display_order>5</display_order><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory"> bash </packagereq>
      <packagereq>plain</packagereq>
      <packagereq type="default">less</packagereq>
      <packagereq type="optional">zsh</packagereq>
      <packagereq type="conditional" requires="gtk">gtk-help</packagereq>
      <packagereq type="mandatory" basearchonly="true">glibc</packagereq>
      <packagereq type="unheard">never</packagereq>
    </packagelist></group>
  <group><id>extra</id><name>Server with GUI</name><packagelist><packagereq>x</packagereq></packagelist></group>
  <category><id>c</id><grouplist><groupid>core</groupid></grouplist></category>
  <environment><id>server</id><name>Server</name><grouplist><groupid>core</groupid><groupid>gone</groupid></grouplist>
    <optionlist><groupid default="true">extra</groupid></optionlist></environment>
  <langpacks><match name="a" install="a-%s"/></langpacks>
</comps>
`

func mustComps(t *testing.T, doc string) *Comps {
	t.Helper()
	c, err := readComps(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadComps(t *testing.T) {
	c := mustComps(t, fullComps)
	want := "{Groups:[{ID:core Name:Core Packages:[{Name:bash Kind:mandatory Requires: BaseArchOnly:false} {Name:plain Kind:mandatory Requires: BaseArchOnly:false} " +
		"{Name:less Kind:default Requires: BaseArchOnly:false} {Name:zsh Kind:optional Requires: BaseArchOnly:false} {Name:gtk-help Kind:conditional Requires:gtk BaseArchOnly:false} " +
		"{Name:glibc Kind:mandatory Requires: BaseArchOnly:true} {Name:never Kind:0 Requires: BaseArchOnly:false}]} " +
		"{ID:extra Name:Server with GUI Packages:[{Name:x Kind:mandatory Requires: BaseArchOnly:false}]}] " +
		"Environments:[{ID:server Name:Server Groups:[core gone] Optional:[extra]}]}"
	if got := fmt.Sprintf("%+v", *c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadCompsRefuses(t *testing.T) {
	for doc, part := range map[string]string{
		"":                 "in the middle",
		"<groups/>":        "not <comps>",
		"<comps><group/>":  "no id",
		"<comps></comps>x": "outside",
		"<comps><group><id>a</id><packagelist><packagereq/></packagelist></group></comps>": "without a name",
		"<comps><environment><name>a</name></environment></comps>":                         "no id",
		"<!DOCTYPE comps [<!ENTITY a 'b'>]><comps/>":                                       "document type",
		"<!DOCTYPE comps SYSTEM \"a\xff\"><comps/>":                                        "document type",
		"<!DOCTYPE other><comps/>":                                                         "document type",
		"<!DOCTYPE comps><!DOCTYPE comps><comps/>":                                         "document type",
		"<comps><!DOCTYPE comps></comps>":                                                  "document type",
		"<!DOCTYPE comps SYSTEM \"" + strings.Repeat("a", maxProlog) + "\"><comps/>":       "document type",
		"<comps>" + strings.Repeat("<group><id>a", 20):                                     "",
	} {
		if _, err := readComps(strings.NewReader(doc)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.60q: got %v, want an error with %q", doc, err, part)
		}
	}
	endless := strings.NewReader("<comps>" + strings.Repeat("<group><id>a</id></group>", 600_000) + "</comps>")
	if _, err := readComps(endless); err == nil || !strings.Contains(err.Error(), "elements") {
		t.Errorf("endless: got %v", err)
	}
}

func TestGroupSpecs(t *testing.T) {
	c := mustComps(t, fullComps)
	for spec, want := range map[string]string{
		"@core":                     "bash plain less gtk-help:gtk glibc!",
		"@Core":                     "bash plain less gtk-help:gtk glibc!",
		"@CORE":                     "bash plain less gtk-help:gtk glibc!",
		"@c?r[a-o]":                 "bash plain less gtk-help:gtk glibc!",
		"@[!x]ore":                  "bash plain less gtk-help:gtk glibc!",
		"@core/optional":            "zsh",
		"@core/mandatory,optional":  "bash plain zsh glibc!",
		`@"Server with GUI"`:        "x",
		"@server with*":             "x",
		"@^server":                  "bash plain less gtk-help:gtk glibc! (1)",
		"@server":                   "bash plain less gtk-help:gtk glibc! (1)",
		"@*":                        "bash plain less gtk-help:gtk glibc! x (1)",
		"@^core":                    "none",
		"@[":                        "none",
		"@[z-a]":                    "none",
		"@cor\\e":                   "none",
		"@\xff":                     "none",
		"@^core/optional":           "none",
		"@core/conditional,default": "less gtk-help:gtk",
	} {
		s, err := ParseGroupSpec(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		members, notes, found := c.Members(s)
		var words []string
		for _, m := range members {
			w := m.Name
			if m.Requires != "" {
				w += ":" + m.Requires
			}
			if m.BaseArchOnly {
				w += "!"
			}
			words = append(words, w)
		}
		if len(notes) > 0 {
			words = append(words, fmt.Sprintf("(%d)", len(notes)))
		}
		got := strings.Join(words, " ")
		if !found {
			got = "none"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", spec, got, want)
		}
	}
	for _, spec := range []string{"core", "@", "@^", "@/optional", "@core/", "@core/most"} {
		if _, err := ParseGroupSpec(spec); err == nil {
			t.Errorf("%q: got no error", spec)
		}
	}
	if got := c.Near(GroupSpec{Pattern: "cora"}); !slices.Equal(got, []string{"core"}) {
		t.Errorf("near cora: got %q", got)
	}
}

// TestMergeComps has the answers that libcomps gives.
func TestMergeComps(t *testing.T) {
	a := mustComps(t, `<comps><group><id>g</id><name>A</name><packagelist><packagereq>dup</packagereq><packagereq type="optional">dup</packagereq>
		<packagereq type="conditional" requires="r">c</packagereq></packagelist></group>
		<group><id>g</id><packagelist><packagereq>z</packagereq></packagelist></group>
		<environment><id>e</id><name>A</name><grouplist><groupid>g</groupid></grouplist><optionlist><groupid>o</groupid></optionlist></environment></comps>`)
	a.Merge(mustComps(t, `<comps><group><id>g</id><name>B</name><packagelist><packagereq type="optional">dup</packagereq>
		<packagereq type="conditional" requires="s">c</packagereq><packagereq>new</packagereq></packagelist></group><group><id>h</id></group>
		<environment><id>e</id><grouplist><groupid>h</groupid><groupid>g</groupid></grouplist></environment></comps>`))
	want := "{Groups:[{ID:g Name:B Packages:[{Name:dup Kind:optional Requires: BaseArchOnly:false} {Name:dup Kind:optional Requires: BaseArchOnly:false} " +
		"{Name:c Kind:conditional Requires:s BaseArchOnly:false} {Name:z Kind:mandatory Requires: BaseArchOnly:false} {Name:new Kind:mandatory Requires: BaseArchOnly:false}]} " +
		"{ID:h Name: Packages:[]}] Environments:[{ID:e Name:A Groups:[g h] Optional:[o]}]}"
	if got := fmt.Sprintf("%+v", *a); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRepositoryComps reads groups in all compressions, and asks for the file
// only then.
func TestRepositoryComps(t *testing.T) {
	comps := filepath.Join(t.TempDir(), "comps.xml")
	writeFile(t, comps, []byte(fullComps))
	for _, args := range [][]string{{}, {"--general-compress-type=xz"}, {"--general-compress-type=bz2"}} {
		dir := rpmtest.Repo(t, somePackages(1)...)
		run(t, nil, "createrepo_c", append(append([]string{"-q", "--groupfile", comps}, args...), dir)...)
		c, err := openRepo(t, testConfig(dir), Options{}).Comps(t.Context())
		if err != nil || len(c.Groups) != 2 {
			t.Errorf("%q: got %+v, %v", args, c, err)
		}
	}
	dir := rpmtest.Repo(t, somePackages(1)...)
	if _, err := openRepo(t, testConfig(dir), Options{}).Comps(t.Context()); !errors.Is(err, ErrNoData) {
		t.Errorf("no groups: got %v, want ErrNoData", err)
	}
	run(t, nil, "createrepo_c", "-q", "--groupfile", comps, dir)
	files, err := filepath.Glob(filepath.Join(dir, "repodata", "*comps*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %q, %v", files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	r := openRepo(t, testConfig(dir), Options{})
	if n := len(listPackages(t, r)); n != 1 {
		t.Errorf("got %d packages, want 1", n)
	}
	if _, err := r.Comps(t.Context()); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("absent: got %v, want ErrNotFound", err)
	}
	cfg := testConfig(dir)
	cfg.NoGroups = true
	if _, err := openRepo(t, cfg, Options{}).Comps(t.Context()); !errors.Is(err, ErrNoData) {
		t.Errorf("enablegroups=0: got %v, want ErrNoData", err)
	}
}

// FuzzComps compares with encoding/xml.
func FuzzComps(f *testing.F) {
	f.Add(fullComps)
	f.Add("<comps><group><id>a</id></group></comps>")
	f.Add("<!DOCTYPE comps SYSTEM '>'>\n<comps><environment><id>a</id><grouplist><groupid>b</groupid></grouplist></environment></comps>")
	f.Fuzz(func(t *testing.T, doc string) {
		c, err := readComps(strings.NewReader(doc))
		if err != nil {
			return
		}
		var root struct {
			Groups []struct {
				Packages []struct {
					Names []string `xml:"packagereq"`
				} `xml:"packagelist"`
			} `xml:"group"`
			Environments []struct{} `xml:"environment"`
		}
		if err := xml.Unmarshal([]byte(doc), &root); err != nil {
			t.Fatalf("%q: encoding/xml says: %v", doc, err)
		}
		got, want := map[string]bool{}, map[string]bool{}
		for _, g := range c.Groups {
			for _, p := range g.Packages {
				got[p.Name] = true
			}
		}
		for _, g := range root.Groups {
			for _, l := range g.Packages {
				for _, n := range l.Names {
					want[strings.TrimSpace(n)] = true
				}
			}
		}
		if len(got) != len(want) || len(c.Environments) > len(root.Environments) {
			t.Fatalf("%q: got %v, want %v", doc, got, want)
		}
		for name := range want {
			if !got[name] {
				t.Fatalf("%q: %q is missing", doc, name)
			}
		}
		s, err := ParseGroupSpec("@" + doc)
		if err == nil {
			c.Members(s)
			c.Near(s)
		}
	})
}
