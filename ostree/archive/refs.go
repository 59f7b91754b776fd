package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// RefError says that a ref's file holds no checksum.
type RefError struct {
	Ref     string
	Content string
}

func (e *RefError) Error() string {
	return fmt.Sprintf("ref %s is damaged: its file holds %.80q, no checksum", e.Ref, e.Content)
}

// ResolveRef returns the commit that a ref shows. "REMOTE:NAME" names a ref
// that was pulled from a remote. An absent ref is ErrNotExist.
func (r *Repo) ResolveRef(ref string) (_ ostree.Checksum, err error) {
	target, err := ostree.RefPath(ref)
	if err != nil {
		return ostree.Checksum{}, err
	}
	root, err := os.OpenRoot(filepath.Join(r.path, "refs"))
	if err != nil {
		return ostree.Checksum{}, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	c, err := readRef(root, strings.TrimPrefix(target, "refs/"), ref)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EISDIR) {
		return c, absentError(fmt.Sprintf("ref %s is not in the repository %s", ref, r.path))
	}
	return c, err
}

// readRef reads the file of a ref. An alias, which is a symlink to another
// ref, is followed; it cannot leave refs/.
func readRef(root *os.Root, name, ref string) (_ ostree.Checksum, err error) {
	// Another user's FIFO would hold the opening up.
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ostree.Checksum{}, fmt.Errorf("reading ref %s: %w", ref, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return ostree.Checksum{}, fmt.Errorf("reading ref %s: %w", ref, err)
	}
	c, err := ostree.ParseChecksum(string(bytes.TrimSpace(data)))
	if err != nil {
		return c, &RefError{ref, string(data)}
	}
	return c, nil
}

// Refs returns the refs of refs/heads that are prefix or lie below it, all
// for "", sorted by name.
func (r *Repo) Refs(ctx context.Context, prefix string) ([]Ref, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		if err := ostree.ValidateRef(prefix); err != nil {
			return nil, err
		}
	}
	var refs []Ref
	err := r.eachRef(ctx, "heads", func(ref Ref, err error) error {
		if ref.Name != prefix && prefix != "" && !strings.HasPrefix(ref.Name, prefix+"/") {
			return nil
		}
		refs = append(refs, ref)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the refs of repository %s: %w", r.path, err)
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

// eachRef calls fn for every ref below refs/KIND, or with what is wrong with
// it. Names that are no refs, such as those of temporary files, are passed over.
func (r *Repo) eachRef(ctx context.Context, kind string, fn func(Ref, error) error) (err error) {
	root, err := os.OpenRoot(filepath.Join(r.path, "refs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), kind, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or never made
		}
		if err = cmpErr(err, ctx.Err()); err != nil || e.IsDir() {
			return err
		}
		ref := Ref{Name: strings.TrimPrefix(name, kind+"/")}
		if ostree.ValidateRef(ref.Name) != nil {
			return nil
		}
		ref.Commit, err = readRef(root, name, ref.Name)
		link := e.Type()&fs.ModeSymlink != 0
		if errors.Is(err, fs.ErrNotExist) && !link || errors.Is(err, unix.EISDIR) && link {
			return nil
		}
		return fn(ref, err)
	})
}

// SetRef makes the transaction point a ref to a commit, which must be in the
// repository or the transaction when it commits. "REMOTE:NAME" is a ref of a
// remote. A reader sees the old commit or the new one.
func (t *Txn) SetRef(ref string, c ostree.Checksum) error {
	if c.IsZero() {
		return fmt.Errorf("ref %s: no commit given", ref)
	}
	return t.changeRef(ref, c)
}

// DeleteRef makes the transaction remove a ref, if it is there.
func (t *Txn) DeleteRef(ref string) error { return t.changeRef(ref, ostree.Checksum{}) }

func (t *Txn) changeRef(ref string, c ostree.Checksum) error {
	if _, err := ostree.RefPath(ref); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	t.changes.refs[ref] = c
	return nil
}

// ExpectRef makes Commit fail with ErrRefChanged, and change nothing, unless
// the ref shows old then; zero means that there is no such ref.
func (t *Txn) ExpectRef(ref string, old ostree.Checksum) error {
	if _, err := ostree.RefPath(ref); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	t.changes.expected[ref] = old
	return nil
}

// current returns what a ref shows, zero when there is none.
func (r *Repo) current(ref string) (ostree.Checksum, error) {
	c, err := r.ResolveRef(ref)
	if errors.Is(err, ErrNotExist) {
		return ostree.Checksum{}, nil
	}
	return c, err
}

func (t *Txn) checkExpected() error {
	for ref, want := range t.changes.expected {
		got, err := t.repo.current(ref)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("ref %s: %w: it shows %s, not %s", ref, ErrRefChanged, orNone(got), orNone(want))
		}
	}
	return nil
}

func orNone(c ostree.Checksum) string {
	if c.IsZero() {
		return "no commit"
	}
	return c.String()
}

func stagedRef(i int) string { return fmt.Sprintf("ref-%d", i) }

// stageRefs writes the files of the refs that change, and returns these refs:
// first those that are set, then those that are deleted, each sorted.
func (t *Txn) stageRefs() ([]string, error) {
	var set, deleted []string
	for ref, c := range t.changes.refs {
		old, err := t.repo.current(ref)
		var damaged *RefError
		if err != nil && !errors.As(err, &damaged) {
			return nil, err
		}
		switch {
		case old == c && err == nil:
		case c.IsZero():
			deleted = append(deleted, ref)
		default:
			set = append(set, ref)
		}
	}
	slices.Sort(set)
	slices.Sort(deleted)
	if err := checkNesting(set); err != nil {
		return nil, err
	}
	for i, ref := range set {
		c := t.changes.refs[ref]
		n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
		if _, ok := t.staged[n]; !ok {
			have, err := t.repo.HasObject(n)
			if err == nil && !have {
				err = &MissingError{Object: n}
			}
			if err != nil {
				return nil, fmt.Errorf("ref %s: %w", ref, err)
			}
		}
		if err := t.staging.write(stagedRef(i), []byte(c.String()+"\n")); err != nil {
			return nil, err
		}
	}
	return append(set, deleted...), nil
}

// checkNesting refuses sorted refs of which one would be a folder of another:
// the second could not be placed when the first is visible already.
func checkNesting(refs []string) error {
	for _, ref := range refs {
		for i := strings.LastIndexByte(ref, '/'); i > 0; i = strings.LastIndexByte(ref[:i], '/') {
			if _, ok := slices.BinarySearch(refs, ref[:i]); ok {
				return fmt.Errorf("refs %s and %s cannot both be here: one would be a folder of the other", ref[:i], ref)
			}
		}
	}
	return nil
}

// makeRefParents makes the folders that a ref's file needs, and sees to it
// that no other ref is in the way.
func (r *Repo) makeRefParents(ref string) error {
	target, err := ostree.RefPath(ref)
	if err != nil {
		return err
	}
	parts := strings.Split(target, "/")
	for i := 1; i < len(parts); i++ {
		dir := strings.Join(parts[:i], "/")
		if _, err := mkdirAt(r.root, dir, subDirMode); err != nil {
			return err
		}
		info, err := os.Lstat(filepath.Join(r.path, dir))
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("ref %s: there is a ref %s: delete it first", ref, strings.Join(parts[2:i], "/"))
		}
	}
	if below := r.refsBelow(target); below != "" {
		return fmt.Errorf("ref %s: there is a ref %s: delete it first", ref, below)
	}
	return nil
}

// refsBelow returns one of the refs in the folder that stands where a ref
// shall be, "" when there are none.
func (r *Repo) refsBelow(target string) (found string) {
	root := filepath.Join(r.path, target)
	// An error means that there is nothing, or comes back from the rename.
	_ = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == root {
			return err
		}
		found = path.Join(strings.Join(strings.Split(target, "/")[2:], "/"), strings.TrimPrefix(name, root))
		return fs.SkipAll
	})
	return found
}

// placeRef renames a staged file to a ref, over empty folders that deleted
// refs have left.
func (r *Repo) placeRef(dir int, staged, target string) error {
	err := renameAt(dir, staged, r.root, target)
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := removeEmptyDirs(filepath.Join(r.path, target)); err != nil {
		return err
	}
	return renameAt(dir, staged, r.root, target)
}

func removeEmptyDirs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeEmptyDirs(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}
