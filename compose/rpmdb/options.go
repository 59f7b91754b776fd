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

// The states. rpm -V checks nothing about a file that is not normal.
const (
	StateNormal       FileState = 0
	StateReplaced     FileState = 1 // another package's file lies there
	StateNotInstalled FileState = 2 // left out: documentation, another language
	StateNetShared    FileState = 3
	StateWrongColor   FileState = 4 // the other architecture's file was preferred
)

// Options for Write. The zero value is that of a tree made at the beginning of
// 1970 for an architecture without colors.
type Options struct {
	// InstallTime is when each package was installed, and the transaction's
	// number.
	InstallTime time.Time
	// Color is that of the transaction: 3 where 32-bit and 64-bit programs can
	// be installed together, 0 elsewhere. See ColorOf.
	Color uint32
}

// ColorOf returns the color of a transaction for an architecture as rpm names
// it: "x86_64".
func ColorOf(arch string) uint32 {
	switch arch {
	case "x86_64", "amd64", "ia32e", "ppc64", "sparc64", "s390x", "mips64", "mips64el":
		return 3
	}
	return 0
}
