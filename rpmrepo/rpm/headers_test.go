package rpm_test

import (
	"bytes"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func installedHeader(t testing.TB) []byte {
	t.Helper()
	data, err := rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/usr/lib/a", Body: "a"}}}.Build()
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.OpenHeaders(bytes.NewReader(data[96:]))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(p.Header.Raw()[8:])
}

func TestOpenInstalled(t *testing.T) {
	blob := installedHeader(t)
	p, err := rpm.OpenInstalled(blob)
	if err != nil || p.NEVRA().String() != "a-1-1.noarch" {
		t.Fatalf("got %v, %v", p, err)
	}
	if files, err := p.Files(); err != nil || len(files) != 1 {
		t.Errorf("got the files %v, %v", files, err)
	}
	for _, bad := range [][]byte{nil, blob[:10], blob[:len(blob)-1], append(bytes.Clone(blob), 0)} {
		if _, err := rpm.OpenInstalled(bad); err == nil {
			t.Errorf("%d of %d bytes were read", len(bad), len(blob))
		}
	}
}

func FuzzOpenInstalled(f *testing.F) {
	f.Add(installedHeader(f))
	f.Fuzz(func(t *testing.T, blob []byte) {
		p, err := rpm.OpenInstalled(blob)
		if err != nil {
			return
		}
		if _, err := p.Metadata(); err != nil {
			return
		}
		if _, err := p.Files(); err != nil {
			t.Errorf("the metadata is good, the files are not: %v", err)
		}
	})
}
