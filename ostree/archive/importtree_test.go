package archive_test

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"golang.org/x/sys/unix"
)

// commitTree commits what fn writes.
func commitTree(t *testing.T, repo *archive.Repo, fn func(*archive.Txn) (ostree.TreeDir, error)) ostree.Checksum {
	t.Helper()
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Abort()
	d, err := fn(txn)
	if err != nil {
		t.Fatal(err)
	}
	c := writeObject(t, txn, ostree.ObjectCommit, ostree.Commit{RootTree: d.Tree, RootMeta: d.Meta}.Encode)
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWriteDirAsTheirs commits a folder with both tools.
func TestWriteDirAsTheirs(t *testing.T) {
	seven, eight := uint32(7), uint32(8)
	dir := ostreetest.RandomTree(21, 300).Map(readable).WriteDir(t)
	noValue := filepath.Join(dir, "no-value")
	if err := os.WriteFile(noValue, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"user.empty": "", "user.full": "x"} {
		if err := unix.Setxattr(noValue, name, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	var lock sync.Mutex
	var leftOut []string
	hear := func(path, xattr string) {
		lock.Lock()
		defer lock.Unlock()
		leftOut = append(leftOut, path+" "+xattr)
	}
	for _, tt := range []struct {
		opts archive.TreeOptions
		args []string
	}{
		{archive.TreeOptions{LeftOut: hear}, nil},
		{archive.TreeOptions{NoXattrs: true}, []string{"--no-xattrs"}},
		{archive.TreeOptions{OwnerUID: &seven, OwnerGID: &eight}, []string{"--owner-uid=7", "--owner-gid=8"}},
		{archive.TreeOptions{CanonicalPermissions: true}, []string{"--canonical-permissions"}},
	} {
		repo := ostreetest.NewRepo(t)
		c := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) { return txn.WriteDir(t.Context(), dir, tt.opts) })
		ostreetest.Check(t, repo)
		out := ostreetest.Ostree(t, append([]string{"commit", "--repo=" + repo.Path(), "-b", "b", "--tree=dir=" + dir}, tt.args...)...)
		their, err := repo.ResolveRev(t.Context(), strings.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
		compareCommits(t, repo, c, repo, their)
	}
	if len(leftOut) != 1 || leftOut[0] != "/no-value user.empty" {
		t.Errorf("left out: got %q, want the xattr without a value", leftOut)
	}
}

// TestWriteTarAsTheirs commits a tar file with both tools, and what we export
// with xattrs again.
func TestWriteTarAsTheirs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	file := ostreetest.RandomTree(22, 300).Map(func(_ string, f ostreetest.File) ostreetest.File { f.Xattrs = nil; return f }).WriteTar(t)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
		return txn.WriteTar(t.Context(), bytes.NewReader(data), archive.TreeOptions{})
	})
	their, err := repo.ResolveRev(t.Context(), strings.TrimSpace(ostreetest.Ostree(t, "commit", "--repo="+repo.Path(), "-b", "b", "--tree=tar="+file)))
	if err != nil {
		t.Fatal(err)
	}
	compareCommits(t, repo, c, repo, their)
	tree := ostreetest.RandomTree(23, 200)
	first := ostreetest.Commit(t, repo, "x", tree, ostreetest.CommitOptions{})
	exported := export(t, repo, first, archive.ExportOptions{})
	again := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
		return txn.WriteTar(t.Context(), bytes.NewReader(exported), archive.TreeOptions{})
	})
	compareCommits(t, repo, again, repo, first)
	ostreetest.Check(t, repo)
}

func tarOf(t *testing.T, headers ...tar.Header) *bytes.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(buf.Bytes())
}

func TestWriteTarOddEntries(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
		return txn.WriteTar(t.Context(), tarOf(t,
			tar.Header{Name: "/a//b/./file", Typeflag: tar.TypeReg}, tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "a/b/file"},
		), archive.TreeOptions{})
	})
	if got, want := lookup(t, repo, c, "/hard"), lookup(t, repo, c, "/a/b/file"); got != want {
		t.Errorf("hard link: got %v, want %v", got, want)
	}
	for name, headers := range map[string][]tar.Header{
		"leads out":            {{Name: "a/../../b", Typeflag: tar.TypeReg}},
		"did not come before":  {{Name: "a", Typeflag: tar.TypeLink, Linkname: "b/c"}},
		"of type":              {{Name: "a", Typeflag: tar.TypeFifo}},
		"not a directory":      {{Name: "a", Typeflag: tar.TypeReg}, {Name: "a/b", Typeflag: tar.TypeReg}},
		"a directory before":   {{Name: "a/b", Typeflag: tar.TypeReg}, {Name: "a", Typeflag: tar.TypeReg}},
		"must be a directory":  {{Name: "./", Typeflag: tar.TypeSymlink, Linkname: "x"}},
		"not UTF-8":            {{Name: "a\xff", Typeflag: tar.TypeReg}},
		"hard link to the roo": {{Name: "a", Typeflag: tar.TypeLink, Linkname: "/"}},
	} {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := txn.WriteTar(t.Context(), tarOf(t, headers...), archive.TreeOptions{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if err := txn.Abort(); err != nil {
			t.Error(err)
		}
	}
}

func TestWriteDirRefusesPipes(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/pipe", 0o644); err != nil {
		t.Fatal(err)
	}
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Abort()
	if _, err := txn.WriteDir(t.Context(), dir, archive.TreeOptions{}); err == nil || !strings.Contains(err.Error(), "pipe") {
		t.Errorf("got %v, want an error that names it", err)
	}
}

// TestWriteTreeEdit leaves out and changes entries of a folder and of a tar file.
func TestWriteTreeEdit(t *testing.T) {
	tree := ostreetest.RandomTree(25, 200).Map(readable)
	dir := tree.WriteDir(t)
	for name, data := range map[string]string{"left/out/file": "x", "left/only": "y", "kept/file": "z", "kept/second": "2", "kept/gone": "g"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
		if path == "/kept/file" {
			h.Mode |= 0o111
		}
		h.UID, h.Xattrs = 5, nil
		return h, path != "/" && path != "/left" && path != "/kept/gone"
	}
	if err := os.Link(filepath.Join(dir, "kept/second"), filepath.Join(dir, "kept/third")); err != nil {
		t.Fatal(err)
	}
	packed, err := exec.Command("tar", "--numeric-owner", "--transform=s,kept/,pack/,", "-cC", dir, ".").Output()
	if err != nil {
		t.Fatalf("tar: %v", err)
	}
	repo := ostreetest.NewRepo(t)
	opts := archive.TreeOptions{NoXattrs: true, Edit: edit, TarName: func(name string) string {
		if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "/") {
			t.Errorf("got name %q, want one without ./", name)
		}
		return strings.Replace(name, "pack/", "kept/", 1)
	}}
	first := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) { return txn.WriteDir(t.Context(), dir, opts) })
	second := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
		return txn.WriteTar(t.Context(), bytes.NewReader(packed), opts)
	})
	compareCommits(t, repo, first, repo, second)
	commit, err := repo.Commit(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/left": false, "/left/only": false, "/kept/gone": false, "/kept/file": true} {
		e, found, err := ostree.Lookup(t.Context(), repo, commit.RootTree, commit.RootMeta, path)
		if err != nil || found != want {
			t.Errorf("%s: got %v, %v, want %v", path, found, err, want)
		}
		if !found {
			continue
		}
		h, _, body, err := repo.OpenFile(t.Context(), e.File)
		if err != nil {
			t.Fatal(err)
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		if h.Mode&0o7777 != 0o711 || h.UID != 5 {
			t.Errorf("%s: got %v, want mode 0711 and owner 5", path, h)
		}
	}
}
