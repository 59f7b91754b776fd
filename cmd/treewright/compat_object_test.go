package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
)

// TestCompatShow has both tools show every kind of object.
func TestCompatShow(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o755)
	if err := os.Symlink("a", filepath.Join(p.dir, "tree/link")); err != nil {
		t.Fatal(err)
	}
	p.both("= --repo=REPO init --mode=archive")
	p.both("= --repo=REPO commit -b main --canonical-permissions --generate-sizes -s subject -m body --add-metadata='n=uint64 7' --add-metadata-string=version=3 --add-detached-metadata-string=d=x DIR/tree")
	p.both("= --repo=REPO commit -b main --canonical-permissions --tree=ref=main")
	for _, options := range []string{"", "--raw ", "-B ", "--print-related "} {
		p.both("= --repo=REPO show " + options + "main")
		p.both("= --repo=REPO show " + options + "main^")
	}
	for _, line := range []string{
		"= log main", "= log --raw main",
		"= show main^ --print-metadata-key=n", "= show main^ -B --print-metadata-key=n", "= show --print-metadata-key=ostree.ref-binding main", "= show --print-detached-metadata-key=d main^",
		"= show --print-sizes main^", "! show --print-sizes main : No metadata key ostree.sizes in commit",
		"! show --print-metadata-key=none main : No such metadata key 'none'", "! show --print-detached-metadata-key=d main : No detached metadata for commit", "! show : An object argument is required",
		"! show none : Refspec 'none' not found", "! show " + strings.Repeat("0", 64) + " : Couldn't find file object",
	} {
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
	objects, err := filepath.Glob(filepath.Join(p.ours, "objects/*/*"))
	if err != nil || len(objects) < 5 {
		t.Fatalf("got objects %v, %v", objects, err)
	}
	for _, path := range objects {
		name, ext, _ := strings.Cut(filepath.Base(path), ".")
		if ext == "commitmeta" {
			continue
		}
		for _, options := range []string{"", "--raw ", "-B "} {
			p.both("= --repo=REPO show " + options + filepath.Base(filepath.Dir(path)) + name)
		}
		if ext == "dirtree" {
			p.both("= --repo=REPO show --print-variant-type='(a(say)a(sayay))' " + path)
		}
	}
}

// TestCompatShowSigned tells good signatures from others.
func TestCompatShowSigned(t *testing.T) {
	p := newCompatPair(t)
	home := "/usr/libexec/installed-tests/libostree/gpghome"
	if out, err := exec.Command("cp", "-a", home, filepath.Join(p.dir, "gpg")).CombinedOutput(); err != nil {
		t.Fatalf("install the package ostree-tests: %v: %s", err, out)
	}
	p.write("tree/a", "a\n", 0o644)
	p.ok("--repo=REPO init --mode=archive")
	p.ok("--repo=REPO commit -b main --gpg-homedir=DIR/gpg --gpg-sign=472CDAFA DIR/tree")
	if out := p.ok("--repo=REPO show main"); !strings.Contains(out, "Found 1 signature:") || !strings.Contains(out, "public key not found") {
		t.Errorf("without keys: got %q", out)
	}
	keys, err := os.ReadFile(filepath.Join(home, "key1.asc"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.ours, "o.trustedkeys.gpg"), keys, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := p.ok("--repo=REPO show --gpg-verify-remote=o main"); !strings.Contains(out, "Good signature from") {
		t.Errorf("with keys: got %q", out)
	}
}

func TestSizesEntry(t *testing.T) {
	sum := strings.Repeat("x", 32)
	if n, sizes, err := sizesEntry([]byte(sum + "\x01\x80\x01\x02")); err != nil || n.Type != ostree.ObjectDirTree || sizes != [2]int64{1, 128} {
		t.Errorf("got %v, %v, %v", n, sizes, err)
	}
	if n, _, err := sizesEntry([]byte(sum + "\x01\x02")); err != nil || n.Type != ostree.ObjectFile {
		t.Errorf("without a type: got %v, %v, want a file", n, err)
	}
	for _, bad := range []string{"", sum, sum + "\x01", sum + "\x01\x80"} {
		if _, _, err := sizesEntry([]byte(bad)); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}
