package solve

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// factTable keeps what only answers need of packages: next to nobody asks for
// them, so they are packed, one record behind the other. A record is the
// numbers, then the texts, each behind its length, then the checksum.
type factTable struct {
	data []byte
	at   []uint32 // by fact: where its record starts
}

// fact is a record of the table.
type fact struct {
	location, baseURL, checksum, summary string
	size, headerStart, headerEnd         int64
	installedSize, buildTime             int64
}

// maxFacts bounds the table: places in it have 32 bits.
const maxFacts = 1<<32 - 1<<24

const rawSHA256 = "sha256:"

// add appends the record of a package. What no longer fits is kept without its
// texts.
func (t *factTable) add(m *rpm.Metadata) {
	t.at = append(roomy(t.at), uint32(len(t.data)))
	if cap(t.data)-len(t.data) < 1<<10 {
		t.data = slices.Grow(t.data, len(t.data)+1<<10)
	}
	texts := [...]string{m.Location, m.BaseURL, m.Summary}
	if len(t.data) > maxFacts {
		texts = [3]string{}
	}
	d := t.data
	for _, n := range [...]int64{m.Size, m.HeaderStart, m.HeaderEnd, m.InstalledSize, m.BuildTime} {
		d = binary.AppendVarint(d, n)
	}
	for _, s := range texts {
		d = append(binary.AppendUvarint(d, uint64(len(s))), s...)
	}
	t.data = appendChecksum(d, m.Checksum)
}

// appendChecksum writes a SHA-256 as its 32 bytes behind a zero, anything else
// behind its length and one.
func appendChecksum(d []byte, sum string) []byte {
	if value, ok := strings.CutPrefix(sum, rawSHA256); ok && len(value) == 64 {
		var raw [32]byte
		lower := true
		for i := range raw {
			high, low := hexDigit(value[2*i]), hexDigit(value[2*i+1])
			lower = lower && high < 16 && low < 16
			raw[i] = high<<4 | low
		}
		if lower {
			return append(append(d, 0), raw[:]...)
		}
	}
	return append(binary.AppendUvarint(d, uint64(len(sum))+1), sum...)
}

// hexDigit is the value of a digit in lower case, 16 of anything else.
func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c-'a' <= 5:
		return c - 'a' + 10
	}
	return 16
}

// factReader takes a record apart. Beyond its end all is empty.
type factReader []byte

func (r *factReader) number() int64 {
	n, size := binary.Varint(*r)
	*r = (*r)[max(size, 0):]
	return n
}

func (r *factReader) length() uint64 {
	n, size := binary.Uvarint(*r)
	*r = (*r)[max(size, 0):]
	return n
}

func (r *factReader) bytes(n uint64) []byte {
	n = min(n, uint64(len(*r)))
	b := (*r)[:n]
	*r = (*r)[n:]
	return b
}

func (r *factReader) text() string { return string(r.bytes(r.length())) }

func (r *factReader) checksum() string {
	if n := r.length(); n > 0 {
		return string(r.bytes(n - 1))
	}
	return rawSHA256 + hex.EncodeToString(r.bytes(32))
}

// get returns record i.
func (t *factTable) get(i int) fact {
	start := min(int(t.at[i]), len(t.data))
	r := factReader(t.data[start:])
	return fact{
		size: r.number(), headerStart: r.number(), headerEnd: r.number(), installedSize: r.number(), buildTime: r.number(),
		location: r.text(), baseURL: r.text(), summary: r.text(), checksum: r.checksum(),
	}
}
