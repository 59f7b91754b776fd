package origin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestUpdateAndRead(t *testing.T) {
	repo := t.TempDir()
	r, err := Read(repo)
	if err != nil || len(r.Refs) != 0 {
		t.Fatalf("a repository without a record: got %v, %v, want an empty one", r, err)
	}
	err = Update(t.Context(), repo, func(r *Record) error {
		r.SetUpstream("flathub", Upstream{URL: "https://example.org/repo", LastModified: 7})
		r.Set("app/b", "flathub")
		r.Set("app/a", "flathub")
		r.Set("app/c", "other")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err = Read(repo)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.From("flathub"), []string{"app/a", "app/b"}; !slices.Equal(got, want) {
		t.Errorf("refs of flathub: got %v, want %v", got, want)
	}
	if got, want := r.Upstreams["flathub"], (Upstream{"https://example.org/repo", 7}); got != want {
		t.Errorf("upstream: got %v, want %v", got, want)
	}
	if name, ok := r.Of("app/own"); ok {
		t.Errorf("an unlisted ref: got origin %q, want none", name)
	}
}

func TestCheckOwn(t *testing.T) {
	repo := t.TempDir()
	if err := CheckOwn(repo, "os/x"); err != nil {
		t.Errorf("without a record: got %v, want nil", err)
	}
	mustUpdate(t, repo, func(r *Record) { r.Set("app/a", "flathub") })
	if err := CheckOwn(repo, "os/x"); err != nil {
		t.Errorf("an own ref: got %v, want nil", err)
	}
	err := CheckOwn(repo, "os/x", "app/a")
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Ref != "app/a" || conflict.Origin != "flathub" {
		t.Errorf("a mirrored ref: got %v, want a conflict with flathub", err)
	}
	mustUpdate(t, repo, func(r *Record) { r.Unset("app/a") })
	if err := CheckOwn(repo, "app/a"); err != nil {
		t.Errorf("a released ref: got %v, want nil", err)
	}
}

func TestUpdateThatFailsWritesNothing(t *testing.T) {
	repo := t.TempDir()
	mustUpdate(t, repo, func(r *Record) { r.Set("app/a", "one") })
	stop := errors.New("stop")
	err := Update(t.Context(), repo, func(r *Record) error {
		r.Set("app/a", "two")
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("error: got %v, want %v", err, stop)
	}
	r, err := Read(repo)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := r.Of("app/a"); name != "one" {
		t.Errorf("origin after a failed update: got %q, want one", name)
	}
}

func TestUpdatesOfManyWritersAllCount(t *testing.T) {
	repo := t.TempDir()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			err := Update(t.Context(), repo, func(r *Record) error {
				r.Set(fmt.Sprintf("app/%d", i), "up")
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r, err := Read(repo)
	if err != nil || len(r.Refs) != 16 {
		t.Errorf("refs: got %d, %v, want 16", len(r.Refs), err)
	}
}

func TestUpdateWaitsForTheLock(t *testing.T) {
	repo := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := Update(t.Context(), repo, func(*Record) error {
		cancel()
		return Update(ctx, repo, func(*Record) error { return nil })
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting for the lock") {
		t.Errorf("error: got %v, want one about waiting for the lock", err)
	}
}

func TestReadRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, content := range map[string]string{
		"cut":           `{"version": 1, "refs": {`,
		"newer version": `{"version": 2, "upstreams": {}, "refs": {}}`,
		"unknown field": `{"version": 1, "upstreams": {}, "refs": {}, "more": 1}`,
	} {
		repo := t.TempDir()
		dir := filepath.Join(repo, folder)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(repo); err == nil || !strings.Contains(err.Error(), fileName) {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
		if err := CheckOwn(repo, "x"); err == nil {
			t.Errorf("%s: CheckOwn: got nil, want an error", name)
		}
	}
}

func mustUpdate(t *testing.T, repo string, fn func(*Record)) {
	t.Helper()
	err := Update(t.Context(), repo, func(r *Record) error { fn(r); return nil })
	if err != nil {
		t.Fatal(err)
	}
}
