package compose_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
)

// remoteBase makes a repository with a signed base, and a workshop on top of it.
// The keyring beside its treefile has the key.
func remoteBase(t *testing.T) (w, from *workshop) {
	t.Helper()
	from = newWorkshop(t, osTree, base()...)
	key := newSigningKey(t)
	from.compose(signedWith(t, key))
	w = newWorkshop(t, "ref: test/x86_64/layered\ncontainer: true\npackages: [extra]\nbase: {repo: "+from.repo+", ref: 'test/${basearch}/os', keyring: keys}\n",
		append(base(), onTop()...)...)
	writeKey(t, w, key)
	return w, from
}

func newSigningKey(t *testing.T) *sign.Key {
	t.Helper()
	key, err := sign.Generate(rand.Reader, "Base <base@example.org>", now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signedWith(t *testing.T, key *sign.Key) func(*compose.Options) {
	t.Helper()
	signer, err := key.Signer(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return func(o *compose.Options) { o.Signer = signer }
}

func writeKey(t *testing.T, w *workshop, key *sign.Key) {
	t.Helper()
	w.write("keys", string(key.Public))
}

func TestRemoteBase(t *testing.T) {
	w, from := remoteBase(t)
	r := w.compose()
	if got := w.installed("test/x86_64/layered", "tools"); got != "tools-2-1.x86_64\n" {
		t.Errorf("got %s of the base", got)
	}
	if r.Report.Base.Commit.String() != from.ref("test/x86_64/os") {
		t.Errorf("got the base %s, want %s", r.Report.Base.Commit, from.ref("test/x86_64/os"))
	}
	w.ostree("fsck")
	if refs := w.ostree("refs"); refs != "test/x86_64/layered\n" {
		t.Errorf("got the refs %s, want the new one alone", refs)
	}
	// Without the other repository the cache has it, as asked for.
	w.must(os.Rename(from.repo, from.repo+".away"))
	if _, err := w.try(); err == nil || !strings.Contains(err.Error(), "base") {
		t.Errorf("got %v, want an error that the base cannot be pulled", err)
	}
	offline := func(o *compose.Options) { o.CacheOnly = true }
	if again := w.compose(offline, force); again.Content != r.Content {
		t.Error("the cached base made another tree")
	}
	w.must(os.Rename(from.repo+".away", from.repo))
	// The base moves.
	from.write("tree.yaml", osTree+"packages: [tools]\nremove-files: [usr/bin/ping]\n")
	_, err := from.try()
	w.must(err)
	_, err = w.try()
	wantError(t, err, "tree.yaml:4: base", "signature")
}

// TestRemoteBaseKeys: nothing of a base counts before its signature was found to
// be good, pulled before or not.
func TestRemoteBaseKeys(t *testing.T) {
	w, from := remoteBase(t)
	good, err := os.ReadFile(filepath.Join(w.dir, "keys"))
	w.must(err)
	writeKey(t, w, newSigningKey(t))
	_, err = w.try()
	wantError(t, err, "tree.yaml:4: base", "signature")
	unchecked := "ref: test/x86_64/layered\ncontainer: true\npackages: [extra]\nbase: {repo: " + from.repo + ", ref: test/x86_64/os}\n"
	checked, err := os.ReadFile(filepath.Join(w.dir, "tree.yaml"))
	w.must(err)
	w.write("tree.yaml", unchecked)
	if r := w.compose(); len(r.Report.Warnings) != 1 || !strings.Contains(r.Report.Warnings[0], "no keyring") {
		t.Errorf("got the warnings %q, want one about the keyring", r.Report.Warnings)
	}
	w.write("tree.yaml", string(checked))
	_, err = w.try()
	wantError(t, err, "tree.yaml:4: base", "signature")
	w.write("keys", string(good))
	w.compose(force)
}

// TestRemoteBaseCommit: the checksum of a commit is a base too.
func TestRemoteBaseCommit(t *testing.T) {
	w, from := remoteBase(t)
	sum := from.ref("test/x86_64/os")
	w.write("tree.yaml", "ref: test/x86_64/layered\ncontainer: true\npackages: [extra]\nbase: {repo: "+from.repo+", ref: "+sum+", keyring: keys}\n")
	if r := w.compose(); r.Report.Base.Commit.String() != sum {
		t.Errorf("got the base %s, want %s", r.Report.Base.Commit, sum)
	}
	repo, err := archive.Open(filepath.Join(w.cache, "bases"), archive.Options{})
	w.must(err)
	w.must(repo.Close())
}
