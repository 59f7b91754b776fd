package layout

import (
	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Reader returns the content of a regular file of the tree.
type Reader = func(*rootfs.Node) ([]byte, error)

// OptUsrLocal says what /opt and /usr/local are in the commit.
type OptUsrLocal uint8

// The values of opt-usrlocal.
const (
	// OptVar links both to /var. What packages have in /opt lies in
	// /usr/lib/opt; what they have in /usr/local is dropped.
	OptVar OptUsrLocal = iota
	// OptRoot makes both directories of the commit, with their content.
	OptRoot
	// OptStateOverlay keeps both in /usr, with a writable layer above them on
	// the machine: /usr/lib/opt, to which /opt links, and /usr/local.
	OptStateOverlay
)

// PrepareOptions for Prepare. The zero value sets up what belongs to the
// package database only.
type PrepareOptions struct {
	Units         []string // linked into multi-user.target.wants
	DefaultTarget string   // where default.target leads; empty: untouched
	OptUsrLocal   OptUsrLocal
	TreefileJSON  []byte // written to /usr/share/rpm-ostree/treefile.json; nil: not
	// MutateOSRelease is the text that Version replaces in os-release; empty:
	// os-release stays as it is.
	MutateOSRelease string
	Version         string
	RemoveFiles     []string // relative to the root
	AddFiles        []AddFile
}

// AddFile is a file to be added to the tree.
type AddFile struct {
	Dest   string // relative to the root, such as usr/share/x or etc/x
	Source string // for messages and the report
	Mode   uint32 // permissions, setuid, setgid and sticky bits
	// User and Group are names that the tree has, or numbers; empty: root.
	User, Group string
	// Data is the content. When it is nil, Content and Size name one of the
	// content store.
	Data    []byte
	Content content.Digest
	Size    int64
}

// FinishOptions for Finish. The zero value gives the peer's default layout.
type FinishOptions struct {
	OptUsrLocal OptUsrLocal
	TmpIsDir    bool // /tmp is a directory instead of a link to sysroot/tmp
	// NoMachineID removes /etc/machine-id instead of making it empty
	// (machineid-compat: false).
	NoMachineID bool
	// Container makes a tree for containers: machine-id is not created.
	Container bool
	// DropDevices leaves device nodes, FIFOs and sockets out instead of
	// refusing them.
	DropDevices bool
	// EtcGroupMembers are groups that stay in /usr/etc/group as well.
	EtcGroupMembers []string
	// Check compares users and groups with those expected.
	Check CheckOptions
}
