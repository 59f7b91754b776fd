package sandbox

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"sync"
)

// Options say what is run on, and where. Lower and Dir are needed.
type Options struct {
	// Lower is the root folder of the tree. It is never changed.
	Lower string
	// Dir is an empty folder of this user alone; Close removes it with all that
	// the programs have put there. It must be on a file system that keeps
	// extended attributes (user.*), with room for what the programs write.
	Dir string
	// Self starts this program's Helper: a program and its first arguments. By
	// default it is the running binary.
	Self []string
	// Bubblewrap is the program bwrap; by default it is searched in PATH.
	Bubblewrap string
	// Single maps one user alone, also when more could be had.
	Single bool
	// Subuid and Subgid are read instead of /etc/subuid and /etc/subgid.
	Subuid, Subgid string
}

// A Sandbox is a tree with what programs have changed in it until now. Its
// methods may be called from several goroutines; one works at a time.
type Sandbox struct {
	opts    Options
	mapping Mapping

	mu   sync.Mutex
	peer *peer // nil after Close
}

// A Mapping is how the users of the tree are users of the host.
type Mapping struct {
	// Full means that the ids from 0 to 65535 are real: programs can give files
	// away. Otherwise there is user 0 alone, and what programs give away is
	// recorded instead.
	Full bool
	// Why says in words where the mapping comes from, or why it is not full.
	Why string
}

// Run runs one program and waits until it and all that it has started are gone.
// An error means that the program could not be started, or that ctx has ended;
// everything else, failure included, is in the Result.
func (s *Sandbox) Run(ctx context.Context, c Command) (*Result, error) {
	return nil, errors.New("sandbox: closed")
}

// Names of the PAX records with which Changes marks what tar cannot say.
const (
	// PAXOpaque with the value "y" stands at a folder that hides all that Lower
	// has below its name: the folder holds what follows in the stream alone.
	PAXOpaque = "TREEWRIGHT.opaque"
	// PAXSocket with the value "y" stands at a socket, whose type is TypeFifo.
	PAXSocket = "TREEWRIGHT.socket"
	// PAXXattr is the beginning of the name of a record with an extended attribute.
	PAXXattr = "SCHILY.xattr."
)

// IsWhiteout tells whether the entry of Changes says that a file of Lower is gone.
func IsWhiteout(h *tar.Header) bool {
	return h.Typeflag == tar.TypeChar && h.Devmajor == 0 && h.Devminor == 0
}

// Changes calls fn for everything that programs have changed, sorted by path,
// and after that for everything that is gone.
func (s *Sandbox) Changes(ctx context.Context, fn func(*tar.Header, io.Reader) error) error {
	return errors.New("sandbox: closed")
}

// Mapping returns how users are mapped.
func (s *Sandbox) Mapping() Mapping { return s.mapping }

// Close ends everything and removes Dir. Later calls do nothing.
func (s *Sandbox) Close() error { return nil }
