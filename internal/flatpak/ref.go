// Package flatpak knows what a flatpak repository says about its refs, as far
// as no object store is needed for it: names, the metadata file, what an
// application exports, and the sizes that clients are shown.
//
// A ref names one thing that a client installs:
//
//	app/ID/ARCH/BRANCH       app/org.example.Editor/x86_64/stable
//	runtime/ID/ARCH/BRANCH   runtime/org.example.Platform/x86_64/1
//	appstream2/ARCH          the catalogue for software centres
//	appstream2/SUBSET-ARCH   the catalogue of a subset
//
// The tree of an application holds metadata, files (mounted at /app) and
// export; that of a runtime metadata and files (mounted at /usr). The metadata
// file is a key file in GLib's format: see Metadata. Source of the formats:
// flatpak-metadata(5), and flatpak 1.14, with which the tests compare.
package flatpak

import (
	"fmt"
	"strings"
)

// A Kind tells applications and runtimes apart. Extensions are runtimes.
type Kind uint8

const (
	App Kind = iota
	Runtime
)

// String is the first component of a ref.
func (k Kind) String() string {
	if k == Runtime {
		return "runtime"
	}
	return "app"
}

// A Ref is the parsed name of an application or a runtime.
type Ref struct {
	Kind   Kind
	ID     string
	Arch   string
	Branch string
}

// ParseRef parses "app/ID/ARCH/BRANCH" or "runtime/ID/ARCH/BRANCH".
func ParseRef(s string) (Ref, error) {
	kind, rest, _ := strings.Cut(s, "/")
	var r Ref
	switch kind {
	case "app":
	case "runtime":
		r.Kind = Runtime
	default:
		return Ref{}, fmt.Errorf("%q is no flatpak ref: it starts with neither app/ nor runtime/", s)
	}
	name, err := ParseName(rest)
	if err != nil {
		return Ref{}, fmt.Errorf("%q is no flatpak ref: %w", s, err)
	}
	r.ID, r.Arch, r.Branch = name.ID, name.Arch, name.Branch
	return r, nil
}

// Validate checks every part of a ref that was put together by hand.
func (r Ref) Validate() error {
	_, err := ParseRef(r.String())
	return err
}

// String is the name of the ref in a repository.
func (r Ref) String() string { return r.Kind.String() + "/" + r.Name().String() }

// Name is the ref without its kind, as the runtime and sdk keys spell it.
func (r Ref) Name() Name { return Name{ID: r.ID, Arch: r.Arch, Branch: r.Branch} }

// A Name is a ref whose kind is known from where it stands: ID/ARCH/BRANCH.
type Name struct {
	ID     string
	Arch   string
	Branch string
}

// ParseName parses "ID/ARCH/BRANCH".
func ParseName(s string) (Name, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return Name{}, fmt.Errorf("%q is not of the form ID/ARCH/BRANCH", s)
	}
	return validName(Name{ID: parts[0], Arch: parts[1], Branch: parts[2]})
}

// CompleteName parses "ID", "ID/ARCH" or "ID/ARCH/BRANCH", any part after ID
// possibly empty, and takes what is missing from def.
func CompleteName(s string, def Name) (Name, error) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 {
		return Name{}, fmt.Errorf("%q is not of the form ID/ARCH/BRANCH", s)
	}
	n := Name{ID: parts[0], Arch: def.Arch, Branch: def.Branch}
	if len(parts) > 1 && parts[1] != "" {
		n.Arch = parts[1]
	}
	if len(parts) > 2 && parts[2] != "" {
		n.Branch = parts[2]
	}
	return validName(n)
}

// String is ID/ARCH/BRANCH.
func (n Name) String() string { return n.ID + "/" + n.Arch + "/" + n.Branch }

func validName(n Name) (Name, error) {
	if err := ValidateID(n.ID); err != nil {
		return Name{}, err
	}
	if err := ValidateArch(n.Arch); err != nil {
		return Name{}, err
	}
	if err := ValidateBranch(n.Branch); err != nil {
		return Name{}, err
	}
	return n, nil
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// ValidateID checks the name of an application or a runtime: 1 to 255 bytes,
// at least three elements separated by periods, each of letters, digits and
// underscores, none starting with a digit; the last may hold dashes as well.
func ValidateID(id string) error {
	if id == "" {
		return fmt.Errorf("the ID is empty")
	}
	if len(id) > 255 {
		return fmt.Errorf("the ID %.40q… is longer than 255 bytes", id)
	}
	elements := strings.Split(id, ".")
	for i, e := range elements {
		if e == "" {
			return fmt.Errorf("ID %q has an empty element", id)
		}
		last := i == len(elements)-1
		for j := range len(e) {
			switch c := e[j]; {
			case letter(c), digit(c) && j > 0, c == '-' && last:
			case c == '-':
				return fmt.Errorf("ID %q has a dash before its last element", id)
			case digit(c):
				return fmt.Errorf("ID %q has an element that starts with a digit", id)
			default:
				return fmt.Errorf("ID %q holds %q: letters, digits, underscores and periods only", id, c)
			}
		}
	}
	if len(elements) < 3 {
		return fmt.Errorf("ID %q has fewer than three elements, such as org.example.Editor", id)
	}
	return nil
}

// ValidateArch checks the form of an architecture's name: letters, digits and
// underscores. A dash would end the subset's name in a summary index.
func ValidateArch(arch string) error {
	if arch == "" {
		return fmt.Errorf("the architecture is empty")
	}
	for i := range len(arch) {
		if c := arch[i]; !letter(c) && !digit(c) {
			return fmt.Errorf("architecture %q holds %q: letters, digits and underscores only", arch, c)
		}
	}
	return nil
}

// ValidateBranch checks a branch: letters, digits, underscores, dashes and
// periods, not starting with a period.
func ValidateBranch(branch string) error {
	if branch == "" {
		return fmt.Errorf("the branch is empty")
	}
	for i := range len(branch) {
		if c := branch[i]; !letter(c) && !digit(c) && c != '-' && (c != '.' || i == 0) {
			return fmt.Errorf("branch %q holds %q at position %d: letters, digits, underscores, dashes and periods only, and no period first", branch, c, i+1)
		}
	}
	return nil
}
