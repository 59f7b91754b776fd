package compose

import (
	"github.com/treewright/treewright/compose/rootfs"
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
	Report    *Report         `json:"report,omitempty"`
}

// Report says what the tree holds and what was left out of it.
type Report struct {
	Packages []ReportedPackage `json:"packages"`
	Tree     rootfs.Stats      `json:"tree"`
	Assembly *rootfs.Report    `json:"assembly,omitempty"`
	// Scriptlets lists what packages wanted to run and did not.
	Scriptlets []SkippedScriptlet `json:"skipped-scriptlets,omitempty"`
	// UnknownOwners are users and groups that the tree does not have; their
	// files belong to root.
	UnknownOwners []rootfs.UnknownOwner `json:"unknown-owners,omitempty"`
	Flatpak       *FlatpakReport        `json:"flatpak,omitempty"`
	Warnings      []string              `json:"warnings,omitempty"`
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

// SkippedScriptlet is a scriptlet or trigger that did not run.
type SkippedScriptlet struct {
	Package     string `json:"package"`
	Kind        string `json:"kind"`
	Interpreter string `json:"interpreter,omitempty"`
}
