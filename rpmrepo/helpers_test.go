package rpmrepo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// somePackages makes a few packages that differ in size.
func somePackages(n int) []rpmtest.Package {
	var list []rpmtest.Package
	for i := range n {
		list = append(list, rpmtest.Package{
			Name: fmt.Sprintf("pkg%02d", i), Requires: []string{"libc"}, Compression: "none",
			Files: []rpmtest.File{{Path: fmt.Sprintf("/usr/bin/tool%02d", i), Mode: 0o755, Body: strings.Repeat("0123456789abcdef", 100*(i+1))}},
		})
	}
	return list
}

// repoServer serves a folder and remembers what was asked. hook, when set, may
// answer in its place.
type repoServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	hook     func(w http.ResponseWriter, r *http.Request) bool
}

func serveRepo(t *testing.T, dir string) *repoServer {
	t.Helper()
	s := &repoServer{}
	files := http.FileServer(http.Dir(dir))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.Path)
		hook := s.hook
		s.mu.Unlock()
		if hook == nil || !hook(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// asked counts the requests whose path has the part since the last call.
func (s *repoServer) asked(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, path := range s.requests {
		if strings.Contains(path, part) {
			n++
		}
	}
	s.requests = nil
	return n
}

func (s *repoServer) answer(hook func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// quickClient never waits between attempts.
func quickClient(t *testing.T) *fetch.Client {
	t.Helper()
	c, err := fetch.New(fetch.Options{Retries: 2, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testConfig(url string) RepoConfig {
	c := newRepoConfig("test")
	c.BaseURLs = []string{url}
	return c
}

func openRepo(t *testing.T, cfg RepoConfig, opts Options) *Repository {
	t.Helper()
	r, err := tryOpen(t, cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryOpen(t *testing.T, cfg RepoConfig, opts Options) (*Repository, error) {
	t.Helper()
	if opts.Client == nil {
		opts.Client = quickClient(t)
	}
	r, err := Open(t.Context(), cfg, opts)
	if err == nil {
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return r, err
}

// listPackages returns the packages of a repository.
func listPackages(t *testing.T, r *Repository) []*rpm.Metadata {
	t.Helper()
	list, err := tryPackages(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func tryPackages(ctx context.Context, r *Repository) ([]*rpm.Metadata, error) {
	var list []*rpm.Metadata
	err := r.Packages(ctx, func(m *rpm.Metadata) error {
		list = append(list, cloneMetadata(m))
		return nil
	})
	return list, err
}

func wantErr(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error: got %v, want one with %q", err, part)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
