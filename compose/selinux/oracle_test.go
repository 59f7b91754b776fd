package selinux

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// modes are the types by matchpathcon's letters.
var modes = map[string]uint32{
	"f": 0o100000, "d": 0o040000, "l": 0o120000, "b": 0o060000, "c": 0o020000, "p": 0o010000, "s": 0o140000,
}

// load reads the policy texts of a folder.
func load(t testing.TB, dir string) *Contexts {
	t.Helper()
	read := func(suffix string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "file_contexts"+suffix))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return data
	}
	c, err := ParseContexts(Files{read(""), read(".homedirs"), read(".local"), read(".subs"), read(".subs_dist")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// typed is a path with the type of what is there.
type typed struct {
	path string
	mode uint32
}

// everyType returns each path as every type.
func everyType(paths []string) []typed {
	var files []typed
	for _, mode := range modes {
		for _, path := range paths {
			files = append(files, typed{path, mode})
		}
	}
	return files
}

// compare looks files up, and asks matchpathcon the same.
func compare(t *testing.T, dir string, files []typed) {
	t.Helper()
	c := load(t, dir)
	wrong, total := 0, 0
	for letter, mode := range modes {
		var paths []string
		for _, f := range files {
			if f.mode == mode {
				paths = append(paths, f.path)
			}
		}
		total += len(paths)
		for part := range slices.Chunk(paths, 10_000) {
			want := matchpathcon(t, dir, letter, part)
			for i, path := range part {
				got, ok := c.Label(path, mode)
				if !ok {
					got = none
				}
				if got != want[i] {
					if wrong++; wrong < 20 {
						t.Errorf("%q -%s: got %s, want %s", path, letter, got, want[i])
					}
				}
			}
		}
	}
	t.Logf("%d paths, %d differences", total, wrong)
}

// matchpathcon returns the labels that it tells for paths.
func matchpathcon(t *testing.T, dir, letter string, paths []string) []string {
	t.Helper()
	program, err := exec.LookPath("matchpathcon")
	if err != nil { // the PATH of an ordinary user may lack its folder
		if program, err = exec.LookPath("/usr/sbin/matchpathcon"); err != nil {
			t.Fatal("matchpathcon is missing: install selinux-utils (libselinux-utils)")
		}
	}
	args := append([]string{"-N", "-n", "-m", letter, "-f", filepath.Join(dir, "file_contexts")}, paths...)
	var errors bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errors.Bytes())
	}
	labels := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(labels) != len(paths) {
		t.Fatalf("got %d labels of matchpathcon, want %d", len(labels), len(paths))
	}
	return labels
}

// examples returns paths that the regular expressions of a policy are near to:
// each without its meta characters in several ways, and what is below.
func examples(t *testing.T, dir string) []string {
	t.Helper()
	seen := map[string]bool{}
	var paths []string
	add := func(path string) {
		if strings.HasPrefix(path, "/") && !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	for _, name := range []string{"file_contexts", "file_contexts.homedirs", "file_contexts.local"} {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		for line := range strings.SplitSeq(string(data), "\n") {
			f := fields(line)
			if len(f) < 2 || f[0][0] == '#' {
				continue
			}
			for _, r := range []*strings.Replacer{
				strings.NewReplacer("(/.*)?", "", ".*", "", "[^/]*", "", "[^/]+", "x", ".+", "x", "[0-9]", "7", `\`, "", "?", "", "(", "", ")", "", "+", "", "*", ""),
				strings.NewReplacer("(/.*)?", "/a/b", ".*", "y.z/q", "[^/]*", "w", "[^/]+", "x-1", ".+", "xy", "[0-9]", "0", `\`, "", "(s)?", "s", "?", "", "(", "", ")", "", "+", "", "*", "", "64", ""),
			} {
				p := r.Replace(f[0])
				for alternative := range strings.SplitSeq(p, "|") {
					add(alternative)
				}
				add(p)
				add(p + "/sub")
				add(p + "x")
				add("/usr" + p)
				add(p + "\n"[:0] + ".so.1")
			}
		}
	}
	return append(paths, "/", "//", "/usr//bin//su/", "/proc", "/sysroot", "/ostree", "/usr/etc", "/usr/etc/passwd", "/etc\xff/\xc3\xa9")
}

func TestMatchpathcon(t *testing.T) {
	compare(t, "testdata/policy", everyType(examples(t, "testdata/policy")))
}
