package content

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// errDamaged means that a file of the store is not what was written.
var errDamaged = errors.New("it is damaged")

// maxPath is Linux's longest path.
const maxPath = 4096

// decodeManifest reads what encode wrote.
func decodeManifest(data []byte) (*Manifest, error) {
	body, ok := cutTrailer(data, manifestMagic)
	if !ok {
		return nil, errDamaged
	}
	return decodeBody(body)
}

// cutTrailer takes the magic and the checksum at the end off, if they are right.
func cutTrailer(data []byte, magic string) (body []byte, ok bool) {
	n := len(data) - sha256.Size
	if n < len(magic) || string(data[:len(magic)]) != magic || sha256.Sum256(data[:n]) != [32]byte(data[n:]) {
		return nil, false
	}
	return data[len(magic):n], true
}

func decodeBody(body []byte) (*Manifest, error) {
	d := &decoder{rest: string(body)}
	m := &Manifest{}
	m.NEVRA.Name = d.text()
	m.NEVRA.Epoch = d.uint32()
	m.NEVRA.Version = d.text()
	m.NEVRA.Release = d.text()
	m.NEVRA.Arch = d.text()
	names := d.texts()
	m.Files = d.files(names)
	m.Scriptlets = d.scriptlets()
	m.Requires, m.Provides, m.Conflicts, m.Obsoletes = d.deps(), d.deps(), d.deps(), d.deps()
	if d.err == nil && d.rest != "" {
		d.fail("%d bytes follow the end", len(d.rest))
	}
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// decoder keeps the first error; after it every value is zero.
type decoder struct {
	rest string
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
	}
	d.rest = ""
}

func (d *decoder) number() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 || i > 0 && c == 0 {
				break
			}
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail("a number is cut off or too large")
	return 0
}

func (d *decoder) uint32() uint32 {
	n := d.number()
	if n > math.MaxUint32 {
		d.fail("the number %d is too large", n)
		return 0
	}
	return uint32(n)
}

func (d *decoder) flag() bool {
	n := d.number()
	if n > 1 {
		d.fail("%d where 0 or 1 belongs", n)
	}
	return n == 1
}

// count reads how many things of at least size bytes follow.
func (d *decoder) count(size int) int {
	n := d.number()
	if n > uint64(len(d.rest)/size) {
		d.fail("%d entries cannot follow in %d bytes", n, len(d.rest))
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) string {
	if n > len(d.rest) {
		d.fail("%d bytes cannot follow in %d", n, len(d.rest))
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) text() string { return d.bytes(d.count(1)) }

func (d *decoder) texts() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}

// minFile is the length of the shortest encoded file.
const minFile = 15

func (d *decoder) files(names []string) []File {
	n := d.count(minFile)
	if n == 0 {
		return nil
	}
	files := make([]File, n)
	var paths pathDecoder
	for i := range files {
		f := &files[i]
		f.Path = paths.next(d)
		f.Mode, f.Flags, f.Color, f.RDev = d.uint32(), rpm.FileFlags(d.uint32()), d.uint32(), d.uint32()
		size := d.number()
		if size > math.MaxInt64 {
			d.fail("the size %d is too large", size)
		}
		f.Size = int64(size)
		for _, s := range [...]*string{&f.User, &f.Group, &f.Lang, &f.Caps} {
			if k := d.number(); k < uint64(len(names)) {
				*s = names[k]
			} else {
				d.fail("string %d of %d", k, len(names))
			}
		}
		f.Link = d.uint32()
		f.LinkTo = d.text()
		f.IMA = d.text()
		if d.flag() {
			copy(f.Content[:], d.bytes(len(f.Content)))
		}
		if d.err != nil {
			return nil
		}
	}
	return files
}

// pathDecoder builds paths from what they do not share with the one before.
type pathDecoder struct{ prev string }

func (p *pathDecoder) next(d *decoder) string {
	shared, rest := d.number(), d.text()
	if shared > uint64(len(p.prev)) || int(shared)+len(rest) > maxPath {
		d.fail("a path shares %d bytes of %d", shared, len(p.prev))
		return ""
	}
	p.prev = p.prev[:shared] + rest
	return p.prev
}

func (d *decoder) scriptlets() []rpm.Scriptlet {
	n := d.count(7)
	if n == 0 {
		return nil
	}
	list := make([]rpm.Scriptlet, n)
	for i := range list {
		s := &list[i]
		s.Kind = rpm.ScriptletKind(d.text())
		s.Interpreter = d.texts()
		s.Body = d.text()
		s.Flags = rpm.ScriptletFlags(d.uint32())
		s.Priority = d.uint32()
		s.Triggers = d.deps()
		s.Paths = d.texts()
	}
	return list
}

func (d *decoder) deps() []rpm.Dep {
	n := d.count(4)
	if n == 0 {
		return nil
	}
	list := make([]rpm.Dep, n)
	for i := range list {
		t := &list[i]
		t.Name = d.text()
		t.Flags = rpm.Flags(d.uint32())
		t.EVR = d.text()
		t.Pre = d.flag()
	}
	return list
}
