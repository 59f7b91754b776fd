package privatedir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMake(t *testing.T) {
	dir := t.TempDir()
	fresh, open := filepath.Join(dir, "a/fresh"), filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o2777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fresh, open} {
		if err := Make(path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: got %v, %v, want mode 0700", path, info.Mode(), err)
		}
	}
}

func TestMakeFollowsLinks(t *testing.T) {
	dir, target := t.TempDir(), t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := Make(link); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the target: got %v, %v, want mode 0700", info.Mode(), err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Make(file); err == nil {
		t.Error("a file: got no error")
	}
}

// TestMakeRefusesFoldersOfOthers needs another user: root gives a folder away,
// anybody else finds that / is root's.
func TestMakeRefusesFoldersOfOthers(t *testing.T) {
	dir := "/"
	if os.Geteuid() == 0 {
		dir = t.TempDir()
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := Make(link); err == nil {
		t.Error("a link to another user's folder: got no error")
	}
	if err := Make(dir); err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("got %v, want that it is another user's", err)
	}
}
