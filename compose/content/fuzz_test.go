package content

import (
	"bytes"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func sample() *Manifest {
	return &Manifest{
		NEVRA: rpm.NEVRA{Name: "a", EVR: rpm.EVR{Epoch: 1, Version: "2", Release: "3"}, Arch: "noarch"},
		Files: []File{
			{Path: "/a", Mode: 0o040755, User: "root", Group: "root"},
			{Path: "/a/b", Mode: 0o100644, User: "root", Group: "wheel", Size: 5, Content: DigestOf([]byte("hello")), Lang: "de", Caps: "=ep"},
			{Path: "/a/c", Mode: 0o120777, User: "root", Group: "root", LinkTo: "b", Link: 3, IMA: "00ff"},
		},
		Scriptlets: []rpm.Scriptlet{{
			Kind: rpm.TriggerIn, Interpreter: []string{"/bin/sh", "-e"}, Body: "true", Flags: 1, Priority: 7,
			Triggers: []rpm.Dep{{Name: "x", Flags: 2, EVR: "1", Pre: true}}, Paths: []string{"/usr"},
		}},
		Requires: []rpm.Dep{{Name: "libc.so.6()(64bit)"}}, Provides: []rpm.Dep{{Name: "a", Flags: 4, EVR: "1:2-3"}},
		Conflicts: []rpm.Dep{{Name: "b"}}, Obsoletes: []rpm.Dep{{Name: "old-a"}},
	}
}

func body(m *Manifest) []byte {
	b, _ := cutTrailer(m.encode(), manifestMagic)
	return b
}

func FuzzDecodeManifest(f *testing.F) {
	f.Add(body(sample()))
	f.Add(body(&Manifest{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeBody(data)
		if err != nil {
			return
		}
		again, err := decodeManifest(m.encode())
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if !bytes.Equal(again.encode(), m.encode()) {
			t.Errorf("got %+v, want %+v", again, m)
		}
	})
}
