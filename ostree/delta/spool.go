package delta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// spoolMemory is how much of a spool stays in memory.
const spoolMemory = 1 << 20

// spool holds bytes that are written once and then read at any place: in
// memory while they are few, else in a file that has no name any more. It
// refuses more than limit bytes. Close it.
type spool struct {
	dir   string
	limit int64
	n     int64
	buf   []byte
	file  *os.File
	mem   []byte // the mapped file
}

func newSpool(dir string, limit int64) *spool { return &spool{dir: dir, limit: limit} }

func (s *spool) Write(p []byte) (int, error) {
	if int64(len(p)) > s.limit-s.n {
		return 0, fmt.Errorf("more than the %d bytes that were announced", s.limit)
	}
	if s.file == nil && len(s.buf)+len(p) > spoolMemory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.buf = append(s.buf, p...)
		s.n += int64(len(p))
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.n += int64(n)
	return n, err
}

func (s *spool) toFile() (err error) {
	f, err := os.CreateTemp(s.dir, "delta-*")
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(s.buf)
	s.buf = nil
	return err
}

// bytes returns all that was written. It is valid until Close.
func (s *spool) bytes() ([]byte, error) {
	if s.file == nil {
		return s.buf, nil
	}
	if s.mem == nil {
		mem, err := unix.Mmap(int(s.file.Fd()), 0, int(s.n), unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return nil, fmt.Errorf("mapping %d bytes of a temporary file: %w", s.n, err)
		}
		s.mem = mem
	}
	return s.mem, nil
}

// reader reads from the start, without mapping.
func (s *spool) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.buf)
	}
	return io.NewSectionReader(s.file, 0, s.n)
}

// Close drops the bytes. A second call does nothing.
func (s *spool) Close() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.mem != nil {
		errs = append(errs, unix.Munmap(s.mem))
	}
	if s.file != nil {
		errs = append(errs, s.file.Close())
	}
	s.mem, s.file, s.buf = nil, nil, nil
	return errors.Join(errs...)
}
