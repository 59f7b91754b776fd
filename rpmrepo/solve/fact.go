package solve

import (
	"encoding/binary"
	"encoding/hex"
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
		t.data = withRoom(t.data, len(t.data)+1<<10)
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
		start := len(d)
		d = append(d, 0)
		var all byte
		for i := 0; i < len(value); i += 2 {
			high, low := hexValue[value[i]], hexValue[value[i+1]]
			all |= high | low
			d = append(d, high<<4|low)
		}
		if all < 16 {
			return d
		}
		d = d[:start]
	}
	return append(binary.AppendUvarint(d, uint64(len(sum))+1), sum...)
}

// hexValue is the value of each digit in lower case, 16 of anything else.
const hexValue = hex16 + hex16 + hex16 +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x10\x10\x10\x10\x10\x10" + hex16 + hex16 +
	"\x10\x0a\x0b\x0c\x0d\x0e\x0f\x10\x10\x10\x10\x10\x10\x10\x10\x10" + hex16 +
	hex16 + hex16 + hex16 + hex16 + hex16 + hex16 + hex16 + hex16

const hex16 = "\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10"

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
