package rpm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestPayloadRoundTrip(t *testing.T) {
	var keep rpm.Decompressors
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV4Large, rpmtest.FormatV6, rpmtest.FormatEL7} {
		for _, compression := range []string{"gzip", "zstd", "xz", "lzma", "none"} {
			pkg := kitchenSink()
			pkg.Format, pkg.Compression = format, compression
			data := build(t, pkg)
			p, r := openBytes(t, data)
			got, err := readContents(p, iotest.HalfReader(r))
			if err != nil || !maps.Equal(got, contentsOf(pkg)) {
				t.Errorf("format %d, %s: got %d files, %v", format, compression, len(got), err)
			}
			// Again, with the decompressors of the one before.
			payload, err := p.PayloadWith(&keep, bytes.NewReader(data[p.HeaderEnd:]))
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, _, err = payload.Next() // which reads what we do not
			}
			if err != io.EOF {
				t.Errorf("format %d, %s: %v", format, compression, err)
			}
			if err := payload.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPayloadFileDigests(t *testing.T) {
	for _, algo := range []rpm.DigestAlgo{rpm.MD5, rpm.SHA1, rpm.SHA224, rpm.SHA256, rpm.SHA384, rpm.SHA512, rpm.SHA3_256, rpm.SHA3_512} {
		pkg := kitchenSink()
		pkg.FileDigest = algo
		p, r := openBytes(t, build(t, pkg))
		if got, err := readContents(p, r); err != nil || len(got) != len(contentsOf(pkg)) {
			t.Errorf("%s: got %d files, %v", algo, len(got), err)
		}
		pkg.Damage = rpmtest.DamageFileDigest
		p, r = openBytes(t, build(t, pkg))
		_, err := readContents(p, r)
		var wrong *rpm.DigestError
		if !errors.As(err, &wrong) || wrong.What != "/etc/sink.conf" || wrong.Algo != algo {
			t.Errorf("%s: got %v, want a DigestError of /etc/sink.conf", algo, err)
		}
	}
}

func TestPayloadHardLinks(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV6} {
		for _, body := range []string{"content", ""} {
			p, r := openBytes(t, build(t, rpmtest.Package{Name: "a", Format: format, Files: []rpmtest.File{
				{Path: "/a", Body: body}, {Path: "/b", HardLink: "/a"}, {Path: "/c", Body: "other"}, {Path: "/d", HardLink: "/a"},
			}}))
			payload, err := p.Payload(r)
			if err != nil {
				t.Fatal(err)
			}
			var links [][]int
			for {
				_, f, err := payload.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(payload)
				if want := map[string]string{"/c": "other", "/d": body}[f.Path]; err != nil || string(data) != want {
					t.Errorf("%s: got %q, %v, want %q", f.Path, data, err, want)
				}
				links = append(links, payload.Links())
			}
			if len(links) != 2 || !slices.Equal(links[0], []int{2}) || !slices.Equal(links[1], []int{0, 1, 3}) {
				t.Errorf("format %d: got links %v, want [2] and [0 1 3]", format, links)
			}
			if payload.Links() != nil {
				t.Error("there are links after the end")
			}
		}
	}
}

// TestPayloadSameInode has two files whose inode numbers were cut to one: each
// keeps its own content.
func TestPayloadSameInode(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV6} {
		data := build(t, rpmtest.Package{Name: "a", Format: format, Files: []rpmtest.File{
			{Path: "/a", Body: "one"}, {Path: "/b", Body: "two"}, {Path: "/c", Body: "three"}, {Path: "/d", HardLink: "/c"},
		}})
		inodes := []byte("\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x03")
		same := bytes.Repeat(inodes[:4], 4)
		if n := bytes.Count(data, inodes); n != 1 {
			t.Fatalf("got %d lists of inodes, want 1", n)
		}
		p, r := openBytes(t, bytes.Replace(data, inodes, same, 1))
		got, err := readContents(p, r)
		want := map[string]string{"/a": "one", "/b": "two", "/c": "three"} // and its hard link
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("format %d: got %v, %v, want %v", format, got, err, want)
		}
	}
}

func TestPayloadDamage(t *testing.T) {
	files := []rpmtest.File{{Path: "/a", Body: strings.Repeat("body of a file", 200)}, {Path: "/l", LinkTo: "a"}, {Path: "/z", Body: "last"}}
	for _, c := range []struct {
		damage      rpmtest.Damage
		compression string
		format      rpmtest.Format
		want        string
	}{
		{rpmtest.DamageTruncated, "none", 0, "the archive ends too early"},
		{rpmtest.DamageTruncated, "gzip", 0, "the archive ends too early"},
		{rpmtest.DamageTruncated, "zstd", 0, "the archive ends too early"},
		{rpmtest.DamageTruncated, "xz", 0, ""},
		{rpmtest.DamageTruncated, "lzma", 0, ""},
		{rpmtest.DamagePayload, "none", 0, "the SHA256 digest of /a"},
		{rpmtest.DamagePayload, "gzip", 0, ""},
		{rpmtest.DamagePayload, "xz", 0, ""},
		{rpmtest.DamagePayload, "lzma", 0, ""},
		{rpmtest.DamageTrailing, "none", 0, "data follows the trailer"},
		{rpmtest.DamageTrailing, "gzip", 0, ""},
		{rpmtest.DamageTrailing, "zstd", 0, ""},
		{rpmtest.DamageTrailing, "xz", 0, ""},
		{rpmtest.DamageTrailing, "lzma", 0, "data follows the end"},
		{rpmtest.DamageExtra, "gzip", 0, `"./usr/bin/extra" is not in the header`},
		{rpmtest.DamageExtra, "gzip", rpmtest.FormatV6, "a member is file 3 of 3"},
		{rpmtest.DamageMissing, "gzip", 0, "/z is not in the archive"},
		{rpmtest.DamageMissing, "gzip", rpmtest.FormatV6, "/z is not in the archive"},
		{rpmtest.DamageSize, "gzip", 0, "it has 2800 bytes, the header says 2801"},
	} {
		p, r := openBytes(t, build(t, rpmtest.Package{Name: "a", Files: files, Compression: c.compression, Format: c.format, Damage: c.damage}))
		_, err := readContents(p, r)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("damage %d, %s, format %d: got %v, want %q", c.damage, c.compression, c.format, err, c.want)
		}
	}
}

// An archive is a plain payload, member by member.
type archive struct{ bytes.Buffer }

func (a *archive) newc(magic, name, body string) *archive {
	fields := make([]string, 13)
	for i := range fields {
		fields[i] = "00000000"
	}
	hex := func(n int) string {
		const digits = "0123456789abcdef"
		b := make([]byte, 8)
		for i := range b {
			b[7-i] = digits[n>>(4*i)&15]
		}
		return string(b)
	}
	fields[6], fields[11] = hex(len(body)), hex(len(name)+1)
	a.WriteString(magic + strings.Join(fields, "") + name + "\x00")
	a.pad()
	a.WriteString(body)
	a.pad()
	return a
}

func (a *archive) raw(s string) *archive {
	a.WriteString(s)
	a.pad()
	return a
}

func (a *archive) pad() {
	for a.Len()%4 != 0 {
		a.WriteByte(0)
	}
}

// TestPayloadArchives reads archives that no packager would write, against the
// header of a package with /a ("aaa"), its hard link /b, a link /l to a, a folder
// /d and a ghost /g.
func TestPayloadArchives(t *testing.T) {
	pkg := rpmtest.Package{Name: "x", Compression: "none", Files: []rpmtest.File{
		{Path: "/a", Body: "aaa"}, {Path: "/b", HardLink: "/a"}, {Path: "/d/"}, {Path: "/g", Flags: rpm.FileGhost, Body: "gg"}, {Path: "/l", LinkTo: "a"},
	}}
	p, _ := openBytes(t, build(t, pkg))
	const newc, crc, end = "070701", "070702", "TRAILER!!!"
	new := func() *archive { return &archive{} }
	for name, c := range map[string]struct {
		a    *archive
		want string
	}{
		"usual":                {new().newc(newc, "./a", "").newc(newc, "./b", "aaa").newc(newc, "./d", "").newc(newc, "./l", "a").newc(newc, end, ""), ""},
		"crc form, no dots":    {new().newc(crc, "/a", "").newc(crc, "/b", "aaa").newc(crc, "/d", "").newc(crc, "/l", "a").newc(crc, end, ""), ""},
		"bare names":           {new().newc(newc, "a", "").newc(newc, "b", "aaa").newc(newc, "d", "").newc(newc, "l", "a").newc(newc, end, ""), ""},
		"other order":          {new().newc(newc, "./l", "a").newc(newc, "./d", "").newc(newc, "./b", "").newc(newc, "./a", "aaa").newc(newc, end, ""), ""},
		"content twice":        {new().newc(newc, "./a", "aaa").newc(newc, "./b", "aaa").newc(newc, "./d", "").newc(newc, "./l", "a").newc(newc, end, ""), ""},
		"a ghost":              {new().newc(newc, "./a", "").newc(newc, "./b", "aaa").newc(newc, "./d", "").newc(newc, "./g", "gg").newc(newc, "./l", "a").newc(newc, end, ""), ""},
		"padding":              {new().newc(newc, "./a", "").newc(newc, "./b", "aaa").newc(newc, "./d", "").newc(newc, "./l", "a").newc(newc, end, "").raw(strings.Repeat("\x00", 512)), ""},
		"stripped":             {new().raw("07070X00000000\x00\x00").raw("07070X00000001\x00\x00aaa").raw("07070X00000002\x00\x00").raw("07070X00000004\x00\x00a").newc(newc, end, ""), ""},
		"a ghost too long":     {new().newc(newc, "./g", "ggg"), "a ghost has content"},
		"wrong second content": {new().newc(newc, "./a", "aaa").newc(newc, "./b", "aab"), "SHA256 digest of /b"},
		"no content":           {new().newc(newc, "./a", "").newc(newc, "./b", "").newc(newc, "./d", "").newc(newc, "./l", "a").newc(newc, end, ""), "no content for /a"},
		"twice":                {new().newc(newc, "./d", "").newc(newc, "./d", ""), "/d is there twice"},
		"folder with content":  {new().newc(newc, "./d", "x"), "no regular file"},
		"other link target":    {new().newc(newc, "./l", "b"), `its target is "b", the header says "a"`},
		"longer link target":   {new().newc(newc, "./l", "ab"), "its target has 2 bytes"},
		"parent":               {new().newc(newc, "./../a", "aaa"), "not in the header's file list"},
		"magic":                {new().raw("070707......"), "no cpio magic"},
		"end":                  {new(), "ends too early"},
		"no hex":               {new().raw("070701" + strings.Repeat("0000000g", 13)), "not hexadecimal"},
		"stripped no hex":      {new().raw("07070X0000000g\x00\x00"), "not hexadecimal"},
		"NUL in a name":        {new().newc(newc, "./a\x00b", ""), "not ended by its only NUL"},
		"no name":              {new().newc(newc, "", ""), "name has 1 bytes"},
		"long name":            {new().newc(newc, strings.Repeat("n", 5000), ""), "name has 5001 bytes"},
		"trailer with content": {new().newc(newc, end, "x"), "the trailer has content"},
		"much padding":         {new().newc(newc, "./a", "").newc(newc, "./b", "aaa").newc(newc, "./d", "").newc(newc, "./l", "a").newc(newc, end, "").raw(strings.Repeat("\x00", 4096)), "data follows the trailer"},
	} {
		_, err := readContents(p, &c.a.Buffer)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestPayloadMemory: what a compressed stream claims to need is not given.
func TestPayloadMemory(t *testing.T) {
	lzma := append([]byte{0x5d}, binary.LittleEndian.AppendUint32(nil, 1<<30)...)
	lzma = append(lzma, bytes.Repeat([]byte{0xff}, 8)...)
	lzma = append(lzma, make([]byte, 64)...)
	zstd := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00} // a window of 512 MiB
	for how, payload := range map[string][]byte{"lzma": lzma, "zstd": zstd} {
		p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Compression: how, Files: []rpmtest.File{{Path: "/a", Body: "a"}}}))
		_, err := readContents(p, bytes.NewReader(payload))
		if err == nil || !strings.Contains(err.Error(), "dictionary") && !strings.Contains(err.Error(), "window") {
			t.Errorf("%s: got %v, want one about its memory", how, err)
		}
	}
}

func TestPayloadAfterClose(t *testing.T) {
	p, r := openBytes(t, build(t, kitchenSink()))
	payload, err := p.Payload(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := payload.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("before Next: got %v, want EOF", err)
	}
	if _, _, err := payload.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := payload.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := payload.Next(); err != io.EOF {
		t.Errorf("after Close: got %v, want EOF", err)
	}
}
