package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Add stores what r holds, which no package brought: what a program of a tree
// wrote, for example. It stays until the Store is closed; after that, Prune may
// remove it.
func (s *Store) Add(ctx context.Context, r io.Reader) (_ Digest, size int64, err error) {
	f, err := s.create()
	if err != nil {
		return Digest{}, 0, err
	}
	defer func() { err = errors.Join(err, discard(f)) }()
	sum := sha256.New()
	buf := make([]byte, 128<<10)
	for {
		if ctx.Err() != nil {
			return Digest{}, 0, context.Cause(ctx)
		}
		n, err := r.Read(buf)
		sum.Write(buf[:n])
		size += int64(n)
		if _, werr := f.Write(buf[:n]); werr != nil {
			return Digest{}, 0, fmt.Errorf("%w: %w", errStoring, werr)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return Digest{}, 0, err
		}
	}
	d := Digest(sum.Sum(nil))
	if s.has(d, size) {
		return d, size, nil
	}
	if err := seal(f, defaultMode); err != nil {
		return Digest{}, 0, err
	}
	return d, size, s.publish(f, d)
}
