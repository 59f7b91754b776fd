package rpmrepo

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// essences reads packages as a resolver does.
func essences(r io.Reader) (list []string, err error) {
	err = readPrimary(r, &stringPool{passing: true}, func(m *rpm.Metadata) error {
		list = append(list, essence(m))
		return nil
	})
	return list, err
}

// oddPrimary makes metadata whose tokens are of all lengths, so that they end
// everywhere in the blocks of a stream, and some are longer than one.
func oddPrimary(packages int) []byte {
	rnd := rand.New(rand.NewPCG(5, 6))
	lengths := []int{1, 40, 300, 5000, streamRoom - 5, streamRoom + 5, 100_000, streamBlock + 7, 1 << 20}
	text := func() string { return strings.Repeat("x", rnd.IntN(lengths[rnd.IntN(len(lengths))])+1) }
	var b strings.Builder
	b.WriteString(`<metadata xmlns:rpm="r">`)
	for i := range packages {
		fmt.Fprintf(&b, `<package type="rpm"><name>p%d</name><version ver="1" rel="1"/><checksum type="sha256">%s</checksum><summary>%s</summary><description>%s&amp;</description>`+
			`<location href="p"/><format><rpm:provides><rpm:entry name="p%d" flags="EQ" epoch="0" ver="1" rel="1"/></rpm:provides><rpm:requires>`, i, someSum, text(), text(), i)
		for j := range rnd.IntN(40) {
			fmt.Fprintf(&b, "\n      <rpm:entry name=\"r%d\" flags=\"GE\" epoch=\"0\" ver=\"%d\" rel=\"1\"/>", rnd.IntN(50), j%3)
		}
		fmt.Fprintf(&b, "<rpm:entry name=\"%s\"/></rpm:requires></format></package>\n", text())
	}
	b.WriteString("</metadata>")
	return []byte(b.String())
}

func TestReadsInPlace(t *testing.T) {
	for name, data := range map[string][]byte{"odd": oddPrimary(150), "laid out as usual": bigPrimary(3000)} {
		want, err := essences(bytes.NewReader(data))
		if err != nil || len(want) < 150 {
			t.Fatalf("%s: got %d packages, %v", name, len(want), err)
		}
		for _, how := range []string{"gzip", "zstd", "none"} {
			stored := pack(t, how, data)
			s := newStream(t.Context(), io.NopCloser(bytes.NewReader(stored)), &Data{Location: "x", Checksum: sumOf(stored)})
			got, err := essences(s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: got %d packages, %v, want the same as at once", name, how, len(got), err)
			}
		}
	}
}

// TestTruncatedStreams: metadata that ends anywhere, however it is compressed
// and whatever its checksum says, is an error.
func TestTruncatedStreams(t *testing.T) {
	data := bigPrimary(100)
	for _, how := range []string{"gzip", "none"} {
		stored := pack(t, how, data)
		for n := 0; n < len(stored); n += min(1<<10, 1+len(stored)/100) {
			cut := stored[:n]
			s := newStream(t.Context(), io.NopCloser(bytes.NewReader(cut)), &Data{Location: "x", Checksum: sumOf(cut)})
			if _, err := essences(s); err == nil {
				t.Errorf("%s, the first %d of %d bytes: no error", how, n, len(stored))
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
