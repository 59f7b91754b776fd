package layout

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCreatedPath(t *testing.T) {
	for line, want := range map[string]string{
		"d /run/lock/lvm 0700 root root -": "/run/lock/lvm", "q\t/var/tmp/  1777": "/var/tmp", "D! /x": "/x", `L+ "/a b" - - - - t`: "/a b", "f '/it'\\''s'": "/it's",
		`d /a\x20b`: "/a b", `d /a\040b`: "/a b", `d /tab\t`: "/tab\t", "d /50%%": "/50%", "d /": "/", "C //": "/", "d /var//x/": "/var/x", "  p+ /fifo": "/fifo",
		"z /dev/kvm 0666": "", "e /x": "", "r! /x": "", "# d /x": "", "": "", "d": "", "d relative": "", "d '/open": "", `d /a\q`: "", `d /a\`: "", `d /a\x0`: "", `d /a\400`: "", `d /a\000`: "",
	} {
		if got, ok := createdPath(line); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", line, got, ok, want)
		}
	}
}

// TestQuotedPathsReadBack writes paths into lines and reads them again.
func TestQuotedPathsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := path.Clean("/" + rapid.StringN(1, 30, -1).Filter(nameable).Draw(t, "path"))
		got, ok := createdPath("d " + quotePath(path) + " 0755 root root - -")
		if !ok || got != path {
			t.Errorf("%q: got %q, %t from %s", path, got, ok, quotePath(path))
		}
	})
}

func FuzzCreatedPath(f *testing.F) {
	f.Add(`d "/a\x20b" 0755 - - -`)
	f.Add(`L+ '/x'\''y' - - - - z`)
	f.Fuzz(func(t *testing.T, line string) {
		path, ok := createdPath(line)
		if ok != strings.HasPrefix(path, "/") {
			t.Errorf("%q: got %q, %t", line, path, ok)
		}
	})
}
