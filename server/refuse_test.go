package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestOnlyWhatClientsAskFor(t *testing.T) {
	repo, commit := repository(t)
	hexName := strings.Repeat("ab", 32)
	for _, name := range []string{
		".lock", ".hidden", "secret.gpg", "key.pem", "summary.new", "config.bak", "tmp/x", "state/" + commit + ".commitpartial",
		"extensions/treewright/origin", "refs/remotes/up/main", "refs/heads/.hidden", "refs/heads/x.lock", "refs/heads/key",
		"objects/ab/notes", "objects/" + hexName[:2] + "/" + hexName[2:] + ".secret", "objects/" + hexName[:2] + "/" + hexName[2:] + ".file",
		"summaries/" + hexName + ".key", "deltas/keys", "other.flatpakrepo", "index.html",
	} {
		write(t, filepath.Join(repo, name), "secret")
	}
	filez := object(t, repo, "filez")
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, commit+"\n")
	for link, target := range map[string]string{
		"summary.sig": outside, "summary.idx": "config", "refs/heads/out": outside, "refs/heads/config": "../../config",
		"objects/" + hexName[:2] + "/" + hexName[2:] + ".dirtree": "../../secret.gpg",
		"refs/heads/alias": "os/x86_64/test",
	} {
		if err := os.Remove(filepath.Join(repo, link)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(repo, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(repo, "summary.idx.sig"), 0o644); err != nil {
		t.Fatal(err)
	}
	ts := newServer(t, Options{Repo: repo})
	for _, target := range []string{
		"/", "/.lock", "/.hidden", "/secret.gpg", "/key.pem", "/summary.new", "/config.bak", "/tmp/x", "/state/" + commit + ".commitpartial",
		"/extensions/treewright/origin", "/refs/remotes/up/main", "/refs/heads/.hidden", "/refs/heads/x.lock", "/refs/heads/key",
		"/objects/ab/notes", "/objects/" + hexName[:2] + "/" + hexName[2:] + ".secret", "/objects/" + hexName[:2] + "/" + hexName[2:] + ".file",
		"/summaries/" + hexName + ".key", "/deltas/keys", "/other.flatpakrepo", "/index.html",
		"/objects", "/objects/", "/objects/ab", "/refs", "/refs/heads", "/refs/heads/", "/refs/heads/os", "/refs/heads/os/", "/refs/mirrors/x",
		"/summary.sig", "/summary.idx", "/summary.idx.sig", "/refs/heads/out", "/refs/heads/config",
		"/objects/" + hexName[:2] + "/" + hexName[2:] + ".dirtree",
		"/../outside", "/..", "/objects/../config", "/objects/../secret.gpg", "/refs/heads/../../secret.gpg", "/%2e%2e/outside", "/./summary",
		"//summary", "/summary/", "/refs%2Fheads%2Fos/x86_64/test", "/objects%2f" + filez[len("/objects/"):], "/summary%00", "/summary%5c",
		"/SUMMARY", "/objects/" + strings.ToUpper(filez[len("/objects/"):]), "/deltas/ab/superblock", "/deltas/../secret.gpg/superblock",
		"http://x/../secret.gpg",
	} {
		if got := raw(t, ts, target); got != 404 {
			t.Errorf("%s: got %d, want 404", target, got)
		}
	}
	// The same in the forms that are meant to work.
	for _, target := range []string{"/summary", "/summary?x=1", "/refs/heads/alias", "/refs/heads/os/x86_64/test", filez, "http://x/summary", "/%73ummary"} {
		if got := raw(t, ts, target); got != 200 {
			t.Errorf("%s: got %d, want 200", target, got)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
		resp, _ := get(t, method, ts.URL+"/summary")
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: got %s, allow %q, want 405 and GET, HEAD", method, resp.Status, resp.Header.Get("Allow"))
		}
	}
}

func TestNewRefuses(t *testing.T) {
	bare := filepath.Join(t.TempDir(), "bare")
	client(t, "ostree", "init", "--repo="+bare, "--mode=bare-user")
	repo, _ := repository(t)
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{}, "no repository given"},
		{Options{Repo: bare}, `its mode is "bare-user"; clients can pull from mode archive only`},
		{Options{Repo: t.TempDir()}, "the repository's config"},
		{Options{Repo: filepath.Join(bare, "config")}, "not a directory"},
		{Options{Repo: repo, FlatpakRepoFile: filepath.Join(repo, "config")}, "the name must end in .flatpakrepo"},
		{Options{Repo: repo, FlatpakRepoFile: "/absent/x.flatpakrepo"}, "no such file"},
	} {
		s, err := New(c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, %v, want %s", c.opts, s, err, c.want)
		}
	}
}

func TestFilesThatCannotBeReadAreTheServersError(t *testing.T) {
	repo, _ := repository(t)
	var logged strings.Builder
	ts := newServer(t, Options{Repo: repo, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	summary := filepath.Join(repo, "summary")
	if err := os.Chmod(summary, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(summary); err == nil {
		// This process reads everything; a server that may not read its own
		// config stands in.
		if err := errors.Join(f.Close(), os.Remove(filepath.Join(repo, "config"))); err != nil {
			t.Fatal(err)
		}
		summary = "config"
	}
	resp, body := get(t, "GET", ts.URL+"/"+filepath.Base(summary))
	if resp.StatusCode != 500 || resp.Header.Get("Etag") != "" || strings.Contains(string(body), repo) {
		t.Errorf("got %s, %v, %q, want 500 without an ETag or a path", resp.Status, resp.Header, body)
	}
	if !strings.Contains(logged.String(), "level=ERROR") {
		t.Errorf("log: got %q, want the error", logged.String())
	}
}

func TestAccessLog(t *testing.T) {
	repo, _ := repository(t)
	var mu sync.Mutex
	var all []Access
	now := time.Unix(1_000_000_000, 0)
	ts := newServer(t, Options{Repo: repo, AccessLog: func(a Access) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, a)
	}, Clock: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}})
	path := object(t, repo, "filez")
	info, err := os.Stat(filepath.Join(repo, path))
	if err != nil {
		t.Fatal(err)
	}
	get(t, "GET", ts.URL+path, "User-Agent: libostree/2022.7", "Flatpak-Ref: app/org.example.App/x86_64/stable")
	get(t, "GET", ts.URL+"/absent")
	get(t, "GET", ts.URL+path, "Range: bytes=0-9")
	get(t, "HEAD", ts.URL+path)
	ts.Close() // waits for the handlers
	want := []Access{
		{Method: "GET", Path: path, Status: 200, Bytes: info.Size(), Agent: "libostree/2022.7", Ref: "app/org.example.App/x86_64/stable"},
		{Method: "GET", Path: "/absent", Status: 404, Bytes: int64(len("404 page not found\n"))},
		{Method: "GET", Path: path, Status: 206, Bytes: 10},
		{Method: "HEAD", Path: path, Status: 200},
	}
	if len(all) != len(want) {
		t.Fatalf("lines: got %d, want %d", len(all), len(want))
	}
	for i, got := range all {
		if !strings.HasPrefix(got.Remote, "127.0.0.1:") || got.Duration <= 0 {
			t.Errorf("line %d: got %+v, want an address and a duration", i, got)
		}
		got.Remote, got.Duration = "", 0
		if want[i].Agent == "" {
			got.Agent = ""
		}
		if got != want[i] {
			t.Errorf("line %d: got %+v, want %+v", i, got, want[i])
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	repo, _ := repository(t)
	ts := newServer(t, Options{Repo: repo})
	path := object(t, repo, "filez")
	info, err := os.Stat(filepath.Join(repo, path))
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for range 64 {
		g.Go(func() error {
			resp, err := http.Get(ts.URL + path)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if n != info.Size() {
				err = errors.Join(err, errors.New("a short body"))
			}
			return errors.Join(err, resp.Body.Close())
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// TestShutdown cancels a server while a client is in the middle of a file: the
// client gets all of it, and nobody else gets in.
func TestShutdown(t *testing.T) {
	repo, _ := repository(t)
	s, err := New(Options{Repo: repo})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()

	path := object(t, repo, "filez")
	resp, err := http.Get("http://" + ln.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != resp.ContentLength {
		t.Errorf("the running request: got %d bytes, %v, want %d", n, err, resp.ContentLength)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: got %v, want nil after a shutdown", err)
	}
	if conn, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		conn.Close()
		t.Error("a connection after the shutdown: got one")
	}
}

// A client that never reads is cut when the grace is over.
func TestShutdownDoesNotWaitForEver(t *testing.T) {
	repo, _ := repository(t)
	s, err := New(Options{Repo: repo, ShutdownGrace: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET "+object(t, repo, "filez")+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"/summary", "/objects/ab/cd.filez", "/refs/heads/a/../b", "/deltas/ab/c-d/0", "/../x", "/x.flatpakrepo"} {
		f.Add(seed)
	}
	s := &Server{flatpakRepo: "x.flatpakrepo"}
	f.Fuzz(func(t *testing.T, path string) {
		k, name := s.classify(path)
		if k == kindNone {
			return
		}
		if !filepath.IsLocal(name) || filepath.Clean(name) != name || "/"+name != path || strings.Contains(name, "/.") {
			t.Errorf("%q: got %q, want no such path to be served", path, name)
		}
	})
}
