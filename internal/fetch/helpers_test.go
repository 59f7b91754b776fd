package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sleeps records the pauses that a client asks for, and takes none.
type sleeps struct {
	mu   sync.Mutex
	list []time.Duration
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, d)
	return ctx.Err()
}

func (s *sleeps) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

// newTestClient returns a client that never waits between attempts.
func newTestClient(t *testing.T, opts Options) *Client {
	t.Helper()
	if opts.Sleep == nil {
		opts.Sleep = new(sleeps).sleep
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func sumOf(data []byte) Checksum {
	sum := sha256.Sum256(data)
	return Checksum{algorithm: "sha256", hex: hex.EncodeToString(sum[:])}
}

// someData returns n bytes that do not repeat soon.
func someData(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		b.Write(sum[:])
	}
	return b.Bytes()[:n]
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error: got %v, want one with %q", err, part)
	}
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, filepath.Base(e.Name()))
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("files: got %v, want %v", got, names)
	}
}

// flaky serves data with Range and ETag, and cuts each answer after some bytes.
type flaky struct {
	data    []byte
	cutAt   int // bytes of each answer; 0 never cuts
	cuts    int // how many answers are cut; the rest are whole
	tag     string
	noRange bool

	mu       sync.Mutex
	requests []string // Range headers
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Header.Get("Range"))
	cut := f.cutAt > 0 && f.cuts > 0
	f.cuts--
	f.mu.Unlock()
	if f.tag != "" {
		w.Header().Set("ETag", f.tag)
	}
	if f.noRange {
		r.Header.Del("Range")
		w.Header().Set("Accept-Ranges", "none")
	}
	if cut {
		w = &cutter{ResponseWriter: w, left: f.cutAt}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}

// cutter drops the connection after some bytes.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

func (f *flaky) ranges() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}
