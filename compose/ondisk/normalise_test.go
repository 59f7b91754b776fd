package ondisk_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
)

// normalise puts one file into a tree, cleans it and returns what it is then,
// nil when it is gone.
func normalise(t testing.TB, path string, data []byte) ([]byte, *ondisk.Normalised) {
	t.Helper()
	tree := rootfs.New()
	if err := tree.AddFile(path, 0o644, data); err != nil {
		t.Fatal(err)
	}
	done, err := ondisk.Normalise(tree, []string{path}, func(n *rootfs.Node) ([]byte, error) { return n.Data, nil })
	if err != nil {
		t.Fatal(err)
	}
	n := tree.Lookup(path)
	if n == nil {
		return nil, done
	}
	if n.Size != int64(len(n.Data)) {
		t.Errorf("%s: got the size %d, want %d", path, n.Size, len(n.Data))
	}
	return n.Data, done
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// patched returns data with bytes replaced by zeros.
func patched(data []byte, ranges ...[2]int) []byte {
	data = slices.Clone(data)
	for _, r := range ranges {
		clear(data[r[0]:r[1]])
	}
	return data
}

func python2(seconds uint32) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{0x03, 0xf3, '\r', '\n'}, seconds), "code that follows"...)
}

func TestNormalise(t *testing.T) {
	pyc, cache, zipped := testdata(t, "hello.pyc"), testdata(t, "font.cache"), testdata(t, "hello.gz")
	checked := slices.Clone(zipped)
	checked[3] |= 2
	for _, tc := range []struct {
		path         string
		data, want   []byte // nil: removed
		what, remain string
	}{
		{"/etc/passwd", []byte("x"), []byte("x"), "", ""},
		{"/etc/passwd-", []byte("x"), nil, "a backup", ""},
		{"/usr/etc/shadow-", []byte("x"), nil, "a backup", ""},
		{"/etc/.pwd.lock", nil, nil, "a lock file", ""},
		{"/etc/other.lock", []byte("x"), []byte("x"), "", ""},
		{"/etc/ssh/ssh_host_ed25519_key", []byte("x"), nil, "a key that all machines would share", ""},
		{"/etc/ssh/ssh_host_ed25519_key.pub", []byte("x"), nil, "a key that all machines would share", ""},
		{"/var/lib/systemd/random-seed", []byte("x"), nil, "a random seed that all machines would share", ""},
		{"/usr/lib/sysimage/rpm/.rpm.lock", nil, nil, "a lock file", ""},
		{"/var/lib/rpm/__db.001", []byte("x"), nil, "state of this run", ""},
		{"/etc/selinux/targeted/semanage.read.LOCK", nil, nil, "a lock file", ""},
		{"/var/cache/ldconfig/aux-cache", []byte("x"), nil, "a cache with times and inodes of this run", ""},
		{"/etc/machine-id", []byte("0123456789abcdef0123456789abcdef\n"), []byte{}, "the identity of one machine", ""},
		{"/etc/machine-id", []byte("uninitialized\n"), []byte("uninitialized\n"), "", ""},
		{
			"/etc/shadow", []byte("root:$6$x:19700:0:99999:7:::\nbin:*:19701:0:99999:7:::\nnew:!!:19702::::::\nold:!::0:99999:7:::\n"),
			[]byte("root:$6$x:19700:0:99999:7:::\nbin:*::0:99999:7:::\nnew:!!:::::::\nold:!::0:99999:7:::\n"),
			"the days on which passwords were locked", "the day on which a password was set, that of root",
		},
		{"/usr/lib/python3/hello.pyc", pyc, patched(pyc, [2]int{8, 12}), "the time of its source", ""},
		{"/usr/lib/python3/hashed.pyc", testdata(t, "hashed.pyc"), testdata(t, "hashed.pyc"), "", ""},
		{"/usr/lib/python2.7/old.pyc", python2(1700000000), python2(0), "the time of its source", ""},
		{"/usr/lib/python3/short.pyc", pyc[:10], pyc[:10], "", ""},
		{"/usr/lib/fontconfig/cache/a-le64.cache-8", cache, patched(cache, [2]int{48, 52}, [2]int{56, 64}), "the time of its folder", ""},
		{"/usr/lib/fontconfig/cache/a-be64.cache-8", append([]byte{0xfc, 2, 0xfc, 4}, cache[4:]...), append([]byte{0xfc, 2, 0xfc, 4}, cache[4:]...), "", "the time of a folder, in a form that is not known"},
		{"/usr/share/fonts/dejavu/.uuid", []byte("x"), []byte("x"), "", "its random name is that of a font cache"},
		{"/usr/share/man/hello.gz", zipped, patched(zipped, [2]int{4, 8}), "the time in its header", ""},
		{"/usr/share/man/checked.gz", checked, checked, "", "the time in its header, which a checksum covers"},
		{"/etc/pki/java/other.jks", append([]byte{0x30}, pyc...), append([]byte{0x30}, pyc...), "", "the times in a key store of another kind or password"},
		{"/etc/pki/tls/private/host.key", []byte("-----BEGIN EC PRIVATE KEY-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\n"), "", "a private key, which all machines would share"},
		{"/etc/pki/tls/cert.pem", []byte("-----BEGIN CERTIFICATE-----\n"), []byte("-----BEGIN CERTIFICATE-----\n"), "", ""},
	} {
		t.Run(strings.TrimPrefix(tc.path, "/"), func(t *testing.T) {
			got, done := normalise(t, tc.path, tc.data)
			if !bytes.Equal(got, tc.want) || (got == nil) != (tc.want == nil) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			want := &ondisk.Normalised{}
			entry := []ondisk.Dropped{{Path: tc.path, Reason: tc.what}}
			switch {
			case tc.want == nil:
				want.Removed = entry
			case tc.what != "":
				want.Rewritten = entry
			}
			if tc.remain != "" {
				want.Remaining = []ondisk.Dropped{{Path: tc.path, Reason: tc.remain}}
			}
			if !reflect.DeepEqual(done, want) {
				t.Errorf("got the report %+v, want %+v", done, want)
			}
			if got != nil {
				if again, done := normalise(t, tc.path, got); !bytes.Equal(again, got) || len(done.Rewritten) > 0 {
					t.Errorf("again: got %q, %+v", again, done)
				}
			}
		})
	}
}

func TestNormaliseKeyStore(t *testing.T) {
	store := testdata(t, "cacerts.jks")
	got, done := normalise(t, "/etc/pki/ca-trust/extracted/java/cacerts", store)
	if len(done.Rewritten) != 1 || len(got) != len(store) {
		t.Fatalf("got %d bytes of %d, %+v", len(got), len(store), done)
	}
	differ := 0
	for i := range got[:len(got)-sha1.Size] {
		if got[i] != store[i] {
			differ++
			if got[i] != 0 {
				t.Errorf("byte %d: got %#x, want %#x or 0", i, got[i], store[i])
			}
		}
	}
	if differ == 0 || differ > 2*8 {
		t.Errorf("%d bytes differ; two times have 16", differ)
	}
	if again, done := normalise(t, "/cacerts", got); !bytes.Equal(again, got) || len(done.Remaining) > 0 {
		t.Errorf("its new checksum is not believed: %+v", done)
	}
	broken := slices.Clone(store)
	broken[40]++
	if got, done := normalise(t, "/cacerts", broken); !bytes.Equal(got, broken) || len(done.Remaining) != 1 {
		t.Errorf("a wrong checksum: got %+v", done)
	}
}

func FuzzNormalise(f *testing.F) {
	paths := []string{"/etc/shadow", "/a.pyc", "/usr/lib/fontconfig/cache/a.cache-8", "/a.gz", "/cacerts", "/a.pem"}
	for i, name := range []string{"make", "hello.pyc", "font.cache", "hello.gz", "cacerts.jks"} {
		f.Add(uint8(i), testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		path := paths[int(kind)%len(paths)]
		once, _ := normalise(t, path, data)
		if twice, done := normalise(t, path, once); !bytes.Equal(once, twice) || len(done.Rewritten) > 0 {
			t.Errorf("%s: got %q and then %q", path, once, twice)
		}
	})
}
