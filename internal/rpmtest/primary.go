package rpmtest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func primaryXML(pkgs []repoPackage) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"%d\">\n", len(pkgs))
	for _, p := range pkgs {
		primaryPackage(&b, p)
	}
	b.WriteString("</metadata>\n")
	return b.Bytes()
}

func primaryPackage(b *bytes.Buffer, p repoPackage) {
	m, h := p.meta, p.pkg.Header
	algo, sum, _ := strings.Cut(m.Checksum, ":")
	fmt.Fprintf(b, "<package type=\"rpm\">\n  <name>%s</name>\n  <arch>%s</arch>\n  %s\n", escape(m.Name), escape(m.Arch), version(m))
	fmt.Fprintf(b, "  <checksum type=\"%s\" pkgid=\"YES\">%s</checksum>\n  <summary>%s</summary>\n  <description>%s</description>\n  <packager></packager>\n  <url>%s</url>\n",
		algo, sum, escape(m.Summary), escape(h.String(rpm.TagDescription)), escape(h.String(rpm.TagURL)))
	archive, _ := p.pkg.Signature.Uint64(rpm.SigPayloadSize)
	fmt.Fprintf(b, "  <time file=\"%d\" build=\"%d\"/>\n  <size package=\"%d\" installed=\"%d\" archive=\"%d\"/>\n  <location href=\"%s\"/>\n",
		p.mtime, m.BuildTime, m.Size, m.InstalledSize, archive, escape(m.Location))
	fmt.Fprintf(b, "  <format>\n    <rpm:license>%s</rpm:license>\n    <rpm:vendor>%s</rpm:vendor>\n    <rpm:group>%s</rpm:group>\n    <rpm:buildhost>%s</rpm:buildhost>\n    <rpm:sourcerpm>%s</rpm:sourcerpm>\n    <rpm:header-range start=\"%d\" end=\"%d\"/>\n",
		escape(h.String(rpm.TagLicense)), escape(m.Vendor), escape(h.String(rpm.TagGroup)), escape(h.String(rpm.TagBuildHost)), escape(m.SourceRPM), m.HeaderStart, m.HeaderEnd)
	for _, d := range []struct {
		kind string
		list []rpm.Dep
	}{
		{"provides", m.Provides}, {"requires", m.Requires}, {"conflicts", m.Conflicts}, {"obsoletes", m.Obsoletes},
		{"suggests", m.Suggests}, {"enhances", m.Enhances}, {"recommends", m.Recommends}, {"supplements", m.Supplements},
	} {
		deps(b, d.kind, d.list)
	}
	for i := range p.files {
		if primaryPath(p.files[i].Path) {
			fileXML(b, &p.files[i], "    ")
		}
	}
	b.WriteString("  </format>\n</package>\n")
}

func version(m *rpm.Metadata) string {
	return fmt.Sprintf("<version epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>", m.Epoch, escape(m.Version), escape(m.Release))
}

func deps(b *bytes.Buffer, kind string, list []rpm.Dep) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "    <rpm:%s>\n", kind)
	for _, d := range list {
		fmt.Fprintf(b, "      <rpm:entry name=\"%s\"", escape(d.Name))
		if d.Flags != 0 {
			e := rpm.ParseEVR(d.EVR)
			fmt.Fprintf(b, " flags=\"%s\" epoch=\"%d\" ver=\"%s\"", flagNames(d.Flags), e.Epoch, escape(e.Version))
			if e.Release != "" {
				fmt.Fprintf(b, " rel=\"%s\"", escape(e.Release))
			}
		}
		if d.Pre {
			b.WriteString(` pre="1"`)
		}
		b.WriteString("/>\n")
	}
	fmt.Fprintf(b, "    </rpm:%s>\n", kind)
}

func flagNames(f rpm.Flags) string {
	return map[rpm.Flags]string{rpm.EQ: "EQ", rpm.LT: "LT", rpm.GT: "GT", rpm.LT | rpm.EQ: "LE", rpm.GT | rpm.EQ: "GE"}[f]
}

// primaryPath reports whether primary metadata lists a path.
func primaryPath(path string) bool {
	return strings.HasPrefix(path, "/etc/") || strings.Contains(path, "bin/") || path == "/usr/lib/sendmail"
}

func fileXML(b *bytes.Buffer, f *rpm.File, indent string) {
	kind := ""
	switch {
	case f.IsDir():
		kind = ` type="dir"`
	case f.IsGhost():
		kind = ` type="ghost"`
	}
	fmt.Fprintf(b, "%s<file%s>%s</file>\n", indent, kind, escape(f.Path))
}

func filelistsXML(pkgs []repoPackage) []byte {
	return perPackage(pkgs, "filelists", func(b *bytes.Buffer, p repoPackage) {
		for i := range p.files {
			fileXML(b, &p.files[i], "  ")
		}
	})
}

func otherXML(pkgs []repoPackage) []byte {
	return perPackage(pkgs, "other", func(*bytes.Buffer, repoPackage) {})
}

func perPackage(pkgs []repoPackage, kind string, body func(*bytes.Buffer, repoPackage)) []byte {
	var b bytes.Buffer
	root := kind
	if kind == "other" {
		root = "otherdata"
	}
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"http://linux.duke.edu/metadata/%s\" packages=\"%d\">\n", root, kind, len(pkgs))
	for _, p := range pkgs {
		_, sum, _ := strings.Cut(p.meta.Checksum, ":")
		fmt.Fprintf(&b, "<package pkgid=\"%s\" name=\"%s\" arch=\"%s\">\n  %s\n", sum, escape(p.meta.Name), escape(p.meta.Arch), version(p.meta))
		body(&b, p)
		b.WriteString("</package>\n")
	}
	fmt.Fprintf(&b, "</%s>\n", root)
	return b.Bytes()
}
