package archive

import (
	"context"
	"fmt"
	"slices"

	"github.com/treewright/treewright/ostree"
)

// objectIndex lists the objects that a repository had at one time, and which
// of them are marked. It takes 32 bytes and a bit for each, not a name.
type objectIndex struct {
	lists [256][ostree.ObjectCommitMeta + 1]objectList // by first byte and type
	extra map[ostree.ObjectName]bool                   // marked, but not in the lists
}

type objectList struct {
	sums   []ostree.Checksum // sorted
	marked []uint64          // a bit each
}

// index reads the names of all objects.
func (r *Repo) index(ctx context.Context) (*objectIndex, error) {
	x := &objectIndex{extra: map[ostree.ObjectName]bool{}}
	for i := range x.lists {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.progress("list", int64(i), int64(len(x.lists)))
		here := &x.lists[i]
		err := r.eachObject(fmt.Sprintf("%02x", i), func(n ostree.ObjectName) {
			here[n.Type].sums = append(here[n.Type].sums, n.Checksum)
		})
		if err != nil {
			return nil, err
		}
		for t := range here {
			here[t].sums = slices.Clip(here[t].sums)
			sortChecksums(here[t].sums)
			here[t].marked = make([]uint64, (len(here[t].sums)+63)/64)
		}
	}
	return x, nil
}

func (x *objectIndex) find(n ostree.ObjectName) (l *objectList, i int, found bool) {
	l = &x.lists[n.Checksum[0]][n.Type]
	i, found = slices.BinarySearchFunc(l.sums, n.Checksum, ostree.Checksum.Compare)
	return l, i, found
}

func (x *objectIndex) has(n ostree.ObjectName) bool {
	_, _, found := x.find(n)
	return found
}

// mark tells whether the object is marked for the first time.
func (x *objectIndex) mark(n ostree.ObjectName) (first bool) {
	l, i, found := x.find(n)
	if !found {
		first = !x.extra[n]
		x.extra[n] = true
		return first
	}
	first = l.marked[i/64]&(1<<(i%64)) == 0
	l.marked[i/64] |= 1 << (i % 64)
	return first
}

func (x *objectIndex) isMarked(n ostree.ObjectName) bool {
	l, i, found := x.find(n)
	if !found {
		return x.extra[n]
	}
	return l.isMarked(i)
}

func (l *objectList) isMarked(i int) bool { return l.marked[i/64]&(1<<(i%64)) != 0 }

// count returns how many objects of the type there are.
func (x *objectIndex) count(t ostree.ObjectType) (n int64) {
	for i := range x.lists {
		n += int64(len(x.lists[i][t].sums))
	}
	return n
}

// unmarked calls fn for the objects of the type that are not marked, sorted.
func (x *objectIndex) unmarked(t ostree.ObjectType, fn func(ostree.ObjectName) error) error {
	for i := range x.lists {
		l := &x.lists[i][t]
		for j, c := range l.sums {
			if l.isMarked(j) {
				continue
			}
			if err := fn(ostree.ObjectName{Checksum: c, Type: t}); err != nil {
				return err
			}
		}
	}
	return nil
}
