package server

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
)

const (
	cacheForever  = "public, max-age=31536000, immutable"
	cacheNever    = "no-cache" // may be kept, but is asked about each time
	maxConfigSize = 1 << 20
	maxRefSize    = 128
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.opts.AccessLog == nil {
		s.serve(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w}
	start := s.now()
	defer func() {
		s.opts.AccessLog(Access{
			Remote: r.RemoteAddr, Method: r.Method, Path: r.URL.Path, Status: rec.statusCode(), Bytes: rec.bytes,
			Duration: s.now().Sub(start), Agent: r.UserAgent(), Ref: r.Header.Get("Flatpak-Ref"),
		})
	}()
	s.serve(rec, r)
}

func (s *Server) now() time.Time {
	if s.opts.Clock == nil {
		return time.Time{}
	}
	return s.opts.Clock()
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", cacheNever)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this repository is read-only", http.StatusMethodNotAllowed)
		return
	}
	// An encoded slash would be one path for a proxy and another one here.
	escaped := strings.ToLower(r.URL.EscapedPath())
	if strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") {
		http.NotFound(w, r)
		return
	}
	k, name := s.classify(r.URL.Path)
	var err error
	switch k {
	case kindImmutable, kindMutable:
		err = s.serveFile(w, r, k, name)
	case kindRef:
		err = s.serveRef(w, r, strings.TrimPrefix(name, "refs/"))
	case kindConfig:
		err = s.serveConfig(w, r)
	case kindFlatpakRepo:
		err = s.serveFlatpakRepo(w, r, name)
	default:
		err = fs.ErrNotExist
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// fail answers for a file that cannot be served. A file that is not there, is
// no file or lies elsewhere is 404; what the server should have been able to
// read is its own error, which clients must not take for "no such thing".
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	for _, key := range []string{"Content-Type", "Etag", "Last-Modified"} {
		h.Del(key)
	}
	h.Set("Cache-Control", cacheNever)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrClosed), errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE), errors.Is(err, errConfig):
		s.log.Error("serving", "path", r.URL.Path, "error", err)
		http.Error(w, "the server cannot read this file", http.StatusInternalServerError)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		s.log.Error("serving", "path", r.URL.Path, "error", err)
		h.Set("Retry-After", "1")
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
	default:
		http.NotFound(w, r)
	}
}

// open opens a regular file below root that is not a symbolic link itself.
// O_NONBLOCK keeps a FIFO from holding the request.
func open(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	if info, err := root.Lstat(name); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, fs.ErrNotExist
	}
	return openTarget(root, name)
}

// openTarget is open for names that may be symbolic links within root.
func openTarget(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, k kind, name string) error {
	f, info, err := open(s.repo, name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if strings.HasSuffix(name, ".gz") {
		h.Set("Content-Type", "application/gzip")
	}
	modified := info.ModTime()
	if k == kindImmutable {
		h.Set("Cache-Control", cacheForever)
		// The name vouches for the content, on every server that has it.
		h.Set("Etag", fmt.Sprintf(`"%s-%x"`, strings.ReplaceAll(strings.TrimPrefix(name, "objects/"), "/", ""), info.Size()))
	} else {
		etag, changed := identity(info)
		h.Set("Etag", etag)
		modified = s.settled(changed)
	}
	defer limit(w, info.Size())()
	http.ServeContent(w, r, "", modified, f)
	return nil
}

// identity returns an entity tag for a file that gets replaced under its name,
// and when that was done last: a rename changes the ctime, not the mtime.
func identity(info fs.FileInfo) (etag string, changed time.Time) {
	changed = info.ModTime()
	var inode uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
		if c := time.Unix(st.Ctim.Unix()); c.After(changed) {
			changed = c
		}
	}
	return fmt.Sprintf(`"%x-%x-%x"`, inode, changed.UnixNano(), info.Size()), changed
}

// settled returns the time for Last-Modified: none as long as another change
// could fall into the same second, or with no clock to tell.
func (s *Server) settled(changed time.Time) time.Time {
	if now := s.now(); now.Sub(changed) < 2*time.Second {
		return time.Time{}
	}
	return changed
}

// limit cuts the connection when writing size bytes takes too long. The caller
// stops it when the writing is done. (A deadline needs the time of day, and the
// clock of Options may stand still.)
func limit(w http.ResponseWriter, size int64) (stop func() bool) {
	connection := http.NewResponseController(w)
	return time.AfterFunc(minWrite+time.Duration(size/minRate)*time.Second, func() {
		// An error means that there is no connection, as in a test.
		_ = connection.SetWriteDeadline(time.Unix(1, 0))
	}).Stop
}

// serveRef serves a ref, which may be a symbolic link to another one. What
// holds anything but a checksum is no ref.
func (s *Server) serveRef(w http.ResponseWriter, r *http.Request, name string) error {
	refs, err := s.repo.OpenRoot("refs")
	if err != nil {
		return err
	}
	defer refs.Close()
	f, info, err := openTarget(refs, name)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRefSize))
	if err != nil {
		return err
	}
	if _, err := ostree.ParseChecksum(strings.TrimSuffix(string(data), "\n")); err != nil {
		return fs.ErrNotExist
	}
	_, changed := identity(info)
	s.serveBytes(w, r, "text/plain; charset=utf-8", data, changed)
	return nil
}

// serveBytes serves a small content that was read or made for this request.
func (s *Server) serveBytes(w http.ResponseWriter, r *http.Request, contentType string, data []byte, changed time.Time) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Etag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
	http.ServeContent(w, r, "", s.settled(changed), bytes.NewReader(data))
}

// errConfig is a repository whose own config is missing or wrong.
var errConfig = errors.New("the repository's config")

// config returns the part of the repository's config that clients read. The
// rest may hold remotes with their credentials.
func (s *Server) config() ([]byte, error) {
	f, _, err := openTarget(s.repo, "config")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	all, err := keyfile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	mode, _ := all.Get("core", "mode")
	if mode != "archive" && mode != "archive-z2" {
		return nil, fmt.Errorf("%w: its mode is %q; clients can pull from mode archive only", errConfig, mode)
	}
	var public keyfile.File
	for _, key := range []string{"repo_version", "mode", "indexed-deltas"} {
		if value, ok := all.Get("core", key); ok {
			public.Set("core", key, value)
		}
	}
	return public.Encode(), nil
}

func (s *Server) serveConfig(w http.ResponseWriter, r *http.Request) error {
	data, err := s.config()
	if err != nil {
		return err
	}
	s.serveBytes(w, r, "text/plain; charset=utf-8", data, time.Time{})
	return nil
}

func (s *Server) serveFlatpakRepo(w http.ResponseWriter, r *http.Request, name string) error {
	data, err := os.ReadFile(s.opts.FlatpakRepoFile)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	s.serveBytes(w, r, "application/vnd.flatpak.repo", data, time.Time{})
	return nil
}
