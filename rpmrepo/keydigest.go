package rpmrepo

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// KeyDigest covers the bytes of every file that gpgkey names, in their order:
// while it is the same, so are the keys that packages are checked with.
func (r *Repository) KeyDigest(ctx context.Context) ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	keys, err := r.keyData(ctx)
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(h, "key %x\n", sha256.Sum256(k))
	}
	h.Sum(sum[:0])
	return sum, nil
}
