package rpmtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Bump writes an updated build of the package file into dir: the same package
// with ".1" after its release, and one line more in its first regular file of
// some content. Packages with hard links are not supported.
func Bump(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := describe(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.Release += ".1"
	for i := range p.Files {
		if p.Files[i].Body != "" {
			p.Files[i].Body += "# updated\n"
			break
		}
	}
	data, err := p.Build()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(filepath.Join(dir, p.FileName()), data, 0o644)
}

// describe reads a package back into the form that Build takes.
func describe(r io.Reader) (*Package, error) {
	pkg, err := rpm.Open(r)
	if err != nil {
		return nil, err
	}
	m, err := pkg.Metadata()
	if err != nil {
		return nil, err
	}
	p := &Package{
		Name: m.Name, Epoch: m.Epoch, Version: m.Version, Release: m.Release, Arch: m.Arch,
		Summary: m.Summary, SourceRPM: m.SourceRPM, Compression: "zstd",
		Provides: words(m.Provides, m.Name), Conflicts: words(m.Conflicts, ""), Obsoletes: words(m.Obsoletes, ""),
		Recommends: words(m.Recommends, ""), Suggests: words(m.Suggests, ""),
		Supplements: words(m.Supplements, ""), Enhances: words(m.Enhances, ""),
	}
	for _, d := range m.Requires {
		switch {
		case strings.HasPrefix(d.Name, "rpmlib("):
		case d.Pre:
			p.PreRequires = append(p.PreRequires, d.String())
		default:
			p.Requires = append(p.Requires, d.String())
		}
	}
	p.Files, err = describeFiles(pkg, r)
	return p, err
}

// words writes dependencies as a spec file does, but for those of one name.
func words(deps []rpm.Dep, without string) []string {
	var list []string
	for _, d := range deps {
		if d.Name != without {
			list = append(list, d.String())
		}
	}
	return list
}

func describeFiles(pkg *rpm.Package, r io.Reader) (list []File, err error) {
	payload, err := pkg.Payload(r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, payload.Close()) }()
	for _, f := range payload.Files() {
		if f.Nlink > 1 {
			return nil, fmt.Errorf("%s is one of %d hard links", f.Path, f.Nlink)
		}
		list = append(list, File{
			Path: f.Path, Mode: f.Mode, LinkTo: f.LinkTo, User: f.User, Group: f.Group, MTime: f.MTime,
			Flags: f.Flags, Color: f.Color, RDev: f.RDev, Lang: f.Lang, Caps: f.Caps,
		})
	}
	for {
		i, f, err := payload.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if !f.IsRegular() {
			continue
		}
		body, err := io.ReadAll(payload)
		if err != nil {
			return nil, err
		}
		list[i].Body = string(body)
	}
}
