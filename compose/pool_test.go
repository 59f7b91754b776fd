package compose_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPool plans again and again with what the cache has: the same, damaged,
// of older metadata.
func TestPool(t *testing.T) {
	w := newWorkshop(t, osTree+"packages: [app]\n", versions("1")...)
	pool := func() (name, content string) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(w.cache, "repos/repomd/pools/*"))
		w.must(err)
		if len(files) != 1 {
			t.Fatalf("got %q, want one pool", files)
		}
		return files[0], readFile(t, files[0])
	}
	expect := func(what, want string) {
		t.Helper()
		p, err := w.plan()
		w.must(err)
		if got := planned(p); got != want || len(p.Warnings) > 0 {
			t.Errorf("%s: got %s, warnings %q, want %s", what, got, p.Warnings, want)
		}
	}
	const first, second = "app-1-1.noarch lib-1-1.noarch", "app-2-1.noarch lib-2-1.noarch"
	expect("no pool", first)
	name, made := pool()
	before, err := os.Stat(name)
	w.must(err)
	expect("the same metadata", first)
	if after, err := os.Stat(name); err != nil || !os.SameFile(before, after) {
		t.Errorf("a pool that holds all was written again: %v", err)
	}
	for what, content := range map[string]string{
		"no content": "", "cut off": made[:len(made)/2], "damaged": made[:len(made)-20] + "XXXX" + made[len(made)-16:], "something else": "#!/bin/sh\n",
	} {
		w.must(os.WriteFile(name, []byte(content), 0o600))
		expect(what, first)
		if _, got := pool(); len(got) != len(made) {
			t.Errorf("%s: got a pool of %d bytes, want one of %d", what, len(got), len(made))
		}
	}
	w.setPackages(versions("1", "2")...)
	expect("newer metadata", second)
	expect("the same newer metadata", second)
}
