package archive_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestLockExcludes has many holders of one lock, over two handles and in
// every way that locks are made.
func TestLockExcludes(t *testing.T) {
	for name, play := range map[string]func(*archive.Repo){
		"OFD locks": func(*archive.Repo) {}, "flock": (*archive.Repo).PlayNFS,
	} {
		one := ostreetest.NewRepo(t)
		two := ostreetest.Open(t, one.Path())
		play(one)
		play(two)
		var held atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			repo := []*archive.Repo{one, two}[i%2]
			wg.Go(func() {
				lock, err := repo.Lock(t.Context(), "publish")
				if err != nil {
					t.Error(err)
					return
				}
				if n := held.Add(1); n != 1 {
					t.Errorf("%s: %d hold the lock", name, n)
				}
				held.Add(-1)
				if err := lock.Unlock(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestLockEndsWithTheContext(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	lock, err := repo.Lock(t.Context(), "publish")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	other, err := repo.Lock(t.Context(), "elsewhere")
	if err != nil {
		t.Fatalf("a lock for another purpose: %v", err)
	}
	if err := other.Unlock(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.Lock(ctx, "publish"); !errors.Is(err, context.Canceled) {
		t.Errorf("a held lock: got %v, want context.Canceled", err)
	}
	for _, bad := range []string{"", "../x", "a/b", ".hidden"} {
		if _, err := repo.Lock(t.Context(), bad); err == nil {
			t.Errorf("Lock(%q): got no error", bad)
		}
	}
}

// TestConfigOfManyWriters loses no change.
func TestConfigOfManyWriters(t *testing.T) {
	one := ostreetest.NewRepo(t)
	two := ostreetest.Open(t, one.Path())
	keys := strings.Split("abcdefgh", "")
	var wg sync.WaitGroup
	for i, key := range keys {
		repo := []*archive.Repo{one, two}[i%2]
		wg.Go(func() {
			if err := repo.SetConfig("test", key, "value of "+key); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f, err := one.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if got, _ := f.Get("test", key); got != "value of "+key {
			t.Errorf("%s: got %q", key, got)
		}
	}
	for _, group := range [][][2]string{{{"a", "new"}, {"other", "x"}}, nil} {
		if err := two.SetConfigGroup("test", group); err != nil {
			t.Fatal(err)
		}
		if f, err = one.Config(); err != nil {
			t.Fatal(err)
		}
		if got := f.Keys("test"); len(got) != len(group) || f.Has("test") != (group != nil) || f.Has("core") != true {
			t.Errorf("group %v: got keys %v", group, got)
		}
	}
	left, err := filepath.Glob(filepath.Join(one.Path(), ".config*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: got %v, %v, want nothing", left, err)
	}
}

// TestWriterWaitsForTheFirst has two goroutines write one file. The first one
// fails; the other then does the work.
func TestWriterWaitsForTheFirst(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Abort()
	data := strings.Repeat("large file", 1<<18)
	h := ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}
	broken := errors.New("broken")
	reading, second := make(chan struct{}), make(chan struct{})
	readings := 0
	failing := archive.Content{Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		if readings++; readings == 2 { // it holds the claim on the object
			close(reading)
			<-second
			return nil, broken
		}
		return io.NopCloser(strings.NewReader(data)), nil
	}}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := txn.WriteFile(t.Context(), h, failing); !errors.Is(err, broken) {
			t.Errorf("the first: got %v, want its error", err)
		}
	})
	<-reading
	good := content(data)
	open := good.Open
	once := sync.OnceFunc(func() { close(second) })
	good.Open = func() (io.ReadCloser, error) { once(); return open() }
	res, err := txn.WriteFile(t.Context(), h, good)
	wg.Wait()
	if err != nil || !res.New {
		t.Errorf("the second: got %+v, %v, want it written", res, err)
	}
	stats, err := txn.Commit(t.Context())
	if err != nil || stats.FilesNew != 1 {
		t.Errorf("Commit: got %+v, %v, want one file", stats, err)
	}
	ostreetest.Check(t, repo)
}

// TestManyOpenTransactions lets many write at once, one of them in vain.
func TestManyOpenTransactions(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			tree := ostreetest.RandomTree(uint64(i%3), 40)
			ostreetest.Commit(t, repo, "r/"+string(rune('a'+i)), tree, ostreetest.CommitOptions{})
		})
	}
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ostreetest.RandomTree(1, 40).Write(t, txn)
	wg.Wait()
	if err := txn.Abort(); err != nil {
		t.Error(err)
	}
	ostreetest.Check(t, repo)
	refs, err := repo.Refs(t.Context(), "r")
	if err != nil || len(refs) != 8 {
		t.Errorf("refs: got %v, %v, want eight", refs, err)
	}
}

// TestForeignTemporaryFiles leaves what is not ours.
func TestForeignTemporaryFiles(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	keep := []string{"staging-boot-XXXXXX", "cache", "treewright.txt"}
	for _, name := range keep {
		if err := os.Mkdir(filepath.Join(repo.Path(), "tmp", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dead := filepath.Join(repo.Path(), "tmp", "treewright-dead", "ab")
	if err := os.MkdirAll(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	ostreetest.Commit(t, repo, "a", ostreetest.Tree{}, ostreetest.CommitOptions{})
	entries, err := os.ReadDir(filepath.Join(repo.Path(), "tmp"))
	if err != nil || len(entries) != len(keep) {
		t.Errorf("tmp: got %v, %v, want %v", entries, err, keep)
	}
}
