package rpmrepo

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// cloneMetadata copies what the reader would overwrite.
func cloneMetadata(m *rpm.Metadata) *rpm.Metadata {
	c := *m
	for _, list := range []*[]rpm.Dep{&c.Requires, &c.Provides, &c.Conflicts, &c.Obsoletes, &c.Recommends, &c.Suggests, &c.Supplements, &c.Enhances} {
		*list = slices.Clone(*list)
		if len(*list) == 0 {
			*list = nil
		}
	}
	if c.Files = slices.Clone(c.Files); len(c.Files) == 0 {
		c.Files = nil
	}
	return &c
}

func readAllPrimary(doc string) ([]*rpm.Metadata, error) {
	var list []*rpm.Metadata
	err := readPrimary(strings.NewReader(doc), newStringPool(), func(m *rpm.Metadata) error {
		list = append(list, cloneMetadata(m))
		return nil
	})
	return list, err
}

const someSum = "3a2118df47bf3f04285649f0455c2fc6fe2dc7f0b237073038aa00af41f0d5f2"

// fullPrimary uses every element that is read.
const fullPrimary = `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm">
  <name>acl</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="2.3~rc1" rel="4.el9"/>
  <checksum type="sha256" pkgid="YES">` + someSum + `</checksum>
  <summary>Access &amp; control</summary>
  <description>Several
lines &lt;of&gt; text</description>
  <packager/>
  <url></url>
  <time file="1700000001" build="1700000000"/>
  <size package="1234" installed="5678" archive="9012"/>
  <location xml:base="https://example.com/os/" href="Packages/a/acl-2.3~rc1-4.el9.x86_64.rpm"/>
  <format>
    <rpm:license>GPLv2+</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:group>Unspecified</rpm:group>
    <rpm:buildhost>localhost</rpm:buildhost>
    <rpm:sourcerpm>acl-2.3~rc1-4.el9.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="18449"/>
    <rpm:provides>
      <rpm:entry name="acl" flags="EQ" epoch="1" ver="2.3~rc1" rel="4.el9"/>
      <rpm:entry name="acl(x86-64)" flags="EQ" epoch="0" ver="2.3"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="/bin/sh" pre="1"/>
      <rpm:entry name="libc.so.6(GLIBC_2.34)(64bit)"/>
      <rpm:entry name="libacl" flags="GE" epoch="0" ver="2.2.47" rel="1"/>
      <rpm:entry name="a" flags="LT" ver="2"/> <rpm:entry name="b" flags="GT" ver="2" rel=""/>
      <rpm:entry name="c" flags="LE" ver="1:2"/><rpm:entry name="d" flags="NE" epoch="3" ver="2"></rpm:entry>
      <rpm:entry name="e" flags="EQ"/>
      <rpm:entry name="(f if g &gt;= 2)"/>
      <rpm:entry kind="pattern" name="base"/>
    </rpm:requires>
    <rpm:conflicts><rpm:entry name="con"/></rpm:conflicts>
    <rpm:obsoletes><rpm:entry name="obs"/></rpm:obsoletes>
    <rpm:recommends><rpm:entry name="rec"/></rpm:recommends>
    <rpm:suggests><rpm:entry name="sug"/></rpm:suggests>
    <rpm:supplements><rpm:entry name="sup"/></rpm:supplements>
    <rpm:enhances><rpm:entry name="enh"/></rpm:enhances>
    <file>/usr/bin/chacl</file>
    <file type="dir">/etc/acl</file>
    <file type="ghost">/etc/acl.d/&amp;</file>
    <future><deeper/></future>
  </format>
</package>
<package type="delta"><name>skipped</name></package>
<package>
  <name>tiny</name>
  <version ver="1" rel="1"/>
  <checksum type="SHA256">` + someSum + `</checksum>
  <location href="tiny.rpm"/>
</package>
</metadata>`

func TestReadPrimary(t *testing.T) {
	got, err := readAllPrimary(fullPrimary)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %d packages, %v", len(got), err)
	}
	dep := func(name string) []rpm.Dep { return []rpm.Dep{{Name: name}} }
	want := &rpm.Metadata{
		NEVRA:    rpm.NEVRA{Name: "acl", EVR: rpm.EVR{Epoch: 1, Version: "2.3~rc1", Release: "4.el9"}, Arch: "x86_64"},
		Checksum: "sha256:" + someSum, Summary: "Access & control",
		Size: 1234, InstalledSize: 5678, BuildTime: 1700000000,
		Location: "Packages/a/acl-2.3~rc1-4.el9.x86_64.rpm", BaseURL: "https://example.com/os/",
		Vendor: "Example", SourceRPM: "acl-2.3~rc1-4.el9.src.rpm", HeaderStart: 4504, HeaderEnd: 18449,
		Provides: []rpm.Dep{{Name: "acl", Flags: rpm.EQ, EVR: "1:2.3~rc1-4.el9"}, {Name: "acl(x86-64)", Flags: rpm.EQ, EVR: "2.3"}},
		Requires: []rpm.Dep{
			{Name: "/bin/sh", Pre: true}, {Name: "libc.so.6(GLIBC_2.34)(64bit)"},
			{Name: "libacl", Flags: rpm.GT | rpm.EQ, EVR: "2.2.47-1"},
			{Name: "a", Flags: rpm.LT, EVR: "2"}, {Name: "b", Flags: rpm.GT, EVR: "2-"},
			{Name: "c", Flags: rpm.LT | rpm.EQ, EVR: "0:1:2"}, {Name: "d", Flags: rpm.LT | rpm.GT, EVR: "3:2"},
			{Name: "e"}, {Name: "(f if g >= 2)"}, {Name: "pattern:base"},
		},
		Conflicts: dep("con"), Obsoletes: dep("obs"), Recommends: dep("rec"), Suggests: dep("sug"),
		Supplements: dep("sup"), Enhances: dep("enh"),
		Files: []string{"/usr/bin/chacl", "/etc/acl", "/etc/acl.d/&"},
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	if tiny := got[1]; tiny.String() != "tiny-1-1.noarch" || tiny.Checksum != want.Checksum || len(tiny.Requires) != 0 {
		t.Errorf("second package: got %+v", tiny)
	}
}

func TestReadPrimaryRefuses(t *testing.T) {
	pkg := func(inner string) string {
		return `<metadata><package type="rpm"><name>n</name><version ver="1"/><checksum type="sha256">` + someSum +
			`</checksum><location href="n.rpm"/>` + inner + `</package></metadata>`
	}
	if _, err := readAllPrimary(pkg("")); err != nil {
		t.Fatalf("the base of the cases: %v", err)
	}
	for doc, part := range map[string]string{
		`<other/>`: "not <metadata>",
		`<metadata><package type="rpm"></package></metadata>`:                                            "has no name",
		`<metadata><package><name>n</name></package></metadata>`:                                         "has no version",
		`<metadata><package><name>n</name><version ver="1"/></package></metadata>`:                       "has no checksum",
		strings.Replace(pkg(""), `<location href="n.rpm"/>`, "", 1):                                      "package 1 (n): byte",
		pkg(`<version epoch="x" ver="1"/>`):                                                              "epoch",
		pkg(`<version epoch="4294967296" ver="1"/>`):                                                     "epoch",
		pkg(`<checksum type="md5">d41d8cd98f00b204e9800998ecf8427e</checksum>`):                          "not supported",
		pkg(`<checksum type="sha256">d41d</checksum>`):                                                   "64 hexadecimal digits",
		pkg(`<size package="-1"/>`):                                                                      "package",
		pkg(`<size package="99999999999999999999"/>`):                                                    "package",
		pkg(`<time build="yesterday"/>`):                                                                 "build",
		pkg(`<format><rpm:header-range start="1" end="x"/></format>`):                                    "end",
		pkg(`<format><rpm:requires><rpm:entry/></rpm:requires></format>`):                                "without a name",
		pkg(`<format><rpm:requires><rpm:entry name="x" flags="ABOUT" ver="1"/></rpm:requires></format>`): "ABOUT",
		pkg(`<format><rpm:requires><rpm:entry name="x"></rpm:requires></format>`):                        "where </rpm:entry>",
		pkg("") + `<metadata/>`:                                                                          "a second element",
		strings.TrimSuffix(pkg(""), `</metadata>`):                                                       "ends in the middle",
		strings.Replace(pkg(""), `<name>n`, `<name>`+"\x00n", 1):                                         "control character",
		strings.Replace(pkg(""), `<name>n`, `<name>n&unknown;`, 1):                                       "not a reference",
	} {
		if list, err := readAllPrimary(doc); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %d packages, %v, want an error with %q", doc, len(list), err, part)
		}
	}
}

func TestReadPrimaryStops(t *testing.T) {
	stop := errors.New("enough")
	n := 0
	err := readPrimary(strings.NewReader(fullPrimary), newStringPool(), func(*rpm.Metadata) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d packages", err, n)
	}
}

func TestReadPrimaryTruncated(t *testing.T) {
	for n := range len(fullPrimary) - 1 {
		if _, err := readAllPrimary(fullPrimary[:n]); err == nil {
			t.Fatalf("cut after %d bytes: no error", n)
		}
	}
}

// oraclePrimary reads primary metadata with encoding/xml.
func oraclePrimary(doc string) ([]*rpm.Metadata, error) {
	type entry struct {
		Name  string  `xml:"name,attr"`
		Kind  string  `xml:"kind,attr"`
		Flags string  `xml:"flags,attr"`
		Epoch string  `xml:"epoch,attr"`
		Ver   string  `xml:"ver,attr"`
		Rel   *string `xml:"rel,attr"`
		Pre   string  `xml:"pre,attr"`
	}
	type pkg struct {
		Type    *string `xml:"type,attr"`
		Name    string  `xml:"name"`
		Arch    string  `xml:"arch"`
		Version []struct {
			Epoch uint32 `xml:"epoch,attr"`
			Ver   string `xml:"ver,attr"`
			Rel   string `xml:"rel,attr"`
		} `xml:"version"`
		Location []struct {
			Href string `xml:"href,attr"`
		} `xml:"location"`
		Summary  string   `xml:"summary"`
		Vendor   string   `xml:"format>vendor"`
		Requires []entry  `xml:"format>requires>entry"`
		Provides []entry  `xml:"format>provides>entry"`
		Files    []string `xml:"format>file"`
	}
	var root struct {
		XMLName  xml.Name
		Packages []pkg `xml:"package"`
	}
	if err := xml.Unmarshal([]byte(doc), &root); err != nil {
		return nil, err
	}
	convert := func(list []entry) []rpm.Dep {
		var deps []rpm.Dep
		flags := map[string]rpm.Flags{"EQ": rpm.EQ, "LT": rpm.LT, "GT": rpm.GT, "LE": rpm.LT | rpm.EQ, "GE": rpm.GT | rpm.EQ, "NE": rpm.LT | rpm.GT}
		for _, e := range list {
			d := rpm.Dep{Name: e.Name, Pre: e.Pre == "1"}
			if e.Kind != "" {
				d.Name = e.Kind + ":" + e.Name
			}
			if e.Flags != "" && e.Ver != "" {
				d.Flags, d.EVR = flags[e.Flags], e.Ver
				number, _, found := strings.Cut(e.Ver, ":")
				if e.Epoch != "" && e.Epoch != "0" {
					d.EVR = e.Epoch + ":" + e.Ver
				} else if found && number != "" && strings.Trim(number, "0123456789") == "" {
					d.EVR = "0:" + e.Ver
				}
				if e.Rel != nil {
					d.EVR += "-" + *e.Rel
				}
			}
			deps = append(deps, d)
		}
		return deps
	}
	var list []*rpm.Metadata
	for _, p := range root.Packages {
		if p.Type != nil && *p.Type != "rpm" {
			continue
		}
		v, l := p.Version[len(p.Version)-1], p.Location[len(p.Location)-1]
		m := &rpm.Metadata{
			NEVRA:    rpm.NEVRA{Name: p.Name, Arch: p.Arch, EVR: rpm.EVR{Epoch: v.Epoch, Version: v.Ver, Release: v.Rel}},
			Location: l.Href, Summary: p.Summary, Vendor: p.Vendor, Files: p.Files,
			Requires: convert(p.Requires), Provides: convert(p.Provides),
		}
		if m.Arch == "" {
			m.Arch = "noarch"
		}
		list = append(list, m)
	}
	return list, nil
}

// FuzzPrimary: what is accepted, encoding/xml reads alike.
func FuzzPrimary(f *testing.F) {
	f.Add(fullPrimary)
	entry := `<rpm:entry name="a" flags="GE" epoch="1" ver="2" rel="3"/>`
	f.Add(strings.Replace(fullPrimary, "<rpm:requires>", "<rpm:requires>"+entry+entry, 1))
	f.Add(`<metadata><package><name>n</name><version ver="1"/><checksum type="sha256">` + someSum + `</checksum><location href="n.rpm"/></package></metadata>`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := readAllPrimary(doc)
		var passed []string
		passErr := readPrimary(strings.NewReader(doc), &stringPool{passing: true}, func(m *rpm.Metadata) error {
			passed = append(passed, essence(m))
			return nil
		})
		if (err == nil) != (passErr == nil) {
			t.Fatalf("%q: with a passing pool got %v, want %v", doc, passErr, err)
		}
		if err != nil || hasTwice(doc) {
			return
		}
		want, err := oraclePrimary(doc)
		if err != nil {
			t.Fatalf("%q: encoding/xml says: %v", doc, err)
		}
		var a, b []string
		for _, m := range got {
			a = append(a, essence(m))
		}
		for _, m := range want {
			b = append(b, essence(m))
		}
		if !slices.Equal(a, b) {
			t.Fatalf("%q:\ngot  %q\nwant %q", doc, a, b)
		}
		if !slices.Equal(passed, b) {
			t.Fatalf("%q, with a passing pool:\ngot  %q\nwant %q", doc, passed, b)
		}
	})
}

// hasTwice tells documents with what encoding/xml reads otherwise: elements
// that come twice, whose attributes it merges.
func hasTwice(doc string) bool {
	n := strings.Count(doc, "package")
	return strings.Count(doc, "<version") > n || strings.Count(doc, "version") > n
}

func essence(m *rpm.Metadata) string {
	return fmt.Sprintf("%+v %q %q %q %q %s %s", m.NEVRA, m.Location, m.Summary, m.Vendor, m.Files, depTexts(m.Requires), depTexts(m.Provides))
}

// depTexts writes dependencies without their serials.
func depTexts(list []rpm.Dep) string {
	text := ""
	for _, d := range list {
		text += fmt.Sprintf("%q %d %q %t; ", d.Name, d.Flags, d.EVR, d.Pre)
	}
	return text
}

func FuzzFilelists(f *testing.F) {
	f.Add(`<filelists><package pkgid="` + someSum + `" name="a"><version ver="1"/><file>/a</file><file type="dir">/b&amp;</file></package></filelists>`)
	f.Fuzz(func(t *testing.T, doc string) {
		var got []string
		err := readFilelists(strings.NewReader(doc), func(path string) bool { return path != "/no" }, func(id, path string) error {
			got = append(got, path)
			return nil
		})
		if err != nil {
			return
		}
		var root struct {
			Packages []struct {
				Files []string `xml:"file"`
			} `xml:"package"`
		}
		if err := xml.Unmarshal([]byte(doc), &root); err != nil {
			t.Fatalf("%q: encoding/xml says: %v", doc, err)
		}
		var want []string
		for _, p := range root.Packages {
			for _, path := range p.Files {
				if path != "/no" {
					want = append(want, path)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, want %q", doc, got, want)
		}
	})
}

func TestReadFilelists(t *testing.T) {
	sha1 := strings.Repeat("a", 40)
	doc := `<?xml version="1.0"?><filelists packages="2">
		<package pkgid="` + someSum + `" name="a" arch="noarch"><version epoch="0" ver="1" rel="1"/>
			<file>/usr/bin/a</file><file type="dir">/usr/share/a</file><file type="ghost">/var/a</file></package>
		<other/><package pkgid="` + sha1 + `"><file>/usr/bin/a</file></package></filelists>`
	var asked, got []string
	err := readFilelists(strings.NewReader(doc), func(path string) bool {
		asked = append(asked, path)
		return path != "/usr/share/a"
	}, func(id, path string) error {
		got = append(got, id+" "+path)
		return nil
	})
	want := []string{"sha256:" + someSum + " /usr/bin/a", "sha256:" + someSum + " /var/a", "sha1:" + sha1 + " /usr/bin/a"}
	if err != nil || !slices.Equal(got, want) || len(asked) != 4 {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for doc, part := range map[string]string{
		`<metadata/>`: "not <filelists>",
		`<filelists><package pkgid="12"/></filelists>`:       "not a checksum",
		`<filelists><package/></filelists>`:                  "not a checksum",
		`<filelists><package pkgid="` + someSum + `"><file>`: "ends in the middle",
	} {
		err := readFilelists(strings.NewReader(doc), func(string) bool { return true }, func(string, string) error { return nil })
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want an error with %q", doc, err, part)
		}
	}
}

func TestPassingPool(t *testing.T) {
	for _, doc := range []string{fullPrimary, string(bigPrimary(50))} {
		var texts [2][]string
		for i, pool := range []*stringPool{newStringPool(), {passing: true}} {
			err := readPrimary(strings.NewReader(doc), pool, func(m *rpm.Metadata) error {
				texts[i] = append(texts[i], fmt.Sprintf("%+v", *m))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(texts[0]) == 0 || !slices.Equal(texts[0], texts[1]) {
			t.Errorf("got %q, want %q", texts[1], texts[0])
		}
	}
}
