package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/treewright/treewright/internal/rpmtest"
)

// A kitchen composes one tree again and again, from a server and with a cache.
type kitchen struct {
	t      *testing.T
	dir    string
	repos  int
	commit string // what the tree always becomes
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	k := &kitchen{t: t, dir: t.TempDir()}
	key, err := rpmtest.NewKey(rpmtest.KeyOptions{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	packages := append(oddPackages(), rpmtest.Package{Name: "late", Files: []rpmtest.File{{Path: "/opt/late/file", Body: "late\n"}}},
		rpmtest.Package{Name: "wants", Requires: []string{"/opt/late/file"}})
	for i := range packages {
		packages[i].Sign = []rpmtest.Signature{{Key: key}}
	}
	if err := rpmtest.WriteRepo(filepath.Join(k.dir, "served"), rpmtest.RepoOptions{}, packages...); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(k.dir, "served/key"), string(public))
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(k.dir, "served"))))
	t.Cleanup(server.Close)
	write(t, filepath.Join(k.dir, "rpms.repo"), "[rpms]\nname=rpms\nbaseurl="+server.URL+"\ngpgcheck=1\ngpgkey="+server.URL+"/key\nretries=1\n")
	write(t, filepath.Join(k.dir, "os.yaml"), "ref: test/os\ncontainer: true\npackages: [odd, wants]\n")
	if code, out, stderr := k.compose("cache"); code != exitOK {
		t.Fatalf("the first compose: %s%s", out, stderr)
	}
	k.commit = k.tip()
	return k
}

// compose makes a new repository and composes into it.
func (k *kitchen) compose(cache string, args ...string) (code int, stdout, stderr string) {
	k.t.Helper()
	k.repos++
	if code, _, stderr := inProcess(k.t, "repo", "init", k.repo()); code != exitOK {
		k.t.Fatal(stderr)
	}
	args = append([]string{"compose", "tree", "-q", "--repo", k.repo(), "--cachedir", filepath.Join(k.dir, cache), filepath.Join(k.dir, "os.yaml")}, args...)
	return inProcess(k.t, args...)
}

func (k *kitchen) repo() string { return filepath.Join(k.dir, fmt.Sprint("repo", k.repos)) }

// tip is the commit in the newest repository, "" when it has none.
func (k *kitchen) tip() string {
	k.t.Helper()
	data, err := os.ReadFile(filepath.Join(k.repo(), "refs/heads/test/os"))
	if err != nil && !os.IsNotExist(err) {
		k.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// wantCommit wants the tree as always, and nothing broken in the repository.
func (k *kitchen) wantCommit(what string, code int, stderr string) {
	k.t.Helper()
	if code != exitOK || k.tip() != k.commit {
		k.t.Errorf("%s: got exit code %d, %q, commit %q, want %s", what, code, stderr, k.tip(), k.commit)
	}
	if code, out, _ := inProcess(k.t, "repo", "fsck", k.repo()); code != exitOK {
		k.t.Errorf("%s: fsck: %s", what, out)
	}
}

// inProcess runs a command line without a process of its own.
func inProcess(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	env := &environment{stdout: &out, stderr: &err, clock: time.Now, getenv: func(name string) string {
		return map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}[name]
	}}
	code = run(t.Context(), env, args)
	return code, out.String(), err.String()
}

// TestPrunedCache makes caches smaller: whatever is missing then is brought
// again, and the tree stays the same.
func TestPrunedCache(t *testing.T) {
	k := newKitchen(t)
	size := func() (total int64) {
		for _, name := range fileNames(t, filepath.Join(k.dir, "cache")) {
			if info, err := os.Stat(filepath.Join(k.dir, "cache", name)); err == nil && info.Mode().IsRegular() {
				total += info.Size()
			}
		}
		return total
	}
	// What was made for the tree alone, the rpm database, goes at once.
	if code, out, stderr := inProcess(t, "cache", "prune", "--max-size", "1GiB", filepath.Join(k.dir, "cache")); code != exitOK || !strings.Contains(out, "removed 1 files") {
		t.Fatalf("cache prune: got %s%s", out, stderr)
	}
	for _, limit := range []string{"1GiB", "4000", "1KB", "0"} {
		before := size()
		code, out, stderr := inProcess(t, "cache", "prune", "--max-size", limit, filepath.Join(k.dir, "cache"))
		if code != exitOK {
			t.Fatalf("cache prune --max-size %s: %s", limit, stderr)
		}
		if limit == "1GiB" && (size() != before || !strings.Contains(out, "removed 0 files")) {
			t.Errorf("cache prune --max-size %s: got %s and %d bytes, want all %d", limit, out, size(), before)
		}
		if limit == "0" && size() >= before {
			t.Errorf("cache prune --max-size 0: got %d bytes, want less than %d", size(), before)
		}
		if limit == "1GiB" {
			continue
		}
		code, _, stderr = k.compose("cache")
		k.wantCommit("after pruning to "+limit, code, stderr)
	}
	for _, wrong := range [][]string{{"--max-size", "many"}, {"--max-size", "-1"}, {"--max-size", "1XB"}, {}} {
		if code, _, stderr := inProcess(t, append([]string{"cache", "prune", k.dir}, wrong...)...); code != exitUsage || !strings.Contains(stderr, "--max-size") {
			t.Errorf("cache prune %q: got exit code %d, %s", wrong, code, stderr)
		}
	}
	if code, _, stderr := inProcess(t, "cache", "prune", "--max-size=0", filepath.Join(k.dir, "absent")); code != exitFailed || !strings.Contains(stderr, "absent") {
		t.Errorf("cache prune of a folder that is absent: got exit code %d, %s", code, stderr)
	}
}

// TestDamagedCache damages one file of a cache after the other. The tree is
// right all the same, or the compose fails and says why; the next compose with
// a network always makes it right.
func TestDamagedCache(t *testing.T) {
	k := newKitchen(t)
	hexadecimal := regexp.MustCompile(`[0-9a-f]{16,}`)
	kinds := map[string]bool{}
	for _, name := range fileNames(t, filepath.Join(k.dir, "cache")) {
		path := filepath.Join(k.dir, "cache", name)
		good, err := os.ReadFile(path)
		kind := hexadecimal.ReplaceAllString(filepath.Dir(name), "") + "/" + hexadecimal.ReplaceAllString(filepath.Base(name), "")
		if err != nil || len(good) == 0 || kinds[kind] && strings.HasPrefix(name, "content/files") {
			continue // a folder; of the contents, which are alike, one is enough
		}
		kinds[kind] = true
		half := len(good) / 2
		flipped := bytes.Clone(good)
		flipped[half] ^= 0x20
		k.damage(name+", one bit", path, flipped)
		k.damage(name+", cut", path, good[:half])
		code, _, stderr := k.compose("cache")
		k.wantCommit(name+", cut, with a network", code, stderr)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"content/index", "content/manifests/", "content/signed/", "repos/packages/", "repos/repomd/files/", "repos/repomd/keys/"} {
		found := false
		for kind := range kinds {
			found = found || strings.HasPrefix(kind, want)
		}
		if !found {
			t.Errorf("nothing below %s was damaged; kinds are %v", want, kinds)
		}
	}
}

// damage replaces a file of the cache and composes from the cache alone.
func (k *kitchen) damage(what, path string, bad []byte) {
	k.t.Helper()
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		k.t.Fatal(err)
	}
	code, _, stderr := k.compose("cache", "--cache-only")
	switch {
	case code == exitOK:
		k.wantCommit(what, code, stderr)
	case code != exitFailed || k.tip() != "" || stderr == "":
		k.t.Errorf("%s: got exit code %d, commit %q, %q, want a failure that says why", what, code, k.tip(), stderr)
	}
}
