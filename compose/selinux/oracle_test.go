package selinux

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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

// compare looks paths up of every type, and asks matchpathcon the same.
func compare(t *testing.T, dir string, paths []string) {
	t.Helper()
	if _, err := exec.LookPath("matchpathcon"); err != nil {
		t.Fatal("matchpathcon is missing: install selinux-utils (libselinux-utils)")
	}
	c := load(t, dir)
	wrong := 0
	for letter, mode := range modes {
		for begin := 0; begin < len(paths); begin += 5000 {
			part := paths[begin:min(len(paths), begin+5000)]
			args := append([]string{"-N", "-n", "-m", letter, "-f", filepath.Join(dir, "file_contexts")}, part...)
			var errors bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "matchpathcon", args...)
			cmd.Stderr = &errors
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, errors.Bytes())
			}
			want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if len(want) != len(part) {
				t.Fatalf("got %d labels of matchpathcon, want %d", len(want), len(part))
			}
			for i, path := range part {
				got, ok := c.Label(path, mode)
				if !ok {
					got = none
				}
				if got != want[i] && wrong < 20 {
					wrong++
					t.Errorf("%q -%s: got %s, want %s", path, letter, got, want[i])
				}
			}
		}
	}
	t.Logf("%d paths of %d types", len(paths), len(modes))
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
	compare(t, "testdata/policy", examples(t, "testdata/policy"))
}
