package layout

import (
	"errors"
	"fmt"
	"strings"
)

// osRelease writes the version of the commit into os-release.
func (p *preparer) osRelease() error {
	base := p.opts.MutateOSRelease
	if base == "" {
		return nil
	}
	if p.opts.Version == "" {
		p.report.Warnings = append(p.report.Warnings, "mutate-os-release: the commit has no version; os-release stays as it is")
		return nil
	}
	place, err := p.tree.Follow("etc/os-release")
	if err != nil {
		return fmt.Errorf("mutate-os-release: %w", err)
	}
	n := p.tree.Lookup(place)
	if n == nil || !n.IsRegular() {
		return errors.New("mutate-os-release: the tree has no /etc/os-release: add the package that brings it")
	}
	data, err := readFile(p.read, place, n)
	if err != nil {
		return fmt.Errorf("mutate-os-release: %w", err)
	}
	n.SetData([]byte(mutateOSRelease(string(data), base, p.opts.Version)))
	p.report.OSRelease = "/" + place
	return nil
}

// osVersionKey is the key that holds the version of the commit.
const osVersionKey = "OSTREE_VERSION="

// mutateOSRelease replaces base by version in the fields VERSION and
// PRETTY_NAME and sets OSTREE_VERSION.
func mutateOSRelease(text, base, version string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, osVersionKey) {
			continue
		}
		if strings.HasPrefix(line, "VERSION=") || strings.HasPrefix(line, "PRETTY_NAME=") {
			key, value, _ := strings.Cut(line, "=")
			line = key + "=" + strings.ReplaceAll(value, base, version)
		}
		b.WriteString(line + "\n")
	}
	b.WriteString(osVersionKey + shellQuote(version) + "\n")
	return b.String()
}

// shellQuote quotes text for a shell, in single quotes.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
