package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/ostree"
)

const (
	indexMagic = "twindex1"
	recordSize = 3 * sha256.Size
	keySize    = 2 * sha256.Size
	maxIndex   = 1 << 30
)

// recordKey is what an object is made of.
type recordKey [keySize]byte

func makeKey(d Digest, h ostree.FileHeader) recordKey {
	var k recordKey
	header := sha256.Sum256(h.Encode())
	copy(k[:], d[:])
	copy(k[sha256.Size:], header[:])
	return k
}

// index remembers which object a content makes together with a file header.
type index struct {
	sorted []byte // records, as on disk

	mu    sync.RWMutex
	added map[recordKey]ostree.Checksum
}

// loadIndex reads an index; a missing or damaged one is empty.
func loadIndex(path string) (*index, error) {
	x := &index{added: map[recordKey]ostree.Checksum{}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() > maxIndex {
		return x, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if body, ok := cutTrailer(data, indexMagic); ok && len(body)%recordSize == 0 {
		x.sorted = body
	}
	return x, nil
}

func (x *index) find(k recordKey) (ostree.Checksum, bool) {
	x.mu.RLock()
	c, ok := x.added[k]
	x.mu.RUnlock()
	if ok {
		return c, true
	}
	n := len(x.sorted) / recordSize
	i := sort.Search(n, func(i int) bool { return bytes.Compare(x.record(i)[:keySize], k[:]) >= 0 })
	if i == n || !bytes.Equal(x.record(i)[:keySize], k[:]) {
		return ostree.Checksum{}, false
	}
	return ostree.Checksum(x.record(i)[keySize:]), true
}

func (x *index) record(i int) []byte { return x.sorted[i*recordSize:][:recordSize] }

func (x *index) add(k recordKey, c ostree.Checksum) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.added[k] = c
}

// records returns all records that keep wants, sorted, in the form for disk.
func (x *index) records(keep func(Digest) bool) []byte {
	x.mu.RLock()
	defer x.mu.RUnlock()
	keys := make([]recordKey, 0, len(x.added))
	for k := range x.added {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b recordKey) int { return bytes.Compare(a[:], b[:]) })
	out := append(make([]byte, 0, len(indexMagic)+len(x.sorted)+len(keys)*recordSize+sha256.Size), indexMagic...)
	put := func(k []byte, c []byte) {
		if keep(Digest(k[:sha256.Size])) {
			out = append(append(out, k...), c...)
		}
	}
	for i := range len(x.sorted) / recordSize {
		r := x.record(i)
		for len(keys) > 0 && bytes.Compare(keys[0][:], r[:keySize]) < 0 {
			c := x.added[keys[0]]
			put(keys[0][:], c[:])
			keys = keys[1:]
		}
		if len(keys) > 0 && bytes.Equal(keys[0][:], r[:keySize]) {
			continue // the newer one follows
		}
		put(r[:keySize], r[keySize:])
	}
	for _, k := range keys {
		c := x.added[k]
		put(k[:], c[:])
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// Object returns the OSTree object that the content d makes with the header h,
// if it was made before.
func (s *Store) Object(d Digest, h ostree.FileHeader) (ostree.Checksum, bool) {
	return s.index.find(makeKey(d, h))
}

// SetObject remembers which object the content d makes with the header h. The
// caller has just made or verified it.
func (s *Store) SetObject(d Digest, h ostree.FileHeader, c ostree.Checksum) {
	s.index.add(makeKey(d, h), c)
}

// SaveIndex writes down what SetObject was told, beside what other processes
// wrote meanwhile.
func (s *Store) SaveIndex(ctx context.Context) (err error) {
	s.index.mu.RLock()
	added := len(s.index.added)
	s.index.mu.RUnlock()
	if added == 0 {
		return nil
	}
	l, err := acquire(ctx, s.path("index.lock"), unix.F_WRLCK)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.unlock()) }()
	now, err := loadIndex(s.path("index"))
	if err != nil {
		return fmt.Errorf("reading the index of the content store: %w", err)
	}
	now.added = s.index.added
	return s.writeIndex(now.records(func(Digest) bool { return true }))
}

func (s *Store) writeIndex(data []byte) error {
	temp := s.path("index.new")
	err := os.WriteFile(temp, data, 0o600)
	if err == nil {
		err = os.Rename(temp, s.path("index"))
	}
	if err != nil {
		return fmt.Errorf("writing the index of the content store: %w", err)
	}
	return nil
}
