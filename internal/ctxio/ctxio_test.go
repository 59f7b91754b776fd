package ctxio_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/ctxio"
)

func TestReader(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := ctxio.Reader(ctx, strings.NewReader("abcd"))
	var two [2]byte
	if _, err := io.ReadFull(r, two[:]); err != nil || string(two[:]) != "ab" {
		t.Errorf("got %q, %v, want ab", two, err)
	}
	cancel()
	if n, err := r.Read(two[:]); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: got %d, %v, want context.Canceled", n, err)
	}
}
