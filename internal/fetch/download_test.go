package fetch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDownload(t *testing.T) {
	data := someData(500_000)
	wrong := sumOf([]byte("other"))
	for name, tc := range map[string]struct {
		server *flaky
		part   []byte // what an earlier run left
		opts   DownloadOptions
		ranges string // of the requests, joined by commas
		fails  string
		leaves string
	}{
		"new":                  {server: &flaky{data: data}, opts: DownloadOptions{Checksum: sumOf(data), Size: 500_000}},
		"without checksum":     {server: &flaky{data: data}, opts: DownloadOptions{}},
		"cut":                  {server: &flaky{data: data, cutAt: 300_000, cuts: 1}, opts: DownloadOptions{Checksum: sumOf(data)}, ranges: ",bytes=300000-"},
		"cut, unsized, tagged": {server: &flaky{data: data, cutAt: 300_000, cuts: 1, tag: `"x"`}, opts: DownloadOptions{}, ranges: ",bytes=300000-"},
		"resumed":              {server: &flaky{data: data}, part: data[:400_000], opts: DownloadOptions{Checksum: sumOf(data)}, ranges: "bytes=400000-"},
		"resumed, no range": {server: &flaky{data: data, noRange: true}, part: data[:400_000], opts: DownloadOptions{Checksum: sumOf(data)},
			ranges: "bytes=400000-,"},
		"not resumed without checksum": {server: &flaky{data: data}, part: []byte("rubbish"), opts: DownloadOptions{}},
		"part is wrong": {server: &flaky{data: data}, part: []byte("rubbish"), opts: DownloadOptions{Checksum: sumOf(data)},
			ranges: "bytes=7-,"},
		"part is complete": {server: &flaky{data: data}, part: data, opts: DownloadOptions{Checksum: sumOf(data), Size: 500_000}, ranges: "none"},
		"part is too long": {server: &flaky{data: data}, part: append(data[:500_000:500_000], 'x'), opts: DownloadOptions{Checksum: sumOf(data), Size: 500_000}},
		"part is too long, size unknown": {server: &flaky{data: data}, part: append(data[:500_000:500_000], 'x'), opts: DownloadOptions{Checksum: sumOf(data)},
			ranges: "bytes=500001-,"},
		"wrong checksum":        {server: &flaky{data: data}, opts: DownloadOptions{Checksum: wrong}, fails: "its checksum is sha256:"},
		"wrong size":            {server: &flaky{data: data}, opts: DownloadOptions{Checksum: sumOf(data), Size: 499_999}, fails: "larger than the 499999 bytes"},
		"smaller than expected": {server: &flaky{data: data}, opts: DownloadOptions{Checksum: sumOf(data), Size: 500_001}, fails: "500000 bytes, expected 500001"},
		"too large":             {server: &flaky{data: data}, opts: DownloadOptions{MaxSize: 1000}, fails: "larger than the 1000 bytes"},
		"cut too often": {server: &flaky{data: data, cutAt: 1000, cuts: 99}, opts: DownloadOptions{Checksum: sumOf(data)}, fails: "cut",
			ranges: ",bytes=1000-,bytes=2000-,bytes=3000-,bytes=4000-", leaves: "f.part"},
		"cut often, with progress": {server: &flaky{data: someData(9 << 20), cutAt: 300_000, cuts: 20}, opts: DownloadOptions{Checksum: sumOf(someData(9 << 20))}, ranges: "any"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tc.server.ServeHTTP)
			dir := t.TempDir()
			dest := filepath.Join(dir, "f")
			if tc.part != nil {
				writeFile(t, dest+".part", tc.part)
			}
			err := newTestClient(t, Options{}).Download(t.Context(), s.URL+"/f", dest, tc.opts)
			if tc.fails != "" {
				wantError(t, err, tc.fails)
				wantFiles(t, dir, strings.Fields(tc.leaves)...)
			} else {
				got, readErr := os.ReadFile(dest)
				if err != nil || readErr != nil || !bytes.Equal(got, tc.server.data) {
					t.Errorf("got %d bytes, %v, %v", len(got), err, readErr)
				}
				wantFiles(t, dir, "f")
			}
			got := strings.Join(tc.server.ranges(), ",")
			if len(tc.server.ranges()) == 0 {
				got = "none"
			}
			if tc.ranges != "any" && got != tc.ranges {
				t.Errorf("ranges: got %q, want %q", got, tc.ranges)
			}
		})
	}
}

func TestDownloadKeepsWhatIsRight(t *testing.T) {
	dir := t.TempDir()
	dest := filepath.Join(dir, "f")
	writeFile(t, dest, []byte("right"))
	c := newTestClient(t, Options{Retries: -1})
	if err := c.Download(t.Context(), "http://127.0.0.1:1/", dest, DownloadOptions{Checksum: sumOf([]byte("right"))}); err != nil {
		t.Errorf("a file that is right was fetched: %v", err)
	}
	if err := c.Download(t.Context(), "http://127.0.0.1:1/", dest, DownloadOptions{Checksum: sumOf([]byte("other"))}); err == nil {
		t.Error("a file that is wrong was kept")
	}
	if got, err := os.ReadFile(dest); err != nil || string(got) != "right" {
		t.Errorf("a failed download changed the file: %q, %v", got, err)
	}
}

func TestDownloadLocalFile(t *testing.T) {
	dir := t.TempDir()
	data := someData(3000)
	src, dest := filepath.Join(dir, "src"), filepath.Join(dir, "f")
	writeFile(t, src, data)
	writeFile(t, dest+".part", data[:1000])
	c := newTestClient(t, Options{})
	if err := c.Download(t.Context(), src, dest, DownloadOptions{Checksum: sumOf(data)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(dest); !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, want %d", len(got), len(data))
	}
	err := c.Download(t.Context(), filepath.Join(dir, "absent"), filepath.Join(dir, "g"), DownloadOptions{Checksum: sumOf(data)})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	wantFiles(t, dir, "f", "src")
}

func TestDownloadCancelled(t *testing.T) {
	data := someData(100_000)
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(data[:60_000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	dir := t.TempDir()
	dest := filepath.Join(dir, "f")
	c := newTestClient(t, Options{})
	opts := DownloadOptions{Checksum: sumOf(data), Progress: func(done int64) {
		if done == 60_000 {
			cancel()
		}
	}}
	if err := c.Download(ctx, s.URL, dest, opts); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	wantFiles(t, dir, "f.part")
	if err := c.Download(t.Context(), s.URL, dest, opts); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "f")
}

func TestDownloadTogether(t *testing.T) {
	data := someData(200_000)
	var requests atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	dir := t.TempDir()
	dest := filepath.Join(dir, "f")
	var wg sync.WaitGroup
	for range 8 {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			if err := c.Download(t.Context(), s.URL, dest, DownloadOptions{Checksum: sumOf(data)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("requests: got %d, want 1", n)
	}
	wantFiles(t, dir, "f")
}

func TestDownloadWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	dest := filepath.Join(dir, "f")
	other, err := os.OpenFile(dest+".part", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := newTestClient(t, Options{Sleep: func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}})
	if err := c.Download(ctx, "http://127.0.0.1:1/", dest, DownloadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := ownPart(dest, mustOpen(t, dest+".part"))
	if err != nil {
		t.Fatal(err)
	}
	if p.path == dest+".part" {
		t.Error("a part of one's own has the shared name")
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

func mustOpen(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPartIsNoSymlink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	writeFile(t, victim, []byte("precious"))
	dest := filepath.Join(dir, "f")
	if err := os.Symlink(victim, dest+".part"); err != nil {
		t.Fatal(err)
	}
	if err := newTestClient(t, Options{}).Download(t.Context(), victim, dest, DownloadOptions{}); err == nil {
		t.Error("a symlink was followed")
	}
	if got, _ := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("the link's target changed: %q", got)
	}
}

func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	writeFile(t, path, []byte("abc"))
	sum := sumOf([]byte("abc"))
	if err := Verify(path, sum, 3); err != nil {
		t.Error(err)
	}
	wantError(t, Verify(path, sum, 4), "3 bytes, expected 4")
	wantError(t, Verify(path, sumOf(nil), 0), "its checksum is "+sum.String())
	wantError(t, Verify(path, Checksum{}, 0), "no checksum")
	wantError(t, Verify(path+"x", sum, 0), "not found")
}

func TestChecksum(t *testing.T) {
	for in, want := range map[string]string{
		"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"sha:da39a3ee5e6b4b0d3255bfef95601890afd80709":                            "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"sha512:ab":     "128 hexadecimal digits",
		"md5:d41d8cd98": "not supported",
		"sha256":        "want algorithm:value",
		"sha1:zz39a3ee5e6b4b0d3255bfef95601890afd80709": "hexadecimal digits",
	} {
		c, err := ParseChecksum(in)
		if err != nil {
			wantError(t, err, want)
			continue
		}
		if c.String() != want || c.IsZero() {
			t.Errorf("%s: got %s, want %s", in, c, want)
		}
		if again, err := ParseChecksum(c.String()); err != nil || again != c {
			t.Errorf("%s: read again: got %v, %v", in, again, err)
		}
		if empty := c.Sum(c.Hasher()); empty != c {
			t.Errorf("%s: checksum of nothing: got %s", in, empty)
		}
	}
	for algorithm, size := range map[string]int{"sha224": 28, "sha384": 48, "sha512": 64} {
		c, err := NewChecksum(algorithm, strings.Repeat("0", 2*size))
		if err != nil || c.Hasher().Size() != size || c.Algorithm() != algorithm || c.Hex() == "" {
			t.Errorf("%s: got %v, %v", algorithm, c, err)
		}
	}
	if (Checksum{}).String() != "" || (Checksum{}).Hasher() != nil {
		t.Error("the zero checksum is something")
	}
}
