package rpm_test

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	cavaliergopher "github.com/cavaliergopher/rpm"
	"github.com/google/rpmpack"
	"github.com/sassoftware/go-rpmutils"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The tests of this file compare with the Go libraries for RPM packages in what
// each of them gets right; docs/rpm.md says what they get wrong.

// TestLibrariesReadTheSame reads headers with both libraries.
func TestLibrariesReadTheSame(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatEL7} {
		pkg := kitchenSink()
		pkg.Format = format
		pkg.Supplements, pkg.Enhances = nil, nil
		data := build(t, pkg)
		p, _ := openBytes(t, data)
		files, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		one, err := cavaliergopher.Read(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		two, err := rpmutils.ReadHeader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		n := p.NEVRA()
		nevra, err := two.GetNEVRA()
		if err != nil {
			t.Fatal(err)
		}
		if one.Name() != n.Name || one.Epoch() != int(n.Epoch) || one.Version() != n.Version || one.Release() != n.Release ||
			nevra.String() != fmt.Sprintf("%s-%d:%s-%s.%s.rpm", n.Name, n.Epoch, n.Version, n.Release, n.Arch) {
			t.Errorf("got %s, the libraries say %s and %s", n, one, nevra)
		}
		if start, end := one.HeaderRange(); int64(start) != p.HeaderStart || int64(end) != p.HeaderEnd {
			t.Errorf("the header lies at %d to %d, a library says %d to %d", p.HeaderStart, p.HeaderEnd, start, end)
		}
		if r := two.GetRange(); int64(r.Start) != p.HeaderStart || int64(r.End) != p.HeaderEnd {
			t.Errorf("the header lies at %d to %d, a library says %+v", p.HeaderStart, p.HeaderEnd, r)
		}
		theirs, err := two.GetFiles()
		if err != nil || len(theirs) != len(files) {
			t.Fatalf("got %d files, %v, want %d", len(theirs), err, len(files))
		}
		for i, f := range one.Files() {
			g, o := theirs[i], files[i]
			for _, got := range []string{
				fmt.Sprintf("%s %d %s %s %s %s", f.Name(), f.Size(), f.Owner(), f.Group(), f.Digest(), f.Linkname()),
				fmt.Sprintf("%s %d %s %s %s %s", g.Name(), g.Size(), g.UserName(), g.GroupName(), g.Digest(), g.Linkname()),
			} {
				if want := fmt.Sprintf("%s %d %s %s %x %s", o.Path, o.Size, o.User, o.Group, o.Digest, o.LinkTo); got != want {
					t.Errorf("got %s, a library says %s", want, got)
				}
			}
		}
	}
}

// TestLibrariesSign has go-rpmutils sign a package, and check one of ours.
func TestLibrariesSign(t *testing.T) {
	k := key("rsa")
	data := build(t, kitchenSink())
	header, err := rpmutils.SignRpmStream(bytes.NewReader(data), k.Entity().PrivateKey, &rpmutils.SignatureOptions{Hash: crypto.SHA512, CreationTime: time.Unix(1700000000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := header.DumpSignatureHeader(false)
	if err != nil {
		t.Fatal(err)
	}
	p, r := openBytes(t, append(front, data[header.OriginalSignatureHeaderSize():]...))
	v, err := p.Verify(r, rpm.VerifyOptions{Keys: keyring(t, "rsa")})
	if err != nil || len(v.Signatures) != 2 {
		t.Errorf("got %+v, %v, want two signatures", v, err)
	}
	pkg := kitchenSink()
	pkg.Sign = []rpmtest.Signature{{Key: k, Payload: true}}
	_, sigs, err := rpmutils.Verify(bytes.NewReader(build(t, pkg)), openpgp.EntityList{k.Entity()})
	if err != nil || len(sigs) != 2 || sigs[0].Signer == nil {
		t.Errorf("the library finds %d signatures of ours: %v", len(sigs), err)
	}
}

// TestLibrariesPack reads what another packager writes.
func TestLibrariesPack(t *testing.T) {
	for _, compressor := range []string{"gzip", "zstd", "xz", "lzma"} {
		r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{Name: "packed", Version: "1", Release: "2", Arch: "x86_64", Epoch: 3, Compressor: compressor,
			Requires: rpmpack.Relations{{Name: "bash", Version: "4", Sense: rpmpack.SenseGreater | rpmpack.SenseEqual}}})
		if err != nil {
			t.Fatal(err)
		}
		r.AddFile(rpmpack.RPMFile{Name: "/usr/bin/x", Body: []byte("packed"), Mode: 0o755, Owner: "root", Group: "wheel"})
		r.AddFile(rpmpack.RPMFile{Name: "/usr/bin/y", Body: []byte("x"), Mode: 0o120777, Owner: "root", Group: "root"})
		r.AddPostin("echo installed")
		var out bytes.Buffer
		if err := r.Write(&out); err != nil {
			t.Fatal(err)
		}
		p, body := openBytes(t, out.Bytes())
		m, err := p.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		if m.NEVRA.String() != "packed-3:1-2.x86_64" || !slices.Equal(m.Requires, []rpm.Dep{{Name: "bash", Flags: rpm.GT | rpm.EQ, EVR: "4"}}) {
			t.Errorf("got %s, %v", m.NEVRA, m.Requires)
		}
		if s, err := p.Scriptlets(); err != nil || len(s) != 1 || s[0].Kind != rpm.PostIn || s[0].Body != "echo installed" {
			t.Errorf("got %+v, %v", s, err)
		}
		if got, err := readContents(p, body); err != nil || got["/usr/bin/x"] != "packed" {
			t.Errorf("%s: got %q, %v", compressor, got, err)
		}
		if err := p.VerifyDigests(bytes.NewReader(out.Bytes()[p.HeaderEnd:])); err != nil {
			t.Errorf("%s: %v", compressor, err)
		}
	}
}
