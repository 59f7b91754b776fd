package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// all uncompresses r through blocks of a size, as a caller does.
func all(r io.Reader, block int) ([]byte, error) {
	z := NewReader(r)
	buf := make([]byte, Window+block)
	var out []byte
	for start := 0; ; {
		end, err := z.Fill(buf[:min(len(buf), start+block)], start)
		out = append(out, buf[start:end]...)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		keep := min(end, Window)
		copy(buf, buf[end-keep:end])
		start = keep
	}
}

func pack(t testing.TB, level int, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts are inputs of all kinds: repeating nearly, far and not at all.
func texts() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	var xml strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&xml, "  <rpm:entry name=\"lib%d\" flags=\"GE\" epoch=\"0\" ver=\"%d.%d\"/>\n", rnd.IntN(5000), i%13, rnd.IntN(200))
	}
	skewed := make([]byte, 300_000)
	for i := range skewed { // codes of all lengths
		skewed[i] = byte(min(rnd.ExpFloat64()*12, 255))
	}
	far := append(bytes.Clone(noise[:Window]), noise[:Window]...)
	return map[string][]byte{
		"nothing": nil, "a byte": []byte("a"), "zeros": make([]byte, 1<<20), "noise": noise, "xml": []byte(xml.String()),
		"skewed": skewed, "far": far, "two": bytes.Repeat([]byte("ab"), 1000), "nine": bytes.Repeat([]byte("abcdefghi"), 1000),
	}
}

func TestRoundTrip(t *testing.T) {
	for name, data := range texts() {
		for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 1, 6, 9} {
			stored := pack(t, level, data)
			for _, block := range []int{1, 7, 300, 4096, 256 << 10} {
				if block < 300 && len(data) > 1<<17 {
					continue
				}
				got, err := all(bytes.NewReader(stored), block)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s, level %d, blocks of %d: got %d bytes, %v, want %d", name, level, block, len(got), err, len(data))
				}
			}
			got, err := all(iotest.OneByteReader(bytes.NewReader(stored)), 5000)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, level %d, byte by byte: got %d bytes, %v, want %d", name, level, len(got), err, len(data))
			}
		}
	}
}

func TestMembers(t *testing.T) {
	stored := append(pack(t, 6, []byte("one, one, one")), pack(t, 0, []byte("two"))...)
	if got, err := all(bytes.NewReader(stored), 4); err != nil || string(got) != "one, one, onetwo" {
		t.Errorf("got %q, %v", got, err)
	}
	// What an earlier member had is not there for a later one.
	if _, err := all(bytes.NewReader(append(stored, 0)), 100); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte behind: got %v, want ErrDamaged", err)
	}
}

func TestDamaged(t *testing.T) {
	for name, data := range texts() {
		stored := pack(t, 6, data)
		for n := 0; n < len(stored); n += 1 + n/20 {
			if _, err := all(bytes.NewReader(stored[:n]), 4096); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s, the first %d of %d bytes: got %v, want ErrDamaged", name, n, len(stored), err)
			}
		}
	}
	for name, change := range map[string]func([]byte){
		"reserved flags": func(b []byte) { b[3] |= 0x20 }, "no method": func(b []byte) { b[2] = 7 },
		"a header's checksum that is none": func(b []byte) { b[3] |= 2 },
	} {
		stored := pack(t, 6, []byte("text"))
		change(stored)
		if _, err := all(bytes.NewReader(stored), 4096); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
	}
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(pack(t, 6, make([]byte, 100))[:20]), iotest.ErrReader(broken))
	if _, err := all(r, 4096); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the reader", err)
	}
}

// FuzzReader compares with the standard library.
func FuzzReader(f *testing.F) {
	for _, data := range texts() {
		for _, level := range []int{gzip.HuffmanOnly, 0, 1, 9} {
			f.Add(pack(f, level, data[:min(len(data), 3000)]), uint16(100))
		}
	}
	f.Fuzz(func(t *testing.T, stored []byte, block uint16) {
		const most = 100_000
		var want []byte
		r, wantErr := gzip.NewReader(bytes.NewReader(stored))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(r, most))
		}
		if len(want) == most {
			return
		}
		got, err := all(bytes.NewReader(stored), int(block)+100)
		if err != nil && strings.Contains(err.Error(), "reserved") {
			return // which RFC 1952 refuses and the library takes
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, want %d", len(got), len(want))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := texts()["xml"]
	stored := pack(b, 6, data)
	buf := make([]byte, Window+len(data))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if n, err := NewReader(bytes.NewReader(stored)).Fill(buf, 0); n != len(data) || err != io.EOF {
			b.Fatal(n, err)
		}
	}
}
