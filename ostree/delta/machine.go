package delta

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// oldFiles are the content objects that the client has.
type oldFiles interface {
	OpenFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error)
}

// A sink takes the objects that a part makes. It compares each with its name.
type sink interface {
	meta(ctx context.Context, n ostree.ObjectName, data []byte) error
	file(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c archive.Content) error
}

// machine runs the operations of one part.
type machine struct {
	payload
	objects []ostree.ObjectName // those that are not made yet
	old     oldFiles
	out     sink
	dir     string // for temporary files
	left    int64  // how many bytes the objects to come may have

	source  []byte // what w reads; nil: the blob
	reading bool   // source is set
	last    *spool // the old file that was read last
	lastSum ostree.Checksum
	current *newFile // between o and c
}

// newFile is a file that is being made.
type newFile struct {
	name   ostree.ObjectName
	header ostree.FileHeader
	size   int64
	data   *spool
}

// run makes all objects of the part.
func (m *machine) run(ctx context.Context) (err error) {
	defer func() {
		if m.current != nil {
			err = errors.Join(err, m.current.data.Close())
		}
		err = errors.Join(err, m.last.Close())
	}()
	total := len(m.ops)
	for len(m.ops) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, op := total-len(m.ops), m.ops[0]
		m.ops = m.ops[1:]
		if err := m.step(ctx, op); err != nil {
			return fmt.Errorf("operation %q at %d: %w", op, at, err)
		}
	}
	if m.current != nil {
		return fmt.Errorf("object %s is not finished", m.current.name)
	}
	if len(m.objects) > 0 {
		return fmt.Errorf("object %s is promised, and %d more, but not made", m.objects[0], len(m.objects)-1)
	}
	return nil
}

func (m *machine) step(ctx context.Context, op byte) error {
	switch op {
	case 'S':
		return m.whole(ctx)
	case 'o':
		return m.open()
	case 'w':
		return m.write()
	case 'r':
		return m.setSource(ctx)
	case 'R':
		m.source, m.reading = nil, false
		return nil
	case 'B':
		return m.patch()
	case 'c':
		return m.close(ctx)
	}
	return errors.New("it is unknown")
}

// numbers reads the operation's arguments.
func (m *machine) numbers(xs ...*uint64) error {
	for _, x := range xs {
		v, n := binary.Uvarint(m.ops)
		if n <= 0 {
			return errors.New("a number is cut off or too large")
		}
		*x, m.ops = v, m.ops[n:]
	}
	return nil
}

// take begins the next object, of the given size.
func (m *machine) take(size uint64) (ostree.ObjectName, error) {
	if m.current != nil {
		return ostree.ObjectName{}, fmt.Errorf("object %s is not finished yet", m.current.name)
	}
	if len(m.objects) == 0 {
		return ostree.ObjectName{}, errors.New("more objects than the superblock lists")
	}
	if size > uint64(m.left) {
		return ostree.ObjectName{}, fmt.Errorf("object %s: the part's objects have more bytes than the superblock says", m.objects[0])
	}
	n := m.objects[0]
	m.objects, m.left = m.objects[1:], m.left-int64(size)
	return n, nil
}

func (m *machine) whole(ctx context.Context) error {
	if m.current != nil || len(m.objects) == 0 {
		_, err := m.take(0)
		return err
	}
	var mode, xattr, size, off uint64
	isFile := m.objects[0].Type == ostree.ObjectFile
	if isFile {
		if err := m.numbers(&mode, &xattr); err != nil {
			return err
		}
	}
	if err := m.numbers(&size, &off); err != nil {
		return err
	}
	data, err := m.slice(off, size)
	if err != nil {
		return err
	}
	n, err := m.take(size)
	if err != nil {
		return err
	}
	if !isFile {
		return m.out.meta(ctx, n, data)
	}
	h, err := m.header(mode, xattr, data)
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	if h.IsSymlink() {
		return m.out.file(ctx, n.Checksum, h, archive.Content{})
	}
	return m.out.file(ctx, n.Checksum, h, contentOf(data))
}

func contentOf(data []byte) archive.Content {
	return archive.Content{Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

func (m *machine) open() error {
	var mode, xattr, size uint64
	if err := m.numbers(&mode, &xattr, &size); err != nil {
		return err
	}
	n, err := m.take(size)
	if err != nil {
		return err
	}
	if n.Type != ostree.ObjectFile {
		return fmt.Errorf("object %s is no file", n)
	}
	h, err := m.header(mode, xattr, nil)
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	m.current = &newFile{name: n, header: h, size: int64(size), data: newSpool(m.dir, int64(size))}
	return nil
}

var errNoFile = errors.New("no file is open")

func (m *machine) write() error {
	var size, off uint64
	if err := m.numbers(&size, &off); err != nil {
		return err
	}
	if m.current == nil {
		return errNoFile
	}
	from := m.blob
	if m.reading {
		from = m.source
	}
	data, err := slice(from, off, size)
	if err != nil {
		return err
	}
	_, err = m.current.data.Write(data)
	return err
}

func (m *machine) setSource(ctx context.Context) error {
	var off uint64
	if err := m.numbers(&off); err != nil {
		return err
	}
	name, err := m.slice(off, uint64(len(ostree.Checksum{})))
	if err != nil {
		return err
	}
	c := ostree.Checksum(name)
	if m.last == nil || m.lastSum != c {
		if err := m.last.Close(); err != nil {
			return err
		}
		if m.last, err = readOld(ctx, m.old, c, m.dir); err != nil {
			return fmt.Errorf("reading the old file %s: %w", c, err)
		}
		m.lastSum = c
	}
	m.source, err = m.last.bytes()
	m.reading = true
	return err
}

// readOld inflates an old file, and so verifies it, into a spool that the
// caller closes.
func readOld(ctx context.Context, old oldFiles, c ostree.Checksum, dir string) (_ *spool, err error) {
	h, size, src, err := old.OpenFile(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if h.IsSymlink() {
		return nil, errors.New("it is a symlink")
	}
	s := newSpool(dir, size)
	if _, err := io.CopyBuffer(s, onlyReader{src}, make([]byte, 128<<10)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (m *machine) patch() error {
	var off, size uint64
	if err := m.numbers(&off, &size); err != nil {
		return err
	}
	if m.current == nil {
		return errNoFile
	}
	if !m.reading {
		return errors.New("no old file is set")
	}
	data, err := m.slice(off, size)
	if err != nil {
		return err
	}
	if m.current.data.n > 0 {
		return errors.New("the file has bytes already")
	}
	return applyPatch(m.current.data, m.source, data, m.current.size)
}

func (m *machine) close(ctx context.Context) error {
	f := m.current
	if f == nil {
		return errNoFile
	}
	if f.data.n != f.size {
		return fmt.Errorf("object %s has %d bytes, not %d", f.name, f.data.n, f.size)
	}
	data, err := f.data.bytes()
	if err == nil {
		content := contentOf(data)
		if f.header.IsSymlink() {
			content = archive.Content{}
		}
		err = m.out.file(ctx, f.name.Checksum, f.header, content)
	}
	m.current, m.source, m.reading = nil, nil, false
	return errors.Join(err, f.data.Close())
}
