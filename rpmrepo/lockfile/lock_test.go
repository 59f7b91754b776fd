package lockfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/lockfile"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func candidate(t testing.TB, nevra, repo, checksum string) lockfile.Candidate {
	t.Helper()
	n, err := rpm.ParseNEVRA(nevra)
	if err != nil {
		t.Fatal(err)
	}
	return lockfile.Candidate{NEVRA: n, Repo: repo, Checksum: checksum}
}

func write(t testing.TB, name, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAllows(t *testing.T) {
	multilib := lockfile.New([]lockfile.Package{build(t, "a-1-1.x86_64"), build(t, "a-1-1.i686")})
	anything := lockfile.New([]lockfile.Package{{Name: "a", EVR: rpm.EVR{Version: "1.0", Release: "1"}}})
	tests := []struct {
		lock  *lockfile.Lock
		nevra string
		repo  string
		sum   string
		want  string // of WhyNot
		fine  bool
	}{
		{multilib, "a-1-1.x86_64", "base", sumA, "", true},
		{multilib, "a-1-1.i686", "base", sumA, "", true},
		{multilib, "a-1-1.x86_64", "base", sumB, "the lock file, which has a-1-1.x86_64 with another checksum, a-1-1.i686", false},
		{multilib, "a-1-1.x86_64", "other", sumA, "the lock file, which has a-1-1.x86_64 from repository base, a-1-1.i686", false},
		{multilib, "a-2-1.x86_64", "base", sumA, "the lock file, which has a-1-1.x86_64, a-1-1.i686", false},
		{multilib, "b-1-1.x86_64", "base", sumA, "", false},
		{anything, "a-1.0-1.noarch", "x", sumB, "", true},
		{anything, "a-01.00-1.i686", "x", "", "", true},
		{anything, "a-1:1.0-1.noarch", "x", "", "the lock file, which has a-1.0-1", false},
	}
	for _, tt := range tests {
		c := candidate(t, tt.nevra, tt.repo, tt.sum)
		if got, fine := tt.lock.WhyNot(c), tt.lock.Allows(c); got != tt.want || fine != tt.fine {
			t.Errorf("%s from %s: got %q, %t, want %q, %t", tt.nevra, tt.repo, got, fine, tt.want, tt.fine)
		}
	}
}

func TestMissing(t *testing.T) {
	lock := lockfile.New([]lockfile.Package{
		build(t, "gone-1-1.x86_64"), build(t, "newer-1-1.x86_64"), build(t, "rebuilt-1-1.x86_64"), build(t, "moved-1-1.x86_64"), build(t, "there-1-1.x86_64"),
		{Name: "loose", EVR: rpm.EVR{Version: "1", Release: "1"}},
	})
	got := lock.Missing([]lockfile.Candidate{
		candidate(t, "newer-2-1.x86_64", "base", sumA), candidate(t, "newer-3-1.x86_64", "updates", sumA),
		candidate(t, "rebuilt-1-1.x86_64", "base", sumB), candidate(t, "moved-1-1.x86_64", "archive", sumA),
		candidate(t, "there-1-1.x86_64", "other", sumA), candidate(t, "there-1-1.x86_64", "base", sumA),
	})
	want := []string{
		"Couldn't find locked package 'gone-1-1.x86_64' with checksum " + sumA + " in repository base; no repository has another gone",
		"Couldn't find locked package 'loose-1-1'; no repository has another loose",
		"Couldn't find locked package 'moved-1-1.x86_64' with checksum " + sumA + " in repository base; it is in archive",
		"Couldn't find locked package 'newer-1-1.x86_64' with checksum " + sumA + " in repository base; other builds: newer-2-1.x86_64 (base), newer-3-1.x86_64 (updates)",
		"Couldn't find locked package 'rebuilt-1-1.x86_64' with checksum " + sumA + " in repository base; the one in base has the checksum " + sumB,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDifferences(t *testing.T) {
	lock := lockfile.New([]lockfile.Package{build(t, "a-1-1.x86_64"), build(t, "b-1-1.x86_64"), build(t, "c-1-1.i686"), build(t, "c-1-1.x86_64")})
	unlocked, unused := lock.Differences([]lockfile.Candidate{
		candidate(t, "a-1-1.x86_64", "base", sumA), candidate(t, "c-1-1.x86_64", "base", sumA), candidate(t, "d-1-1.x86_64", "base", sumA),
	})
	if got := strings.Join(unlocked, " "); got != "d-1-1.x86_64" {
		t.Errorf("unlocked: got %s, want d-1-1.x86_64", got)
	}
	if got := strings.Join(unused, " "); got != "b-1-1.x86_64 c-1-1.i686" {
		t.Errorf("unused: got %s, want b-1-1.x86_64 c-1-1.i686", got)
	}
}

func TestLoad(t *testing.T) {
	ours := write(t, "ours.json", strings.ReplaceAll(oursText, "SUM", sumA))
	override := write(t, "override.yaml", "packages:\n  glibc: {evr: 2.35-1}\n  new: {evra: 1-1.noarch}\n")
	lock, err := lockfile.Load([]string{ours, override}, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lock.Names(), " "); got != "glibc kernel new" {
		t.Errorf("got %s, want glibc kernel new", got)
	}
	for nevra, want := range map[string]bool{
		"glibc-2.34-1.x86_64": false, "glibc-2.34-1.i686": false, "glibc-2.35-1.i686": true,
		"kernel-5-1.x86_64": true, "kernel-1:4-1.x86_64": true, "new-1-1.noarch": true,
	} {
		if got := lock.Allows(candidate(t, nevra, "base", sumA)); got != want {
			t.Errorf("%s: got %t, want %t", nevra, got, want)
		}
	}
	if _, err := lockfile.Load([]string{ours}, "aarch64"); err != nil {
		t.Errorf("an empty list is a lock: %v", err)
	}
	for want, names := range map[string][]string{
		"no lock for riscv64; locked are: aarch64, x86_64": {ours},
		"no such file":          {ours, filepath.Join(t.TempDir(), "none")},
		"reading the lock file": {write(t, "bad.json", "{")},
	} {
		if _, err := lockfile.Load(names, "riscv64"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
