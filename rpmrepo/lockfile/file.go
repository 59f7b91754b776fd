package lockfile

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Format tells the two kinds of lock files apart.
type Format uint8

// The formats.
const (
	Ours Format = iota
	RPMOSTree
)

// Package is one locked build.
type Package struct {
	Name string
	EVR  rpm.EVR
	Arch string // empty: any

	// Checksum is "algorithm:value" of the package file, Repo the ID of its
	// repository. Empty means that they are not compared.
	Checksum string
	Repo     string

	Size     int64  // of the package file
	Location string // see the format
	Source   string // name of the source package; rpm-ostree's format alone has it
}

// String is the name-[epoch:]version-release.arch, without the last when any will do.
func (p *Package) String() string {
	s := p.Name + "-" + p.EVR.String()
	if p.Arch != "" {
		s += "." + p.Arch
	}
	return s
}

func comparePackages(a, b Package) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), a.EVR.Compare(b.EVR), strings.Compare(a.Arch, b.Arch),
		strings.Compare(a.Repo, b.Repo), strings.Compare(a.Checksum, b.Checksum), strings.Compare(a.String(), b.String()))
}

// File is what one lock file holds.
type File struct {
	Format Format
	// Packages are sorted, by the architecture that is composed for. In
	// rpm-ostree's format they are for any, and stand under AnyArch.
	Packages map[string][]Package
	// Generated and Repos are of rpm-ostree's format alone: when the file was
	// made, and when the metadata of each repository was.
	Generated time.Time
	Repos     map[string]time.Time
}

// AnyArch stands for the architecture in files that do not name one.
const AnyArch = ""

// formatKey is the key that tells our format.
const formatKey = "treewright-lock"

const formatVersion = 1

// Read reads one lock file of either format.
func Read(name string) (_ *File, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the lock file %s: %w", name, err)
	}
	out, err := Parse(data, isYAML(name))
	if err != nil {
		return nil, fmt.Errorf("reading the lock file %s: %w", name, err)
	}
	return out, nil
}

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// Parse reads the bytes of a lock file of either format.
func Parse(data []byte, yaml bool) (*File, error) {
	tree, err := parseTree(data, yaml)
	if err != nil {
		return nil, err
	}
	t, ok := tree.(table)
	if !ok {
		return nil, fmt.Errorf("want a table, got %s", describe(tree))
	}
	if _, ours := t[formatKey]; ours {
		return parseOurs(t)
	}
	return parseRPMOSTree(t)
}

func parseOurs(t table) (*File, error) {
	if v := t[formatKey]; v != json.Number(strconv.Itoa(formatVersion)) {
		return nil, fmt.Errorf("%s is %v: this program reads version %d", formatKey, v, formatVersion)
	}
	top := fields{t: t, at: "the lock file"}
	if err := top.only(formatKey, "architectures"); err != nil {
		return nil, err
	}
	archs, err := newFields(t["architectures"], "architectures")
	if err != nil {
		return nil, err
	}
	f := &File{Format: Ours, Packages: map[string][]Package{}}
	for _, arch := range sortedKeys(archs.t) {
		list, ok := archs.t[arch].([]any)
		if !ok || arch == AnyArch {
			return nil, fmt.Errorf("architectures: %q: want a list below the name of an architecture, got %s", arch, describe(archs.t[arch]))
		}
		if f.Packages[arch], err = parseList(list, arch); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func parseList(list []any, arch string) ([]Package, error) {
	packages := make([]Package, 0, len(list))
	for i, v := range list {
		p, err := parseEntry(v, fmt.Sprintf("%s[%d]", arch, i))
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	slices.SortFunc(packages, comparePackages)
	for i := 1; i < len(packages); i++ {
		if packages[i].String() == packages[i-1].String() {
			return nil, fmt.Errorf("%s: %s stands twice", arch, packages[i].String())
		}
	}
	return packages, nil
}

func parseEntry(v any, at string) (p Package, err error) {
	f, err := newFields(v, at)
	if err != nil {
		return p, err
	}
	if err := f.only("nevra", "repo", "size", "checksum", "location"); err != nil {
		return p, err
	}
	text := f.required("nevra")
	p.Repo, p.Checksum, p.Location = f.required("repo"), f.required("checksum"), f.required("location")
	if err := f.err(); err != nil {
		return p, err
	}
	n, err := rpm.ParseNEVRA(text)
	if err == nil && n.String() != text {
		err = fmt.Errorf("%q is not how a build is written: that would be %s", text, n)
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", at, err)
	}
	p.Name, p.EVR, p.Arch = n.Name, n.EVR, n.Arch
	size, _ := f.t["size"].(json.Number)
	if p.Size, err = strconv.ParseInt(size.String(), 10, 64); err != nil || p.Size < 0 {
		return p, fmt.Errorf("%s: size: want a number of bytes, got %s", at, describe(f.t["size"]))
	}
	if err := checkChecksum(p.Checksum); err != nil {
		return p, fmt.Errorf("%s: %w", at, err)
	}
	return p, nil
}

// checksumSizes are the algorithms that our format takes, and their lengths.
var checksumSizes = map[string]int{"sha256": 32, "sha384": 48, "sha512": 64}

func checkChecksum(s string) error {
	algorithm, value, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(value)
	if err != nil || len(raw) == 0 || len(raw) != checksumSizes[algorithm] || strings.ToLower(value) != value {
		return fmt.Errorf("checksum %q: want sha256, sha384 or sha512, a colon, and lower-case hexadecimal digits", s)
	}
	return nil
}

func sortedKeys(t table) []string { return slices.Sorted(maps.Keys(t)) }
