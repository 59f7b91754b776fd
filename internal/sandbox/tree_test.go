package sandbox_test

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/treewright/treewright/internal/sandbox"
)

// A world is a tree with a sandbox over it.
type world struct {
	*sandbox.Sandbox
	t          *testing.T
	lower, dir string
	before     string // the listing of lower
}

// eachMapping runs a test with the mapping that this user has, and with one user.
func eachMapping(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, tc := range []struct {
		name   string
		single bool
	}{{"best", false}, {"single", true}} {
		t.Run(tc.name, func(t *testing.T) { fn(t, newWorld(t, sandbox.Options{Single: tc.single})) })
	}
}

func newWorld(t *testing.T, opts sandbox.Options) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, lower: filepath.Join(dir, "tree"), dir: filepath.Join(dir, "work")}
	w.makeTree()
	w.before = w.listing(w.lower)
	opts.Lower, opts.Dir = w.lower, w.dir
	var err error
	w.Sandbox, err = sandbox.Open(t.Context(), opts)
	must(t, err)
	t.Cleanup(w.close)
	return w
}

// makeTree makes a tree whose files are linked to those of a cache, as a
// compose's are. It lacks most mount points.
func (w *world) makeTree() {
	w.t.Helper()
	cache := filepath.Join(filepath.Dir(w.lower), "cache")
	must(w.t, os.Mkdir(cache, 0o755))
	for _, dir := range []string{"bin", "etc", "usr/share/doc/old", "usr/lib", "var/lib", "proc"} {
		must(w.t, os.MkdirAll(filepath.Join(w.lower, dir), 0o755))
	}
	must(w.t, os.Symlink("sysroot/tmp", filepath.Join(w.lower, "tmp")))
	for name, body := range map[string]string{
		"etc/passwd": "root\n", "etc/gone": "gone\n", "usr/share/doc/a": "a\n", "usr/share/doc/old/b": "b\n",
		"usr/lib/one": "linked\n", "usr/lib/suid": "suid\n",
	} {
		file := filepath.Join(cache, filepath.Base(name))
		must(w.t, os.WriteFile(file, []byte(body), 0o644))
		must(w.t, os.Link(file, filepath.Join(w.lower, name)))
	}
	must(w.t, os.Link(filepath.Join(cache, "one"), filepath.Join(w.lower, "usr/lib/two")))
	tool, err := os.ReadFile(os.Getenv(envTool))
	must(w.t, err)
	must(w.t, os.WriteFile(filepath.Join(cache, "tool"), tool, 0o755))
	for _, name := range []string{"tool", "sh"} {
		must(w.t, os.Link(filepath.Join(cache, "tool"), filepath.Join(w.lower, "bin", name)))
	}
}

// listing has everything about dir that must not change.
func (w *world) listing(dir string) string {
	w.t.Helper()
	var b strings.Builder
	must(w.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, _ := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d %d %d %d %d\n", path, info.Mode(), st.Uid, st.Gid, st.Nlink, st.Ino, st.Size)
		if info.Mode().IsRegular() && info.Size() < 100 {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(data)
		}
		return nil
	}))
	return b.String()
}

// close checks that nothing is left, and that the tree is as it was.
func (w *world) close() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Errorf("closing: %v", err)
	}
	if _, err := os.Lstat(w.dir); !os.IsNotExist(err) {
		w.t.Errorf("%s after Close: got %v, want that it is gone", w.dir, err)
	}
	if got := w.listing(w.lower); got != w.before {
		w.t.Errorf("the tree changed: got\n%s\nwant\n%s", got, w.before)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(w.t, err)
	if strings.Contains(string(mounts), w.dir) {
		w.t.Errorf("a mount below %s is left", w.dir)
	}
}

// run runs a command that must be able to start.
func (w *world) run(c sandbox.Command) *sandbox.Result {
	w.t.Helper()
	res, err := w.Run(w.t.Context(), c)
	must(w.t, err)
	return res
}

// script runs a script that must succeed.
func (w *world) script(lines ...string) string {
	w.t.Helper()
	res := w.run(sandbox.Command{Script: []byte(strings.Join(lines, "\n"))})
	if !res.OK() {
		w.t.Fatalf("script: got %+v\n%s", res, res.Output)
	}
	return string(res.Output)
}

// changes lists the changes, one a line.
func (w *world) changes() string {
	w.t.Helper()
	var b strings.Builder
	must(w.t, w.Changes(context.Background(), func(h *tar.Header, r io.Reader) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if sandbox.IsWhiteout(h) {
			fmt.Fprintf(&b, "gone %s\n", h.Name)
			return nil
		}
		fmt.Fprintf(&b, "%c %s %o %d:%d", h.Typeflag, h.Name, h.Mode, h.Uid, h.Gid)
		for _, extra := range []string{h.Linkname, string(body)} {
			if extra != "" {
				fmt.Fprintf(&b, " %s", strings.TrimSpace(extra))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
			if strings.HasPrefix(key, sandbox.PAXXattr) || strings.HasPrefix(key, "TREEWRIGHT.") {
				fmt.Fprintf(&b, " %s=%x", key, h.PAXRecords[key])
			}
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

func (w *world) wantChanges(want string) {
	w.t.Helper()
	if got, want := strings.TrimSpace(w.changes()), strings.TrimSpace(want); got != want {
		w.t.Errorf("changes: got\n%s\nwant\n%s", got, want)
	}
}
