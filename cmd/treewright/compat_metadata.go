package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// compatValues reads KEY=VALUE options whose value is in GVariant's text form.
func compatValues(texts []string) (d gvariant.Dict, err error) {
	for _, text := range texts {
		key, value, err := keyAndValue(text)
		if err != nil {
			return nil, err
		}
		v, err := gvariant.ParseText(value)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", compatf("Parsing %s", text), err)
		}
		d = append(d, gvariant.Entry{Key: key, Value: v})
	}
	return d, nil
}

// bootableMetadata adds to a commit's metadata which kernel is in its tree: the
// one folder of usr/lib/modules that has a vmlinuz.
func bootableMetadata(ctx context.Context, txn *archive.Txn, commit *ostree.Commit) (gvariant.Dict, error) {
	dir, found, err := ostree.Lookup(ctx, txn, commit.RootTree, commit.RootMeta, "/usr/lib/modules")
	if err != nil {
		return nil, err
	}
	var kernels []string
	if found && dir.Type == ostree.ObjectDirTree {
		data, err := txn.ReadMeta(ctx, ostree.ObjectName{Checksum: dir.Tree, Type: ostree.ObjectDirTree})
		if err != nil {
			return nil, err
		}
		modules, err := ostree.DecodeDirTree(data)
		if err != nil {
			return nil, err
		}
		for _, d := range modules.Dirs {
			if _, found, err := ostree.Lookup(ctx, txn, d.Tree, d.Meta, "/vmlinuz"); err != nil {
				return nil, err
			} else if found {
				kernels = append(kernels, d.Name)
			}
		}
	}
	switch len(kernels) {
	case 0:
		return nil, compatf("No kernel found in /usr/lib/modules")
	case 1:
		return compatHashed(commit.Metadata, gvariant.Entry{Key: "ostree.bootable", Value: gvariant.Bool(true)},
			gvariant.Entry{Key: "ostree.linux", Value: gvariant.String(kernels[0])}), nil
	}
	return nil, compatf("Multiple kernels found in /usr/lib/modules")
}

// compatHashed is a dictionary with more entries, in the order in which GLib's
// GVariantDict writes them: that of a GHashTable of the keys. Only so does a
// commit get the checksum that ostree's own has.
func compatHashed(d gvariant.Dict, more ...gvariant.Entry) gvariant.Dict {
	t := newKeyTable(8)
	for _, e := range append(d.Clone(), more...) {
		t.insert(e)
	}
	var out gvariant.Dict
	for _, slot := range t.slots {
		if slot != nil {
			out = append(out, *slot)
		}
	}
	return out
}

// keyTable is a GHashTable from which nothing is removed: open addressing, with
// steps that grow by one.
type keyTable struct {
	slots []*gvariant.Entry
	used  int
}

func newKeyTable(size int) *keyTable { return &keyTable{slots: make([]*gvariant.Entry, size)} }

// place finds the first slot for a key that is not taken.
func (t *keyTable) place(key string, taken func(slot int) bool) int {
	hash := uint32(5381)
	for _, c := range []byte(key) {
		hash = hash*33 + uint32(int8(c))
	}
	at := hash * 11 % keyTablePrime(len(t.slots))
	for step := uint32(1); taken(int(at)); step++ {
		at = (at + step) & uint32(len(t.slots)-1)
	}
	return int(at)
}

func (t *keyTable) insert(e gvariant.Entry) {
	i := t.place(e.Key, func(i int) bool { return t.slots[i] != nil && t.slots[i].Key != e.Key })
	if t.slots[i] == nil {
		t.used++
	}
	if t.slots[i] = &e; len(t.slots) <= t.used+t.used/16 {
		t.grow()
	}
}

// grow makes the table larger where it is: an entry takes its new slot at once,
// and who had that goes on to his.
func (t *keyTable) grow() {
	old, size := len(t.slots), 8
	for size <= t.used*1333/1000 {
		size *= 2
	}
	t.slots = append(t.slots, make([]*gvariant.Entry, size-old)...)
	settled := make([]bool, size)
	for i := range old {
		if settled[i] {
			continue
		}
		e := t.slots[i]
		for t.slots[i] = nil; e != nil; {
			to := t.place(e.Key, func(i int) bool { return settled[i] })
			settled[to] = true
			e, t.slots[to] = t.slots[to], e
		}
	}
}

// keyTablePrime is the largest prime below a power of two, as GLib has it.
func keyTablePrime(size int) uint32 {
	primes := []uint32{7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521}
	i := slices.IndexFunc(primes, func(p uint32) bool { return int(p)*2 > size })
	if i < 0 {
		i = len(primes) - 1
	}
	return primes[i]
}
