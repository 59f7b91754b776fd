package rpmrepo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	xzw "github.com/ulikunitz/xz"

	"github.com/treewright/treewright/internal/fetch"
)

func sumOf(data []byte) fetch.Checksum {
	sum := sha256.Sum256(data)
	c, err := fetch.NewChecksum("sha256", hex.EncodeToString(sum[:]))
	if err != nil {
		panic(err)
	}
	return c
}

// pack compresses data.
func pack(t *testing.T, how string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "xz":
		w, err = xzw.NewWriter(&b)
	default:
		return data
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readStream(ctx context.Context, stored []byte, d Data) ([]byte, error) {
	s := newStream(ctx, io.NopCloser(bytes.NewReader(stored)), &d)
	data, err := io.ReadAll(s)
	return data, errors.Join(err, s.Close())
}

// weakSumOf is a checksum that does not speak for the uncompressed bytes.
func weakSumOf(t *testing.T, data []byte) fetch.Checksum {
	t.Helper()
	sum, err := fetch.ParseChecksum(fmt.Sprintf("sha1:%x", sha1.Sum(data)))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestStream(t *testing.T) {
	data := []byte(strings.Repeat(fullPrimary, 300))
	for _, how := range []string{"gzip", "zstd", "xz", "none"} {
		stored := pack(t, how, data)
		d := Data{Location: "repodata/x", Checksum: sumOf(stored), Size: int64(len(stored)), OpenChecksum: sumOf(data), OpenSize: int64(len(data))}
		for _, d := range []Data{d, {Location: "repodata/x", Checksum: d.Checksum}} {
			got, err := readStream(t.Context(), stored, d)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: got %d bytes, %v, want %d", how, len(got), err, len(data))
			}
		}
		bad := func(name, part string, stored []byte, change func(*Data)) {
			t.Helper()
			d := d
			change(&d)
			if _, err := readStream(t.Context(), stored, d); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s, %s: got %v, want an error with %q", how, name, err, part)
			}
		}
		keep := func(*Data) {}
		flipped := bytes.Clone(stored)
		flipped[len(flipped)/2] ^= 1
		bad("flipped", "its checksum is", flipped, keep)
		bad("truncated", "bytes, expected", stored[:len(stored)/2], keep)
		bad("longer", "larger than the expected", append(bytes.Clone(stored), 0), keep)
		bad("another checksum", "its checksum is", stored, func(d *Data) { d.Checksum = sumOf(nil) })
		bad("another open checksum", "uncompressed, its checksum is", stored, func(d *Data) {
			d.Checksum, d.OpenChecksum = weakSumOf(t, stored), sumOf(nil)
		})
		bad("larger than stated", "when uncompressed", stored, func(d *Data) { d.OpenSize = 10 })
		bad("smaller than stated", "when uncompressed, expected", stored, func(d *Data) { d.OpenSize++ })
		if how == "none" {
			continue
		}
		// Damage that the checksum itself vouches for is still found.
		for name, stored := range map[string][]byte{
			"cut, with its checksum": stored[:len(stored)/2], "flipped, with its checksum": flipped,
			"magic alone": stored[:6], "rubbish behind": append(bytes.Clone(stored), "rubbish"...),
		} {
			_, err := readStream(t.Context(), stored, Data{Location: "x", Checksum: sumOf(stored), OpenChecksum: sumOf(data)})
			if err == nil {
				t.Errorf("%s, %s: no error", how, name)
			}
		}
	}
}

func TestStreamBzip2(t *testing.T) {
	// printf 'metadata in bzip2\n' | bzip2 | base64
	stored, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWSer1koAAAZZgAAQQAAQADYjRBAgACIAA0IBoAXH3iun5RgKAPF3JFOFCQJ6vWSg")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readStream(t.Context(), stored, Data{Checksum: sumOf(stored)})
	if err != nil || string(got) != "metadata in bzip2\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStreamBomb(t *testing.T) {
	stored := pack(t, "gzip", make([]byte, 64<<20))
	for _, d := range []Data{
		{Checksum: sumOf(stored), OpenSize: 1 << 20},
		{Checksum: sumOf(stored), Size: int64(len(stored)), OpenSize: 63 << 20},
	} {
		if got, err := readStream(t.Context(), stored, d); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	// A window that would take gigabytes is refused before it is allocated.
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00}
	if _, err := readStream(t.Context(), window, Data{Checksum: sumOf(window)}); err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("zstd window: got %v", err)
	}
}

func TestStreamKinds(t *testing.T) {
	if _, err := readStream(t.Context(), []byte("\x00ZCK1 rest"), Data{Checksum: sumOf([]byte("\x00ZCK1 rest"))}); err == nil || !strings.Contains(err.Error(), "zchunk") {
		t.Errorf("zchunk: got %v", err)
	}
	for _, small := range []string{"", "x"} {
		got, err := readStream(t.Context(), []byte(small), Data{Checksum: sumOf([]byte(small))})
		if err != nil || string(got) != small {
			t.Errorf("%q: got %q, %v", small, got, err)
		}
	}
}

func TestStreamCloses(t *testing.T) {
	data := []byte(strings.Repeat(fullPrimary, 3000))
	s := newStream(t.Context(), io.NopCloser(bytes.NewReader(data)), &Data{Checksum: sumOf(data)})
	if _, err := io.ReadFull(s, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(s); err == nil {
		t.Error("a closed stream can be read to its end")
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = newStream(ctx, io.NopCloser(bytes.NewReader(data)), &Data{Checksum: sumOf(data)})
	cancel()
	if _, err := io.ReadAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzStream(f *testing.F) {
	for _, how := range []string{"gzip", "zstd", "xz", "none"} {
		f.Add(pack(&testing.T{}, how, []byte("some text, some text, some text")))
	}
	f.Add([]byte("BZh9"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		_, _ = readStream(t.Context(), stored, Data{Checksum: sumOf(stored), Size: int64(len(stored)), OpenSize: 1 << 20})
	})
}
