package solve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// fileLists is a LoadFiles that knows some files and counts its calls.
type fileLists struct {
	calls int
	files map[string]string // path to the name of its package
	asked []string
	err   error
}

func (f *fileLists) load(_ context.Context, wanted func(string) bool, found func(repo, pkgid, path string)) error {
	f.calls++
	for _, path := range []string{"/usr/share/a", "/usr/share/b", "/usr/share/c", "/opt/x/y", "/usr/bin/p"} {
		if wanted(path) {
			f.asked = append(f.asked, path)
			if name := f.files[path]; name != "" {
				found("r", "sha256:"+name+"-1-1.noarch", path)
			}
		}
	}
	return f.err
}

func TestLoadFiles(t *testing.T) {
	tests := []struct {
		name, pkgs string
		req        Request
		want       string
		calls      int
		asked      string
	}{
		{"not needed", "a\nReq: /usr/bin/p\np\nFls: /usr/bin/p\nunrelated\nReq: /usr/share/a", specs("a"), "a p", 0, ""},
		{"a requirement", "a\nReq: /usr/share/a\nb\nunrelated\nReq: /usr/share/c", specs("a"), "a b", 1, "/usr/share/a /usr/share/c"},
		{"inside a rich dependency", "a\nReq: (b <IF> /usr/share/b)\nb\nc\nRec: /usr/share/a", specs("a", "c"), "a b c", 1, "/usr/share/a /usr/share/b"},
		{"beside a provide", "a\nReq: /usr/share/a\nz\nPrv: /usr/share/a\nb", specs("a"), "a b", 1, "/usr/share/a"},
		{"a spec", "a\nb", specs("/opt/x/y"), "b", 1, "/opt/x/y"},
		{"a spec with wildcards", "a\nb", specs("/opt/*"), "b", 1, "/opt/x/y"},
		{"a primary path as spec", "p\nFls: /usr/bin/p", specs("/usr/bin/p"), "p", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fileLists{files: map[string]string{"/usr/share/a": "b", "/usr/share/b": "b", "/opt/x/y": "b"}}
			u := universe(t, Options{LoadFiles: f.load}, "r", tt.pkgs)
			for range 2 { // the second time from what is known
				if got := strings.Join(names(resolve(t, u, tt.req)), " "); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			slices.Sort(f.asked)
			if f.calls != tt.calls || strings.Join(f.asked, " ") != tt.asked {
				t.Errorf("got %d calls for %v, want %d for %q", f.calls, f.asked, tt.calls, tt.asked)
			}
		})
	}
}

func TestLoadFilesFails(t *testing.T) {
	f := &fileLists{err: errors.New("the mirror is gone")}
	u := universe(t, Options{LoadFiles: f.load}, "r", "a\nReq: /usr/share/a")
	if _, err := Resolve(t.Context(), u, specs("a")); !errors.Is(err, f.err) {
		t.Errorf("got %v, want %v", err, f.err)
	}
}
