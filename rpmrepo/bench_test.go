package rpmrepo

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// bigPrimary makes primary metadata that is like a distribution's: 30 elements
// a package, names that come again, versions that mostly do not.
func bigPrimary(packages int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="%d">
`, packages)
	for i := range packages {
		name, version := fmt.Sprintf("package-%d", i), fmt.Sprintf("%d.%d.%d", i%7, i%13, i)
		fmt.Fprintf(&b, `<package type="rpm">
  <name>%s</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="%s" rel="1.el9"/>
  <checksum type="sha256" pkgid="YES">%s</checksum>
  <summary>Package number %d of a distribution</summary>
  <description>%s</description>
  <packager>Somebody &lt;somebody@example.com&gt;</packager>
  <url>https://example.com/%s</url>
  <time file="1700000000" build="1700000000"/>
  <size package="123456" installed="456789" archive="460000"/>
  <location href="Packages/p/%s-%s-1.el9.x86_64.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:group>Unspecified</rpm:group>
    <rpm:buildhost>localhost</rpm:buildhost>
    <rpm:sourcerpm>%s-%s-1.el9.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4504" end="9000"/>
    <rpm:provides>
      <rpm:entry name="%s" flags="EQ" epoch="0" ver="%s" rel="1.el9"/>
    </rpm:provides>
    <rpm:requires>
`, name, version, someSum, i, strings.Repeat("A line of text that says what it is for.\n", i%9), name, name, version, name, version, name, version)
		for j := range 8 {
			fmt.Fprintf(&b, "      <rpm:entry name=\"package-%d\" flags=\"GE\" epoch=\"0\" ver=\"%d.%d\" rel=\"1\"/>\n", (i*j*j+j)%packages, j, i%50)
		}
		fmt.Fprintf(&b, "    </rpm:requires>\n    <file>/usr/bin/tool-%d</file>\n    <file type=\"dir\">/etc/%s</file>\n  </format>\n</package>\n", i, name)
	}
	b.WriteString("</metadata>\n")
	return b.Bytes()
}

func BenchmarkPrimary(b *testing.B) {
	data := bigPrimary(10_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := readPrimary(bytes.NewReader(data), newStringPool(), func(*rpm.Metadata) error { n++; return nil }); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkPackages is BenchmarkPrimary with everything around it: both
// checksums, and gzip in a goroutine of its own.
func BenchmarkPackages(b *testing.B) {
	data := bigPrimary(10_000)
	var stored bytes.Buffer
	z := gzip.NewWriter(&stored)
	if _, err := z.Write(data); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	writeFile(b, filepath.Join(dir, "repodata", "p.xml.gz"), stored.Bytes())
	writeFile(b, filepath.Join(dir, "repodata", "repomd.xml"), []byte(repomdText(fmt.Sprintf(
		`<data type="primary"><checksum type="sha256">%s</checksum><open-checksum type="sha256">%s</open-checksum><location href="repodata/p.xml.gz"/></data>`,
		sumOf(stored.Bytes()).Hex(), sumOf(data).Hex()))))
	r, err := Open(b.Context(), testConfig(dir), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := r.Packages(b.Context(), func(*rpm.Metadata) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
