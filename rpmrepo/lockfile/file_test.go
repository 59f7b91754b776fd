package lockfile_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/rpmrepo/lockfile"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

var (
	sumA = "sha256:" + strings.Repeat("a1", 32)
	sumB = "sha512:" + strings.Repeat("b2", 64)
)

// build is a locked build from its name, version and architecture.
func build(t testing.TB, nevra string) lockfile.Package {
	t.Helper()
	n, err := rpm.ParseNEVRA(nevra)
	if err != nil {
		t.Fatal(err)
	}
	return lockfile.Package{Name: n.Name, EVR: n.EVR, Arch: n.Arch, Repo: "base", Checksum: sumA, Size: 17, Location: "p/" + nevra + ".rpm"}
}

func text(packages []lockfile.Package) string {
	var names []string
	for i := range packages {
		names = append(names, packages[i].String())
	}
	return strings.Join(names, " ")
}

const oursText = `{
  "treewright-lock": 1,
  "architectures": {
    "aarch64": [],
    "x86_64": [
      {"nevra": "glibc-2.34-1.i686", "repo": "base", "size": 17, "checksum": "SUM", "location": "p/glibc-2.34-1.i686.rpm"},
      {"nevra": "glibc-2.34-1.x86_64", "repo": "base", "size": 17, "checksum": "SUM", "location": "p/glibc-2.34-1.x86_64.rpm"},
      {"nevra": "kernel-5-1.x86_64", "repo": "base", "size": 17, "checksum": "SUM", "location": "p/kernel-5-1.x86_64.rpm"},
      {"nevra": "kernel-1:4-1.x86_64", "repo": "base", "size": 17, "checksum": "SUM", "location": "p/<&>"}
    ]
  }
}
`

func TestOursRoundTrip(t *testing.T) {
	want := strings.ReplaceAll(oursText, "SUM", sumA)
	packages := []lockfile.Package{
		build(t, "kernel-1:4-1.x86_64"), build(t, "glibc-2.34-1.x86_64"), build(t, "kernel-5-1.x86_64"), build(t, "glibc-2.34-1.i686"),
	}
	packages[0].Location = "p/<&>"
	data, err := lockfile.Encode(map[string][]lockfile.Package{"x86_64": packages, "aarch64": nil})
	if err != nil || string(data) != want {
		t.Fatalf("got %s, %v, want %s", data, err, want)
	}
	for _, yaml := range []bool{false, true} {
		f, err := lockfile.Parse(data, yaml)
		if err != nil {
			t.Fatal(err)
		}
		again, err := lockfile.Encode(f.Packages)
		if err != nil || string(again) != want {
			t.Errorf("YAML %t: got %s, %v, want %s", yaml, again, err, want)
		}
	}
}

func TestOursYAML(t *testing.T) {
	f, err := lockfile.Parse([]byte("treewright-lock: 1\narchitectures:\n  x86_64:\n  - nevra: a-1-1.noarch\n    repo: &r base\n    size: 3\n    checksum: "+sumB+
		"\n    location: a.rpm\n  - {nevra: b-1-1.noarch, repo: *r, size: 0, checksum: '"+sumA+"', location: b.rpm}\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Packages["x86_64"]; text(got) != "a-1-1.noarch b-1-1.noarch" || got[1].Repo != "base" || got[0].Size != 3 || got[0].Checksum != sumB {
		t.Errorf("got %+v", got)
	}
}

func TestOursRefuses(t *testing.T) {
	entry := `{"nevra": "a-1-1.noarch", "repo": "r", "size": 1, "checksum": "` + sumA + `", "location": "a.rpm"}`
	file := func(entries string) string {
		return `{"treewright-lock": 1, "architectures": {"x86_64": [` + entries + `]}}`
	}
	tests := map[string]string{
		`{"treewright-lock": 2, "architectures": {}}`:                       "reads version 1",
		`{"treewright-lock": "1", "architectures": {}}`:                     "reads version 1",
		`{"treewright-lock": 1}`:                                            "architectures: want a table, got nothing",
		`{"treewright-lock": 1, "architectures": {}, "packages": {}}`:       `the key "packages" is unknown`,
		`{"treewright-lock": 1, "architectures": {"": []}}`:                 "want a list below the name of an architecture",
		`{"treewright-lock": 1, "architectures": {"x86_64": {}}}`:           "want a list",
		`{"treewright-lock": 1, "treewright-lock": 1, "architectures": {}}`: "stands twice",
		file(`5`):                 "x86_64[0]: want a table, got the number 5",
		file(entry + "," + entry): "a-1-1.noarch stands twice",
		file(entry) + "x":         "something follows",
		file(strings.Replace(entry, "nevra", "NEVRA", 1)):            `the key "NEVRA" is unknown`,
		file(strings.Replace(entry, `"r"`, `""`, 1)):                 "repo is missing",
		file(strings.Replace(entry, `"r"`, `1`, 1)):                  "repo: want a string",
		file(strings.Replace(entry, `: 1`, `: -1`, 1)):               "size: want a number of bytes",
		file(strings.Replace(entry, `: 1`, `: 1e3`, 1)):              "size: want a number of bytes",
		file(strings.Replace(entry, `a-1-1.noarch`, `a-1`, 1)):       "no architecture",
		file(strings.Replace(entry, `a-1-1`, `a-0:1-1`, 1)):          "is not how a build is written",
		file(strings.Replace(entry, sumA, "sha1:"+sumA[7:47], 1)):    "want sha256, sha384 or sha512",
		file(strings.Replace(entry, sumA, strings.ToUpper(sumA), 1)): "want sha256, sha384 or sha512",
		file(strings.Replace(entry, sumA, "sha256:", 1)):             "want sha256, sha384 or sha512",
		file(strings.Replace(entry, sumA, "md9:", 1)):                "want sha256, sha384 or sha512",
	}
	for data, want := range tests {
		if _, err := lockfile.Parse([]byte(data), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", data, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	tests := map[string]func(*lockfile.Package){
		"be told from its version":    func(p *lockfile.Package) { p.EVR.Version = "1-2" },
		"no version":                  func(p *lockfile.Package) { p.Name, p.EVR = "a", rpm.EVR{Version: "1"} },
		"repository, location":        func(p *lockfile.Package) { p.Repo = "" },
		"want sha256":                 func(p *lockfile.Package) { p.Checksum = "sha1:" + sumA[7:47] },
		"architecture is not known":   nil,
		"locking a-1-1.noarch: it st": func(*lockfile.Package) {},
	}
	for want, change := range tests {
		p, arch := build(t, "a-1-1.noarch"), "x86_64"
		list := []lockfile.Package{p}
		if change == nil {
			arch = lockfile.AnyArch
		} else {
			change(&list[0])
		}
		if list[0] == p {
			list = append(list, p)
		}
		if _, err := lockfile.Encode(map[string][]lockfile.Package{arch: list}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestHostile(t *testing.T) {
	bomb := "a: &a [1,1,1,1,1,1,1,1]\n"
	for c := 'b'; c <= 'z'; c++ {
		before := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+before+",", 8), ",") + "]\n"
	}
	tests := []struct {
		data, want string
		yaml       bool
	}{
		{"", "unexpected EOF", false},
		{"", "unexpected EOF", true},
		{`{"packages":`, "unexpected EOF", false},
		{"[]", "want a table, got a list", false},
		{"null", "want a table, got nothing", false},
		{strings.Repeat("[", 1_000_000), "in each other", false},
		{`{"packages":` + strings.Repeat(`{"a":`, 1_000_000), "in each other", false},
		{bomb, "more than", true},
		{"a: 1\n---\nb: 2\n", "one YAML document", true},
		{"? [a]\n: b\n", "a key must be a string", true},
		{"1: b\n", "a key must be a string", true},
		{"packages: !!binary aGVsbG8=\n", "the YAML tag !!binary", true},
		{"packages: {a: {evr: 1-1}, a: {evr: 2-1}}\n", "stands twice", true},
	}
	for _, tt := range tests {
		name := tt.data[:min(len(tt.data), 30)]
		if _, err := lockfile.Parse([]byte(tt.data), tt.yaml); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want an error with %q", name, err, tt.want)
		}
	}
}

func TestWriteKeepsOtherArchitectures(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tree.lock")
	for _, arch := range []string{"x86_64", "aarch64"} {
		if err := lockfile.Write(name, arch, []lockfile.Package{build(t, "a-1-1."+arch)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lockfile.Write(name, "x86_64", []lockfile.Package{build(t, "a-2-1.x86_64")}); err != nil {
		t.Fatal(err)
	}
	f, err := lockfile.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(f.Packages)); !slices.Equal(got, []string{"aarch64", "x86_64"}) {
		t.Errorf("architectures: got %q", got)
	}
	if got := text(f.Packages["x86_64"]) + " " + text(f.Packages["aarch64"]); got != "a-2-1.x86_64 a-1-1.aarch64" {
		t.Errorf("got %s, want a-2-1.x86_64 a-1-1.aarch64", got)
	}
}

func TestWriteLeavesForeignFilesAlone(t *testing.T) {
	for want, data := range map[string]string{
		"format of rpm-ostree":            `{"packages": {}}`,
		"keeping the other architectures": "something else",
	} {
		name := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := lockfile.Write(name, "x86_64", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != data {
			t.Errorf("got %q, %v, want the file as it was", got, err)
		}
	}
	if err := lockfile.Write(filepath.Join(t.TempDir(), "none", "lock"), "x86_64", nil); err == nil || !strings.Contains(err.Error(), "writing the lock file") {
		t.Errorf("got %v, want an error about the file", err)
	}
}

// FuzzParse: whatever is read can be written, and is then read as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(oursText, "SUM", sumA)), false)
	f.Add([]byte("packages:\n  a: {evr: 1-1, digest: 'sha256:00'}\n"), true)
	f.Add([]byte(`{"packages": {"a": {"evra": "1:1-1.noarch", "metadata": {"sourcerpm": "b"}}}, "metadata": {"generated": "2020-01-01T01:02:03Z"}}`), false)
	f.Fuzz(func(t *testing.T, data []byte, yaml bool) {
		file, err := lockfile.Parse(data, yaml)
		if err != nil {
			return
		}
		if file.Format == lockfile.Ours {
			written, err := lockfile.Encode(file.Packages)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			again, err := lockfile.Parse(written, false)
			if err != nil {
				t.Fatalf("what was written cannot be read: %v\n%s", err, written)
			}
			for arch, list := range file.Packages {
				if !slices.Equal(again.Packages[arch], list) {
					t.Errorf("got %v, want %v", again.Packages[arch], list)
				}
			}
			return
		}
		written, err := lockfile.EncodeRPMOSTree(file.Packages[lockfile.AnyArch], file.Repos, file.Generated)
		if err != nil {
			return // an entry without architecture
		}
		if _, err := lockfile.Parse(written, false); err != nil && file.Generated.Year() < 10000 {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
	})
}

var day = time.Date(2025, 6, 15, 13, 14, 15, 16, time.FixedZone("", -5*3600))
