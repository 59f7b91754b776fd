package compose

import (
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// Result is what a compose made.
type Result struct {
	// Changed is false when the input was that of the previous commit; then
	// nothing was written and the rest is empty.
	Changed   bool            `json:"changed"`
	InputHash string          `json:"input-hash"`
	Ref       string          `json:"ref,omitempty"` // empty when no ref was written
	Commit    ostree.Checksum `json:"commit,omitzero"`
	Content   ostree.Checksum `json:"content-checksum,omitzero"` // the same for commits of the same tree
	Parent    ostree.Checksum `json:"parent,omitzero"`
	Version   string          `json:"version,omitempty"`
	Timestamp uint64          `json:"timestamp,omitempty"`
	Stats     archive.Stats   `json:"objects,omitzero"`
	CacheHits int64           `json:"cache-hits,omitempty"` // contents that were not read
	Directory string          `json:"directory,omitempty"`  // where the tree lies that Install and PostprocessDir write
	Report    *Report         `json:"report,omitempty"`
}

// Report says what the tree holds and what was left out of it.
type Report struct {
	Packages []ReportedPackage `json:"packages"`
	Tree     rootfs.Stats      `json:"tree"`
	Base     *BaseReport       `json:"base,omitempty"`
	Layers   []LayerReport     `json:"layers,omitempty"`
	Assembly *rootfs.Report    `json:"assembly,omitempty"`
	Filtered *layout.Filtered  `json:"filtered,omitempty"` // by remove-from-packages
	// LeftOut is what a directory holds that OSTree cannot store.
	LeftOut []layout.Dropped `json:"left-out,omitempty"`
	// Scriptlets lists what packages ran; Skipped what they wanted to run and
	// did not.
	Scriptlets *scriptlet.Report  `json:"scriptlets,omitempty"`
	Skipped    []SkippedScriptlet `json:"skipped-scriptlets,omitempty"`
	// Changes and Normalised are what scriptlets and postprocess scripts
	// changed, and what was cleaned up behind them, one item for each time
	// that the tree lay on disk.
	Changes     []*ondisk.Report     `json:"changes,omitempty"`
	Normalised  []*ondisk.Normalised `json:"normalised,omitempty"`
	Postprocess []RanScript          `json:"postprocess,omitempty"`
	MovedStore  []layout.Moved       `json:"moved-policy-store,omitempty"`
	Accounts    *layout.Seeded       `json:"accounts,omitempty"`
	Prepared    *layout.Prepared     `json:"prepared,omitempty"`
	Layout      *layout.Report       `json:"layout,omitempty"`
	Database    *DatabaseReport      `json:"package-database,omitempty"`
	Kernel      *KernelReport        `json:"kernel,omitempty"`
	Labels      *selinux.Report      `json:"labels,omitempty"`
	// Privileged are the files with setuid or setgid bits or capabilities.
	Privileged []PrivilegedFile `json:"privileged,omitempty"`
	// UnknownOwners are users and groups that the tree does not have; their
	// files belong to root.
	UnknownOwners []rootfs.UnknownOwner `json:"unknown-owners,omitempty"`
	Flatpak       *FlatpakReport        `json:"flatpak,omitempty"`
	Warnings      []string              `json:"warnings,omitempty"`
	// Users and Groups are those of the tree.
	Users  []Account `json:"users,omitempty"`
	Groups []Account `json:"groups,omitempty"`
	// Sizes says what the packages take of the tree, the largest first.
	Sizes []PackageSize `json:"sizes,omitempty"`
}

// ReportedPackage is one package of the tree.
type ReportedPackage struct {
	NEVRA         string `json:"nevra"`
	Repo          string `json:"repo"`
	Checksum      string `json:"checksum"`
	Size          int64  `json:"size"` // of the package file
	InstalledSize int64  `json:"installed-size"`
	SignedBy      string `json:"signed-by,omitempty"` // fingerprint of the key
}

// PrivilegedFile is a file that gives its caller rights.
type PrivilegedFile struct {
	Path         string `json:"path"`
	Package      string `json:"package,omitempty"`
	Mode         string `json:"mode"` // octal digits
	Capabilities bool   `json:"capabilities,omitempty"`
	New          bool   `json:"new,omitempty"` // the previous commit has none like it there
}

// SkippedScriptlet is a scriptlet or trigger that did not run.
type SkippedScriptlet struct {
	Package     string `json:"package"`
	Kind        string `json:"kind"`
	Interpreter string `json:"interpreter,omitempty"`
}
