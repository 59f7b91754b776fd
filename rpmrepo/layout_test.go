package rpmrepo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// plainPrimary is laid out as createrepo_c does it.
const plainPrimary = `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
<package type="rpm">
  <name>acl</name>
  <arch>x86_64</arch>
  <version epoch="1" ver="2.3~rc1" rel="4.el9"/>
  <checksum type="sha256" pkgid="YES">` + someSum + `</checksum>
  <summary>Access &amp; "control" — all of it</summary>
  <description>Several
lines &lt;of&gt; text, [[1]] &#65;</description>
  <packager/>
  <url></url>
  <time file="1700000001" build="1700000000"/>
  <size package="1234" installed="5678" archive="9012"/>
  <location href="Packages/a/acl-2.3~rc1-4.el9.x86_64.rpm"/>
  <format>
    <rpm:license>GPLv2+</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:group/>
    <rpm:buildhost>localhost</rpm:buildhost>
    <rpm:sourcerpm>acl-2.3~rc1-4.el9.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="18449"/>
    <rpm:provides>
      <rpm:entry name="acl" flags="EQ" epoch="1" ver="2.3~rc1" rel="4.el9"/>
      <rpm:entry name="acl(x86-64)" flags="EQ" epoch="0" ver="2.3"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="/bin/sh" pre="1"/>
      <rpm:entry name="libacl" flags="GE" epoch="0" ver="2.2.47" rel="1"/>
      <rpm:entry name="(f if g &gt;= 2)"/>
    </rpm:requires>
    <rpm:recommends>
      <rpm:entry name="libacl" flags="GE" epoch="0" ver="2.2.47" rel="1"/>
      <rpm:entry name="c" flags="LE" epoch="0" ver="1:2" pre="1"/>
    </rpm:recommends>
    <file>/usr/bin/chacl</file>
    <file type="dir">/etc/acl</file>
    <file type="ghost">/etc/acl.d/&amp;</file>
  </format>
</package>
</metadata>`

// packageTexts reads packages and writes down all of them and the error; scan
// leaves all of them to the scanner.
func packageTexts(doc string, pool *stringPool, scan bool) (list []string, odd int) {
	p := newPrimaryReader(strings.NewReader(doc), pool)
	if scan {
		p.odd = 1 << 30
	}
	err := p.read(func(m *rpm.Metadata) error {
		list = append(list, fmt.Sprintf("%q", fmt.Sprintf("%+v", *m)))
		return nil
	})
	return append(list, fmt.Sprint(err)), p.odd
}

// compareLayout reads a document as it is laid out, and with the scanner alone.
func compareLayout(t *testing.T, doc string) {
	t.Helper()
	want, _ := packageTexts(doc, newStringPool(), true)
	for _, passing := range []bool{false, true} {
		pool := newStringPool()
		pool.passing = passing
		if got, _ := packageTexts(doc, pool, false); !slices.Equal(got, want) {
			t.Fatalf("%s\npassing %t: got  %q\nwant %q", doc, passing, got, want)
		}
	}
}

func TestPlainLayout(t *testing.T) {
	for _, doc := range []string{plainPrimary, string(bigPrimary(300))} {
		list, odd := packageTexts(doc, newStringPool(), false)
		if odd > len(list)/100 || list[len(list)-1] != "<nil>" {
			t.Errorf("got %d packages that are laid out otherwise, %s", odd, list[len(list)-1])
		}
		compareLayout(t, doc)
	}
}

// TestLayoutVariants changes a document everywhere: whatever is accepted means
// what it means to the scanner.
func TestLayoutVariants(t *testing.T) {
	start := strings.Index(plainPrimary, "<package ")
	parts := []string{"", "<", ">", "&", "\"", "'", "]", "]]>", " ", "\n", "\r", "\t", "/", "0", "x", "\x01", "\x00", "\xff", "é", "\uffff", "&lt;", "&#x41;", "<!-- -->", "<![CDATA[x]]>"}
	for i := start; i < len(plainPrimary); i++ {
		compareLayout(t, plainPrimary[:i]+parts[i*7%len(parts)]+plainPrimary[i+i%2:])
	}
	// Lines that come twice, or not at all, or in another order.
	lines := strings.SplitAfter(plainPrimary, "\n")
	for i := range lines {
		compareLayout(t, strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
		compareLayout(t, strings.Join(slices.Insert(slices.Clone(lines), i, lines[i]), ""))
		if i > 0 {
			other := slices.Clone(lines)
			other[i-1], other[i] = other[i], other[i-1]
			compareLayout(t, strings.Join(other, ""))
		}
	}
}

// FuzzLayout: a package means what it means to the scanner.
func FuzzLayout(f *testing.F) {
	f.Add(plainPrimary)
	f.Add(fullPrimary)
	f.Add(string(bigPrimary(3)))
	f.Fuzz(compareLayout)
}
