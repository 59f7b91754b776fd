package mirror

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// upstream is a repository that flatpak makes.
type upstream struct{ *ostreetest.Upstream }

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	return &upstream{ostreetest.NewUpstream(t)}
}

// export builds an application and exports it, dated hours after made.
func (u *upstream) export(id, arch string, hours int, content string) string {
	u.T.Helper()
	ostreetest.Needs(u.T, "flatpak", "flatpak")
	dir := u.T.TempDir()
	for name, text := range map[string]string{
		"metadata":      "[Application]\nname=" + id + "\nruntime=org.example.Platform/" + arch + "/1\n",
		"files/bin/app": content,
		"files/share/x": "common to all",
		"export/.keep":  "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			u.T.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			u.T.Fatal(err)
		}
	}
	stamp := ostreetest.Made(hours).Format(time.RFC3339)
	ostreetest.Command(u.T, "flatpak", "build-export", "--disable-sandbox", "--disable-fsync", "--no-update-summary", "--timestamp="+stamp,
		"--gpg-sign="+u.Key, "--gpg-homedir="+u.Home, "--arch="+arch, u.Dir, dir, "stable")
	return "app/" + id + "/" + arch + "/stable"
}

// update writes the summary, its index and the catalogues, signed.
func (u *upstream) update(args ...string) {
	u.T.Helper()
	ostreetest.Command(u.T, "flatpak", append([]string{"build-update-repo", "--gpg-sign=" + u.Key, "--gpg-homedir=" + u.Home, u.Dir}, args...)...)
}

// ours is the repository that is mirrored into, and its key.
type ours struct {
	t      *testing.T
	repo   *archive.Repo
	key    *sign.Key
	signer sign.Signer
}

func newOurs(t *testing.T) *ours {
	t.Helper()
	repo, err := archive.Init(filepath.Join(t.TempDir(), "ours"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	o := &ours{t: t, repo: repo}
	o.rotate()
	return o
}

// rotate replaces the key.
func (o *ours) rotate() {
	o.t.Helper()
	var err error
	if o.key, err = sign.Generate(rand.Reader, "ours", time.Now().Add(-time.Hour)); err != nil {
		o.t.Fatal(err)
	}
	if o.signer, err = o.key.Signer(time.Now); err != nil {
		o.t.Fatal(err)
	}
}

// commit makes a ref of our own.
func (o *ours) commit(ref string) ostree.Checksum {
	o.t.Helper()
	dir := o.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ours"), []byte(ref), 0o644); err != nil {
		o.t.Fatal(err)
	}
	c, err := ostree.ParseChecksum(ostreetest.Tool(o.t, o.repo.Path(), "commit", "--branch="+ref, "--owner-uid=0", "--owner-gid=0", "--no-xattrs", "--tree=dir="+dir))
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *ours) tip(ref string) ostree.Checksum {
	o.t.Helper()
	c, err := o.repo.ResolveRef(ref)
	if errors.Is(err, archive.ErrNotExist) {
		return ostree.Checksum{}
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *ours) refs() []string {
	o.t.Helper()
	refs, err := o.repo.Refs(o.t.Context(), "")
	if err != nil {
		o.t.Fatal(err)
	}
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return names
}

// options mirror refs of u into o, with everything verified.
func (o *ours) options(u *upstream, refs ...string) Options {
	return Options{Repo: o.repo, URL: u.Server.URL, Name: "upstream", Refs: refs, Keyring: u.Keyring, Signer: o.signer, Clock: time.Now}
}

func (o *ours) mirror(opts Options) *Result {
	o.t.Helper()
	result, err := Mirror(o.t.Context(), opts)
	if err != nil {
		o.t.Fatal(err)
	}
	return result
}

// cachedLists are what no reader sees.
const cachedLists = "extensions/treewright/mirror/"

// snapshot lists what a reader can see, and the record of origins.
func (o *ours) snapshot() map[string]string {
	o.t.Helper()
	return ostreetest.Snapshot(o.t, o.repo.Path(), cachedLists)
}

func (o *ours) unchanged(before map[string]string) {
	o.t.Helper()
	ostreetest.Unchanged(o.t, o.repo.Path(), before, cachedLists)
}

// statuses lists "status ref" for each ref of a result.
func statuses(r *Result) []string {
	var all []string
	for _, ref := range r.Refs {
		all = append(all, string(ref.Status)+" "+ref.Ref)
	}
	return all
}

func wantStrings(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
