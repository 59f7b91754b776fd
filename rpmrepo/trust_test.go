package rpmrepo

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
)

func newKey(t *testing.T, name string) *rpmtest.Key {
	t.Helper()
	k, err := rpmtest.NewKey(rpmtest.KeyOptions{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicKey(t *testing.T, k *rpmtest.Key) []byte {
	t.Helper()
	data, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRepoGPGCheck(t *testing.T) {
	key, other := newKey(t, "ours"), newKey(t, "other")
	dir := t.TempDir()
	if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{Key: key}, somePackages(1)...); err != nil {
		t.Fatal(err)
	}
	repomd, asc := filepath.Join(dir, "repodata", "repomd.xml"), filepath.Join(dir, "repodata", "repomd.xml.asc")
	goodMD, err := os.ReadFile(repomd)
	if err != nil {
		t.Fatal(err)
	}
	goodSig, err := os.ReadFile(asc)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "KEY"), publicKey(t, key))
	writeFile(t, filepath.Join(dir, "OTHER"), publicKey(t, other))
	s := serveRepo(t, dir)
	cache := t.TempDir()
	open := func(offline bool, keys ...string) error {
		cfg := testConfig(s.URL)
		cfg.RepoGPGCheck, cfg.GPGKeys = true, keys
		_, err := tryOpen(t, cfg, Options{CacheDir: cache, Offline: offline})
		return err
	}
	ours, others := s.URL+"/KEY", filepath.Join(dir, "OTHER")
	if err := open(true, ours); err == nil {
		t.Error("offline with an empty cache: no error")
	}
	for _, keys := range [][]string{{ours}, {others, ours}, {filepath.Join(dir, "KEY")}} {
		if err := open(false, keys...); err != nil {
			t.Errorf("%q: %v", keys, err)
		}
	}
	if err := open(true, ours); err != nil {
		t.Errorf("offline: %v", err)
	}
	wantErr(t, open(true, others), "not among the known keys")
	wantErr(t, open(false, others), "not among the known keys")
	wantErr(t, open(false, filepath.Join(dir, "absent")), "not found")
	wantErr(t, open(false, filepath.Join(dir, "repodata", "repomd.xml")), "reading OpenPGP keys")
	for name, tc := range map[string]struct {
		md, sig []byte
		part    string
	}{
		"changed":     {append(slices.Clone(goodMD), '\n'), goodSig, "is bad"},
		"no armor":    {goodMD, []byte("nonsense"), "signature of repomd.xml"},
		"empty":       {goodMD, nil, "signature of repomd.xml"},
		"torn armor":  {goodMD, goodSig[:len(goodSig)/2], "signature of repomd.xml"},
		"key instead": {goodMD, publicKey(t, key), "signature of repomd.xml"},
	} {
		writeFile(t, repomd, tc.md)
		writeFile(t, asc, tc.sig)
		if err := open(false, ours); err == nil || !strings.Contains(err.Error(), tc.part) || !strings.Contains(err.Error(), "repo_gpgcheck") {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.part)
		}
	}
	if err := os.Remove(asc); err != nil {
		t.Fatal(err)
	}
	wantErr(t, open(false, ours), "repomd.xml.asc")
	// What was not verified never came into the cache.
	if err := open(true, ours); err != nil {
		t.Errorf("offline after failures: %v", err)
	}
}

func TestSignatureTimes(t *testing.T) {
	key := newKey(t, "ours")
	dir := t.TempDir()
	if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{Key: key}, somePackages(1)...); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "KEY"), publicKey(t, key))
	cfg := testConfig(dir)
	cfg.RepoGPGCheck, cfg.GPGKeys = true, []string{filepath.Join(dir, "KEY")}
	if _, err := tryOpen(t, cfg, Options{Now: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Error(err)
	}
	_, err := tryOpen(t, cfg, Options{Now: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)})
	wantErr(t, err, "from the future")
}

func TestMirrorList(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(4)...)
	good := serveRepo(t, dir)
	dead := serveRepo(t, dir)
	dead.Close()
	empty := serveRepo(t, t.TempDir())
	lying := serveRepo(t, dir)
	lying.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, ".rpm") {
			return false
		}
		fmt.Fprint(w, "not what you asked for")
		return true
	})
	list := serveRepo(t, dir)
	text := fmt.Sprintf("# comment\nrsync://example.com/x\n%s/\n%s\n%s\n%s/$nothing/\n%s/$dot\n", dead.URL, empty.URL, lying.URL, empty.URL, good.URL)
	list.answer(func(w http.ResponseWriter, r *http.Request) bool { fmt.Fprint(w, text); return true })
	cfg := newRepoConfig("test")
	cfg.MirrorList, cfg.Vars = list.URL+"/list", Vars{"dot": "."}
	var warnings atomic.Int32
	cache := t.TempDir()
	r := openRepo(t, cfg, Options{CacheDir: cache, Warn: func(string) { warnings.Add(1) }})
	packages := listPackages(t, r)
	files, err := Fetch(t.Context(), wantAll(r, packages), FetchOptions{Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	checkFetched(t, packages, files)
	if warnings.Load() < 3 {
		t.Errorf("warnings: got %d, want one for each mirror that failed", warnings.Load())
	}
	if n := good.asked(".rpm"); n != 4 {
		t.Errorf("the good mirror was asked %d times, want 4", n)
	}
	if n := lying.asked(".rpm"); n > 2 {
		t.Errorf("the mirror that lies was asked %d times", n)
	}
	// Offline, the mirrors of the last run are known.
	if _, err := tryOpen(t, cfg, Options{CacheDir: cache, Offline: true}); err != nil {
		t.Errorf("offline: %v", err)
	}
	text = dead.URL + "/\n" + empty.URL + "\n"
	_, err = tryOpen(t, cfg, Options{CacheDir: cache})
	wantErr(t, err, "all 2 mirrors failed")
	text = "nothing"
	_, err = tryOpen(t, cfg, Options{CacheDir: cache})
	wantErr(t, err, "names no http or https mirror")
}

func TestMetalink(t *testing.T) {
	newDir, oldDir := rpmtest.Repo(t, somePackages(2)...), rpmtest.Repo(t, somePackages(1)...)
	newer, older := serveRepo(t, newDir), serveRepo(t, oldDir)
	readMD := func(dir string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "repodata", "repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	hash := func(data []byte) string { return `<hash type="sha256">` + sumOf(data).Hex() + `</hash>` }
	newMD, oldMD := readMD(newDir), readMD(oldDir)
	alternates := fmt.Sprintf(`<mm0:alternates><mm0:alternate><size>%d</size><verification>%s</verification></mm0:alternate></mm0:alternates>`, len(oldMD), hash(oldMD))
	at := func(s *repoServer) string { return s.URL + "/repodata/repomd.xml" }
	link := serveRepo(t, newDir)
	for name, tc := range map[string]struct {
		text     string
		packages int
		part     string
	}{
		"newest first":        {metalinkText(len(newMD), hash(newMD), alternates, at(newer), at(older)), 2, ""},
		"an old mirror first": {metalinkText(len(newMD), hash(newMD), alternates, at(older), at(newer)), 2, ""},
		"only old mirrors":    {metalinkText(len(newMD), hash(newMD), alternates, at(older)), 1, ""},
		"unknown content":     {metalinkText(len(newMD), hash(newMD), "", at(older)), 0, "is not the one that the metalink names"},
		"wrong size":          {metalinkText(len(newMD)+1, hash(newMD), "", at(newer)), 0, "is not the one that the metalink names"},
		"not a metalink":      {"<html/>", 0, "not a metalink"},
	} {
		link.answer(func(w http.ResponseWriter, r *http.Request) bool { fmt.Fprint(w, tc.text); return true })
		for _, mirrorlist := range []bool{false, true} { // dnf takes either key
			cfg := newRepoConfig("test")
			if cfg.Metalink = link.URL; mirrorlist {
				cfg.Metalink, cfg.MirrorList = "", link.URL
			}
			r, err := tryOpen(t, cfg, Options{CacheDir: t.TempDir()})
			if tc.part != "" {
				if mirrorlist && name == "not a metalink" {
					continue
				}
				if err == nil || !strings.Contains(err.Error(), tc.part) {
					t.Errorf("%s: got %v, want an error with %q", name, err, tc.part)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if n := len(listPackages(t, r)); n != tc.packages {
				t.Errorf("%s: got %d packages, want %d", name, n, tc.packages)
			}
		}
	}
}

func TestTransportIsUsed(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(1)...)
	s := serveRepo(t, dir)
	var agent, auth atomic.Value
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		agent.Store(r.UserAgent())
		auth.Store(r.Header.Get("Authorization"))
		return false
	})
	proxy := serveRepo(t, dir)
	proxy.answer(func(w http.ResponseWriter, r *http.Request) bool { return !r.URL.IsAbs() })
	cfg := testConfig(s.URL)
	cfg.Transport = Transport{
		NoProxy: true, UserAgent: "agent/1", Username: "user", Password: "pass", IPVersion: 4,
		Timeout: time.Minute, MinRate: 10, Retries: 1, MaxPerHost: 1,
	}
	client, err := fetch.New(fetch.Options{Proxy: proxy.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	openRepo(t, cfg, Options{CacheDir: t.TempDir(), Client: client})
	if agent.Load() != "agent/1" || auth.Load() != "Basic dXNlcjpwYXNz" {
		t.Errorf("got %v, %v", agent.Load(), auth.Load())
	}
	if n := proxy.asked(""); n != 0 {
		t.Errorf("proxy=_none_: the proxy was asked %d times", n)
	}
	cfg.Transport = Transport{Proxy: proxy.URL}
	cfg.BaseURLs = []string{"http://repo.invalid/"}
	openRepo(t, cfg, Options{CacheDir: t.TempDir()})
	if n := proxy.asked("repomd.xml"); n != 1 {
		t.Errorf("the proxy was asked %d times, want once", n)
	}
	cfg.Transport = Transport{CAFile: filepath.Join(dir, "absent")}
	_, err = tryOpen(t, cfg, Options{CacheDir: t.TempDir()})
	wantErr(t, err, "certificate authorities")
	cfg.Transport = Transport{CertFile: filepath.Join(dir, "absent"), InsecureTLS: true}
	_, err = tryOpen(t, cfg, Options{CacheDir: t.TempDir()})
	wantErr(t, err, "client certificate")
}

// TestCacheIsPrivate has somebody else prepare the cache's folder: its mode is
// put right, and one of another user is refused.
func TestCacheIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{}, somePackages(1)...); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	openRepo(t, testConfig(dir), Options{CacheDir: cache})
	if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v, %v, want 0700", info.Mode(), err)
	}
	others := "/"
	if os.Geteuid() == 0 {
		others = t.TempDir()
		if err := os.Chown(others, 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	_, err := tryOpen(t, testConfig(dir), Options{CacheDir: others})
	wantErr(t, err, "belongs to user")
}
