package rpm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// DigestError says that content is not what a digest promised.
type DigestError struct {
	What      string // "header", "payload" or the path of a file
	Algo      DigestAlgo
	Want, Got []byte
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("the %s digest of %s is %x, not %x: the package is damaged", e.Algo, e.What, e.Got, e.Want)
}

// PayloadReader reads the contents of a package's regular files, in the order
// of its archive, and checks each against its digest in the header. It checks as
// well that the archive holds exactly the files that the header lists.
type PayloadReader struct {
	name  string
	files []File
	d     *decompressor
	cpio  cpioReader

	seen   []bool
	groups map[inode]*linkGroup
	byName map[string]int // filled when the archive is not in the header's order
	guess  int            // the index that the next member should have

	// The content being read.
	cur   int // index of its file, or -1
	left  int64
	hash  hash.Hash
	err   error // of the content; io.EOF when it was read and is right
	ended bool
	buf   []byte // to read what the caller does not
	sum   [64]byte
}

// linkGroup is a set of hard links.
type linkGroup struct {
	members []int
	missing int // members that the archive has not shown yet
	given   bool
}

// Payload reads the payload from r, which must stand where Open left it, or at
// HeaderEnd of the file. Close the reader when done; r stays open.
func (p *Package) Payload(r io.Reader) (*PayloadReader, error) {
	return p.PayloadWith(nil, r)
}

// PayloadWith is Payload for those who read many: keep holds on to what one
// payload needed for the next.
func (p *Package) PayloadWith(keep *Decompressors, r io.Reader) (*PayloadReader, error) {
	if f := p.Header.String(TagPayloadFormat); f != "" && f != "cpio" {
		return nil, fmt.Errorf("reading the payload of %s: its format is %q; only cpio can be read", p.NEVRA(), f)
	}
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	d, err := newDecompressor(p.Header.String(TagPayloadCompressor), r, keep)
	if err != nil {
		return nil, fmt.Errorf("reading the payload of %s: %w", p.NEVRA(), truncated(err))
	}
	pr := &PayloadReader{name: p.NEVRA().String(), files: files, d: d, seen: make([]bool, len(files)), cur: -1}
	pr.cpio.r = bufio.NewReaderSize(d, 64<<10)
	pr.groupLinks()
	return pr, nil
}

func (r *PayloadReader) groupLinks() {
	for i := range r.files {
		f := &r.files[i]
		if f.Nlink < 2 {
			continue
		}
		if r.groups == nil {
			r.groups = make(map[inode]*linkGroup)
		}
		id := inodeOf(f)
		if r.groups[id] == nil {
			r.groups[id] = &linkGroup{}
		}
		g := r.groups[id]
		g.members = append(g.members, i)
		g.missing++
	}
}

// Files returns the package's file list; Next's index points into it.
func (r *PayloadReader) Files() []File { return r.files }

// Close frees what the reader holds. It may be called again.
func (r *PayloadReader) Close() error {
	r.d.close()
	r.d.close = func() {}
	r.ended, r.cur = true, -1
	return nil
}

// Next moves to the next content and returns the index of its file. Every
// regular file that is no ghost comes once, empty ones included; of hard links
// one comes and stands for all: see Links. It returns io.EOF after the last,
// when all of the archive was read and is right. What was not read of the
// content before is read and checked.
func (r *PayloadReader) Next() (int, *File, error) {
	i, err := r.next()
	if err == io.EOF {
		return -1, nil, err
	}
	if err != nil {
		return -1, nil, fmt.Errorf("reading the payload of %s: %w", r.name, err)
	}
	return i, &r.files[i], nil
}

func (r *PayloadReader) next() (int, error) {
	if err := r.drain(); err != nil {
		return -1, err
	}
	for !r.ended {
		e, err := r.cpio.next()
		if err != nil {
			return -1, err
		}
		if e.trailer {
			r.ended = true
			return -1, r.finish()
		}
		i, err := r.find(e)
		if err != nil {
			return -1, err
		}
		content, err := r.enter(i, e)
		if err != nil {
			return -1, fmt.Errorf("%s: %w", r.files[i].Path, err)
		}
		if content {
			return i, nil
		}
	}
	return -1, io.EOF
}

// find returns the file that a member is and marks it as seen.
func (r *PayloadReader) find(e cpioEntry) (int, error) {
	i := int(e.index)
	if e.stripped && int64(e.index) >= int64(len(r.files)) {
		return -1, fmt.Errorf("a member is file %d of %d", e.index, len(r.files))
	}
	if !e.stripped {
		var err error
		if i, err = r.findName(e.name); err != nil {
			return -1, err
		}
	}
	if r.seen[i] {
		return -1, fmt.Errorf("%s is there twice", r.files[i].Path)
	}
	r.seen[i] = true
	return i, nil
}

// findName finds a member by its path, which may start with "./" or lack its
// slash. Archives are mostly in the header's order: that needs no map.
func (r *PayloadReader) findName(name string) (int, error) {
	path := strings.TrimPrefix(name, ".")
	for r.guess < len(r.files) && r.files[r.guess].IsGhost() && !samePath(r.files[r.guess].Path, path) {
		r.guess++
	}
	if r.guess < len(r.files) && samePath(r.files[r.guess].Path, path) {
		r.guess++
		return r.guess - 1, nil
	}
	if r.byName == nil {
		r.byName = make(map[string]int, len(r.files))
		for i := range r.files {
			r.byName[strings.TrimPrefix(r.files[i].Path, "/")] = i
		}
	}
	i, ok := r.byName[strings.TrimPrefix(path, "/")]
	if !ok {
		return -1, fmt.Errorf("the member %q is not in the header's file list", name)
	}
	r.guess = i + 1
	return i, nil
}

// samePath compares paths, a leading slash apart.
func samePath(a, b string) bool {
	return strings.TrimPrefix(a, "/") == strings.TrimPrefix(b, "/")
}

// enter deals with the member of file i and reports whether its content is to
// be handed out.
func (r *PayloadReader) enter(i int, e cpioEntry) (bool, error) {
	f := &r.files[i]
	switch {
	case f.IsGhost():
		// Builds before rpm 4.11 delivered some.
		if e.stripped || e.size > f.Size {
			return false, errors.New("a ghost has content")
		}
		return false, r.cpio.skip(e.size)
	case f.IsSymlink():
		return false, r.checkTarget(f, e)
	case !f.IsRegular():
		if e.size != 0 {
			return false, fmt.Errorf("it has %d bytes of content, but is no regular file", e.size)
		}
		return false, nil
	}
	return r.enterRegular(i, e)
}

func (r *PayloadReader) enterRegular(i int, e cpioEntry) (bool, error) {
	f := &r.files[i]
	size, first := f.Size, true
	if g := r.groups[inodeOf(f)]; f.Nlink > 1 && g != nil {
		g.missing--
		switch {
		case e.stripped && i != g.members[len(g.members)-1], !e.stripped && e.size == 0 && f.Size > 0:
			return false, nil // another link has the content
		case f.Size == 0 && g.missing > 0:
			return false, nil
		}
		first, g.given = !g.given, true
	}
	if !e.stripped && e.size != size {
		return false, fmt.Errorf("it has %d bytes, the header says %d", e.size, size)
	}
	r.cur, r.left, r.err = i, size, nil
	if f.Digest == nil {
		if size > 0 {
			return false, errors.New("the header has no digest of it")
		}
		return first, nil
	}
	if r.hash == nil {
		r.hash = f.DigestAlgo.New()
	} else {
		r.hash.Reset()
	}
	if !first {
		return false, r.drain()
	}
	return true, nil
}

// checkTarget compares a symbolic link's target in the archive with that in the
// header.
func (r *PayloadReader) checkTarget(f *File, e cpioEntry) error {
	size := e.size
	if e.stripped {
		size = f.Size
	}
	if size != int64(len(f.LinkTo)) {
		return fmt.Errorf("its target has %d bytes, the header's %q has %d", size, f.LinkTo, len(f.LinkTo))
	}
	target := make([]byte, size)
	if err := r.cpio.read(target); err != nil {
		return err
	}
	if string(target) != f.LinkTo {
		return fmt.Errorf("its target is %q, the header says %q", target, f.LinkTo)
	}
	return nil
}

// Links returns the indexes of all files that have the content that Next moved
// to, in the header's order: one, or the hard links.
func (r *PayloadReader) Links() []int {
	if r.cur < 0 {
		return nil
	}
	f := &r.files[r.cur]
	if g := r.groups[inodeOf(f)]; f.Nlink > 1 && g != nil {
		return g.members
	}
	return []int{r.cur}
}

// Read reads the content that Next moved to. It returns io.EOF only when the
// content has the header's digest; until then nothing of it may be believed.
func (r *PayloadReader) Read(b []byte) (int, error) {
	if r.cur < 0 {
		return 0, io.EOF
	}
	n, err := r.read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("reading %s of %s: %w", r.files[r.cur].Path, r.name, err)
	}
	return n, err
}

func (r *PayloadReader) read(b []byte) (int, error) {
	if r.err != nil || len(b) == 0 {
		return 0, r.err
	}
	if r.left == 0 {
		r.err = r.checkContent()
		return 0, r.err
	}
	n, err := r.cpio.readSome(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	r.hash.Write(b[:n])
	r.err = err
	return n, err
}

// checkContent returns io.EOF when the content has the right digest.
func (r *PayloadReader) checkContent() error {
	f := &r.files[r.cur]
	if f.Digest == nil {
		return io.EOF
	}
	got := r.hash.Sum(r.sum[:0])
	if bytes.Equal(got, f.Digest) {
		return io.EOF
	}
	// Old builds wrote zeros for empty files.
	if f.Size == 0 && f.DigestAlgo == MD5 && bytes.Equal(f.Digest, make([]byte, len(f.Digest))) {
		return io.EOF
	}
	return &DigestError{What: f.Path, Algo: f.DigestAlgo, Want: f.Digest, Got: bytes.Clone(got)}
}

// drain reads and checks the rest of the current content.
func (r *PayloadReader) drain() error {
	if r.cur < 0 {
		return nil
	}
	if r.err == nil && r.buf == nil {
		r.buf = make([]byte, 32<<10)
	}
	for r.err == nil {
		_, _ = r.read(r.buf)
	}
	if r.err != io.EOF {
		return r.err
	}
	r.cur = -1
	return nil
}

// finish checks that the archive held every file and that nothing follows it.
func (r *PayloadReader) finish() error {
	for i, seen := range r.seen {
		if !seen && !r.files[i].IsGhost() {
			return fmt.Errorf("%s is not in the archive", r.files[i].Path)
		}
	}
	for _, g := range r.groups {
		if f := &r.files[g.members[0]]; !g.given {
			return fmt.Errorf("the archive has no content for %s and its hard links", f.Path)
		}
	}
	if err := r.cpio.finish(); err != nil {
		return err
	}
	if err := r.d.atEnd(); err != nil {
		return err
	}
	return io.EOF
}
