//go:build interopdata

// These tests read the scriptlets of real packages that are too large to keep
// here:
//
//	make interop-data DATA=dir
//
// which runs: TREEWRIGHT_DATA=dir go test -tags interopdata ./... -run InteropData.
package lua

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// luaScriptlets calls fn for every Lua scriptlet of the packages in dir.
func luaScriptlets(t *testing.T, dir string, fn func(pkg string, s rpm.Scriptlet)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".rpm") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		pkg, err := rpm.Open(f)
		if err != nil {
			return nil // The broken ones are rpmrepo/rpm's own matter.
		}
		scriptlets, err := pkg.Scriptlets()
		if err != nil {
			return nil
		}
		for _, s := range scriptlets {
			if len(s.Interpreter) > 0 && s.Interpreter[0] == "<lua>" {
				fn(filepath.Base(path), s)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TREEWRIGHT_DATA")
	if dir == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder of the packages")
	}
	return dir
}

func TestInteropDataCheck(t *testing.T) {
	n := 0
	luaScriptlets(t, dataDir(t), func(pkg string, s rpm.Scriptlet) {
		n++
		if err := Check(pkg, s.Body); err != nil {
			t.Errorf("%s: %v", pkg, err)
		}
	})
	if n < 8 {
		t.Errorf("got %d Lua scriptlets, want at least 8", n)
	}
}

// TestInteropDataRun runs the installing scriptlets of CentOS 7 in an empty
// root of their own.
func TestInteropDataRun(t *testing.T) {
	if _, err := exec.LookPath("bwrap"); err != nil {
		t.Fatal("install bubblewrap")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, dir := range []string{"etc", "var", "usr", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/shells"), []byte("/bin/zsh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ran := 0
	luaScriptlets(t, filepath.Join(dataDir(t), "rpms/el7"), func(pkg string, s rpm.Scriptlet) {
		if strings.HasSuffix(string(s.Kind), "un") {
			return
		}
		ran++
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte(s.Body), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"--bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all",
			"--ro-bind", self, "/tmp/self", "--ro-bind", script, "/tmp/script", "/tmp/self"}
		out, err := exec.CommandContext(t.Context(), "bwrap", append(append(args, Command(pkg, []string{"1"})...), "/tmp/script")...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %v: %v: %s", pkg, s.Kind, err, out)
		}
	})
	if ran < 5 {
		t.Errorf("got %d scriptlets, want at least 5", ran)
	}
	for link, want := range map[string]string{"bin": "usr/bin", "lib64": "usr/lib64", "var/run": "../run", "usr/lib/debug/usr/.dwz": "../.dwz"} {
		if got, err := os.Readlink(filepath.Join(root, link)); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", link, got, err, want)
		}
	}
	shells, err := os.ReadFile(filepath.Join(root, "etc/shells"))
	if want := "/bin/zsh\n/bin/sh\n/bin/bash\n"; err != nil || string(shells) != want {
		t.Errorf("got %q, %v, want %q", shells, err, want)
	}
}
