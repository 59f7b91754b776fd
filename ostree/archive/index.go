package archive

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/treewright/treewright/ostree"
)

// objectIndex lists the objects that a repository had at one time, and which
// of them are marked. Most objects are content objects: it knows these by
// eight bytes of their checksums, or sixteen, and a bit tells which are marked.
type objectIndex struct {
	metas [256][ostree.ObjectCommitMeta + 1]metaList // by first byte and type
	files [256]fileList                              // by first byte
	exact bool
	seed  maphash.Seed
	extra map[ostree.ObjectName]bool // marked, but not listed
}

// metaList are objects of one folder and one type.
type metaList struct {
	sums   []ostree.Checksum // sorted
	marked bitset
}

// fileList are the content objects of one folder, sorted. Those with the same
// head, and the same tail where there are tails, share their mark.
type fileList struct {
	heads  []uint64 // the eight bytes of the checksum that follow the first
	tails  []uint64 // keyed hashes of the others
	marked bitset
}

type fileKey struct{ head, tail uint64 }

type bitset []uint64

func newBitset(n int) bitset        { return make(bitset, (n+63)/64) }
func (b bitset) has(i int) bool     { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitset) set(i int) (n bool) { n = !b.has(i); b[i/64] |= 1 << (i % 64); return n }

// index reads the names of all objects. A content object that shares nine
// bytes of its checksum with a marked one counts as marked.
func (r *Repo) index(ctx context.Context) (*objectIndex, error) {
	return r.readIndex(ctx, &objectIndex{extra: map[ostree.ObjectName]bool{}})
}

// exactIndex is an index that takes no object for another, whoever chose the
// names: nobody knows the key of the hashes.
func (r *Repo) exactIndex(ctx context.Context) (*objectIndex, error) {
	return r.readIndex(ctx, &objectIndex{exact: true, seed: maphash.MakeSeed(), extra: map[ostree.ObjectName]bool{}})
}

func (r *Repo) readIndex(ctx context.Context, x *objectIndex) (*objectIndex, error) {
	var files []fileKey // one folder's at a time
	for i := range x.files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.progress("list", int64(i), int64(len(x.files)))
		files = files[:0]
		metas := &x.metas[i]
		err := r.eachObject(byte(i), func(n ostree.ObjectName) {
			if n.Type == ostree.ObjectFile {
				files = append(files, x.key(n.Checksum))
			} else {
				metas[n.Type].sums = append(metas[n.Type].sums, n.Checksum)
			}
		})
		if err != nil {
			return nil, err
		}
		for t := range metas {
			sortChecksums(metas[t].sums)
			metas[t].marked = newBitset(len(metas[t].sums))
		}
		x.files[i] = newFileList(files, x.exact)
	}
	return x, nil
}

func (x *objectIndex) key(c ostree.Checksum) fileKey {
	k := fileKey{head: binary.BigEndian.Uint64(c[1:])}
	if x.exact {
		k.tail = maphash.Bytes(x.seed, c[9:])
	}
	return k
}

func newFileList(keys []fileKey, exact bool) fileList {
	slices.SortFunc(keys, func(a, b fileKey) int {
		switch {
		case a.head < b.head || a.head == b.head && a.tail < b.tail:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	l := fileList{heads: make([]uint64, len(keys)), marked: newBitset(len(keys))}
	if exact {
		l.tails = make([]uint64, len(keys))
	}
	for i, k := range keys {
		l.heads[i] = k.head
		if exact {
			l.tails[i] = k.tail
		}
	}
	return l
}

// find returns where the list has the mark of a content object.
func (l *fileList) find(k fileKey) (i int, found bool) {
	i, found = slices.BinarySearch(l.heads, k.head)
	if !found || l.tails == nil {
		return i, found
	}
	for ; i < len(l.heads) && l.heads[i] == k.head; i++ {
		if l.tails[i] == k.tail {
			return i, true
		}
	}
	return i, false
}

func (x *objectIndex) find(n ostree.ObjectName) (marked bitset, i int, found bool) {
	if n.Type == ostree.ObjectFile {
		l := &x.files[n.Checksum[0]]
		i, found = l.find(x.key(n.Checksum))
		return l.marked, i, found
	}
	l := &x.metas[n.Checksum[0]][n.Type]
	i, found = slices.BinarySearchFunc(l.sums, n.Checksum, ostree.Checksum.Compare)
	return l.marked, i, found
}

func (x *objectIndex) has(n ostree.ObjectName) bool {
	_, _, found := x.find(n)
	return found
}

// mark tells whether the object is marked for the first time. A content object
// that is not listed is noted by an exact index alone.
func (x *objectIndex) mark(n ostree.ObjectName) (first bool) {
	marked, i, found := x.find(n)
	if found {
		return marked.set(i)
	}
	if first = !x.extra[n]; first && (x.exact || n.Type != ostree.ObjectFile) {
		x.extra[n] = true
	}
	return first
}

func (x *objectIndex) isMarked(n ostree.ObjectName) bool {
	marked, i, found := x.find(n)
	if !found {
		return x.extra[n]
	}
	return marked.has(i)
}

// count returns how many objects of the type there are.
func (x *objectIndex) count(t ostree.ObjectType) (n int64) {
	for i := range x.files {
		n += int64(len(x.metas[i][t].sums))
		if t == ostree.ObjectFile {
			n += int64(len(x.files[i].heads))
		}
	}
	return n
}

// commits lists the commits, sorted.
func (x *objectIndex) commits() (found []ostree.Checksum) {
	for i := range x.metas {
		found = append(found, x.metas[i][ostree.ObjectCommit].sums...)
	}
	return found
}

// unmarked calls fn for the metadata objects of the type that are not marked,
// sorted.
func (x *objectIndex) unmarked(t ostree.ObjectType, fn func(ostree.ObjectName) error) error {
	for i := range x.metas {
		l := &x.metas[i][t]
		for j, c := range l.sums {
			if l.marked.has(j) {
				continue
			}
			if err := fn(ostree.ObjectName{Checksum: c, Type: t}); err != nil {
				return err
			}
		}
	}
	return nil
}

// unmarkedFiles calls fn for the content objects that are not marked. It reads
// the folders again, one at a time; what came after the index was made is not
// listed in it, and is passed over.
func (x *objectIndex) unmarkedFiles(r *Repo, fn func(ostree.ObjectName) error) error {
	var here []ostree.Checksum
	for i := range x.files {
		here = here[:0]
		l := &x.files[i]
		if !l.anyUnmarked() {
			continue
		}
		err := r.eachObject(byte(i), func(n ostree.ObjectName) {
			if n.Type != ostree.ObjectFile {
				return
			}
			if j, found := l.find(x.key(n.Checksum)); found && !l.marked.has(j) {
				here = append(here, n.Checksum)
			}
		})
		if err != nil {
			return err
		}
		for _, c := range here {
			if err := fn(ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *fileList) anyUnmarked() bool {
	for i := range l.heads {
		if !l.marked.has(i) {
			return true
		}
	}
	return false
}
