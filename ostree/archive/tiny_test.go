package archive

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"io"
	"testing"
)

// TestAppendLetters has the bytes that zlib makes of short texts.
func TestAppendLetters(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"first\n", "4bcb2c2a2ee10200"},
		{"x\n", "abe00200"},
		{"an added file for static deltas\n", "4bcc53484c49494d5148cbcc495548cb2f52282e492cc94c564849cd29492ce60200"},
	} {
		if got := hex.EncodeToString(appendLetters(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for n := range len(all) {
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(appendLetters(nil, all[n:]))))
		if err != nil || !bytes.Equal(got, all[n:]) {
			t.Errorf("from %d: got %x, %v", n, got, err)
		}
	}
}

// TestDeflateTakesTheSmaller of what the compressor and letters make.
func TestDeflateTakesTheSmaller(t *testing.T) {
	var ws workers
	ws.init(1, 6)
	w, err := ws.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   string
		most int
	}{{"first\n", 8}, {"", 2}, {string(bytes.Repeat([]byte("again "), 80)), 20}} {
		w.out.Reset()
		w.out.WriteString("before")
		if err := w.deflate([]byte(tt.in), true); err != nil {
			t.Fatal(err)
		}
		data := bytes.TrimPrefix(w.out.Bytes(), []byte("before"))
		got, err := io.ReadAll(flate.NewReader(bytes.NewReader(data)))
		if err != nil || string(got) != tt.in || len(data) > tt.most {
			t.Errorf("%.20q: got %d bytes, which hold %.20q, %v, want at most %d", tt.in, len(data), got, err, tt.most)
		}
	}
}
