//go:build interopdata

package selinux

import (
	"compress/gzip"
	"encoding/xml"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/rootfs"
)

// data returns the folder with real inputs.
func data(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TREEWRIGHT_DATA")
	if dir == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	return dir
}

// policies returns the folders of file_contexts: those of the data, and those of
// policies that are installed here.
func policies(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(data(t), "selinux", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no policies in %s: %v", data(t), err)
	}
	installed, err := filepath.Glob("/etc/selinux/*/contexts/files/file_contexts")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range installed {
		dirs = append(dirs, filepath.Dir(name))
	}
	return dirs
}

// TestInteropDataLabels compares the labels of all that is near to a regular
// expression of each policy, as every type, and of every file of real packages.
func TestInteropDataLabels(t *testing.T) {
	files := packaged(t)
	for _, dir := range policies(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			compare(t, dir, everyType(examples(t, dir)))
			compare(t, dir, files)
		})
	}
}

// TestInteropDataSpeed measures a tree as large as a desktop's.
func TestInteropDataSpeed(t *testing.T) {
	var files []typed
	for files = packaged(t); len(files) < 100_000; {
		files = append(files, files[:min(len(files), 100_000-len(files))]...)
	}
	for _, dir := range policies(t) {
		start := time.Now()
		c := load(t, dir)
		loaded := time.Now()
		for _, f := range files[:100_000] {
			c.Label(f.path, f.mode)
		}
		t.Logf("%s: %d specifications in %v, 100000 paths in %v; %d states",
			dir, c.Specs(), loaded.Sub(start), time.Since(loaded), len(c.automaton.states))
	}
}

// packaged returns every file of the packages, and of those that metadata of
// repositories tells.
var packaged = func() func(t testing.TB) []typed {
	var once sync.Once
	var files []typed
	return func(t testing.TB) []typed {
		t.Helper()
		once.Do(func() {
			lists, err := filepath.Glob(filepath.Join(data(t), "rpmmd", "*", "repodata", "*filelists.xml.gz"))
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range lists {
				files = append(files, listed(t, list)...)
			}
			files = append(files, queried(t)...)
			slices.SortFunc(files, func(a, b typed) int {
				if c := strings.Compare(a.path, b.path); c != 0 {
					return c
				}
				return int(a.mode) - int(b.mode)
			})
			files = slices.Compact(files)
		})
		if len(files) == 0 {
			t.Fatal("there are no files of packages")
		}
		return files
	}
}()

// queried asks rpm for the files of packages.
func queried(t testing.TB) []typed {
	t.Helper()
	repos, err := filepath.Glob(filepath.Join(data(t), "rpms", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, repo := range repos {
		if info, err := os.Stat(repo); err != nil || !info.IsDir() {
			continue // a key
		}
		err := filepath.WalkDir(repo+"/.", func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".rpm") {
				packages = append(packages, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"-qp", "--nosignature", "--nodigest", "--qf", `[%{FILEMODES} %{FILENAMES}\n]`}, packages...)
	out, err := exec.CommandContext(t.Context(), "rpm", args...).Output()
	if err != nil {
		t.Fatalf("rpm -qp: %v", err)
	}
	var files []typed
	for line := range strings.Lines(string(out)) {
		number, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		mode, err := strconv.ParseUint(number, 10, 32)
		if err == nil && strings.HasPrefix(path, "/") {
			files = append(files, typed{path, uint32(mode) & 0o170000})
		}
	}
	return files
}

// listed reads a filelists.xml.gz.
func listed(t testing.TB, name string) []typed {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var files []typed
	d := xml.NewDecoder(z)
	for {
		token, err := d.Token()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "file" {
			var file struct {
				Type string `xml:"type,attr"`
				Path string `xml:",chardata"`
			}
			if err := d.DecodeElement(&file, &start); err != nil {
				t.Fatal(err)
			}
			mode := modes["f"]
			if file.Type == "dir" {
				mode = modes["d"]
			}
			files = append(files, typed{file.Path, mode})
		}
	}
}

// TestInteropDataOSTree has libostree label the files of real packages.
func TestInteropDataOSTree(t *testing.T) {
	all := queried(t)
	slices.SortFunc(all, func(a, b typed) int { return strings.Compare(a.path, b.path) })
	for _, dir := range policies(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			tree := rootfs.New()
			for _, f := range all {
				path := strings.TrimPrefix(f.path, "/")
				if rest, ok := strings.CutPrefix(path, "etc/"); ok {
					path = "usr/etc/" + rest
				}
				if strings.HasPrefix(path, "usr/etc/selinux/") || tree.Lookup(path) != nil {
					continue
				}
				// What lies below another's file or link has no place.
				switch f.mode {
				case modes["d"]:
					_, _ = tree.Mkdir(path)
				case modes["l"]:
					_ = tree.AddSymlink(path, "target")
				case modes["f"]:
					_ = tree.AddFile(path, 0o644, nil)
				}
			}
			withPolicy(t, tree, "usr/etc", dir)
			compareOSTree(t, tree, dir)
		})
	}
}
