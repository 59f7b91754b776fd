package delta

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestApplyTheirs applies deltas that the real ostree makes.
func TestApplyTheirs(t *testing.T) {
	src, from, to := commitVersions(t)
	note(t, src, to)
	for _, tt := range []struct {
		name string
		from ostree.Checksum
		args []string
		ops  string // operations that the delta must have
	}{
		{"scratch", ostree.Checksum{}, []string{"--empty"}, "S"},
		{"from-to", from, nil, "SowrRBc"},
		{"no bsdiff", from, []string{"--disable-bsdiff"}, "SowrRc"},
		{"inline", from, []string{"--inline"}, "SowrRBc"},
		{"many parts", from, []string{"--max-chunk-size=1", "--disable-bsdiff"}, "S"},
		{"big-endian", from, []string{"--set-endianness=B"}, "S"},
		{"swapped", from, []string{"--swap-endianness"}, "S"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"static-delta", "generate", "--repo=" + src.Path(), "--to=" + to.String()}, tt.args...)
			if !tt.from.IsZero() {
				args = append(args, "--from="+tt.from.String())
			}
			ostreetest.Ostree(t, args...)
			name := Name{tt.from, to}
			wantOperations(t, src, name, tt.ops)
			wantWeApply(t, src, name)
		})
	}
}

func TestApplyFallbacks(t *testing.T) {
	src := ostreetest.NewRepo(t)
	to := ostreetest.Commit(t, src, "a", ostreetest.Tree{"big": ostreetest.Regular(noise(1, 1_500_000)), "small": ostreetest.Regular("s")}, ostreetest.CommitOptions{})
	ostreetest.Ostree(t, "static-delta", "generate", "--repo="+src.Path(), "--empty", "--to="+to.String(), "--min-fallback-size=1")
	folder := FolderOf(src, Name{To: to})
	s := mustSuperblock(t, folder)
	if len(s.Fallbacks) != 1 || s.Fallbacks[0].Unpacked != 1_500_000 {
		t.Fatalf("fallbacks: got %v, want the big file", s.Fallbacks)
	}
	dst := ostreetest.NewRepo(t)
	_, err := Apply(t.Context(), dst, s, folder, ApplyOptions{})
	if !errors.Is(err, archive.ErrNotExist) || !strings.Contains(err.Error(), s.Fallbacks[0].Object.String()) {
		t.Errorf("without the fallback: got %v, want its name and ErrNotExist", err)
	}
	wantEmpty(t, dst)
	if _, err := Apply(t.Context(), dst, s, folder, ApplyOptions{Fallbacks: objectFile{src}}); err != nil {
		t.Fatal(err)
	}
	wantSameCommit(t, dst, src, to)
}

func TestApplyNeedsTheOldCommit(t *testing.T) {
	src, from, to := commitVersions(t)
	ostreetest.Ostree(t, "static-delta", "generate", "--repo="+src.Path(), "--from="+from.String(), "--to="+to.String())
	folder := FolderOf(src, Name{from, to})
	dst := ostreetest.NewRepo(t)
	_, err := Apply(t.Context(), dst, mustSuperblock(t, folder), folder, ApplyOptions{})
	if !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("without the old commit: got %v, want ErrNotExist", err)
	}
	wantEmpty(t, dst)
}

// wantEmpty fails the test when a repository has objects.
func wantEmpty(t *testing.T, repo *archive.Repo) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repo.Path(), "objects/*/*"))
	if err != nil || len(files) > 0 {
		t.Errorf("objects: got %v, %v, want none", files, err)
	}
	wantNothingLeft(t, repo)
}

// TestDamagedDeltas changes a byte at many places: nothing is applied.
func TestDamagedDeltas(t *testing.T) {
	src, from, to := commitVersions(t)
	ostreetest.Ostree(t, "static-delta", "generate", "--repo="+src.Path(), "--from="+from.String(), "--to="+to.String())
	name := Name{from, to}
	folder := FolderOf(src, name)
	dst := repoWith(t, src, from)
	part := filepath.Join(string(folder), "0")
	whole, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{"short": whole[:len(whole)-1], "long": append(whole[:len(whole):len(whole)], 0), "empty": nil}
	for _, at := range []int{0, 3, len(whole) / 2, len(whole) - 1} {
		b := append([]byte{}, whole...)
		b[at] ^= 0x10
		damaged["byte "+string(rune('0'+len(damaged)))] = b
	}
	for what, data := range damaged {
		if err := os.WriteFile(part, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Apply(t.Context(), dst, mustSuperblock(t, folder), folder, ApplyOptions{}); err == nil {
			t.Errorf("%s: applied", what)
		}
		if err := Verify(t.Context(), src, name, ApplyOptions{}); err == nil {
			t.Errorf("%s: verified", what)
		}
	}
	if have, err := dst.HasObject(ostree.ObjectName{Checksum: to, Type: ostree.ObjectCommit}); have || err != nil {
		t.Errorf("the commit: got %t, %v, want none", have, err)
	}
	wantNothingLeft(t, dst)
}
