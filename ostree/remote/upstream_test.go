package remote

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// upstream is a repository that the ostree program makes.
type upstream struct{ *ostreetest.Upstream }

func newUpstream(t *testing.T, initArgs ...string) *upstream {
	t.Helper()
	u := &upstream{ostreetest.NewUpstream(t)}
	u.Ostree(append([]string{"init", "--mode=archive"}, initArgs...)...)
	return u
}

// tree is the content of files by path; a content "-> x" is a symlink to x.
type tree map[string]string

// commit commits a tree to ref, dated hours after made, and signed.
func (u *upstream) commit(ref string, hours int, files tree, args ...string) ostree.Checksum {
	u.T.Helper()
	dir := u.T.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			u.T.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			u.T.Fatal(err)
		}
	}
	stamp := ostreetest.Made(hours).Format("2006-01-02 15:04:05 -0700")
	all := append([]string{"commit", "--branch=" + ref, "--owner-uid=0", "--owner-gid=0", "--no-xattrs", "--timestamp=" + stamp,
		"--gpg-sign=" + u.Key, "--gpg-homedir=" + u.Home, "--tree=dir=" + dir}, args...)
	c, err := ostree.ParseChecksum(u.Ostree(all...))
	if err != nil {
		u.T.Fatal(err)
	}
	return c
}

// summarize writes a signed summary.
func (u *upstream) summarize() {
	u.T.Helper()
	u.Ostree("summary", "-u", "--gpg-sign="+u.Key, "--gpg-homedir="+u.Home)
}

// file returns the path of the object of a file in a commit.
func (u *upstream) file(rev, path string) string {
	u.T.Helper()
	// -00644 0 0 5 CHECKSUM /path
	fields := strings.Fields(u.Ostree("ls", "-C", rev, path))
	c, err := ostree.ParseChecksum(fields[4])
	if err != nil {
		u.T.Fatal(err)
	}
	return ostreetest.ObjectFile(c, ostree.ObjectFile)
}

// verified are options that want signatures on commits.
func (u *upstream) verified() Options {
	return Options{Keyring: u.Keyring, GPGVerify: true, Clock: time.Now, sleep: noSleep}
}

func noSleep(context.Context, time.Duration) error { return nil }

func (u *upstream) open(opts Options) *Remote {
	u.T.Helper()
	return openRemote(u.T, u.Server.URL, opts)
}

func openRemote(t *testing.T, url string, opts Options) *Remote {
	t.Helper()
	if opts.sleep == nil {
		opts.sleep = noSleep
	}
	r, err := Open(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// newRepo makes an empty repository to pull into.
func newRepo(t *testing.T) *archive.Repo {
	t.Helper()
	repo, err := archive.Init(filepath.Join(t.TempDir(), "dst"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	return repo
}

func wantRef(t *testing.T, repo *archive.Repo, ref string, want ostree.Checksum) {
	t.Helper()
	got, err := repo.ResolveRef(ref)
	if want.IsZero() && errors.Is(err, archive.ErrNotExist) {
		return
	}
	if err != nil || got != want {
		t.Errorf("ref %s: got %v, %v, want %v", ref, got, err, want)
	}
}
