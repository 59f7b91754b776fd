package rpmrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestOpenDirectory(t *testing.T) {
	for _, how := range []string{"gzip", "zstd", "xz", "none"} {
		dir := t.TempDir()
		if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{Compression: how}, somePackages(3)...); err != nil {
			t.Fatal(err)
		}
		r := openRepo(t, testConfig(dir), Options{})
		list := listPackages(t, r)
		if len(list) != 3 || list[2].String() != "pkg02-1-1.noarch" || list[2].Requires[0].Name != "libc" {
			t.Errorf("%s: got %v", how, list)
		}
		var found []string
		err := r.Filelists(t.Context(), func(path string) bool { return path == "/usr/bin/tool01" }, func(id, path string) error {
			found = append(found, id)
			return nil
		})
		if err != nil || !slices.Equal(found, []string{list[1].Checksum}) {
			t.Errorf("%s: filelists: got %q, %v, want %s", how, found, err, list[1].Checksum)
		}
		if r.Generated() != 1700000000 || r.Modular() || r.Has("group") || !r.Has("other") || r.ID() != "test" {
			t.Errorf("%s: got %+v", how, r.RepoMD())
		}
		if _, err := r.OpenData(t.Context(), "modules"); !errors.Is(err, ErrNoData) {
			t.Errorf("%s: absent data: got %v", how, err)
		}
	}
}

func TestOpenServer(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(3)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	for run := range 2 {
		r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache})
		if n := len(listPackages(t, r)); n != 3 {
			t.Errorf("run %d: got %d packages", run, n)
		}
		s.mu.Lock()
		asked := strings.Join(s.requests, " ")
		s.requests = nil
		s.mu.Unlock()
		if strings.Count(asked, "repomd.xml") != 1 || strings.Count(asked, "primary") != 1-run || strings.Contains(asked, "filelists") {
			t.Errorf("run %d: asked for %s", run, asked)
		}
	}
	for _, sub := range []string{cacheRepoMD, cacheFiles, cachePackages} {
		if info, err := os.Stat(filepath.Join(cache, sub)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: got %v, %v, want mode 0700", sub, info.Mode(), err)
		}
	}
	// Without its servers the cache still answers, offline.
	s.Close()
	r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache, Offline: true})
	if n := len(listPackages(t, r)); n != 3 {
		t.Errorf("offline: got %d packages", n)
	}
	err := r.Filelists(t.Context(), func(string) bool { return true }, nil)
	if !errors.Is(err, ErrNotCached) {
		t.Errorf("offline, never fetched: got %v, want ErrNotCached", err)
	}
	if _, err := tryOpen(t, testConfig(s.URL), Options{CacheDir: cache}); err == nil {
		t.Error("a server that is gone gave no error")
	}
	other := testConfig("http://elsewhere.example.com/")
	if _, err := tryOpen(t, other, Options{CacheDir: cache, Offline: true}); !errors.Is(err, ErrNotCached) {
		t.Errorf("offline, never seen: got %v, want ErrNotCached", err)
	}
	if _, err := tryOpen(t, testConfig("http://127.0.0.1:1/"), Options{}); err == nil || !strings.Contains(err.Error(), "needs a cache folder") {
		t.Errorf("no cache: got %v", err)
	}
}

func TestDamagedCacheIsNotBelieved(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(3)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	openAndRead := func(offline bool) error {
		r, err := tryOpen(t, testConfig(s.URL), Options{CacheDir: cache, Offline: offline})
		if err != nil {
			return err
		}
		list, err := tryPackages(t.Context(), r)
		if err != nil {
			return err
		}
		files, err := Fetch(t.Context(), []Wanted{{r, list[0]}}, FetchOptions{})
		if err == nil {
			sum, _ := fetch.ParseChecksum(list[0].Checksum)
			err = fetch.Verify(files[0].Path, sum, list[0].Size)
		}
		return err
	}
	if err := openAndRead(false); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func(path string) error{
		func(path string) error { return os.Truncate(path, 10) },
		func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o600) },
		func(path string) error { return os.WriteFile(path, nil, 0o600) },
		os.Remove,
	} {
		for _, pattern := range []string{"repomd/*.state", "repomd/files/*", "packages/*"} {
			paths, err := filepath.Glob(filepath.Join(cache, pattern))
			if err != nil || len(paths) == 0 {
				t.Fatalf("%s: %v, %v", pattern, paths, err)
			}
			for _, path := range paths {
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
			}
			if err := openAndRead(true); err == nil {
				t.Errorf("%s damaged: offline, no error", pattern)
			}
			if err := openAndRead(false); err != nil {
				t.Errorf("%s damaged: %v", pattern, err)
			}
			if err := openAndRead(true); err != nil {
				t.Errorf("%s repaired: offline: %v", pattern, err)
			}
		}
	}
}

func TestBadServers(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(2)...)
	s := serveRepo(t, dir)
	read := func() error {
		r, err := tryOpen(t, testConfig(s.URL), Options{CacheDir: t.TempDir()})
		if err == nil {
			_, err = tryPackages(t.Context(), r)
		}
		return err
	}
	for name, tc := range map[string]struct {
		hook func(w http.ResponseWriter, r *http.Request) bool
		part string
	}{
		"no repomd": {func(w http.ResponseWriter, r *http.Request) bool {
			http.NotFound(w, r)
			return true
		}, "404"},
		"a login page": {func(w http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(w, "<html><body>Please log in</body></html>")
			return true
		}, "not repomd.xml"},
		"repomd cut": {func(w http.ResponseWriter, r *http.Request) bool {
			data, _ := os.ReadFile(filepath.Join(dir, "repodata", "repomd.xml"))
			_, _ = w.Write(data[:len(data)/2])
			return true
		}, "not repomd.xml"},
		"repomd endless": {func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.CopyN(w, zeros{}, maxRepoMD+10)
			return true
		}, "larger than"},
		"wrong primary": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "primary") {
				return false
			}
			data, _ := os.ReadFile(filepath.Join(dir, r.URL.Path))
			data[len(data)/2] ^= 1
			_, _ = w.Write(data)
			return true
		}, "its checksum is"},
		"no primary": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "primary") {
				return false
			}
			http.NotFound(w, r)
			return true
		}, "404"},
	} {
		s.answer(tc.hook)
		if err := read(); err == nil || !strings.Contains(err.Error(), tc.part) || !strings.Contains(err.Error(), "repository test") {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.part)
		}
	}
	// Servers that recover are forgiven.
	fail := 2
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if fail--; fail < 0 {
			return false
		}
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return true
	})
	if err := read(); err != nil {
		t.Errorf("a busy server: %v", err)
	}
}

func TestMetadataOnDiskIsVerified(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(2)...)
	primary, err := filepath.Glob(filepath.Join(dir, "repodata", "*primary*"))
	if err != nil || len(primary) != 1 {
		t.Fatal(primary, err)
	}
	good, err := os.ReadFile(primary[0])
	if err != nil {
		t.Fatal(err)
	}
	r := openRepo(t, testConfig(dir), Options{})
	for name, tc := range map[string]struct {
		data []byte
		part string
	}{
		"truncated": {good[:len(good)-20], "bytes, expected"},
		"empty":     {nil, "bytes, expected"},
		"longer":    {append(slices.Clone(good), 0), "larger than the expected"},
		"changed":   {append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), "its checksum is"},
	} {
		writeFile(t, primary[0], tc.data)
		_, err := tryPackages(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), tc.part) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.part)
		}
	}
	if err := os.Remove(primary[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := tryPackages(t.Context(), r); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("absent: got %v, want ErrNotFound", err)
	}
	if err := os.MkdirAll(primary[0], 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = tryPackages(t.Context(), r)
	wantErr(t, err, "not a regular file")
}

func TestCallersErrorsPass(t *testing.T) {
	r := openRepo(t, testConfig(rpmtest.Repo(t, somePackages(3)...)), Options{})
	mine := errors.New("mine")
	if err := r.Packages(t.Context(), func(*rpm.Metadata) error { return mine }); err == nil || err.Error() != "mine" || !errors.Is(err, mine) {
		t.Errorf("got %v, want %v as it is", err, mine)
	}
	err := r.Filelists(t.Context(), func(string) bool { return true }, func(string, string) error { return mine })
	if !errors.Is(err, mine) {
		t.Errorf("got %v, want %v", err, mine)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tryPackages(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestRevision(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(1)...)
	key := filepath.Join(t.TempDir(), "KEY")
	writeFile(t, key, []byte("one"))
	revision := func(change func(*RepoConfig)) string {
		t.Helper()
		cfg := testConfig(dir)
		change(&cfg)
		r := openRepo(t, cfg, Options{})
		rev, err := r.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	base := revision(func(*RepoConfig) {})
	same := revision(func(c *RepoConfig) {
		c.Transport.Password, c.Transport.Retries, c.Name, c.File, c.Line = "x", 3, "other", "/x", 7
	})
	if base != same {
		t.Errorf("how files travel changes the revision: %s, %s", base, same)
	}
	seen := map[string]string{base: "base"}
	for name, change := range map[string]func(*RepoConfig){
		"id": func(c *RepoConfig) { c.ID = "x" }, "priority": func(c *RepoConfig) { c.Priority = 1 }, "cost": func(c *RepoConfig) { c.Cost = 1 },
		"excludes": func(c *RepoConfig) { c.Excludes = []string{"a"} }, "includes": func(c *RepoConfig) { c.Includes = []string{"a"} },
		"module_hotfixes": func(c *RepoConfig) { c.ModuleHotfixes = true }, "enablegroups": func(c *RepoConfig) { c.NoGroups = true },
		"gpgkey":   func(c *RepoConfig) { c.GPGKeys = []string{key} },
		"gpgcheck": func(c *RepoConfig) { c.GPGKeys = []string{key}; c.GPGCheck = true },
	} {
		rev := revision(change)
		if other, ok := seen[rev]; ok {
			t.Errorf("%s has the revision of %s", name, other)
		}
		seen[rev] = name
	}
	writeFile(t, key, []byte("two"))
	if rev := revision(func(c *RepoConfig) { c.GPGKeys = []string{key} }); seen[rev] != "" {
		t.Errorf("another key has the revision of %s", seen[rev])
	}
	if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{}, rpmtest.Package{Name: "more"}); err != nil {
		t.Fatal(err)
	}
	if rev := revision(func(*RepoConfig) {}); seen[rev] != "" {
		t.Errorf("another repomd.xml has the revision of %s", seen[rev])
	}
}

func TestAbsentVariantsAreTolerated(t *testing.T) {
	dir := t.TempDir()
	comps := pack(t, "gzip", []byte("<comps/>"))
	primary := []byte(fullPrimary)
	writeFile(t, filepath.Join(dir, "repodata", "p.xml"), primary)
	writeFile(t, filepath.Join(dir, "repodata", "c.xml.gz"), comps)
	entry := func(kind, name string, data []byte) string {
		return fmt.Sprintf(`<data type="%s"><checksum type="sha256">%s</checksum><location href="repodata/%s"/></data>`, kind, sumOf(data).Hex(), name)
	}
	writeFile(t, filepath.Join(dir, "repodata", "repomd.xml"), []byte(repomdText(
		entry("primary", "p.xml", primary), entry("other", "absent.xml", nil),
		entry("group", "absent-comps.xml", nil), entry("group_gz", "c.xml.gz", comps), entry("modules", "absent-modules.yaml", nil))))
	r := openRepo(t, testConfig(dir), Options{})
	if n := len(listPackages(t, r)); n != 2 {
		t.Errorf("got %d packages, want 2", n)
	}
	in, err := r.OpenData(t.Context(), "group")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(in); err != nil || string(data) != "<comps/>" {
		t.Errorf("group: got %q, %v", data, err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.OpenData(t.Context(), "other"); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("other: got %v, want ErrNotFound", err)
	}
	if err := r.Filelists(t.Context(), nil, nil); !errors.Is(err, ErrNoData) {
		t.Errorf("filelists: got %v, want ErrNoData", err)
	}
	if !r.Modular() {
		t.Error("modules are there, but the repository is not modular")
	}
	cfg := testConfig(dir)
	cfg.ModuleHotfixes, cfg.NoGroups = true, true
	if r := openRepo(t, cfg, Options{}); r.Modular() || r.Has("group") {
		t.Error("module_hotfixes=1 and enablegroups=0 have no effect")
	}
}
