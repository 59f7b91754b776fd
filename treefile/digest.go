package treefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"os"
)

// digestVersion changes when the same input has to give another digest.
const digestVersion = "treewright treefile 1"

// InputDigest covers the flattened treefile (metadata apart, which is for
// other tools) and the names, modes and bytes of the files that it names.
// What lies behind .repo files and layers is for the caller to add.
func (t *Treefile) InputDigest() ([sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	h := sha256.New()
	writePart(h, []byte(digestVersion))
	var keys bytes.Buffer
	if err := t.encode(&keys, func(s spec) bool { return s.name != "metadata" }); err != nil {
		return sum, err
	}
	writePart(h, keys.Bytes())
	for _, f := range t.externals() {
		if err := hashFile(h, f); err != nil {
			return sum, &Error{Position: f.Position, Err: err}
		}
	}
	h.Sum(sum[:0])
	return sum, nil
}

// writePart writes data after its length, so that parts cannot run together.
func writePart(h hash.Hash, data []byte) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(data)))
	h.Write(size[:])
	h.Write(data)
}

func hashFile(h hash.Hash, f ExternalFile) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	content := sha256.New()
	if _, err := io.Copy(content, file); err != nil {
		return fmt.Errorf("reading %s: %w", f.Path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	writePart(h, []byte(f.Name))
	writePart(h, []byte((info.Mode() & modeBits).String()))
	writePart(h, content.Sum(nil))
	return nil
}
