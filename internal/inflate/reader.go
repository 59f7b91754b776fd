package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Window is how far back a stream refers to what it had before.
const Window = 32 << 10

const (
	inputSize = 256 << 10
	padding   = 16 // zero bytes behind the end of the input
	maxName   = 510

	hasCRC, hasExtra, hasName, hasComment, reserved = 2, 4, 8, 16, 0xe0 // flags of a header
)

// ErrDamaged says that something is not a gzip file, or a damaged one.
var ErrDamaged = errors.New("damaged gzip data")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// Reader uncompresses a gzip file. After an error it must not be used again.
type Reader struct {
	r   io.Reader
	err error // of r

	in   []byte // input that is there, and padding when it is all
	pos  int    // how much of it was taken into hold
	end  int    // of in without padding
	all  bool   // r has no more
	hold uint64 // bits that come next, the first one lowest
	n    uint   // how many

	state  state
	last   bool // the block is its member's last one
	stored int  // bytes of a stored block to go
	length int  // bytes of a match to go
	back   int  // its distance
	total  uint32
	sum    uint32
	begun  bool // a member was read
	made   int  // bytes of this member so far, up to Window

	lengths   [lengthTable]entry
	distances [distanceTable]entry
}

type state uint8

const (
	atHeader state = iota
	atBlock
	inStored
	inCodes
	atTrailer
	atEnd
)

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, in: make([]byte, 0, inputSize+padding)}
}

// Fill writes what comes next into buf from start on, where buf[:start] ends
// with what it wrote last: all of it, or at least Window bytes. It returns how
// far it came: to the end of buf, unless there is an error; io.EOF is the end
// of a file that is right.
func (z *Reader) Fill(buf []byte, start int) (end int, err error) {
	at := start
	summed := start
	sum := func() {
		z.sum = crc32.Update(z.sum, crc32.IEEETable, buf[summed:at])
		z.total += uint32(at - summed)
		z.made = min(Window, z.made+at-summed)
		summed = at
	}
	for at < len(buf) && err == nil {
		switch z.state {
		case atHeader:
			err = z.header()
		case atBlock:
			err = z.block()
		case inStored:
			at, err = z.copyStored(buf, at)
		case inCodes:
			at, err = z.codes(buf, at, z.made+at-summed)
		case atTrailer:
			sum()
			err = z.trailer()
		case atEnd:
			err = io.EOF
		}
	}
	sum()
	return at, err
}

// more gets more input. What hold has is not in it.
func (z *Reader) more() error {
	if z.all {
		return damaged("it ends in the middle")
	}
	n := copy(z.in[:cap(z.in)], z.in[z.pos:z.end])
	z.pos = 0
	z.in = z.in[:cap(z.in)-padding]
	for n < len(z.in) && !z.all {
		var got int
		got, z.err = z.r.Read(z.in[n:])
		n += got
		if z.err != nil {
			z.all = true
		} else if n > padding {
			break
		}
	}
	z.end = n
	z.in = z.in[:n]
	if z.all {
		if z.err != io.EOF {
			return z.err
		}
		z.in = z.in[:n+padding]
		clear(z.in[n:])
	}
	return nil
}

// need sees to it that hold has n bits, up to 32.
func (z *Reader) need(n uint) error {
	for z.n < n {
		if z.pos >= z.end {
			if err := z.more(); err != nil {
				return err
			}
			if z.pos >= z.end {
				return damaged("it ends in the middle")
			}
		}
		z.hold |= uint64(z.in[z.pos]) << z.n
		z.pos++
		z.n += 8
	}
	return nil
}

// take takes n bits, which must be there.
func (z *Reader) take(n uint) int {
	v := z.hold & (1<<n - 1)
	z.hold >>= n
	z.n -= n
	return int(v)
}

func (z *Reader) number(n uint) (int, error) {
	if err := z.need(n); err != nil {
		return 0, err
	}
	return z.take(n), nil
}

// header reads a member's header. Behind the first member the file may end.
func (z *Reader) header() error {
	if z.begun && z.n == 0 {
		if z.pos >= z.end && !z.all {
			if err := z.more(); err != nil {
				return err
			}
		}
		if z.pos >= z.end {
			z.state = atEnd
			return nil
		}
	}
	var sum uint32 // of the header
	field := func(n int) (b [10]byte, err error) {
		for i := range n {
			v, err := z.number(8)
			if err != nil {
				return b, err
			}
			b[i] = byte(v)
		}
		sum = crc32.Update(sum, crc32.IEEETable, b[:n])
		return b, nil
	}
	head, err := field(10)
	if err != nil {
		return err
	}
	flags := head[3]
	if head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 {
		return damaged("no header of a member")
	}
	if flags&reserved != 0 {
		return damaged("a header with reserved flags")
	}
	if err := skipNames(flags, field); err != nil {
		return err
	}
	if flags&hasCRC != 0 {
		want := uint16(sum)
		if got, err := field(2); err != nil {
			return err
		} else if binary.LittleEndian.Uint16(got[:]) != want {
			return damaged("the checksum of a header")
		}
	}
	z.begun, z.state, z.sum, z.total, z.made = true, atBlock, 0, 0, 0
	return nil
}

// skipNames skips the parts of a header that only people read.
func skipNames(flags byte, field func(n int) ([10]byte, error)) error {
	if flags&hasExtra != 0 {
		size, err := field(2)
		if err != nil {
			return err
		}
		for range binary.LittleEndian.Uint16(size[:]) {
			if _, err := field(1); err != nil {
				return err
			}
		}
	}
	for _, flag := range []byte{hasName, hasComment} {
		for n := 0; flags&flag != 0; n++ {
			c, err := field(1)
			if err != nil {
				return err
			}
			if c[0] == 0 {
				break
			}
			if n > maxName {
				return damaged("a header with a name of more than %d bytes", maxName)
			}
		}
	}
	return nil
}

// trailer checks what the member says of itself.
func (z *Reader) trailer() error {
	z.take(z.n % 8)
	var words [2]uint32
	for i := range words {
		n, err := z.number(32)
		if err != nil {
			return err
		}
		words[i] = uint32(n)
	}
	if words[0] != z.sum || words[1] != z.total {
		return damaged("its checksum or size is another")
	}
	z.state = atHeader
	return nil
}

// endBlock goes on behind a block.
func (z *Reader) endBlock() {
	z.state = atBlock
	if z.last {
		z.state = atTrailer
	}
}

// copyStored copies bytes of a stored block.
func (z *Reader) copyStored(buf []byte, at int) (int, error) {
	for z.stored > 0 && at < len(buf) {
		if z.n > 0 { // whole bytes, which the header's reading has taken
			buf[at] = byte(z.take(8))
			at++
			z.stored--
			continue
		}
		if z.pos >= z.end {
			if err := z.more(); err != nil {
				return at, err
			}
		}
		n := copy(buf[at:], z.in[z.pos:min(z.end, z.pos+z.stored)])
		if n == 0 {
			return at, damaged("it ends in the middle")
		}
		at, z.pos, z.stored = at+n, z.pos+n, z.stored-n
	}
	if z.stored == 0 {
		z.endBlock()
	}
	return at, nil
}
