package solve

import (
	"context"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Order says in which order the dependencies of one package are looked at,
// which decides between weak alternatives of equal rank.
type Order uint8

const (
	// OrderDNF is the order in which dnf sees them after its metadata went
	// through its cache: by how often a name occurs in the whole repository.
	// An unrelated package can therefore change a choice, as it can for dnf.
	OrderDNF Order = iota
	// OrderXML is the order of the metadata: only packages that take part in
	// a request can change its answer.
	OrderXML
)

// String is the word for the order in options and reports.
func (o Order) String() string {
	if o == OrderXML {
		return "xml"
	}
	return "dnf"
}

// Options say how a universe is built.
type Options struct {
	// Arch is the architecture to install for, x86_64 when empty.
	Arch string
	// Order of dependencies, OrderDNF by default.
	Order Order
	// InstallOnly are the provides whose packages may be installed in several
	// versions side by side. Nil means DefaultInstallOnly.
	InstallOnly []string
	// LoadFiles is called when a request needs paths that primary metadata
	// does not list; once, unless a later request names further ones itself.
	// It calls found, not concurrently, for every package of every
	// repository that has a path for which wanted is true; pkgid is the
	// package's Metadata.Checksum. Nil means that all Files are complete.
	LoadFiles func(ctx context.Context, wanted func(path string) bool, found func(repo, pkgid, path string)) error
}

// DefaultInstallOnly returns what dnf installs side by side unless told otherwise.
func DefaultInstallOnly() []string {
	return []string{"kernel", "kernel-PAE", "installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)", "multiversion(kernel)"}
}

// RepoOptions describe one repository. The order of AddRepo is the order of the
// configuration, and counts between equals.
type RepoOptions struct {
	ID       string
	Priority int // the lowest wins; dnf's default is 99
	Cost     int // between equal packages the lowest wins; dnf's default is 1000

	// Installed packages stay: they satisfy, conflict, and are never replaced.
	Installed bool
	// Disabled packages are never chosen; they are known for explanations.
	Disabled bool

	Excludes []string // patterns as in a .repo file's excludepkgs
	Includes []string // patterns of includepkgs: all others are excluded
}

// Spec asks for one package. Text is anything that dnf takes: a name,
// name.arch, name-version[-release[.arch]], a glob, a provide, 'name >= v', a
// path, a rich dependency.
type Spec struct {
	Text string
	Repo string // candidates of this repository only; empty means any

	Member *Member // not nil: Text is the name of a group's member
}

// Request is what to install.
type Request struct {
	Install []Spec
	// Excludes are patterns of packages that must not be chosen, from any
	// repository.
	Excludes []string
	// Exclude, when set, says of every package why it must not be chosen; an
	// empty string means that it may be.
	Exclude func(Candidate) string
	// ExcludeFromWeak are patterns of packages that no weak dependency brings.
	ExcludeFromWeak []string
	// IgnoreWeak leaves recommended and supplementing packages out.
	IgnoreWeak bool
	// Best demands the best candidate of every spec instead of preferring it.
	Best bool
}

// Transaction is the answer to a request: everything to install, the packages
// that are installed already left out.
type Transaction struct {
	Packages []Selected // sorted by name, version, architecture, repository
	Skipped  []Spec     // members of groups that no package answers to
	Order    Order
}

// Selected is one package of a transaction.
type Selected struct {
	// Package identifies the package and says where it lies. Its dependencies
	// and files are not kept.
	Package *rpm.Metadata
	Repo    string
	Reason  Reason
}

// ReasonKind is why a package was selected.
type ReasonKind uint8

// The reasons, strongest first.
const (
	ReasonRequested   ReasonKind = iota + 1 // a spec names it
	ReasonRequired                          // a selected package requires it
	ReasonRecommended                       // a selected package recommends it
	ReasonSupplements                       // it supplements what is selected
	ReasonChosen                            // the search chose it, and found no better answer without it
)

// String is the word for the reason.
func (k ReasonKind) String() string {
	switch k {
	case ReasonRequested:
		return "requested"
	case ReasonRequired:
		return "required"
	case ReasonRecommended:
		return "recommended"
	case ReasonSupplements:
		return "supplements"
	}
	return "chosen"
}

// Reason is the first link of the shortest chain from the request to a package.
// Following By leads back to a package that a spec names.
type Reason struct {
	Kind ReasonKind
	Spec string // of ReasonRequested: the spec's text
	By   int    // of the others: index in Packages of the package with the dependency; -1 when there is none
	Dep  string // the dependency
	// Alternatives are the names of other packages that would have done.
	Alternatives []string
}
