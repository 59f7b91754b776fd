// Package origin records which upstream each mirrored ref of a repository came
// from. A ref has one origin: what is not listed is the repository's own, a
// mirror never takes a ref of another origin, and a compose never writes to a
// mirrored one.
//
// The record is extensions/treewright/origins.json in the repository:
//
//	{
//	  "version": 1,
//	  "upstreams": {"flathub": {"url": "https://dl.flathub.org/repo", "last-modified": 1700000000}},
//	  "refs": {"app/org.example.App/x86_64/stable": "flathub"}
//	}
//
// A writer holds the lock of origins.lock beside it (flock) and replaces the
// file at once, so that readers need no lock. A claim is written before the
// ref that it is about: a run that was killed in between leaves a claim
// without a ref, never a mirrored ref that looks like the repository's own.
package origin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/atomicfile"
)

const (
	folder   = "extensions/treewright"
	fileName = "origins.json"
	lockName = "origins.lock"
	version  = 1
	maxFile  = 64 << 20
)

// Upstream is what is known of the source of mirrored refs.
type Upstream struct {
	URL string `json:"url"` // without credentials
	// LastModified is the newest time, in Unix seconds, that the upstream's
	// verified summary gave for itself; zero when it gives none.
	LastModified uint64 `json:"last-modified,omitempty"`
}

// Record is the content of a repository's record. The zero Record is empty.
type Record struct {
	Upstreams map[string]Upstream // by name
	Refs      map[string]string   // name of the upstream by ref
}

// A ConflictError says that a ref has another origin than the one wanted.
type ConflictError struct {
	Ref    string
	Origin string // the upstream's name; empty for the repository's own refs
}

func (e *ConflictError) Error() string {
	if e.Origin == "" {
		return fmt.Sprintf("ref %s is this repository's own", e.Ref)
	}
	return fmt.Sprintf("ref %s is mirrored from %s", e.Ref, e.Origin)
}

// Of returns the name of the upstream that ref is mirrored from; ok is false
// for the repository's own refs.
func (r *Record) Of(ref string) (name string, ok bool) {
	name, ok = r.Refs[ref]
	return name, ok
}

// From returns the refs that are mirrored from the upstream name, sorted.
func (r *Record) From(name string) []string {
	var refs []string
	for ref, n := range r.Refs {
		if n == name {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

// Set says that ref is mirrored from the upstream name.
func (r *Record) Set(ref, name string) {
	if r.Refs == nil {
		r.Refs = map[string]string{}
	}
	r.Refs[ref] = name
}

// Unset makes ref the repository's own.
func (r *Record) Unset(ref string) { delete(r.Refs, ref) }

// SetUpstream replaces what is known of the upstream name.
func (r *Record) SetUpstream(name string, u Upstream) {
	if r.Upstreams == nil {
		r.Upstreams = map[string]Upstream{}
	}
	r.Upstreams[name] = u
}

// Read returns the record of the repository at repo; one that has none is
// empty.
func Read(repo string) (*Record, error) {
	path := filepath.Join(repo, folder, fileName)
	r, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the origins of refs, %s: %w", path, err)
	}
	return r, nil
}

// CheckOwn returns a *ConflictError when one of refs is mirrored into the
// repository at repo, for those who are about to write them as its own.
func CheckOwn(repo string, refs ...string) error {
	r, err := Read(repo)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if name, ok := r.Of(ref); ok {
			return &ConflictError{Ref: ref, Origin: name}
		}
	}
	return nil
}

// Update changes the record of the repository at repo under its lock. When fn
// fails, nothing is written; so when it changes nothing.
func Update(ctx context.Context, repo string, fn func(*Record) error) (err error) {
	dir := filepath.Join(repo, folder)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("recording the origins of refs: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, lockName))
	if err != nil {
		return fmt.Errorf("recording the origins of refs: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	path := filepath.Join(dir, fileName)
	// Whoever left unfinished contents is dead: the lock is ours.
	if err := atomicfile.RemoveUnfinished(path); err != nil {
		return fmt.Errorf("recording the origins of refs: %w", err)
	}
	r, err := readFile(path)
	if err != nil {
		return fmt.Errorf("reading the origins of refs, %s: %w", path, err)
	}
	before := Record{Upstreams: maps.Clone(r.Upstreams), Refs: maps.Clone(r.Refs)}
	if err := fn(r); err != nil {
		return err
	}
	if maps.Equal(before.Upstreams, r.Upstreams) && maps.Equal(before.Refs, r.Refs) {
		return nil
	}
	data, err := json.MarshalIndent(fileForm{version, r.Upstreams, r.Refs}, "", " ")
	if err != nil {
		return fmt.Errorf("recording the origins of refs: %w", err)
	}
	return atomicfile.WriteFile(path, append(data, '\n'), 0o666)
}

// fileForm is the record as it is stored; encoding/json sorts the keys.
type fileForm struct {
	Version   int                 `json:"version"`
	Upstreams map[string]Upstream `json:"upstreams"`
	Refs      map[string]string   `json:"refs"`
}

func readFile(path string) (*Record, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Record{}, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("it is %d bytes long, at most %d are allowed", info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var form fileForm
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return nil, err
	}
	if form.Version != version {
		return nil, fmt.Errorf("it has version %d, this program knows %d", form.Version, version)
	}
	return &Record{Upstreams: form.Upstreams, Refs: form.Refs}, nil
}

// lockPause is how long to wait between two tries to get the lock.
const lockPause = 50 * time.Millisecond

// lock takes the exclusive lock of path, waiting until ctx ends.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if errors.Is(err, fs.ErrPermission) { // another user's, but it can be locked all the same
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for the lock %s: %w", path, context.Cause(ctx)), f.Close())
		case <-timer.C:
		}
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
		}
		timer.Reset(lockPause)
	}
}
