package ostree

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/treewright/treewright/ostree/gvariant"
)

// golden returns the objects that the real ostree made, by name.
func golden(tb testing.TB) map[string][]byte {
	tb.Helper()
	f, err := os.Open("testdata/golden.txt")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	objects := map[string][]byte{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		name, digits, _ := strings.Cut(s.Text(), " ")
		if objects[name], err = hex.DecodeString(digits); err != nil {
			tb.Fatal(err)
		}
	}
	return objects
}

// TestGoldenRoundTrip decodes each object and encodes it again.
func TestGoldenRoundTrip(t *testing.T) {
	seen := map[string]int{}
	for name, data := range golden(t) {
		sum, ext, _ := strings.Cut(name, ".")
		seen[ext]++
		got, err := again(ext, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(got, data) {
			t.Errorf("%s: got %x, want %x", name, got, data)
		}
		if ext == "dirtree" || ext == "dirmeta" || ext == "commit" {
			if c := ChecksumOf(got); c.String() != sum {
				t.Errorf("%s: got checksum %s", name, c)
			}
		}
	}
	for _, ext := range []string{"dirtree", "dirmeta", "commit", "filez", "summary"} {
		if seen[ext] == 0 {
			t.Errorf("no object of type %s among the golden", ext)
		}
	}
}

// again decodes an object and encodes it.
func again(ext string, data []byte) ([]byte, error) {
	switch ext {
	case "dirtree":
		d, err := DecodeDirTree(data)
		if err != nil {
			return nil, err
		}
		return d.Encode()
	case "dirmeta":
		d, err := DecodeDirMeta(data)
		if err != nil {
			return nil, err
		}
		return d.Encode()
	case "commit":
		c, err := DecodeCommit(data)
		if err != nil {
			return nil, err
		}
		return c.Encode()
	case "summary":
		s, err := DecodeSummary(data)
		if err != nil {
			return nil, err
		}
		return s.Encode()
	case "filez":
		h, size, n, err := DecodeArchiveHeader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return append(h.EncodeArchive(size), data[n:]...), nil
	}
	return data, nil
}

func TestGoldenContentChecksums(t *testing.T) {
	for name, data := range golden(t) {
		want, ext, _ := strings.Cut(name, ".")
		if ext != "filez" {
			continue
		}
		r := bytes.NewReader(data)
		h, size, _, err := DecodeArchiveHeader(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sum := ContentHasher(h)
		if !h.IsSymlink() {
			if n, err := io.Copy(sum, flate.NewReader(r)); err != nil || n != size {
				t.Errorf("%s: got %d bytes, %v, want %d", name, n, err, size)
			}
		}
		if got := Checksum(sum.Sum(nil)).String(); got != want {
			t.Errorf("%s: got checksum %s", name, got)
		}
	}
}

func TestGoldenCommit(t *testing.T) {
	objects := golden(t)
	ref, err := ParseChecksum(strings.TrimSpace(string(objects["base.ref"])))
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCommit(objects[ref.String()+".commit"])
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "second" || c.Body != "with a body" || c.Timestamp != 1577923200 || c.Parent.IsZero() {
		t.Errorf("commit: got %q, %q, %d, parent %s", c.Subject, c.Body, c.Timestamp, c.Parent)
	}
	if refs, bound := c.RefBindings(); !bound || len(refs) != 1 || refs[0] != "base" {
		t.Errorf("ref bindings: got %q, %v, want base", refs, bound)
	}
	if got := c.Metadata.Str(KeyCollectionBinding); got != "org.example.Golden" {
		t.Errorf("collection binding: got %q", got)
	}
	if n, _ := c.Metadata.Get("n"); n.Uint32() != 5 || c.Metadata.Str(KeyVersion) != "1.2" {
		t.Errorf("metadata: got %v", c.Metadata)
	}
	s, err := DecodeSummary(objects["summary.summary"])
	if err != nil {
		t.Fatal(err)
	}
	r, ok := s.Ref("base")
	if !ok || r.Commit != ref || int(r.CommitSize) != len(objects[ref.String()+".commit"]) {
		t.Errorf("summary: got %v, want commit %s of %d bytes", r, ref, len(objects[ref.String()+".commit"]))
	}
	if at, _ := r.Metadata.Get(KeyCommitTimestamp); gvariant.BE64(at.Uint64()) != c.Timestamp {
		t.Errorf("summary: got time %d, want %d", gvariant.BE64(at.Uint64()), c.Timestamp)
	}
	if _, ok := s.Ref("bas"); ok {
		t.Error("summary: found a ref that is not there")
	}
}

func FuzzDecode(f *testing.F) {
	for name, data := range golden(f) {
		_, ext, _ := strings.Cut(name, ".")
		f.Add(ext, data)
	}
	f.Fuzz(func(t *testing.T, ext string, data []byte) {
		got, err := again(ext, data)
		if err != nil || ext == "commit" { // related objects are not kept
			return
		}
		if !bytes.Equal(got, data) {
			t.Errorf("%s %x: made again as %x", ext, data, got)
		}
	})
}
