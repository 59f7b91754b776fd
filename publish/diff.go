package publish

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// A difference between two sub-summaries, below summaries/ as OLD-NEW.delta,
// gzipped:
//
//	"xadf"
//	u32      number of operations        little-endian, as all here
//	u32...   operations: kind<<28 | size
//	         kind 0: copy size bytes of the old one
//	         kind 1: skip size bytes of the old one
//	         kind 2: take size bytes of the data
//	data
const (
	diffMagic = "xadf"
	maxOpSize = 1<<28 - 1
)

type diffKind uint32

const (
	diffCopy diffKind = iota
	diffSkip
	diffData
)

type diffOp struct {
	kind diffKind
	size int
}

// differ collects operations that turn old into new.
type differ struct {
	old, new       []byte
	oldPos, newPos int // how far both are accounted for
	ops            []diffOp
	data           []byte
}

// diff returns the operations that turn one sub-summary into another. Any two
// byte strings do; when both are summaries, refs are paired by name first, so
// that only what changed of each ref is data.
func diff(old, new []byte) []byte {
	d := &differ{old: old, new: new}
	a, b := entrySpans(old), entrySpans(new)
	for len(a) > 0 && len(b) > 0 {
		switch c := bytes.Compare([]byte(a[0].name), []byte(b[0].name)); {
		case c == 0:
			d.pair(a[0].start, a[0].end, b[0].start, b[0].end)
			a, b = a[1:], b[1:]
		case c < 0: // removed
			d.pair(a[0].start, a[0].end, d.newPos, d.newPos)
			a = a[1:]
		default: // added
			d.pair(d.oldPos, d.oldPos, b[0].start, b[0].end)
			b = b[1:]
		}
	}
	d.block(len(old), len(new))
	return d.encode()
}

// span is where a ref's entry stands in a sub-summary.
type span struct {
	name       string
	start, end int
}

// entrySpans finds the refs of a summary, none when data is something else.
// The array of refs stands first, so that offsets in it are offsets in the
// whole; its elements are aligned to 8 bytes.
func entrySpans(data []byte) []span {
	v, err := gvariant.Parse(summaryType, data)
	if err != nil {
		return nil
	}
	refs := v.Index(0)
	spans := make([]span, refs.Len())
	end := 0
	for i, ref := range refs.All() {
		start := (end + 7) &^ 7
		end = start + len(ref.Data())
		spans[i] = span{name: ref.Index(0).Str(), start: start, end: end}
	}
	return spans
}

// pair accounts for what stands before both spans, and then for the spans.
func (d *differ) pair(oldStart, oldEnd, newStart, newEnd int) {
	if oldStart < d.oldPos || newStart < d.newPos {
		return // names out of order: the next block covers it
	}
	d.block(oldStart, newStart)
	d.block(oldEnd, newEnd)
}

// block accounts for the bytes up to both ends: what they begin and end with
// alike is copied.
func (d *differ) block(oldEnd, newEnd int) {
	old, new := d.old[d.oldPos:oldEnd], d.new[d.newPos:newEnd]
	d.oldPos, d.newPos = oldEnd, newEnd
	head := 0
	for head < len(old) && head < len(new) && old[head] == new[head] {
		head++
	}
	old, new = old[head:], new[head:]
	tail := 0
	for tail < len(old) && tail < len(new) && old[len(old)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	d.emit(diffCopy, head)
	d.emit(diffSkip, len(old)-tail)
	d.emit(diffData, len(new)-tail)
	d.data = append(d.data, new[:len(new)-tail]...)
	d.emit(diffCopy, tail)
}

func (d *differ) emit(kind diffKind, size int) {
	if size == 0 {
		return
	}
	if n := len(d.ops); n > 0 && d.ops[n-1].kind == kind {
		d.ops[n-1].size += size
		return
	}
	d.ops = append(d.ops, diffOp{kind, size})
}

func (d *differ) encode() []byte {
	var words []uint32
	for _, op := range d.ops {
		for size := op.size; size > 0; {
			n := min(size, maxOpSize)
			words = append(words, uint32(op.kind)<<28|uint32(n))
			size -= n
		}
	}
	out := make([]byte, 0, len(diffMagic)+4+4*len(words)+len(d.data))
	out = append(out, diffMagic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(words)))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return append(out, d.data...)
}

// applyDiff returns what the difference makes of old.
func applyDiff(old, delta []byte) ([]byte, error) {
	if len(delta) < len(diffMagic)+4 || string(delta[:len(diffMagic)]) != diffMagic {
		return nil, fmt.Errorf("applying a summary difference: it does not start with %q", diffMagic)
	}
	count := uint64(binary.LittleEndian.Uint32(delta[len(diffMagic):]))
	rest := delta[len(diffMagic)+4:]
	if count*4 > uint64(len(rest)) {
		return nil, fmt.Errorf("applying a summary difference: %d operations do not fit into it", count)
	}
	ops, data := rest[:count*4], rest[count*4:]
	var out []byte
	for ; len(ops) > 0; ops = ops[4:] {
		op := binary.LittleEndian.Uint32(ops)
		kind, size := diffKind(op>>28), int(op&maxOpSize)
		from := &old
		if kind == diffData {
			from = &data
		}
		if kind > diffData || size > len(*from) {
			return nil, fmt.Errorf("applying a summary difference: operation %#x goes beyond its input", op)
		}
		if kind != diffSkip {
			if len(out)+size > ostree.MaxMetadataSize {
				return nil, fmt.Errorf("applying a summary difference: the result is larger than %d bytes", ostree.MaxMetadataSize)
			}
			out = append(out, (*from)[:size]...)
		}
		*from = (*from)[size:]
	}
	return out, nil
}
