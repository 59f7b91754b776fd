package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// deadlines is a connection that tells when it is cut.
type deadlines struct {
	http.ResponseWriter
	cut chan time.Time
}

func (d deadlines) SetWriteDeadline(t time.Time) error {
	d.cut <- t
	return nil
}

func TestLimitCutsTheConnection(t *testing.T) {
	w := deadlines{cut: make(chan time.Time, 1)}
	// A size that leaves no time at all.
	stop := limit(&recorder{ResponseWriter: w}, -minRate*int64(minWrite/time.Second))
	if at := <-w.cut; !at.Before(time.Now()) {
		t.Errorf("deadline: got %v, want one in the past", at)
	}
	if stop() {
		t.Error("stopping after the cut: got true, want false")
	}
	if stop := limit(w, 1<<40); !stop() {
		t.Error("stopping in time: got false, want true")
	}
}

// A recorder must not stand between a file and the connection.
func TestRecorderPassesFilesOn(t *testing.T) {
	var inner readerFrom
	rec := &recorder{ResponseWriter: &inner}
	f, err := os.Open("files_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(rec, f, 10); err != nil {
		t.Fatal(err)
	}
	limited, ok := inner.src.(*io.LimitedReader)
	if !ok || limited.R != io.Reader(f) || rec.bytes != 10 {
		t.Errorf("source: got %T, %d bytes, want the file, 10", inner.src, rec.bytes)
	}
}

type readerFrom struct {
	httptest.ResponseRecorder
	src io.Reader
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	r.src = src
	return io.Copy(io.Discard, src)
}

func BenchmarkObject(b *testing.B) {
	dir := b.TempDir()
	name := "/objects/ab/" + "cd01234567890123456789012345678901234567890123456789012345678901"[:62] + ".filez"
	for path, content := range map[string]string{"config": "[core]\nrepo_version=1\nmode=archive-z2\n", name: "0123456789"} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	s, err := New(Options{Repo: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	req := httptest.NewRequest("GET", name, nil)
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
