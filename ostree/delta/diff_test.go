package delta

import (
	"bytes"
	"strings"
	"testing"
)

// applyMatches makes the new file of the old one's chunks and its own bytes.
func applyMatches(t *testing.T, from, to []byte, found []match) []byte {
	t.Helper()
	var out []byte
	for _, m := range found {
		if m.to < len(out) || m.size <= 0 || m.from < 0 || m.from+m.size > len(from) {
			t.Fatalf("match %+v after %d bytes of %d", m, len(out), len(from))
		}
		out = append(out, to[len(out):m.to]...)
		out = append(out, from[m.from:m.from+m.size]...)
	}
	return append(out, to[len(out):]...)
}

type pair struct {
	name     string
	from, to string
	matched  float64 // how much of the new file rollsum must find
	fresh    int64   // how many new bytes bsdiff may have; -1: any
}

func pairs() []pair {
	a := noise(1, 300_000)
	return []pair{
		{"same", a, a, 1, 0},
		{"first byte", a, "x" + a[1:], 0.999, 10},
		{"shifted", a, "some bytes" + a, 0.999, 20},
		{"cut", a, a[1000:], 0.999, 0},
		{"middle", a, a[:150_000] + "new" + a[150_000:], 0.999, 20},
		{"exchanged", a, a[150_000:] + a[:150_000], 0.999, 20},
		{"scattered", a, scatter(a, 200), 0, 100},
		{"zeros", strings.Repeat("\x00", 2_000_000), strings.Repeat("\x00", 1_999_000), 0.999, 2000},
		{"other", a, noise(2, 100_000), 0, -1},
		{"from nothing", "", "new", 0, 3},
		{"to nothing", a, "", 0, 0},
		{"text", text(1, 200_000), text(1, 100_000) + "new" + text(1, 200_000)[100_000:], 0.999, 20},
	}
}

func TestRollsum(t *testing.T) {
	for _, tt := range pairs() {
		found := rollsum([]byte(tt.from), []byte(tt.to))
		if got := applyMatches(t, []byte(tt.from), []byte(tt.to), found); string(got) != tt.to {
			t.Errorf("%s: the matches make another file", tt.name)
		}
		if got, want := float64(matched(found)), tt.matched*float64(len(tt.to)); got < want {
			t.Errorf("%s: got %.0f bytes matched, want %.0f", tt.name, got, want)
		}
	}
}

func TestBsdiff(t *testing.T) {
	for _, tt := range pairs() {
		patch, fresh, err := bsdiff(t.Context(), []byte(tt.from), []byte(tt.to))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := applyPatch(&out, []byte(tt.from), patch, int64(len(tt.to))); err != nil || out.String() != tt.to {
			t.Errorf("%s: applying the patch: %v, %d bytes of %d", tt.name, err, out.Len(), len(tt.to))
		}
		if tt.fresh >= 0 && fresh > tt.fresh {
			t.Errorf("%s: got %d new bytes, want at most %d", tt.name, fresh, tt.fresh)
		}
	}
}

// FuzzDiff compares two files both ways: what is found makes the new one.
func FuzzDiff(f *testing.F) {
	f.Add([]byte("the old file that has some bytes"), []byte("the new file that has some bytes"), uint16(1000))
	f.Fuzz(func(t *testing.T, from, to []byte, repeat uint16) {
		from = bytes.Repeat(from, 1+int(repeat)/(1+len(from)))
		to = append(append([]byte{}, to...), from[len(from)/2:]...)
		to = append(to, from[:len(from)/3]...)
		if got := applyMatches(t, from, to, rollsum(from, to)); !bytes.Equal(got, to) {
			t.Error("rollsum makes another file")
		}
		patch, _, err := bsdiff(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := applyPatch(&out, from, patch, int64(len(to))); err != nil || !bytes.Equal(out.Bytes(), to) {
			t.Errorf("bsdiff: %v", err)
		}
	})
}
