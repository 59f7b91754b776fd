package initramfs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/initramfs"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestList(t *testing.T) {
	early := []string{"kernel", "kernel/x86", "kernel/x86/microcode", "kernel/x86/microcode/GenuineIntel.bin"}
	main := []string{"etc", "etc/again", "etc/passwd", "init", "usr", "usr/lib", "usr/lib/systemd", "usr/lib/systemd/systemd"}
	nodes := []string{"dev", "dev/random", "dev/urandom"}
	plain := testdata(t, "main.cpio")
	for name, tc := range map[string]struct {
		data []byte
		want []string
	}{
		"nothing":         {nil, nil},
		"zeros":           {make([]byte, 512), nil},
		"plain":           {plain, main},
		"early and gzip":  {testdata(t, "early-gzip.img"), slices.Concat(early, main)},
		"xz":              {testdata(t, "xz.img"), main},
		"zstd":            {testdata(t, "zstd.img"), main},
		"bzip2":           {testdata(t, "bzip2.img"), main},
		"nodes after it":  {slices.Concat(plain, initramfs.Separator(int64(len(plain))), initramfs.RandomNodes()), slices.Concat(main, nodes)},
		"nodes after gz.": {slices.Concat(testdata(t, "early-gzip.img"), make([]byte, 5), initramfs.RandomNodes()), slices.Concat(early, main)},
	} {
		got, err := initramfs.List(bytes.NewReader(tc.data))
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

func TestListRefuses(t *testing.T) {
	plain := testdata(t, "main.cpio")
	header := func(field int, value string) []byte {
		b := slices.Clone(plain)
		copy(b[6+8*field:], value)
		return b
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"cut off in a header":   {plain[:50], "cut off"},
		"cut off in a name":     {plain[:111], "cut off"},
		"cut off in a content":  {plain[:len(plain)-700], "cut off"},
		"no number":             {header(6, "0000000g"), "no number"},
		"a name without length": {header(11, "00000000"), "a name of 0 bytes"},
		"a name that is long":   {header(11, "00100000"), "a name of 1048576 bytes"},
		"content that is long":  {header(6, "7fffffff"), "cut off"},
		"more than is believed": {header(6, "ffffffff"), "it has more than 2147483648 bytes"},
		"LZ4":                   {[]byte("\x02\x21\x4c\x18rest"), "its compression is not"},
		"text":                  {[]byte("hello, this is no image"), "its compression is not"},
		"gzip of text":          {[]byte("\x1f\x8b\x08\x00rest"), "EOF"},
	} {
		if got, err := initramfs.List(bytes.NewReader(tc.data)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %q, %v, want an error with %q", name, got, err, tc.want)
		}
	}
}

// TestRandomNodes compares with what GNU cpio makes, which fills up a block.
func TestRandomNodes(t *testing.T) {
	got, want := initramfs.RandomNodes(), testdata(t, "nodes.cpio")
	if rest, ok := bytes.CutPrefix(want, got); !ok || len(bytes.Trim(rest, "\x00")) > 0 || len(got)%4 != 0 {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	for size := range int64(9) {
		if n := int64(len(initramfs.Separator(size))); n < 4 || (size+n)%4 != 0 {
			t.Errorf("after %d bytes: got %d zeros", size, n)
		}
	}
}

func FuzzList(f *testing.F) {
	for _, name := range []string{"main.cpio", "early-gzip.img", "xz.img", "zstd.img", "bzip2.img"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := initramfs.List(bytes.NewReader(data))
		if err == nil && slices.Contains(names, "") {
			t.Error("a name is empty")
		}
	})
}

func TestInputsRoundTrip(t *testing.T) {
	in := initramfs.Inputs{"usr/bin/a b": "100755 00", "etc/\"x\"\t\n\xff": "link ../y\n", "gone": "-"}
	got, err := initramfs.DecodeInputs(in.Encode())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(in) {
		t.Errorf("got %q, %v, want %q", got, err, in)
	}
	for _, bad := range []string{"", "x", string(in.Encode()[1:]), string(in.Encode()) + "\"x\"\n", string(in.Encode()) + "a\tb\n"} {
		if got, err := initramfs.DecodeInputs([]byte(bad)); err == nil {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

func FuzzInputs(f *testing.F) {
	f.Add(initramfs.Inputs{"usr/bin/a": "100755 00"}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := initramfs.DecodeInputs(data)
		if err != nil {
			return
		}
		if again, err := initramfs.DecodeInputs(in.Encode()); err != nil || fmt.Sprint(again) != fmt.Sprint(in) {
			t.Errorf("got %q, %v, want %q", again, err, in)
		}
	})
}
