package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestGetStatus(t *testing.T) {
	for _, tc := range []struct {
		code     int
		notFound bool
		tries    int
	}{
		{http.StatusNotFound, true, 1},
		{http.StatusForbidden, true, 1},
		{http.StatusGone, true, 1},
		{http.StatusUnauthorized, false, 1},
		{http.StatusNotImplemented, false, 1},
		{http.StatusTooManyRequests, false, 3},
		{http.StatusInternalServerError, false, 3},
		{http.StatusServiceUnavailable, false, 3},
	} {
		t.Run(fmt.Sprint(tc.code), func(t *testing.T) {
			var tries atomic.Int32
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				tries.Add(1)
				http.Error(w, "no", tc.code)
			})
			_, err := newTestClient(t, Options{Retries: 2}).Get(t.Context(), s.URL+"/x", GetOptions{})
			var status *StatusError
			if !errors.As(err, &status) || status.Code != tc.code {
				t.Errorf("error: got %v, want status %d", err, tc.code)
			}
			if got := errors.Is(err, ErrNotFound); got != tc.notFound {
				t.Errorf("is ErrNotFound: got %v, want %v", got, tc.notFound)
			}
			if got := int(tries.Load()); got != tc.tries {
				t.Errorf("requests: got %d, want %d", got, tc.tries)
			}
		})
	}
}

func TestGetRecovers(t *testing.T) {
	var tries atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch tries.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Retry-After", "7")
			http.Error(w, "busy", http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "hello")
		}
	})
	pauses := new(sleeps)
	data, _, err := newTestClient(t, Options{Sleep: pauses.sleep}).ReadAll(t.Context(), s.URL, GetOptions{})
	if err != nil || string(data) != "hello" {
		t.Fatalf("got %q, %v", data, err)
	}
	if n := len(pauses.list); n != 2 || pauses.list[0] > time.Second || pauses.list[1] < 7*time.Second {
		t.Errorf("pauses: got %v, want a short one and seven seconds", pauses.list)
	}
}

func TestGetSendsHeaders(t *testing.T) {
	var got http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	c := newTestClient(t, Options{UserAgent: "treewright/1"})
	for _, fresh := range []bool{false, true} {
		if _, _, err := c.ReadAll(t.Context(), s.URL, GetOptions{Fresh: fresh}); err != nil {
			t.Fatal(err)
		}
		if set := got.Get("Cache-Control") == "no-cache"; set != fresh {
			t.Errorf("fresh %v: Cache-Control is %q", fresh, got.Get("Cache-Control"))
		}
	}
	if ua := got.Get("User-Agent"); ua != "treewright/1" {
		t.Errorf("User-Agent: got %q", ua)
	}
	if e := got.Get("Accept-Encoding"); e != "identity" {
		t.Errorf("Accept-Encoding: got %q, want identity", e)
	}
}

func TestGetNotModified(t *testing.T) {
	f := &flaky{data: []byte("content"), tag: `"v1"`}
	s := serve(t, f.ServeHTTP)
	c := newTestClient(t, Options{})
	data, resp, err := c.ReadAll(t.Context(), s.URL, GetOptions{})
	if err != nil || string(data) != "content" || resp.ETag != `"v1"` || resp.Size != 7 {
		t.Fatalf("got %q, %+v, %v", data, resp, err)
	}
	data, resp, err = c.ReadAll(t.Context(), s.URL, GetOptions{IfNoneMatch: resp.ETag})
	if err != nil || !resp.NotModified || len(data) != 0 {
		t.Errorf("second time: got %q, %+v, %v, want not modified", data, resp, err)
	}
}

func TestBodyResumes(t *testing.T) {
	data := someData(100_000)
	f := &flaky{data: data, tag: `"v1"`, cutAt: 30_000, cuts: 3}
	s := serve(t, f.ServeHTTP)
	got, _, err := newTestClient(t, Options{}).ReadAll(t.Context(), s.URL, GetOptions{})
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(data))
	}
	want := " bytes=30000- bytes=60000- bytes=90000-"
	if r := strings.Join(f.ranges(), " "); r != want {
		t.Errorf("ranges: got %q, want %q", r, want)
	}
}

func TestBodyWithoutValidator(t *testing.T) {
	data := someData(10_000)
	for _, immutable := range []bool{false, true} {
		f := &flaky{data: data, cutAt: 6000, cuts: 1}
		s := serve(t, f.ServeHTTP)
		c := newTestClient(t, Options{})
		resp, err := c.Get(t.Context(), s.URL, GetOptions{Immutable: immutable})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err2 := resp.Body.Close(); err2 != nil {
			t.Error(err2)
		}
		if ok := err == nil && bytes.Equal(got, data); ok != immutable {
			t.Errorf("immutable %v: got %d bytes, %v", immutable, len(got), err)
		}
	}
}

func TestBodyRefusesAnotherVersion(t *testing.T) {
	var tries atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := tries.Add(1)
		f := &flaky{data: bytes.Repeat([]byte{byte('a' + n)}, 1000), tag: fmt.Sprintf(`"v%d"`, n), cutAt: 500, cuts: 1}
		f.ServeHTTP(w, r)
	})
	resp, err := newTestClient(t, Options{}).Get(t.Context(), s.URL, GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if !errors.Is(err, errChanged) || bytes.Contains(data, []byte("c")) {
		t.Errorf("got %d bytes, %v, want errChanged and no mixture", len(data), err)
	}
}

func TestMaxSize(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.Header().Set("Transfer-Encoding", "chunked")
		} else {
			w.Header().Set("Content-Length", "1000")
		}
		_, _ = w.Write(someData(1000))
	})
	path := filepath.Join(t.TempDir(), "f")
	writeFile(t, path, someData(1000))
	c := newTestClient(t, Options{})
	for _, u := range []string{s.URL + "/sized", s.URL + "/chunked", path} {
		var large *TooLargeError
		if _, _, err := c.ReadAll(t.Context(), u, GetOptions{MaxSize: 999}); !errors.As(err, &large) {
			t.Errorf("%s: got %v, want TooLargeError", u, err)
		}
		if data, _, err := c.ReadAll(t.Context(), u, GetOptions{MaxSize: 1000}); err != nil || len(data) != 1000 {
			t.Errorf("%s: got %d bytes, %v", u, len(data), err)
		}
	}
}

func TestSlowServers(t *testing.T) {
	var tries atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := tries.Add(1)
		if r.URL.Path == "/mute" && n == 1 {
			<-r.Context().Done()
			return
		}
		w.Header().Set("ETag", `"v"`)
		if n == 1 {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("01234"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
	})
	c := newTestClient(t, Options{Timeout: 100 * time.Millisecond, SlowTime: 50 * time.Millisecond})
	for _, path := range []string{"/mute", "/stuck"} {
		tries.Store(0)
		data, _, err := c.ReadAll(t.Context(), s.URL+path, GetOptions{})
		if err != nil || string(data) != "0123456789" || tries.Load() != 2 {
			t.Errorf("%s: got %q, %v after %d requests", path, data, err, tries.Load())
		}
	}
	c = newTestClient(t, Options{Timeout: 50 * time.Millisecond, Retries: -1})
	tries.Store(0)
	_, _, err := c.ReadAll(t.Context(), s.URL+"/mute", GetOptions{})
	wantError(t, err, "no answer in time")
	tries.Store(0)
	_, _, err = c.ReadAll(t.Context(), s.URL+"/stuck", GetOptions{})
	wantError(t, err, "too slow")
}

func TestCancel(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("01234"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := newTestClient(t, Options{}).Get(ctx, s.URL, GetOptions{Immutable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, buf); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(buf); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestMaxPerHost(t *testing.T) {
	var now, most atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		fmt.Fprint(w, "x")
		now.Add(-1)
	})
	c := newTestClient(t, Options{MaxPerHost: 2})
	done := make(chan error)
	for range 20 {
		go func() {
			_, _, err := c.ReadAll(t.Context(), s.URL, GetOptions{})
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if m := most.Load(); m > 2 {
		t.Errorf("answers at a time: got %d, want at most 2", m)
	}
}

func TestLocalFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b%41")
	writeFile(t, path, []byte("content"))
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c := newTestClient(t, Options{})
	fileURL := (&url.URL{Scheme: "file", Path: path}).String()
	for _, u := range []string{path, fileURL, strings.Replace(fileURL, "file://", "FILE://localhost", 1)} {
		data, resp, err := c.ReadAll(t.Context(), u, GetOptions{})
		if err != nil || string(data) != "content" {
			t.Errorf("%s: got %q, %v", u, data, err)
			continue
		}
		if _, again, err := c.ReadAll(t.Context(), u, GetOptions{IfNoneMatch: resp.ETag}); err != nil || !again.NotModified {
			t.Errorf("%s again: got %+v, %v, want not modified", u, again, err)
		}
	}
	for u, part := range map[string]string{
		filepath.Join(dir, "absent"):         "not found",
		path + "/below":                      "not found",
		fifo:                                 "not a regular file",
		dir:                                  "not a regular file",
		"file://elsewhere/etc/passwd":        "want file:///",
		"file:relative":                      "want file:///",
		"relative/path":                      "want an http, https or file URL",
		"ftp://example.com/x":                "want an http, https or file URL",
		"http:///x":                          "want an http, https or file URL",
		"http://user:secret@exa mple.com/x":  "invalid character",
		"https://user:secret@example.com:x/": "invalid port",
	} {
		_, err := c.Get(t.Context(), u, GetOptions{})
		wantError(t, err, part)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: shows the password", err)
		}
	}
}

func TestLocalFileShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	writeFile(t, path, someData(1000))
	resp, err := newTestClient(t, Options{}).Get(t.Context(), path, GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	var size *SizeError
	if _, err := io.ReadAll(resp.Body); !errors.As(err, &size) {
		t.Errorf("got %v, want SizeError", err)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("file:///a%20b")
	f.Add("https://u:p@h/x")
	f.Add("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Fuzz(func(t *testing.T, s string) {
		if path, ok, err := LocalPath(s); err == nil && ok && !filepath.IsAbs(path) {
			t.Errorf("%q: got the relative path %q", s, path)
		}
		if u, err := parseURL(s); err == nil && u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q: got %s", s, u)
		}
		if c, err := ParseChecksum(s); err == nil {
			if again, err := ParseChecksum(c.String()); err != nil || again != c {
				t.Errorf("%q: got %v, read again %v, %v", s, c, again, err)
			}
		}
		if start, total, err := parseContentRange(s); err == nil && (start < 0 || total < -1) {
			t.Errorf("%q: got %d, %d", s, start, total)
		}
	})
}

func TestContentRange(t *testing.T) {
	for s, want := range map[string][2]int64{
		"bytes 5-9/10": {5, 10}, "bytes 0-0/*": {0, -1}, "bytes 5-9": {-1, 0}, "": {-1, 0},
		"items 5-9/10": {-1, 0}, "bytes x-9/10": {-1, 0}, "bytes 5-9/-3": {-1, 0}, "bytes -5-9/10": {-1, 0},
	} {
		start, total, err := parseContentRange(s)
		if want[0] < 0 {
			if err == nil {
				t.Errorf("%q: got %d, %d, want an error", s, start, total)
			}
		} else if err != nil || start != want[0] || total != want[1] {
			t.Errorf("%q: got %d, %d, %v, want %v", s, start, total, err, want)
		}
	}
}
