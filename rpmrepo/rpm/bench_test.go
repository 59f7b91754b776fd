package rpm_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// benchPackage has 2,000 files, 32 MB in all, which compress about as programs
// do.
func benchPackage(b *testing.B) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	p := rpmtest.Package{Name: "bench", Compression: "zstd"}
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 4+rng.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rng.IntN(256))
		}
	}
	for i := range 2000 {
		var body bytes.Buffer
		for body.Len() < 16<<10 {
			body.Write(words[rng.IntN(rng.IntN(len(words))+1)])
		}
		p.Files = append(p.Files, rpmtest.File{Path: fmt.Sprintf("/usr/share/bench/%02d/file-%d", i%50, i), Body: body.String()})
	}
	return build(b, p)
}

// BenchmarkOpen reads headers and file lists.
func BenchmarkOpen(b *testing.B) {
	data := benchPackage(b)
	b.ReportAllocs()
	for b.Loop() {
		p, err := rpm.Open(bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		if files, err := p.Files(); err != nil || len(files) != 2000 {
			b.Fatal(len(files), err)
		}
	}
}

// BenchmarkPayload decompresses and checks every file; the rate counts contents.
func BenchmarkPayload(b *testing.B) {
	data := benchPackage(b)
	var keep rpm.Decompressors
	b.ReportAllocs()
	for b.Loop() {
		r := bytes.NewReader(data)
		p, err := rpm.Open(r)
		if err != nil {
			b.Fatal(err)
		}
		payload, err := p.PayloadWith(&keep, r)
		if err != nil {
			b.Fatal(err)
		}
		var total int64
		for {
			_, _, err := payload.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, payload)
			if err != nil {
				b.Fatal(err)
			}
			total += n
		}
		payload.Close()
		b.SetBytes(total)
	}
}
