package content

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

const headerMagic = "twheader"

// maxHeaders bounds what a file of the store may unpack to: two headers as large
// as package rpm reads them.
const maxHeaders = 2 * 256 << 20

func (s *Store) headerPath(pkg fetch.Checksum) string {
	return s.path("headers", fmt.Sprintf("%s-%s.%d", pkg.Algorithm(), pkg.Hex(), FormatVersion))
}

// Header returns the signature header and the main header of the package file
// with the checksum pkg, as rpm.OpenHeaders reads them. When Import must run
// again to have them, it returns ErrNotExist: damaged ones count as absent.
func (s *Store) Header(pkg fetch.Checksum) ([]byte, error) {
	path := s.headerPath(pkg)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the headers of a package: %w", err)
	}
	headers, err := s.decodeHeaders(data)
	if err != nil {
		return nil, fmt.Errorf("reading the headers %s: %w (%w)", path, ErrNotExist, err)
	}
	return headers, nil
}

func (s *Store) decodeHeaders(data []byte) ([]byte, error) {
	body, ok := cutTrailer(data, headerMagic)
	if !ok {
		return nil, errDamaged
	}
	d, err := s.headers.decoder()
	if err != nil {
		return nil, err
	}
	return d.DecodeAll(body, nil)
}

// encodeHeaders returns the file that the package comment shows.
func (s *Store) encodeHeaders(p *rpm.Package) ([]byte, error) {
	e, err := s.headers.encoder()
	if err != nil {
		return nil, err
	}
	signature, main := p.Signature.Raw(), p.Header.Raw()
	plain := make([]byte, 0, len(signature)+7+len(main))
	plain = append(plain, signature...)
	plain = append(plain, make([]byte, (8-len(signature)%8)%8)...)
	plain = append(plain, main...)
	data := e.EncodeAll(plain, []byte(headerMagic))
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

// headerCodec compresses; its parts are made when they are needed, once, and
// work for several callers at a time.
type headerCodec struct {
	encoder func() (*zstd.Encoder, error)
	decoder func() (*zstd.Decoder, error)
}

func newHeaderCodec() headerCodec {
	return headerCodec{
		encoder: sync.OnceValues(func() (*zstd.Encoder, error) {
			return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
		}),
		decoder: sync.OnceValues(func() (*zstd.Decoder, error) {
			return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxHeaders))
		}),
	}
}

// headers removes those of packages whose manifest is gone.
func (p *pruner) headers() error {
	entries, err := os.ReadDir(p.s.path("headers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := os.Lstat(p.s.path("manifests", e.Name())); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		p.done.Freed += info.Size()
		if err := os.Remove(p.s.path("headers", e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// headerSize is that of the headers beside a manifest; zero without them.
func (p *pruner) headerSize(manifest string) int64 {
	info, err := os.Lstat(p.s.path("headers", filepath.Base(manifest)))
	if err != nil {
		return 0
	}
	return info.Size()
}
