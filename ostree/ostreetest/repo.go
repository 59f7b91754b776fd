package ostreetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// NewRepo makes an empty repository that is closed when the test ends.
func NewRepo(tb testing.TB) *archive.Repo {
	tb.Helper()
	repo, err := archive.Init(filepath.Join(tb.TempDir(), "repo"), archive.InitOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	closeRepo(tb, repo)
	return repo
}

// NewStore is NewRepo for those who take any store.
func NewStore(tb testing.TB) ostree.Store {
	tb.Helper()
	return archive.Store{Repo: NewRepo(tb)}
}

// Open opens a repository that is closed when the test ends.
func Open(tb testing.TB, dir string) *archive.Repo {
	tb.Helper()
	repo, err := archive.Open(dir, archive.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	closeRepo(tb, repo)
	return repo
}

func closeRepo(tb testing.TB, repo *archive.Repo) {
	tb.Cleanup(func() {
		if err := repo.Close(); err != nil {
			tb.Errorf("closing the repository: %v", err)
		}
	})
}

// CommitOptions change what Commit writes.
type CommitOptions struct {
	Subject   string
	Timestamp uint64 // 0: 1700000000, plus one for each ancestor
	Metadata  gvariant.Dict
	Unbound   bool // without ostree.ref-binding
}

// Commit writes a tree as the next commit of a ref.
func Commit(tb testing.TB, repo *archive.Repo, ref string, tree Tree, o CommitOptions) ostree.Checksum {
	tb.Helper()
	return CommitTo(tb, archive.Store{Repo: repo}, ref, tree, o)
}

// CommitTo is Commit in any store.
func CommitTo(tb testing.TB, store ostree.Store, ref string, tree Tree, o CommitOptions) ostree.Checksum {
	tb.Helper()
	txn, err := store.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := txn.Abort(); err != nil {
			tb.Error(err)
		}
	}()
	c := WriteCommit(tb, store, txn, ref, tree, o)
	if err := txn.SetRef(ref, c); err != nil {
		tb.Fatal(err)
	}
	if _, err := txn.Commit(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return c
}

// WriteCommit writes a tree and a commit of it, whose parent is what the ref
// shows now. It does not set the ref.
func WriteCommit(tb testing.TB, r ostree.Reader, w ostree.Writer, ref string, tree Tree, o CommitOptions) ostree.Checksum {
	tb.Helper()
	c := ostree.Commit{Subject: o.Subject, Timestamp: o.Timestamp, Metadata: o.Metadata.Clone()}
	c.RootTree, c.RootMeta = tree.Write(tb, w)
	if parent, err := r.ResolveRef(ref); err == nil {
		c.Parent = parent
	}
	if c.Timestamp == 0 {
		c.Timestamp = 1700000000
		if !c.Parent.IsZero() {
			parent, err := ostree.ReadCommit(tb.Context(), r, c.Parent)
			if err != nil {
				tb.Fatal(err)
			}
			c.Timestamp = parent.Timestamp + 1
		}
	}
	if !o.Unbound {
		c.Metadata.Set(ostree.KeyRefBinding, gvariant.Strings(ref))
	}
	sum, err := writeMeta(tb.Context(), w, ostree.ObjectCommit, c.Encode)
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

// Ostree runs the real ostree and returns what it prints. The test fails if
// it fails, or is not installed.
func Ostree(tb testing.TB, args ...string) string {
	tb.Helper()
	out, err := TryOstree(tb, args...)
	if err != nil {
		tb.Fatalf("ostree %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// TryOstree is Ostree for a command that may fail.
func TryOstree(tb testing.TB, args ...string) (string, error) {
	tb.Helper()
	exe, err := exec.LookPath("ostree")
	if err != nil {
		tb.Fatal("the program ostree is not installed: install the package ostree (make test does)")
	}
	cmd := exec.CommandContext(tb.Context(), exe, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "G_MESSAGES_DEBUG=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), &commandError{err, errs.String()}
	}
	return out.String(), nil
}

type commandError struct {
	err    error
	stderr string
}

func (e *commandError) Error() string { return e.err.Error() + ": " + strings.TrimSpace(e.stderr) }

func (e *commandError) Unwrap() error { return e.err }

// Check fails the test unless the repository is whole: in our eyes, in those
// of the real ostree, and without anything left of transactions that ended.
func Check(tb testing.TB, repo *archive.Repo) {
	tb.Helper()
	report, err := repo.Fsck(tb.Context(), archive.FsckOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range report.Problems {
		tb.Errorf("fsck: %v, breaks %v", p.Err, p.Refs)
	}
	if out, err := TryOstree(tb, "fsck", "--repo="+repo.Path()); err != nil {
		tb.Errorf("ostree fsck: %v\n%s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(repo.Path(), "tmp", "treewright-*"))
	if err != nil || len(left) > 0 {
		tb.Errorf("left in tmp: got %v, %v, want nothing", left, err)
	}
}
