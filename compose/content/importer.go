package content

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Import unpacks a package file into the store and returns its manifest. The
// file must have the checksum pkg: nothing is kept of one that has another, or
// whose payload does not agree with its header. Errors of the package name it.
func (s *Store) Import(ctx context.Context, pkg fetch.Checksum, path string) (_ *Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importing a package: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := pkg.Hasher()
	if sum == nil {
		return nil, fmt.Errorf("importing %s: its checksum is not known", path)
	}
	i := &importer{s: s, ctx: ctx, in: bufio.NewReaderSize(io.TeeReader(f, sum), 256<<10)}
	m, err := i.run()
	if err == nil {
		_, err = io.Copy(io.Discard, i.in)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// A damaged file says so rather than how its payload is broken.
	if err == nil || !errors.Is(err, errStoring) {
		if hashErr := i.compare(pkg, sum); hashErr != nil {
			return nil, fmt.Errorf("importing %s: %w", path, hashErr)
		}
	}
	if err == nil {
		err = s.writeNamed(s.headerPath(pkg), i.headers) // a manifest promises headers
	}
	if err == nil {
		err = s.writeManifest(pkg, m)
	}
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", path, err)
	}
	return m, nil
}

// errStoring marks errors that are no fault of the package.
var errStoring = errors.New("writing to the content store")

type importer struct {
	s   *Store
	ctx context.Context
	in  *bufio.Reader
	buf []byte

	headers []byte // the file to keep
}

// compare reads what is left of the package file and checks its checksum.
func (i *importer) compare(pkg fetch.Checksum, sum hash.Hash) error {
	if _, err := io.Copy(io.Discard, i.in); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != pkg.Hex() {
		return fmt.Errorf("the file has the %s checksum %s, its repository says %s", pkg.Algorithm(), got, pkg.Hex())
	}
	return nil
}

func (i *importer) run() (_ *Manifest, err error) {
	p, err := rpm.Open(i.in)
	if err != nil {
		return nil, err
	}
	if unknown := p.UnknownFeatures(); len(unknown) > 0 {
		return nil, fmt.Errorf("it needs features of rpm that treewright does not have: %s", strings.Join(unknown, ", "))
	}
	m, err := newManifest(p)
	if err != nil {
		return nil, err
	}
	if i.headers, err = i.s.encodeHeaders(p); err != nil {
		return nil, err
	}
	r, err := p.PayloadWith(&i.s.decompressors, i.in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		n, f, err := r.Next()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		if err := i.ctx.Err(); err != nil {
			return nil, context.Cause(i.ctx)
		}
		d, err := i.store(r, f)
		if err != nil {
			return nil, err
		}
		m.Files[n].Content = d
		for _, k := range r.Links() {
			m.Files[k].Content = d
		}
	}
}

// chunk is how much of a file is held in memory.
const chunk = 1 << 20

// store keeps the content that r stands at, unless the store has it. A SHA-256
// of the header needs not be made again: the end of r says that it is right.
func (i *importer) store(r *rpm.PayloadReader, f *rpm.File) (Digest, error) {
	if i.buf == nil {
		i.buf = make([]byte, chunk)
	}
	known := f.DigestAlgo == rpm.SHA256 && len(f.Digest) == sha256.Size
	if known && i.s.has(Digest(f.Digest), f.Size) {
		if err := i.skip(r); err != nil {
			return Digest{}, err
		}
		return Digest(f.Digest), nil
	}
	if f.Size > chunk {
		return i.storeLarge(r, f, known)
	}
	data := i.buf[:f.Size]
	if _, err := io.ReadFull(r, data); err != nil {
		return Digest{}, err
	}
	if err := i.skip(r); err != nil { // the digest is checked at the end
		return Digest{}, err
	}
	if known {
		return Digest(f.Digest), i.s.write(Digest(f.Digest), data, f.Mode)
	}
	d := DigestOf(data)
	if i.s.has(d, f.Size) {
		return d, nil
	}
	return d, i.s.write(d, data, f.Mode)
}

func (i *importer) skip(r io.Reader) error {
	for {
		if _, err := r.Read(i.buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// storeLarge copies a content that is not held in memory. Its digest is made
// here unless the header has it, which r compares at the end.
func (i *importer) storeLarge(r io.Reader, entry *rpm.File, known bool) (d Digest, err error) {
	f, err := i.s.create()
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, discard(f)) }()
	sum := sha256.New()
	for {
		n, err := r.Read(i.buf)
		if !known {
			sum.Write(i.buf[:n])
		}
		if _, werr := f.Write(i.buf[:n]); werr != nil {
			return d, fmt.Errorf("%w: %w", errStoring, werr)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return d, err
		}
		if i.ctx.Err() != nil {
			return d, context.Cause(i.ctx)
		}
	}
	d = Digest(sum.Sum(nil))
	if known {
		d = Digest(entry.Digest)
	}
	if err := seal(f, entry.Mode); err != nil {
		return d, err
	}
	return d, i.s.publish(f, d)
}

// has tells whether a content is there; whether it is right shows when it is read.
func (s *Store) has(d Digest, size int64) bool {
	if d == emptyDigest {
		return true
	}
	info, err := os.Lstat(s.contentPath(d))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// create opens a new temporary file.
func (s *Store) create() (*os.File, error) {
	name := filepath.Join(s.run, strconv.FormatUint(s.serial.Add(1), 10))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStoring, err)
	}
	return f, nil
}

// publish closes a temporary file and gives it its name.
func (s *Store) publish(f *os.File, d Digest) error {
	err := f.Close()
	if err == nil {
		path := s.contentPath(d)
		err = os.Rename(f.Name(), path)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
				err = os.Rename(f.Name(), path)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStoring, err)
	}
	return nil
}

// discard removes a temporary file unless it was published.
func discard(f *os.File) error {
	err := f.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	if rm := os.Remove(f.Name()); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

// write stores a content; most trees want it with the mode.
func (s *Store) write(d Digest, data []byte, mode uint32) (err error) {
	f, err := s.create()
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errStoring, err), discard(f))
	}
	if err := seal(f, mode); err != nil {
		return errors.Join(err, discard(f))
	}
	if err := s.publish(f, d); err != nil {
		return errors.Join(err, discard(f))
	}
	return nil
}

func (s *Store) writeManifest(pkg fetch.Checksum, m *Manifest) error {
	return s.writeNamed(s.manifestPath(pkg), m.encode())
}

// writeNamed replaces a small file.
func (s *Store) writeNamed(path string, data []byte) error {
	f, err := s.create()
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errStoring, err), discard(f))
	}
	return nil
}
