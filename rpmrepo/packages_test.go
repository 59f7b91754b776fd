package rpmrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func wantAll(r *Repository, list []*rpm.Metadata) []Wanted {
	var wanted []Wanted
	for _, m := range list {
		wanted = append(wanted, Wanted{r, m})
	}
	return wanted
}

// checkFetched reads each package and compares it with its metadata.
func checkFetched(t *testing.T, list []*rpm.Metadata, files []Fetched) {
	t.Helper()
	if len(files) != len(list) {
		t.Fatalf("got %d files, want %d", len(files), len(list))
	}
	for i, f := range files {
		sum, err := fetch.ParseChecksum(list[i].Checksum)
		if err != nil || f.Checksum != sum {
			t.Errorf("%s: got %v, %v", list[i].NEVRA, f.Checksum, err)
		}
		if err := fetch.Verify(f.Path, sum, list[i].Size); err != nil {
			t.Error(err)
		}
	}
}

func TestFetch(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(12)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache})
	list := listPackages(t, r)
	list = append(list, list[3]) // twice the same
	var mu sync.Mutex
	var updates []progress.Update
	files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{Parallel: 4, Progress: func(u progress.Update) {
		mu.Lock()
		defer mu.Unlock()
		updates = append(updates, u)
	}})
	if err != nil {
		t.Fatal(err)
	}
	checkFetched(t, list, files)
	total := int64(0)
	for _, m := range list {
		total += m.Size
	}
	last := updates[len(updates)-1]
	if last.Done != total || last.Total != total || last.Stage != "fetch" {
		t.Errorf("progress: got %+v, want %d of %d", last, total, total)
	}
	if !slices.IsSortedFunc(updates, func(a, b progress.Update) int { return int(a.Done - b.Done) }) {
		t.Error("progress went back")
	}
	if n := s.asked(".rpm"); n != 12 {
		t.Errorf("requests: got %d, want 12", n)
	}
	for _, offline := range []bool{false, true} {
		r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache, Offline: offline})
		files, err := Fetch(t.Context(), wantAll(r, listPackages(t, r)), FetchOptions{})
		if err != nil || s.asked(".rpm") != 0 {
			t.Errorf("offline %v: got %v, and files were fetched again", offline, err)
		}
		checkFetched(t, list[:12], files)
	}
	local := openRepo(t, testConfig(dir), Options{})
	files, err = Fetch(t.Context(), wantAll(local, listPackages(t, local)), FetchOptions{})
	if err != nil || !strings.HasPrefix(files[0].Path, dir) {
		t.Errorf("on disk: got %v, %v", files, err)
	}
	if none, err := Fetch(t.Context(), nil, FetchOptions{}); err != nil || len(none) != 0 {
		t.Errorf("nothing: got %v, %v", none, err)
	}
}

func TestFetchFails(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(3)...)
	s := serveRepo(t, dir)
	for name, tc := range map[string]struct {
		how  func(path string) error
		part string
	}{
		"absent":    {os.Remove, "not found"},
		"truncated": {func(p string) error { return os.Truncate(p, 100) }, "bytes, expected"},
		"changed": {func(p string) error {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(p, data, 0o644)
		}, "its checksum is"},
		"longer": {func(p string) error { return os.Truncate(p, 1<<20) }, "than"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, base := range []string{s.URL, dir} {
				cache := t.TempDir()
				r := openRepo(t, testConfig(base), Options{CacheDir: cache})
				list := listPackages(t, r)
				if err := tc.how(filepath.Join(dir, list[1].Location)); err != nil {
					t.Fatal(err)
				}
				_, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
				part := tc.part
				if base == s.URL && name == "absent" {
					part = "404"
				}
				if base == dir && name == "longer" {
					part = "bytes, expected"
				}
				wantErr(t, err, part)
				wantErr(t, err, "fetching pkg01-1-1.noarch from repository test")
				bad, _ := filepath.Glob(filepath.Join(cache, cachePackages, strings.TrimPrefix(list[1].Checksum, "sha256:")+"*"))
				if len(bad) > 0 {
					t.Errorf("%s: the cache keeps %v", base, bad)
				}
				restore(t, dir, list)
			}
		})
	}
	cache := t.TempDir()
	r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache})
	offline := openRepo(t, testConfig(s.URL), Options{CacheDir: cache, Offline: true})
	list := listPackages(t, r)
	if _, err := Fetch(t.Context(), wantAll(offline, list), FetchOptions{}); !errors.Is(err, ErrNotCached) {
		t.Errorf("offline: got %v, want ErrNotCached", err)
	}
	for href, part := range hostileHrefs() {
		m := cloneMetadata(list[0])
		m.Location = href
		for _, repo := range []*Repository{r, openRepo(t, testConfig(dir), Options{})} {
			_, err := Fetch(t.Context(), []Wanted{{repo, m}}, FetchOptions{})
			wantErr(t, err, part)
		}
	}
	m := cloneMetadata(list[0])
	m.BaseURL = "file:///"
	_, err := Fetch(t.Context(), []Wanted{{r, m}}, FetchOptions{})
	wantErr(t, err, "is not allowed")
	m.BaseURL, m.Checksum = "", "md5:00"
	_, err = Fetch(t.Context(), []Wanted{{r, m}}, FetchOptions{})
	wantErr(t, err, "not supported")
}

// restore makes the packages anew.
func restore(t *testing.T, dir string, list []*rpm.Metadata) {
	t.Helper()
	for i, p := range somePackages(len(list)) {
		data, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, list[i].Location), data)
	}
}

func TestFetchThroughXMLBase(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(1)...)
	elsewhere := serveRepo(t, dir)
	r := openRepo(t, testConfig(dir), Options{CacheDir: t.TempDir()})
	list := listPackages(t, r)
	list[0].BaseURL = elsewhere.URL + "/"
	files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
	if err != nil || elsewhere.asked(".rpm") != 1 {
		t.Fatalf("got %v, %v", files, err)
	}
	checkFetched(t, list, files)
}

func TestFetchEscapedNames(t *testing.T) {
	data := []byte("content")
	dir := t.TempDir()
	for name, href := range map[string]string{"c++.rpm": "c%2B%2B.rpm", "a b^1.rpm": "a b^1.rpm", "100%25.rpm": "100%25.rpm"} {
		writeFile(t, filepath.Join(dir, name), data)
		primary := []byte(`<metadata><package type="rpm"><name>n</name><version ver="1"/><checksum type="sha256">` + sumOf(data).Hex() +
			`</checksum><location href="` + href + `"/></package></metadata>`)
		writeFile(t, filepath.Join(dir, "repodata", "p.xml"), primary)
		writeFile(t, filepath.Join(dir, "repodata", "repomd.xml"), []byte(repomdText(
			`<data type="primary"><checksum type="sha256">`+sumOf(primary).Hex()+`</checksum><location href="repodata/p.xml"/></data>`)))
		bases := []string{dir}
		if name != "100%25.rpm" { // which no URL can tell from 100%.rpm
			bases = append(bases, serveRepo(t, dir).URL)
		}
		for _, base := range bases {
			r := openRepo(t, testConfig(base), Options{CacheDir: t.TempDir()})
			list := listPackages(t, r)
			files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
			if err != nil {
				t.Errorf("%s at %s: %v", href, base, err)
				continue
			}
			checkFetched(t, list, files)
		}
	}
}

func TestFetchCancelled(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(6)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache})
	list := listPackages(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n > 3 {
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	})
	if _, err := Fetch(ctx, wantAll(r, list), FetchOptions{Parallel: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	files, err := filepath.Glob(filepath.Join(cache, cachePackages, "*.rpm"))
	if err != nil || len(files) != 3 {
		t.Errorf("complete files: got %d, %v, want 3", len(files), err)
	}
	s.answer(nil)
	again, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkFetched(t, list, again)
}

// TestFetchKilled kills a process that fetches at several points, and fetches
// again into the cache that it leaves.
func TestFetchKilled(t *testing.T) {
	if url := os.Getenv("RPMREPO_TEST_FETCH"); url != "" {
		fetchForKill(t, url)
		return
	}
	dir := rpmtest.Repo(t, somePackages(10)...)
	s := serveRepo(t, dir)
	total := int64(0)
	r := openRepo(t, testConfig(s.URL), Options{CacheDir: t.TempDir()})
	list := listPackages(t, r)
	for _, m := range list {
		total += m.Size
	}
	for point := range 10 {
		cache := t.TempDir()
		killAt(t, s.URL, cache, total*int64(point)/10)
		for _, sub := range []string{"repomd/files", "packages"} {
			complete, err := filepath.Glob(filepath.Join(cache, sub, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range complete {
				checkComplete(t, path)
			}
		}
		s.asked("")
		r := openRepo(t, testConfig(s.URL), Options{CacheDir: cache})
		files, err := Fetch(t.Context(), wantAll(r, listPackages(t, r)), FetchOptions{})
		if err != nil {
			t.Fatalf("killed at point %d: %v", point, err)
		}
		checkFetched(t, list, files)
		if n := s.asked(".rpm"); point == 9 && n >= len(list) {
			t.Errorf("killed near the end: %d files were fetched again", n)
		}
	}
}

// checkComplete checks that a file that has its final name has its content.
func checkComplete(t *testing.T, path string) {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(path), ".rpm")
	if strings.HasSuffix(name, ".part") {
		return
	}
	if algorithm, value, ok := strings.Cut(name, "-"); ok {
		name = algorithm + ":" + value
	} else {
		name = "sha256:" + name
	}
	sum, err := fetch.ParseChecksum(name)
	if err == nil {
		err = fetch.Verify(path, sum, 0)
	}
	if err != nil {
		t.Error(err)
	}
}

// killAt runs this test's binary as a fetcher, and kills it when it says that
// it has so many bytes.
func killAt(t *testing.T, url, cache string, bytes int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFetchKilled$", "-test.v")
	cmd.Env = append(os.Environ(), "RPMREPO_TEST_FETCH="+url, "RPMREPO_TEST_CACHE="+cache)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, err := strconv.ParseInt(strings.TrimPrefix(lines.Text(), "have "), 10, 64); err == nil && n >= bytes {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the fetcher was not killed")
	}
}

func fetchForKill(t *testing.T, url string) {
	r := openRepo(t, testConfig(url), Options{CacheDir: os.Getenv("RPMREPO_TEST_CACHE")})
	_, err := Fetch(t.Context(), wantAll(r, listPackages(t, r)), FetchOptions{Parallel: 2, Progress: func(u progress.Update) {
		fmt.Printf("have %d\n", u.Done)
	}})
	if err != nil {
		t.Fatal(err)
	}
	select {} // until it is killed
}

func TestSharedCache(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(8)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r, err := Open(t.Context(), testConfig(s.URL), Options{CacheDir: cache})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			list, err := tryPackages(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			checkFetched(t, list, files)
		})
	}
	wg.Wait()
	if n := s.asked(".rpm"); n != 8 {
		t.Errorf("requests: got %d, want 8", n)
	}
}

func TestPrune(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(5)...)
	s := serveRepo(t, dir)
	cache := t.TempDir()
	if done, err := Prune(t.Context(), cache, 0); err != nil || done != (Pruned{}) {
		t.Errorf("a folder that is no cache: got %+v, %v", done, err)
	}
	r, err := Open(t.Context(), testConfig(s.URL), Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	list := listPackages(t, r)
	files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(cache, cachePackages, "x.rpm.part"), []byte("half"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Prune(ctx, cache, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an open repository did not keep the cache: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, f := range files {
		if err := os.Chtimes(f.Path, old, old.AddDate(0, 0, i)); err != nil {
			t.Fatal(err)
		}
	}
	touch(files[0].Path) // the oldest was used again
	done, err := Prune(t.Context(), cache, 1<<30)
	if err != nil || done.Files != 1 {
		t.Errorf("with room for all: got %+v, %v, want the unfinished download removed", done, err)
	}
	done, err = Prune(t.Context(), cache, done.Kept-1)
	if err != nil || done.Files != 1 || done.Freed != list[1].Size {
		t.Errorf("one too many: got %+v, %v, want the second package removed", done, err)
	}
	if _, err := os.Stat(files[1].Path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the package that was not used for longest is still there")
	}
	if done, err = Prune(t.Context(), cache, 0); err != nil || done.Kept != 0 {
		t.Errorf("no room: got %+v, %v", done, err)
	}
}
