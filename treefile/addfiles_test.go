package treefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAddFilesWithOwners(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"key":       "secret",
		"tree.yaml": "add-files:\n- [key, etc/a]\n- {source: key, destination: /etc/b, owner: app, group: '12', mode: '4640'}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tf, err := Load(filepath.Join(dir, "tree.yaml"), Options{Arch: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	plain, owned := tf.AddFiles[0], tf.AddFiles[1]
	if plain.Mode != 0o600 || plain.User != "" {
		t.Errorf("got mode %v and owner %q, want the file's", plain.Mode, plain.User)
	}
	if owned.Dest != "etc/b" || owned.User != "app" || owned.Group != "12" || owned.Mode != 0o640|fs.ModeSetuid {
		t.Errorf("got %+v", owned)
	}
	want := "[[key etc/a] map[destination:/etc/b group:12 mode:4640 owner:app source:key]]"
	if got := fmt.Sprint(printed(t, tf)["add-files"]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
