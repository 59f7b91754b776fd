package rpmtest

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// writePayload returns the cpio archive of the files, uncompressed. The content
// of hard links comes with the last of them.
func writePayload(p Package, files []fileInfo) []byte {
	var b bytes.Buffer
	for i, f := range files {
		if f.Flags&rpm.FileGhost != 0 {
			continue
		}
		body := f.payload()
		if f.linkCount > 1 && !f.lastLink {
			body = ""
		}
		if p.stripped() {
			fmt.Fprintf(&b, "07070X%08x", i)
		} else {
			name := "." + f.path()
			if p.source() {
				name = f.path()
			}
			writeNewc(&b, f, name, len(body))
		}
		pad(&b)
		b.WriteString(body)
		pad(&b)
	}
	writeNewc(&b, fileInfo{linkCount: 1}, "TRAILER!!!", 0)
	pad(&b)
	return b.Bytes()
}

func writeNewc(b *bytes.Buffer, f fileInfo, name string, size int) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		f.inode, f.modeBits, 0, 0, f.linkCount, f.mtime, size, 0, f.inode>>16&1, 0, 0, len(name)+1, 0)
	b.WriteString(name)
	b.WriteByte(0)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

// compress returns data compressed as the header will say.
func compress(data []byte, how string) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gzip":
		w, err = gzip.NewWriterLevel(&out, gzip.BestCompression)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case "xz":
		w, err = xz.WriterConfig{DictCap: 1 << 20}.NewWriter(&out)
	case "lzma":
		w, err = lzma.WriterConfig{DictCap: 1 << 20, EOSMarker: true}.NewWriter(&out)
	case "none":
		return data, nil
	default:
		return nil, fmt.Errorf("%q cannot be written: use gzip, zstd, xz, lzma or none", how)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing with %s: %w", how, err)
	}
	return out.Bytes(), nil
}
