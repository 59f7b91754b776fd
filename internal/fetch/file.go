package fetch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LocalPath returns the path that a file: URL or a plain absolute path names.
// ok is false for other URLs.
func LocalPath(s string) (path string, ok bool, err error) {
	if filepath.IsAbs(s) {
		return filepath.Clean(s), true, nil
	}
	if len(s) < 5 || !strings.EqualFold(s[:5], "file:") {
		return "", false, nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", false, fmt.Errorf("reading a URL: %w", err)
	}
	if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
		return "", false, fmt.Errorf("%s: want file:///absolute/path", s)
	}
	if strings.IndexByte(u.Path, 0) >= 0 {
		return "", false, fmt.Errorf("%q: a path cannot hold a NUL byte", s)
	}
	return filepath.Clean(u.Path), true, nil
}

// openRegular opens a regular file; others (a FIFO would block) are refused.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil, fmt.Errorf("%w: %w", err, ErrNotFound)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// getFile answers for a local file as a server would, ETag included.
func getFile(path string, opts GetOptions) (*Response, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	resp := &Response{
		Size:         info.Size(),
		ETag:         fmt.Sprintf(`"%x-%x"`, info.Size(), info.ModTime().UnixNano()),
		LastModified: info.ModTime().UTC().Format(http.TimeFormat),
		URL:          path,
	}
	if opts.IfNoneMatch == resp.ETag {
		resp.NotModified, resp.Size, resp.Body = true, 0, http.NoBody
		return resp, f.Close()
	}
	if opts.MaxSize > 0 && info.Size() > opts.MaxSize {
		return nil, errors.Join(&TooLargeError{URL: path, Max: opts.MaxSize}, f.Close())
	}
	resp.Body = &fileBody{f: f, path: path, size: info.Size()}
	return resp, nil
}

// getFileFrom is getFile from an offset on.
func getFileFrom(path string, offset int64, opts GetOptions) (*Response, error) {
	resp, err := getFile(path, opts)
	if err != nil {
		return nil, err
	}
	b := resp.Body.(*fileBody)
	if offset > b.size {
		return nil, errors.Join(errChanged, b.Close())
	}
	if _, err := b.f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.read = offset
	return resp, nil
}

// fileBody reads a file up to the size that it had when it was opened.
type fileBody struct {
	f    *os.File
	path string
	size int64
	read int64
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.read == b.size {
		return 0, io.EOF
	}
	n, err := b.f.Read(p[:min(int64(len(p)), b.size-b.read)])
	b.read += int64(n)
	if errors.Is(err, io.EOF) {
		return n, &SizeError{URL: b.path, Got: b.read, Want: b.size}
	}
	return n, err
}

func (b *fileBody) Close() error { return b.f.Close() }
