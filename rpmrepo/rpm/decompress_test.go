package rpm

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// TestDecompress reads what the usual programs made of "hello, payload\n":
//
//	printf 'hello, payload\n' | gzip -n9 | xxd -p
func TestDecompress(t *testing.T) {
	const text = "hello, payload\n"
	var keep Decompressors
	for _, c := range []struct{ how, made, packed string }{
		{"gzip", "gzip -n9", "1f8b0800000000000203cb48cdc9c9d7512848acccc94f4ce10200933bddc50f000000"},
		{"", "gzip -n9", "1f8b0800000000000203cb48cdc9c9d7512848acccc94f4ce10200933bddc50f000000"},
		{"bzip2", "bzip2 -9", "425a6839314159265359eb07abf8000003d180001040042644c02020002200d3208069a68ba2c810574370f177245385090eb07abf80"},
		{"xz", "xz -9", "fd377a585a000004e6d6b446020021011c00000010cf58cc01000e68656c6c6f2c207061796c6f61640a000003b0c1460e30e97f0001270fdf1afc6a1fb6f37d010000000004595a"},
		{"xz", "xz --x86 --lzma2=preset=9e --check=sha256", "fd377a585a00000ae1fb0ca10201040021011c00876edae501000e68656c6c6f2c207061796c6f61640a00005d13f3db9a044021a67523346c9ccba86ab8a2983819720a5495a6da36949ed400013f0f8682e7e8189b4b9a01000000000a595a"},
		{"lzma", "xz --format=lzma -9", "5d00000004ffffffffffffffff00341949ee8def8c6adcbe99c244a504a4bb672ffff97f5000"},
		{"zstd", "zstd -19", "28b52ffd046879000068656c6c6f2c207061796c6f61640a9f6a0240"},
		{"zstd", "zstd --ultra --long=31", "28b52ffd04a879000068656c6c6f2c207061796c6f61640a9f6a0240"},
		{"none", "cat", hex.EncodeToString([]byte(text))},
		{"gzip", "cat", hex.EncodeToString([]byte(text))},
	} {
		packed, err := hex.DecodeString(c.packed)
		if err != nil {
			t.Fatal(err)
		}
		for trailing, want := range map[string]string{"": "", "garbage": "an error"} {
			got, err := decompress(&keep, c.how, append(bytes.Clone(packed), trailing...))
			switch {
			case c.made == "cat":
				want = ""
				if trailing == "" && got != text {
					t.Errorf("%s: got %q", c.how, got)
				}
			case strings.Contains(c.made, "long=31"):
				// Its window of 2 GiB is more than anyone is given.
				want = "window size exceeded"
			case want == "" && got != text:
				t.Errorf("%s: got %q, want %q", c.made, got, text)
			}
			if (err != nil) != (want != "") || want != "an error" && err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, then %q: got error %v, want %q", c.made, trailing, err, want)
			}
		}
	}
	if _, err := decompress(nil, "brotli", nil); err == nil || !strings.Contains(err.Error(), `"brotli" is unknown`) {
		t.Errorf("got %v, want one about brotli", err)
	}
}

func decompress(keep *Decompressors, how string, packed []byte) (string, error) {
	d, err := newDecompressor(how, bytes.NewReader(packed), keep)
	if err != nil {
		return "", err
	}
	defer d.close()
	got, err := io.ReadAll(d)
	if err == nil {
		err = d.atEnd()
	}
	return string(got), err
}
