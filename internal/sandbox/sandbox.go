package sandbox

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Options say what is run on, and where. Lower and Dir are needed.
type Options struct {
	// Lower is the root folder of the tree. It is never changed.
	Lower string
	// Dir is an empty folder of this user alone, made when it is not there; Close
	// removes it with all that the programs have put there. It must be on a file
	// system that keeps extended attributes (user.*), with room for what the
	// programs write.
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

// Mapping returns how users are mapped.
func (s *Sandbox) Mapping() Mapping { return s.mapping }

var errClosed = errors.New("the sandbox is closed")

// Run runs one program and waits until it and all that it has started are gone.
// An error means that the program could not be started, or that ctx has ended;
// everything else, failure included, is in the Result.
func (s *Sandbox) Run(ctx context.Context, c Command) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer == nil {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j, err := newJob(s.opts, c)
	if err != nil {
		return nil, err
	}
	defer closeAll(j.files)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out := newOutput(c.MaxOutput, c.Output)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer r.Close()
		out.readFrom(r)
	}()
	files := append(j.files[:fixedFiles:fixedFiles], w)
	answer, err := s.peer.call(ctx, request{Op: opRun, Limits: &j.limits}, append(files, j.files[fixedFiles:]...)...)
	<-read // ends with the last process that can write
	if err == nil {
		err = answer.fault()
	}
	if err = errors.Join(ctx.Err(), err); err != nil {
		return nil, fmt.Errorf("running %s in the sandbox: %w", j.name, err)
	}
	return out.result(answer.Run)
}

// Changes calls fn for everything that programs have changed, sorted by path, a
// folder before what is in it, and after that for everything that is gone
// (IsWhiteout). Names have no slash at the beginning or end; the root folder
// itself is ".", and is there only when it was changed. Owners are as the tree
// sees them; times are zero. A folder is there also when only something in it
// was changed.
func (s *Sandbox) Changes(ctx context.Context, fn func(*tar.Header, io.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer == nil {
		return errClosed
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	var failed error
	read := make(chan struct{})
	go func() {
		defer close(read)
		failed = readChanges(ctx, r, fn)
		r.Close() // the helper stops when there is more
	}()
	answer, err := s.peer.call(ctx, request{Op: opChanges}, w)
	<-read
	switch {
	case err != nil:
		return err
	case answer.Err != "" && !errors.Is(answer.fault(), errPipe):
		return answer.fault()
	}
	return failed
}

func readChanges(ctx context.Context, r io.Reader, fn func(*tar.Header, io.Reader) error) error {
	for in := tar.NewReader(r); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		hdr, err := in.Next()
		if errors.Is(err, io.EOF) {
			// What fills the last block of the stream.
			_, err = io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return fmt.Errorf("reading what programs have changed: %w", err)
		}
		if err := fn(hdr, in); err != nil {
			return err
		}
	}
}
