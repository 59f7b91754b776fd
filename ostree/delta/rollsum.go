package delta

import (
	"bytes"
	"hash/maphash"
)

// A match says that size bytes at to of the new file are those at from of the
// old one.
type match struct{ from, to, size int }

// Chunks end where a rolling value of the last 32 bytes has zeros under
// chunkMask, so that they are found again wherever they moved to.
const (
	minChunk  = 512
	maxChunk  = 32 << 10
	chunkMask = 1<<11 - 1
)

// gear is a random value for each byte.
func gear() (table [256]uint32) {
	x := uint64(0)
	for i := range table { // splitmix64
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		table[i] = uint32((z ^ z>>31) >> 16)
	}
	return table
}

// nextChunk returns the length of the chunk that data starts with.
func nextChunk(data []byte, table *[256]uint32) int {
	if len(data) <= minChunk {
		return len(data)
	}
	n := min(len(data), maxChunk)
	var h uint32
	for i := minChunk - 32; i < n; i++ {
		h = h<<1 + table[data[i]]
		// The upper bits depend on all of the last 32 bytes.
		if i >= minChunk && h>>20&chunkMask == 0 {
			return i + 1
		}
	}
	return n
}

// rollsum finds chunks of the old file in the new one, wherever they are, in
// time that grows with the files' sizes alone. The matches are in the order of
// the new file and do not overlap there. Their bytes have been compared.
func rollsum(from, to []byte) []match {
	table, seed := gear(), maphash.MakeSeed()
	places := map[uint64]int{}
	for at := 0; at < len(from); {
		n := nextChunk(from[at:], &table)
		sum := maphash.Bytes(seed, from[at:at+n])
		if _, ok := places[sum]; !ok {
			places[sum] = at
		}
		at += n
	}
	var found []match
	for at := 0; at < len(to); {
		n := nextChunk(to[at:], &table)
		chunk := to[at : at+n]
		if len(found) > 0 { // what followed the last match most likely follows again
			last := &found[len(found)-1]
			end := last.from + last.size
			if last.to+last.size == at && len(from)-end >= n && bytes.Equal(from[end:end+n], chunk) {
				last.size += n
				at += n
				continue
			}
		}
		if place, ok := places[maphash.Bytes(seed, chunk)]; ok && len(from)-place >= n && bytes.Equal(from[place:place+n], chunk) {
			found = append(found, match{place, at, n})
		}
		at += n
	}
	return extend(found, from, to)
}

// extend makes matches longer, at both ends, as far as the bytes agree.
func extend(found []match, from, to []byte) []match {
	end := 0 // of the match before, in the new file
	for i := range found {
		m := &found[i]
		for m.to > end && m.from > 0 && to[m.to-1] == from[m.from-1] {
			m.to, m.from, m.size = m.to-1, m.from-1, m.size+1
		}
		limit := len(to)
		if i+1 < len(found) {
			limit = found[i+1].to
		}
		for m.to+m.size < limit && m.from+m.size < len(from) && to[m.to+m.size] == from[m.from+m.size] {
			m.size++
		}
		end = m.to + m.size
	}
	return found
}

// matched returns how many bytes the matches have.
func matched(found []match) int64 {
	var n int64
	for _, m := range found {
		n += int64(m.size)
	}
	return n
}
