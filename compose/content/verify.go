package content

import (
	"hash"
	"io"
	"os"
)

// verifier hashes what is read and compares at the end.
type verifier struct {
	f    *os.File
	sum  hash.Hash
	want Digest
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.f.Read(p)
	v.sum.Write(p[:n])
	if err == io.EOF && Digest(v.sum.Sum(nil)) != v.want {
		err = &CorruptError{Digest: v.want, Path: v.f.Name()}
	}
	return n, err
}

func (v *verifier) Close() error { return v.f.Close() }

// eofReader is a file without a byte.
type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }
