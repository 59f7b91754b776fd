package archive_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestTempDir(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	dir, remove, err := repo.TempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := filepath.Dir(dir), filepath.Join(repo.Path(), "tmp"); got != want {
		t.Errorf("folder: got %s, want one in %s", dir, want)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Others who write leave it alone.
	other, removeOther, err := repo.TempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil || other == dir {
		t.Errorf("after another folder: got %v, %s, want the file and a folder of its own", err, other)
	}
	if err := errors.Join(remove(), removeOther()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after remove: got %v, want %v", err, fs.ErrNotExist)
	}
	ostreetest.Check(t, repo)
}
