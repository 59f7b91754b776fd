package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func export(t *testing.T, repo *archive.Repo, c ostree.Checksum, o archive.ExportOptions) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := repo.ExportTar(t.Context(), c, &buf, o); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestExportCommittedByThem has the real ostree commit what we export. It reads
// no xattrs from tar files.
func TestExportCommittedByThem(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	tree := ostreetest.RandomTree(9, 300).Map(func(_ string, f ostreetest.File) ostreetest.File { f.Xattrs = nil; return f })
	tree[strings.Repeat("long/", 50)+strings.Repeat("name", 40)] = ostreetest.Regular("far down")
	tree["."] = ostreetest.File{Mode: ostree.ModeDir | 0o1755, UID: 7}
	c := ostreetest.Commit(t, repo, "a", tree, ostreetest.CommitOptions{})
	data := export(t, repo, c, archive.ExportOptions{})
	if !bytes.Equal(data, export(t, repo, c, archive.ExportOptions{})) {
		t.Error("a second export has other bytes")
	}
	file := filepath.Join(t.TempDir(), "tree.tar")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out := ostreetest.Ostree(t, "commit", "--repo="+repo.Path(), "-b", "b", "--tree=tar="+file)
	their, err := repo.ResolveRev(t.Context(), strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	compareCommits(t, repo, c, repo, their)
}

func TestExportSubpath(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	x := ostreetest.Regular("in")
	x.Xattrs = []ostree.Xattr{{Name: "user.b", Value: []byte("\x00\xff")}, {Name: "user.a", Value: nil}}
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"usr/share/x": x, "out": ostreetest.Regular("out")}, ostreetest.CommitOptions{})
	for _, tt := range []struct {
		opts archive.ExportOptions
		want string
	}{
		{archive.ExportOptions{Subpath: "usr"}, "./ ./share/ ./share/x"},
		{archive.ExportOptions{Subpath: "/usr/share/", Prefix: "/p/q/"}, "./p/q/ ./p/q/x"},
		{archive.ExportOptions{Subpath: "usr/share/x"}, "./x"},
	} {
		var names []string
		r := tar.NewReader(bytes.NewReader(export(t, repo, c, tt.opts)))
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, h.Name)
			if h.Typeflag == tar.TypeReg && (h.PAXRecords["SCHILY.xattr.user.b"] != "\x00\xff" || h.ModTime.Unix() != 1700000000) {
				t.Errorf("%s: got %v, %s", h.Name, h.PAXRecords, h.ModTime)
			}
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.opts, got, tt.want)
		}
	}
	if err := repo.ExportTar(t.Context(), c, io.Discard, archive.ExportOptions{Subpath: "nothing"}); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("a path that is not there: got %v, want ErrNotExist", err)
	}
}
