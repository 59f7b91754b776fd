package rpmdb

import "time"

// Package is one package to write.
type Package struct {
	// Name is for messages.
	Name string
	// Header returns the signature header and the main header of the package
	// file, as content.Store.Header does. It is called once, when the package
	// is written.
	Header func() ([]byte, error)
	// States says what became of each file, in the header's order. Nil means
	// that all are normal.
	States []FileState
	// Installed, when set, is taken instead: the package as it lies in another
	// database, which is copied unchanged. See DB.Blob.
	Installed func() ([]byte, error)
}

// FileState is rpm's word for what became of a file of a package.
type FileState uint8

// The states. What rpm -V checks of a file depends on them.
const (
	StateNormal       FileState = 0
	StateReplaced     FileState = 1 // another package's file lies there: must exist
	StateNotInstalled FileState = 2 // left out: documentation, another language; not checked
	StateNetShared    FileState = 3 // not checked
	StateWrongColor   FileState = 4 // the other architecture's file lies there: mode and owner are checked
)

// Options for Write. The zero value is that of a tree made at the beginning of
// 1970 for an architecture without colors.
type Options struct {
	// InstallTime is when the transaction began, whose number it is. As with
	// rpm under SOURCE_DATE_EPOCH, each package took a second: lists by time
	// show their order.
	InstallTime time.Time
	// Arch is that of the tree as rpm names it: "x86_64". It decides the color
	// of the transaction and the byte order of numbers in indexes.
	Arch string
}

// color is rpm's for transactions on an architecture: 3 where 32-bit and 64-bit
// programs may be installed together.
func (o Options) color() uint32 {
	switch o.Arch {
	case "x86_64", "amd64", "ia32e", "aarch64", "ppc64", "ppc64p7", "ppc64le", "s390x", "riscv64", "loongarch64",
		"sparc64", "sparc64v", "mips64", "mips64el", "mips64r6", "mips64r6el":
		return 3
	case "ia64":
		return 2
	}
	return 0
}

// bigEndian tells whether the architecture stores the high byte first.
func (o Options) bigEndian() bool {
	switch o.Arch {
	case "s390", "s390x", "ppc", "ppc64", "ppc64p7", "sparc", "sparcv9", "sparc64", "sparc64v", "mips", "mips64", "mipsr6", "mips64r6", "m68k":
		return true
	}
	return false
}
