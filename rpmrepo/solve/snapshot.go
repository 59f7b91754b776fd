package solve

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unsafe"
)

// A snapshot is a universe as it lies in memory, its template included, so
// that it can be loaded in one read:
//
//	offset  size
//	     0    16  "treewright pool\n"
//	    16     4  format version
//	    20     4  0x01020304, in the byte order of the machine, as all below
//	    24    32  key: what the universe was made of, and for which options
//	    56     4  CRC-32C of everything behind it
//	    60     4  number of sections
//	    64    8n  length of each section in bytes
//	           …  the sections, each padded to a multiple of 8 bytes
//
// The checksum finds damage. It does not make the content trustworthy, so
// every number in it is checked before it is used as an index.

const (
	snapshotMagic   = "treewright pool\n"
	snapshotVersion = 3
	snapshotOrder   = 0x01020304
	snapshotHeader  = 64
	snapshotSummed  = 60 // where the checksummed part starts
)

// ErrSnapshot says that a snapshot is damaged, or not of this universe.
var ErrSnapshot = errors.New("not a snapshot of this universe")

// SnapshotKey names what a universe was made of: the revisions of its
// repositories' metadata, in their order. Where packages may be installed
// already, it covers those, too.
type SnapshotKey [sha256.Size]byte

// fullKey adds the options that a universe's tables depend on.
func (u *Universe) fullKey(key SnapshotKey) SnapshotKey {
	h := sha256.New()
	fmt.Fprintf(h, "%x arch %q order %d installonly %q\n", key, u.opts.Arch, u.opts.Order, u.opts.InstallOnly)
	for _, r := range u.repos {
		fmt.Fprintf(h, "repository installed %t disabled %t\n", r.opts.Installed, r.opts.Disabled)
	}
	return SnapshotKey(h.Sum(nil))
}

// number is what sections are made of.
type number interface {
	~uint8 | ~int32 | ~uint32 | ~uint64 | slot | relation | pkg | fileOwner | bodyRule | bodyOrigin | repoSpan
}

// repoSpan is where the packages of a repository lie.
type repoSpan struct{ first, n int32 }

// rawBytes is a list as it lies in memory.
func rawBytes[T number](list []T) []byte {
	if len(list) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), len(list)*int(unsafe.Sizeof(list[0])))
}

// rawList is the reverse; false when the bytes do not come out even. The list
// is the bytes themselves, which are aligned to 8. It has no room to append.
func rawList[T number](list *[]T, b []byte) bool {
	var one T
	size := int(unsafe.Sizeof(one))
	*list = nil
	if len(b) == 0 {
		return true
	}
	n := len(b) / size
	*list = unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)[:n:n]
	return len(b)%size == 0
}

// sections are the parts of a snapshot, collected to be written, or read.
type sections struct {
	parts   [][]byte
	reading bool
	bad     bool // a part does not come out even
}

// visit adds a list to the sections, or takes it from them.
func visit[T number](v *sections, list *[]T) {
	if !v.reading {
		v.parts = append(v.parts, rawBytes(*list))
		return
	}
	if !rawList(list, v.parts[0]) {
		v.bad = true
	}
	v.parts = v.parts[1:]
}

// tables are the lists of a universe that a snapshot consists of.
type tables struct {
	key      []uint64
	repos    []repoSpan
	disabled []pkg    // of repositories that are disabled, one after the other
	asked    []uint32 // zero: LoadFiles was not called; else one and the numbers of the specs that it was called for
}

// eachSection visits all sections in their order.
func (u *Universe) eachSection(v *sections, t *tables) {
	x, r := u.index, u.index.rules
	visit(v, &u.in.starts)
	visit(v, &u.in.text)
	visit(v, &t.key)
	visit(v, &t.repos)
	visit(v, &t.disabled)
	visit(v, &t.asked)
	visit(v, (*[]slot)(&u.in.table))
	visit(v, &u.rels.rels)
	visit(v, (*[]slot)(&u.rels.table))
	visit(v, &u.deps)
	visit(v, &u.files)
	visit(v, &u.facts.at)
	visit(v, &u.facts.data)
	visit(v, &u.pkgs)
	visit(v, &u.extraFile)
	visit(v, (*[]lit)(&x.lists))
	visit(v, &x.byName)
	visit(v, &x.by)
	visit(v, &x.byRel)
	visit(v, &x.paths)
	visit(v, &x.installed)
	visit(v, &x.weak)
	visit(v, &x.obsoleting)
	visit(v, &x.firstNamed)
	visit(v, &x.nextNamed)
	visit(v, &r.flags)
	visit(v, &r.groups)
	visit(v, &r.rules)
	visit(v, &r.originAt)
	visit(v, &r.origins)
	visit(v, &r.nextAt)
	visit(v, &r.next)
}

const numSections = 32

// WriteSnapshot writes the universe for Restore. Key must name what it was
// made of.
func (u *Universe) WriteSnapshot(w io.Writer, key SnapshotKey) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ready()
	u.templated(u.sideBySide())
	for len(u.index.byRel) < len(u.rels.rels) {
		u.providerList(relBit | depID(len(u.rels.rels)-1))
	}
	sections := sections{}
	u.eachSection(&sections, u.pack())
	full := u.fullKey(key)
	head := make([]byte, snapshotHeader, snapshotHeader+8*len(sections.parts))
	copy(head, snapshotMagic)
	binary.NativeEndian.PutUint32(head[16:], snapshotVersion)
	binary.NativeEndian.PutUint32(head[20:], snapshotOrder)
	copy(head[24:], full[:])
	binary.NativeEndian.PutUint32(head[60:], uint32(len(sections.parts)))
	for _, p := range sections.parts {
		head = binary.NativeEndian.AppendUint64(head, uint64(len(p)))
	}
	var padding [8]byte
	table := castagnoli()
	sum := crc32.Checksum(head[snapshotSummed:], table)
	for _, p := range sections.parts {
		sum = crc32.Update(sum, table, p)
		sum = crc32.Update(sum, table, padding[:-len(p)&7])
	}
	binary.NativeEndian.PutUint32(head[56:], sum)
	for _, p := range append([][]byte{head}, sections.parts...) {
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("writing a snapshot: %w", err)
		}
		if _, err := w.Write(padding[:-len(p)&7]); err != nil {
			return fmt.Errorf("writing a snapshot: %w", err)
		}
	}
	u.saved = true
	return nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// pack makes the lists that the universe does not have in this form.
func (u *Universe) pack() *tables {
	t := &tables{key: u.in.key[:]}
	if u.asked {
		t.asked = append(t.asked, 1)
		for _, spec := range u.askedFor {
			t.asked = append(t.asked, uint32(u.in.id(spec)))
		}
	}
	for _, r := range u.repos {
		span := repoSpan{int32(r.first), int32(len(r.pkgs))}
		if r.opts.Disabled {
			span.first = int32(len(t.disabled))
			t.disabled = append(t.disabled, r.pkgs...)
		}
		t.repos = append(t.repos, span)
	}
	return t
}

// Saved reports whether the universe is as it was restored or written last: a
// snapshot of it would hold nothing new.
func (u *Universe) Saved() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.saved && u.index != nil
}
