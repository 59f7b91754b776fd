package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// client runs a program that the tests need.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is missing: install the package %s (make clients)", name, name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// bigSize is the size of one file of the repository's tree, before and after
// compression: it is made of noise.
const bigSize = 3 << 20

// repository makes an archive repository with one commit by the ostree
// program. It returns its path and the commit.
func repository(t *testing.T) (repo, commit string) {
	t.Helper()
	dir := t.TempDir()
	repo, tree := filepath.Join(dir, "repo"), filepath.Join(dir, "tree")
	write(t, filepath.Join(tree, "usr/bin/hello"), "#!/bin/sh\necho hello\n")
	write(t, filepath.Join(tree, "usr/share/empty"), "")
	noise := make([]byte, bigSize)
	state := uint64(1)
	for i := range noise {
		state = state*6364136223846793005 + 1442695040888963407
		noise[i] = byte(state >> 56)
	}
	write(t, filepath.Join(tree, "usr/share/big"), string(noise))
	client(t, "ostree", "init", "--repo="+repo, "--mode=archive")
	commit = client(t, "ostree", "commit", "--repo="+repo, "-b", "os/x86_64/test", "--owner-uid=0", "--owner-gid=0", tree)
	client(t, "ostree", "summary", "-u", "--repo="+repo)
	return repo, commit
}

func newServer(t *testing.T, opts Options) *httptest.Server {
	t.Helper()
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s)
	t.Cleanup(func() {
		ts.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return ts
}

// object returns the path of some object of the given type.
func object(t *testing.T, repo, ext string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repo, "objects/*/*."+ext))
	if err != nil || len(found) == 0 {
		t.Fatalf("objects of type %s: got %v, %v", ext, found, err)
	}
	best, size := found[0], int64(0)
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			best, size = path, info.Size()
		}
	}
	return strings.TrimPrefix(best, repo)
}

// get asks for path with headers given as "Name: value".
func get(t *testing.T, method, url string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestOstreePulls(t *testing.T) {
	repo, commit := repository(t)
	ts := newServer(t, Options{Repo: repo})
	dest := filepath.Join(t.TempDir(), "dest")
	client(t, "ostree", "init", "--repo="+dest, "--mode=bare-user")
	client(t, "ostree", "remote", "add", "--repo="+dest, "--no-gpg-verify", "origin", ts.URL)
	client(t, "ostree", "pull", "--repo="+dest, "origin", "os/x86_64/test")
	if got := client(t, "ostree", "rev-parse", "--repo="+dest, "origin:os/x86_64/test"); got != commit {
		t.Errorf("pulled: got %s, want %s", got, commit)
	}
	client(t, "ostree", "fsck", "--repo="+dest)
	if got, want := client(t, "ostree", "remote", "refs", "--repo="+dest, "origin"), "origin:os/x86_64/test"; got != want {
		t.Errorf("refs in the summary: got %q, want %q", got, want)
	}

	// Without a summary, by the ref alone, and by mirroring.
	if err := os.Remove(filepath.Join(repo, "summary")); err != nil {
		t.Fatal(err)
	}
	mirror := filepath.Join(t.TempDir(), "mirror")
	client(t, "ostree", "init", "--repo="+mirror, "--mode=archive")
	client(t, "ostree", "remote", "add", "--repo="+mirror, "--no-gpg-verify", "origin", ts.URL)
	client(t, "ostree", "pull", "--mirror", "--repo="+mirror, "origin", "os/x86_64/test")
	client(t, "ostree", "fsck", "--repo="+mirror)
}

func TestOstreePullsStaticDeltas(t *testing.T) {
	repo, commit := repository(t)
	client(t, "ostree", "static-delta", "generate", "--repo="+repo, "--empty", "os/x86_64/test")
	client(t, "ostree", "summary", "-u", "--repo="+repo)
	ts := newServer(t, Options{Repo: repo})
	dest := filepath.Join(t.TempDir(), "dest")
	client(t, "ostree", "init", "--repo="+dest, "--mode=bare-user")
	client(t, "ostree", "remote", "add", "--repo="+dest, "--no-gpg-verify", "origin", ts.URL)
	client(t, "ostree", "pull", "--require-static-deltas", "--repo="+dest, "origin", "os/x86_64/test")
	if got := client(t, "ostree", "rev-parse", "--repo="+dest, "origin:os/x86_64/test"); got != commit {
		t.Errorf("pulled: got %s, want %s", got, commit)
	}
}

func TestHeaders(t *testing.T) {
	repo, commit := repository(t)
	hexName := strings.Repeat("ab", 32)
	write(t, filepath.Join(repo, "summaries", hexName+".gz"), "gz")
	write(t, filepath.Join(repo, "summaries", hexName+".idx.sig"), "sig")
	write(t, filepath.Join(repo, object(t, repo, "commit")+"meta"), "meta")
	flatpakRepo := filepath.Join(t.TempDir(), "example.flatpakrepo")
	write(t, flatpakRepo, "[Flatpak Repo]\n")
	ts := newServer(t, Options{Repo: repo, FlatpakRepoFile: flatpakRepo})
	for _, c := range []struct{ path, contentType, cache string }{
		{"/summary", "application/octet-stream", "no-cache"},
		{"/config", "text/plain; charset=utf-8", "no-cache"},
		{"/refs/heads/os/x86_64/test", "text/plain; charset=utf-8", "no-cache"},
		{"/example.flatpakrepo", "application/vnd.flatpak.repo", "no-cache"},
		{"/summaries/" + hexName + ".gz", "application/gzip", cacheForever},
		{"/summaries/" + hexName + ".idx.sig", "application/octet-stream", "no-cache"},
		{object(t, repo, "filez"), "application/octet-stream", cacheForever},
		{object(t, repo, "dirtree"), "application/octet-stream", cacheForever},
		{object(t, repo, "dirmeta"), "application/octet-stream", cacheForever},
		{object(t, repo, "commit"), "application/octet-stream", cacheForever},
		{object(t, repo, "commitmeta"), "application/octet-stream", "no-cache"},
	} {
		resp, body := get(t, "GET", ts.URL+c.path)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != c.contentType || resp.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: got %s, %q, %q, want 200, %q, %q", c.path, resp.Status, resp.Header.Get("Content-Type"),
				resp.Header.Get("Cache-Control"), c.contentType, c.cache)
		}
		if resp.Header.Get("Etag") == "" || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got headers %v, want an ETag and no encoding", c.path, resp.Header)
		}
		if want, err := os.ReadFile(filepath.Join(repo, c.path)); err == nil && c.path != "/config" && !bytes.Equal(body, want) {
			t.Errorf("%s: the content differs from the file's", c.path)
		}
		head, none := get(t, "HEAD", ts.URL+c.path)
		if head.StatusCode != 200 || len(none) != 0 || head.ContentLength != int64(len(body)) {
			t.Errorf("HEAD %s: got %s, %d bytes, length %d, want 200, none, %d", c.path, head.Status, len(none), head.ContentLength, len(body))
		}
		same, _ := get(t, "GET", ts.URL+c.path, "If-None-Match: "+resp.Header.Get("Etag"))
		if same.StatusCode != 304 {
			t.Errorf("%s with its own ETag: got %s, want 304", c.path, same.Status)
		}
	}
	if _, body := get(t, "GET", ts.URL+"/refs/heads/os/x86_64/test"); strings.TrimSpace(string(body)) != commit {
		t.Errorf("ref: got %q, want %s", body, commit)
	}
}

func TestRanges(t *testing.T) {
	repo, _ := repository(t)
	ts := newServer(t, Options{Repo: repo})
	path := object(t, repo, "filez")
	all, err := os.ReadFile(filepath.Join(repo, path))
	if err != nil || len(all) < bigSize {
		t.Fatalf("the big object: got %d bytes, %v", len(all), err)
	}
	resp, _ := get(t, "HEAD", ts.URL+path)
	etag := resp.Header.Get("Etag")
	for _, c := range []struct {
		headers []string
		status  int
		want    []byte
	}{
		{[]string{"Range: bytes=100-199"}, 206, all[100:200]},
		{[]string{"Range: bytes=-10"}, 206, all[len(all)-10:]},
		{[]string{fmt.Sprintf("Range: bytes=%d-", len(all)-7)}, 206, all[len(all)-7:]},
		{[]string{fmt.Sprintf("Range: bytes=%d-", len(all))}, 416, nil},
		{[]string{"Range: bytes=5-9", "If-Range: " + etag}, 206, all[5:10]},
		{[]string{"Range: bytes=5-9", `If-Range: "other"`}, 200, all},
		{[]string{`If-Match: "other"`}, 412, nil},
	} {
		resp, body := get(t, "GET", ts.URL+path, c.headers...)
		if resp.StatusCode != c.status || c.want != nil && !bytes.Equal(body, c.want) {
			t.Errorf("%q: got %s and %d bytes, want %d and %d", c.headers, resp.Status, len(body), c.status, len(c.want))
		}
	}
}

// A summary that changes twice in one second must not look unchanged to a
// client that asks by date.
func TestLastModified(t *testing.T) {
	repo, _ := repository(t)
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	ts := newServer(t, Options{Repo: repo, Clock: clock})
	fresh, _ := get(t, "GET", ts.URL+"/summary")
	if got := fresh.Header.Get("Last-Modified"); got != "" {
		t.Errorf("just written: got Last-Modified %q, want none", got)
	}
	mu.Lock()
	now = now.Add(10 * time.Second)
	mu.Unlock()
	settled, _ := get(t, "GET", ts.URL+"/summary")
	date := settled.Header.Get("Last-Modified")
	if date == "" {
		t.Fatal("ten seconds later: got no Last-Modified")
	}
	if again, _ := get(t, "GET", ts.URL+"/summary", "If-Modified-Since: "+date); again.StatusCode != 304 {
		t.Errorf("asked by date: got %s, want 304", again.Status)
	}
	old := now.Add(-time.Hour)
	if again, _ := get(t, "GET", ts.URL+"/summary", "If-Modified-Since: "+old.UTC().Format(http.TimeFormat)); again.StatusCode != 200 {
		t.Errorf("asked by an older date: got %s, want 200", again.Status)
	}
	// An old file renamed into place counts from the renaming.
	next := filepath.Join(repo, "summary.new")
	write(t, next, "another summary")
	if err := os.Chtimes(next, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(repo, "summary")); err != nil {
		t.Fatal(err)
	}
	replaced, _ := get(t, "GET", ts.URL+"/summary", "If-None-Match: "+settled.Header.Get("Etag"))
	changed, err := http.ParseTime(replaced.Header.Get("Last-Modified"))
	if replaced.StatusCode != 200 || err != nil || changed.Before(old.Add(time.Minute)) {
		t.Errorf("replaced: got %s, modified %v, %v, want 200 and the time of the renaming", replaced.Status, changed, err)
	}
}

func TestConfigIsRewritten(t *testing.T) {
	repo, _ := repository(t)
	config := filepath.Join(repo, "config")
	write(t, config, `[core]
repo_version=1
mode=archive-z2
indexed-deltas=true
fsync=false
collection-id=org.example.Secret

[remote "up"]
url=https://user:password@example.org/
tls-client-key-path=/etc/key.pem
`)
	ts := newServer(t, Options{Repo: repo})
	_, body := get(t, "GET", ts.URL+"/config")
	want := "[core]\nrepo_version=1\nmode=archive-z2\nindexed-deltas=true\n"
	if string(body) != want {
		t.Errorf("got %q, want %q", body, want)
	}
	write(t, config, "[core\n")
	if resp, _ := get(t, "GET", ts.URL+"/config"); resp.StatusCode != 500 {
		t.Errorf("a broken config: got %s, want 500", resp.Status)
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if resp, _ := get(t, "GET", ts.URL+"/config"); resp.StatusCode != 500 {
		t.Errorf("no config: got %s, want 500: 404 would mean that there is no repository", resp.Status)
	}
}

// raw sends a request line as it is, which Go's client would clean up.
func raw(t *testing.T, ts *httptest.Server, target string) int {
	t.Helper()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
