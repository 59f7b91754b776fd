package rpmrepo

import (
	"errors"
	"io"
)

// blockReader hands out its own buffers: see stream.
type blockReader interface {
	nextBlock(tail []byte) ([]byte, error)
}

// more gets more of the document behind what is left from pos on.
func (s *xmlScanner) more() error {
	if s.eof {
		return s.errorf("%w", errMore)
	}
	if done, err := s.nextBlock(); done {
		return err
	}
	if s.pos > 0 {
		s.off += int64(s.pos)
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		if cap(s.buf) >= xmlMaxToken {
			return s.errorf("a tag or text of more than %d bytes", xmlMaxToken)
		}
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		s.eof, err = true, nil
	}
	return err
}

// nextBlock is more for who reads in place. When a token is too long for that,
// it makes buf a copy and leaves the rest to more.
func (s *xmlScanner) nextBlock() (done bool, err error) {
	tail := s.buf[s.pos:]
	if s.blocks == nil {
		return false, nil
	}
	if len(tail) <= streamRoom {
		buf, err := s.blocks.nextBlock(tail)
		if errors.Is(err, io.EOF) {
			s.eof = true
			return true, nil
		}
		if err != nil {
			return true, err
		}
		if buf != nil {
			s.off += int64(s.pos)
			s.buf, s.pos, s.inPlace = buf, 0, true
			return true, nil
		}
	}
	if s.inPlace {
		s.off += int64(s.pos)
		s.buf, s.pos, s.inPlace = append(make([]byte, 0, xmlBuffer), tail...), 0, false
	}
	return false, nil
}
