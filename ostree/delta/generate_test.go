package delta

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// cases are deltas of commitVersions that use each way to write an object.
func cases(from ostree.Checksum) []struct {
	name      string
	from      ostree.Checksum
	opts      GenerateOptions
	ops       string
	fallbacks bool
} {
	return []struct {
		name      string
		from      ostree.Checksum
		opts      GenerateOptions
		ops       string
		fallbacks bool
	}{
		{"scratch", ostree.Checksum{}, GenerateOptions{}, "S", false},
		{"scratch, fallbacks, small parts", ostree.Checksum{}, GenerateOptions{MinFallbackSize: 200_000, MaxChunkSize: 100_000}, "S", true},
		{"from-to", from, GenerateOptions{}, "SowrRBc", false},
		{"chunks", from, GenerateOptions{DisableBsdiff: true}, "SowrRc", false},
		{"fallbacks", from, GenerateOptions{DisableBsdiff: true, MinFallbackSize: 200_000}, "SowrRc", true},
		{"inline, small parts", from, GenerateOptions{Inline: true, MaxChunkSize: 50_000}, "SowrRBc", false},
	}
}

func generateDelta(t *testing.T, repo *archive.Repo, n Name, o GenerateOptions) *Superblock {
	t.Helper()
	s, err := Generate(t.Context(), repo, n, o)
	if err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, repo)
	return s
}

// TestGenerate makes deltas; we and the real ostree, from a folder and over
// HTTP, make the right commit of them.
func TestGenerate(t *testing.T) {
	src, from, to := commitVersions(t)
	note(t, src, to)
	server := httptest.NewServer(http.FileServer(http.Dir(src.Path())))
	defer server.Close()
	for _, tt := range cases(from) {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.RemoveAll(filepath.Join(src.Path(), deltasDir)); err != nil {
				t.Fatal(err)
			}
			name := Name{tt.from, to}
			s := generateDelta(t, src, name, tt.opts)
			if (len(s.Fallbacks) > 0) != tt.fallbacks {
				t.Errorf("fallbacks: got %d", len(s.Fallbacks))
			}
			wantOperations(t, src, name, tt.ops)
			wantWeApply(t, src, name)
			ostreetest.Ostree(t, "summary", "-u", "--repo="+src.Path())
			theyPull(t, src, name, server.URL)
			if !tt.fallbacks {
				theyApply(t, src, name)
			}
		})
	}
}

// client makes a bare-user repository that has the commit a delta starts from.
func client(t *testing.T, src *archive.Repo, n Name) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "client")
	ostreetest.Ostree(t, "init", "--mode=bare-user", "--repo="+dir)
	if !n.From.IsZero() {
		ostreetest.Ostree(t, "pull-local", "--repo="+dir, src.Path(), n.From.String())
	}
	return dir
}

// theyPull has the real ostree pull with static deltas alone.
func theyPull(t *testing.T, src *archive.Repo, n Name, url string) {
	t.Helper()
	dir := client(t, src, n)
	ostreetest.Ostree(t, "remote", "add", "--no-gpg-verify", "--repo="+dir, "up", url)
	if !n.From.IsZero() {
		ostreetest.Ostree(t, "refs", "--repo="+dir, "--create=up:a", n.From.String())
	}
	ostreetest.Ostree(t, "pull", "--require-static-deltas", "--repo="+dir, "up", "a")
	if got := strings.TrimSpace(ostreetest.Ostree(t, "rev-parse", "--repo="+dir, "up:a")); got != n.To.String() {
		t.Errorf("pulled: got %s, want %s", got, n.To)
	}
	ostreetest.Ostree(t, "fsck", "--repo="+dir)
	if got := ostreetest.Ostree(t, "show", "--repo="+dir, "--print-detached-metadata-key=note", n.To.String()); strings.TrimSpace(got) != "'detached'" {
		t.Errorf("detached metadata: got %q", got)
	}
}

// theyApply has the real ostree apply the delta from its folder, with
// --sign-type and a key if given.
func theyApply(t *testing.T, src *archive.Repo, n Name, key ...string) {
	t.Helper()
	dir := client(t, src, n)
	ostreetest.Ostree(t, append([]string{"static-delta", "apply-offline", "--repo=" + dir, string(FolderOf(src, n))}, key...)...)
	ostreetest.Ostree(t, "refs", "--repo="+dir, "--create=b", n.To.String())
	ostreetest.Ostree(t, "fsck", "--repo="+dir)
}

// TestGenerateIsRepeatable makes a delta twice, with other numbers of jobs.
func TestGenerateIsRepeatable(t *testing.T) {
	src, from, to := commitVersions(t)
	name := Name{from, to}
	var first map[string]string
	for _, jobs := range []int{1, 4} {
		generateDelta(t, src, name, GenerateOptions{MaxChunkSize: 100_000, Jobs: jobs})
		files := map[string]string{}
		root := os.DirFS(string(FolderOf(src, name)))
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				var data []byte
				data, err = fs.ReadFile(root, path)
				files[path] = string(data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(files) < 4 {
			t.Errorf("files: got %d, want a superblock and several parts", len(files))
		}
		if first == nil {
			first = files
		}
		if len(files) != len(first) {
			t.Errorf("files: got %d, want %d", len(files), len(first))
		}
		for path, data := range files {
			if first[path] != data {
				t.Errorf("%s differs", path)
			}
		}
	}
}

// TestGenerateFindsWhatMoved is about the files of which libostree finds
// nothing in the old version.
func TestGenerateFindsWhatMoved(t *testing.T) {
	src := ostreetest.NewRepo(t)
	data := noise(1, 5_000_000)
	from := ostreetest.Commit(t, src, "a", ostreetest.Tree{"f": ostreetest.Regular(data)}, ostreetest.CommitOptions{})
	to := ostreetest.Commit(t, src, "a", ostreetest.Tree{"f": ostreetest.Regular("new" + data)}, ostreetest.CommitOptions{})
	s := generateDelta(t, src, Name{from, to}, GenerateOptions{})
	if size, _ := s.Size(); size > 2000 || len(s.Fallbacks) > 0 {
		t.Errorf("download: got %d bytes, %d fallbacks, want at most 2000 bytes", size, len(s.Fallbacks))
	}
}

func TestGenerateRefuses(t *testing.T) {
	src, from, to := commitVersions(t)
	for name, n := range map[string]Name{"same": {to, to}, "no commit": {To: ostree.ChecksumOf(nil)}, "no old commit": {ostree.ChecksumOf(nil), from}} {
		if _, err := Generate(t.Context(), src, n, GenerateOptions{}); err == nil {
			t.Errorf("%s: got no error", name)
		}
		wantNothingLeft(t, src)
	}
	if names, err := List(t.Context(), src); err != nil || len(names) > 0 {
		t.Errorf("deltas: got %v, %v, want none", names, err)
	}
}

func TestList(t *testing.T) {
	src, from, to := commitVersions(t)
	want := []Name{{To: to}, {from, to}}
	for _, n := range want {
		generateDelta(t, src, n, GenerateOptions{})
	}
	if err := os.MkdirAll(filepath.Join(src.Path(), deltasDir, "xx", "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := List(t.Context(), src)
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, n := range want {
		if out := ostreetest.Ostree(t, "static-delta", "list", "--repo="+src.Path()); !strings.Contains(out, n.String()) {
			t.Errorf("ostree static-delta list: got %q, want %s", out, n)
		}
	}
}

func TestRewriteDetachedMeta(t *testing.T) {
	src, from, to := commitVersions(t)
	name := Name{from, to}
	generateDelta(t, src, name, GenerateOptions{Inline: true})
	if changed, err := RewriteDetachedMeta(t.Context(), src, name); err != nil || changed {
		t.Errorf("nothing new: got %t, %v", changed, err)
	}
	before := mustSuperblock(t, FolderOf(src, name))
	err := src.UpdateCommitMeta(t.Context(), to, func(d gvariant.Dict) (gvariant.Dict, error) {
		d.Set("note", gvariant.String("later"))
		return d, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := RewriteDetachedMeta(t.Context(), src, name); err != nil || !changed {
		t.Errorf("signed: got %t, %v", changed, err)
	}
	after := mustSuperblock(t, FolderOf(src, name))
	if meta, ok := after.CommitMeta(); !ok || meta.Str("note") != "later" {
		t.Errorf("detached metadata: got %v, %t", meta, ok)
	}
	one, _ := before.Inline(0)
	two, _ := after.Inline(0)
	if !bytes.Equal(one, two) || before.Parts[0].Checksum != after.Parts[0].Checksum {
		t.Error("the part changed")
	}
	theyApply(t, src, name)
}

// TestGenerateReplacesLeftovers makes a delta where a process died, and again.
func TestGenerateReplacesLeftovers(t *testing.T) {
	src, _, to := commitVersions(t)
	left := filepath.Join(src.Path(), "tmp", "delta-new")
	if err := os.MkdirAll(filepath.Join(left, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	generateDelta(t, src, Name{To: to}, GenerateOptions{})
	generateDelta(t, src, Name{To: to}, GenerateOptions{MaxChunkSize: 200_000})
	if err := Verify(t.Context(), src, Name{To: to}, ApplyOptions{}); err != nil {
		t.Error(err)
	}
}

// TestGenerateInterrupted stops after each of the first objects: the delta
// that was there stays, and nothing else.
func TestGenerateInterrupted(t *testing.T) {
	src, from, to := commitVersions(t)
	name := Name{from, to}
	generateDelta(t, src, name, GenerateOptions{})
	for stop := int64(1); stop < 6; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Generate(ctx, src, name, GenerateOptions{MaxChunkSize: 10_000, Progress: func(_ string, done, _ int64) {
			if done == stop {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d objects: got %v, want %v", stop, err, context.Canceled)
		}
		wantNothingLeft(t, src)
	}
	if s := mustSuperblock(t, FolderOf(src, name)); len(s.Parts) != 1 {
		t.Errorf("parts: got %d, want those of the first delta", len(s.Parts))
	}
	if err := Verify(t.Context(), src, name, ApplyOptions{}); err != nil {
		t.Error(err)
	}
}
