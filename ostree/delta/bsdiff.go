package delta

import (
	"bytes"
	"context"
	"encoding/binary"
)

// seedSize is the length of the shortest match that bsdiff looks for.
const seedSize = 12

// Every seedStride-th seed of the old file is known: a match is found at most
// that much later than it begins, and grows backwards then.
const seedStride = 4

// maxSeeds is how many places with the same seed are tried, the last ones first.
const maxSeeds = 16

// bsdiffMemory returns how many bytes it takes to compare files of the given
// sizes: the places of the old file's seeds, both files and the patch.
func bsdiffMemory(from, to int64) int64 { return 4*from + 2*to + 1<<20 }

// differ makes a patch.
type differ struct {
	from, to []byte
	heads    []int32 // by hash: the last place with such a seed, from 1; 0 is none
	links    []int32 // by place: the one before with the same hash
}

func newDiffer(from, to []byte) *differ {
	places := max(0, len(from)-seedSize+seedStride) / seedStride
	hashes := 64
	for hashes < places {
		hashes *= 2
	}
	d := &differ{from: from, to: to, heads: make([]int32, hashes), links: make([]int32, places)}
	for i := range d.links {
		head := d.head(from[i*seedStride:])
		d.links[i], *head = *head, int32(i+1)
	}
	return d
}

func (d *differ) head(b []byte) *int32 { return &d.heads[seedHash(b)&uint64(len(d.heads)-1)] }

// seedHash mixes the first seedSize bytes.
func seedHash(b []byte) uint64 {
	x := binary.LittleEndian.Uint64(b) * 0x9e3779b97f4a7c15
	x ^= uint64(binary.LittleEndian.Uint32(b[8:])) * 0xc2b2ae3d27d4eb4f
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	return x ^ x>>32
}

// longest finds the longest match of to[at:] at the places of the old file that
// are tried, none shorter than seedSize.
func (d *differ) longest(at int) (pos, size int) {
	rest := d.to[at:]
	if len(rest) < seedSize {
		return 0, 0
	}
	place := *d.head(rest)
	for n := 0; place != 0 && n < maxSeeds && size < len(rest); n++ {
		old := d.from[int(place-1)*seedStride:]
		if size < len(old) && old[size] == rest[size] {
			if c := common(old, rest); c > size {
				pos, size = int(place-1)*seedStride, c
			}
		}
		place = d.links[place-1]
	}
	if size < seedSize {
		return 0, 0
	}
	return pos, size
}

// common returns how many bytes a and b have in common at their start.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i+8 <= n && binary.LittleEndian.Uint64(a[i:]) == binary.LittleEndian.Uint64(b[i:]) {
		i += 8
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// bsdiff makes a patch that turns from into to. It also returns how many of
// the new bytes are not made of old ones.
func bsdiff(ctx context.Context, from, to []byte) (patch []byte, fresh int64, err error) {
	d := newDiffer(from, to)
	var out bytes.Buffer
	// What is between the last match and the next belongs in part to each: the
	// bytes that agree best with the old file at the distance of either.
	lastTo, lastFrom := 0, 0
	for at := 0; ; {
		next, pos, err := d.nextMatch(ctx, at, lastFrom-lastTo)
		if err != nil {
			return nil, 0, err
		}
		forward, backward := d.split(lastTo, lastFrom, next, pos)
		if next >= len(to) {
			backward = 0
		}
		extra := next - backward - lastTo - forward
		seek := pos - backward - (lastFrom + forward)
		if next >= len(to) {
			seek = 0
		}
		d.emit(&out, lastTo, lastFrom, forward, extra, seek)
		fresh += int64(extra)
		if next >= len(to) {
			return out.Bytes(), fresh, nil
		}
		lastTo, lastFrom = next-backward, pos-backward
		at = next
	}
}

// nextMatch finds the next place, after the match that starts at, where
// another distance between the files does clearly better. At the end of the
// new file it returns its size.
func (d *differ) nextMatch(ctx context.Context, at, distance int) (next, pos int, err error) {
	for i := 0; at < len(d.to); i++ {
		if i&0xffff == 0 && ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		if old := at + distance; old >= 0 && old < len(d.from) {
			if n := common(d.from[old:], d.to[at:]); n >= seedSize {
				at += n
				continue
			}
		}
		pos, size := d.longest(at)
		if size > 0 && size > d.agreeing(at, at+distance, size)+8 {
			return at, pos, nil
		}
		at++
	}
	return len(d.to), 0, nil
}

// agreeing counts the bytes that agree among size at two places.
func (d *differ) agreeing(to, from, size int) (n int) {
	for i := range size {
		if old := from + i; old >= 0 && old < len(d.from) && d.from[old] == d.to[to+i] {
			n++
		}
	}
	return n
}

// split returns how far the last match goes on, and how far before its place
// the next one begins, when bytes that disagree are worth it.
func (d *differ) split(lastTo, lastFrom, next, pos int) (forward, backward int) {
	score, best := 0, 0
	for i := 0; lastTo+i < next && lastFrom+i < len(d.from); {
		if d.from[lastFrom+i] == d.to[lastTo+i] {
			score++
		}
		i++
		if 2*score-i > 2*best-forward {
			best, forward = score, i
		}
	}
	if next >= len(d.to) {
		return forward, 0
	}
	score, best = 0, 0
	for i := 1; next-i >= lastTo && pos-i >= 0; i++ {
		if d.from[pos-i] == d.to[next-i] {
			score++
		}
		if 2*score-i > 2*best-backward {
			best, backward = score, i
		}
	}
	if overlap := lastTo + forward - (next - backward); overlap > 0 {
		cut := d.cut(lastTo+forward-overlap, lastFrom+forward-overlap, pos-backward, overlap)
		forward += cut - overlap
		backward -= cut
	}
	return forward, backward
}

// cut divides overlapping bytes between the last match and the next.
func (d *differ) cut(to, last, next, overlap int) (cut int) {
	score, best := 0, 0
	for i := range overlap {
		if d.to[to+i] == d.from[last+i] {
			score++
		}
		if d.to[to+i] == d.from[next+i] {
			score--
		}
		if score > best {
			best, cut = score, i+1
		}
	}
	return cut
}

// emit writes one step of the patch.
func (d *differ) emit(out *bytes.Buffer, to, from, size, extra, seek int) {
	if size == 0 && extra == 0 && seek == 0 {
		return
	}
	head := appendPatchNumber(appendPatchNumber(appendPatchNumber(nil, int64(size)), int64(extra)), int64(seek))
	out.Write(head)
	out.Grow(size + extra)
	buf := out.AvailableBuffer()
	for i, b := range d.from[from : from+size] {
		buf = append(buf, d.to[to+i]-b)
	}
	out.Write(buf)
	out.Write(d.to[to+size : to+size+extra])
}
