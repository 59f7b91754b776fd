//go:build interopdata

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// rootEntry is what two root folders are compared by.
type rootEntry struct {
	kind, mode, owner string
	content           string // digest of a file, target of a link
	caps              string
}

// scanRoot reads all that lies below dir, by path.
func scanRoot(t *testing.T, dir string) map[string]rootEntry {
	t.Helper()
	found := map[string]rootEntry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		e := rootEntry{kind: info.Mode().Type().String(), mode: fmt.Sprintf("%04o", st.Mode&0o7777), owner: fmt.Sprintf("%d:%d", st.Uid, st.Gid)}
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			e.kind, e.content = "file", hex.EncodeToString(sum[:8])
		case info.Mode()&fs.ModeSymlink != 0:
			e.kind = "link"
			e.content, err = os.Readlink(path)
		case info.IsDir():
			e.kind = "folder"
		}
		value := make([]byte, 64)
		if n, err := unix.Lgetxattr(path, "security.capability", value); err == nil {
			e.caps = hex.EncodeToString(value[:n])
		}
		found[strings.TrimPrefix(path, dir)] = e
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// differencesOf describes what two roots have differently, one line for each
// path, and counts the paths that are the same.
func differencesOf(ours, theirs map[string]rootEntry, peer string) (lines []string, same int) {
	paths := map[string]bool{}
	for _, side := range []map[string]rootEntry{ours, theirs} {
		for path := range side {
			paths[path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		a, here := ours[path]
		b, there := theirs[path]
		var what []string
		switch {
		case !there:
			what = []string{"only here, a " + a.kind}
		case !here:
			what = []string{"only " + peer + ", a " + b.kind}
		default:
			for _, f := range []struct{ name, got, want string }{
				{"kind", a.kind, b.kind}, {"mode", a.mode, b.mode}, {"owner", a.owner, b.owner}, {"content", a.content, b.content}, {"caps", a.caps, b.caps},
			} {
				if f.got != f.want {
					what = append(what, fmt.Sprintf("%s %s, not %s", f.name, f.got, f.want))
				}
			}
		}
		if len(what) == 0 {
			same++
			continue
		}
		lines = append(lines, path+": "+strings.Join(what, "; "))
	}
	return lines, same
}

// expected is a difference that has a reason.
type expected struct{ line, reason string }

// wantDifferences wants each line to match one of the expected ones, and each
// of those to be needed.
func wantDifferences(t *testing.T, lines []string, want []expected) {
	t.Helper()
	patterns, used := make([]*regexp.Regexp, len(want)), make([]int, len(want))
	for i, w := range want {
		patterns[i] = regexp.MustCompile("^(?:" + w.line + ")$")
	}
	for _, line := range lines {
		i := slices.IndexFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(line) })
		if i < 0 {
			t.Errorf("a difference without a reason: %s", line)
			continue
		}
		used[i]++
	}
	for i, n := range used {
		if n == 0 {
			t.Errorf("no line is %s (%s): take it off the table", want[i].line, want[i].reason)
		}
		t.Logf("%5d %s: %s", n, want[i].line, want[i].reason)
	}
}
