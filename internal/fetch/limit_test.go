package fetch

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestLimitRate reads from several answers at once and adds up the pauses.
func TestLimitRate(t *testing.T) {
	const size, files, rate = 200_000, 4, 100_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, size))
	}))
	t.Cleanup(server.Close)
	var mu sync.Mutex
	var waited time.Duration
	c, err := New(Options{LimitRate: rate, Sleep: func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		waited += d
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var group errgroup.Group
	for range files {
		group.Go(func() error {
			data, _, err := c.ReadAll(t.Context(), server.URL, GetOptions{})
			if err == nil && !bytes.Equal(data, make([]byte, size)) {
				t.Error("the answer changed")
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := files * size * time.Second / rate; waited > want || waited < want-shortestWait {
		t.Errorf("pauses: got %v, want %v", waited, want)
	}
}

func TestLimitRateEndsWithTheContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1000))
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{LimitRate: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.ReadAll(ctx, server.URL, GetOptions{}); err == nil {
		t.Error("got nil, want the end of the context")
	}
}
