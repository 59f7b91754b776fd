package solve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func snapshot(t testing.TB, u *Universe, key SnapshotKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := u.WriteSnapshot(&b, key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// empty returns a universe with the same repositories and no packages.
func (u *Universe) empty() *Universe {
	n := NewUniverse(u.opts)
	for _, r := range u.repos {
		n.AddRepo(r.opts)
	}
	return n
}

// answer is what a universe says to a request.
func answer(t testing.TB, u *Universe, req Request) string {
	tr, err := Resolve(t.Context(), u, req)
	if err != nil {
		return err.Error()
	}
	out := ""
	for _, p := range tr.Packages {
		out += fmt.Sprintf("%+v %s %+v\n", *p.Package, p.Repo, p.Reason)
	}
	return out
}

func TestSnapshotAnswers(t *testing.T) {
	for seed := range uint64(150) {
		c := drawCase(seed, false)
		u := c.universe()
		fresh := c.universe()
		restored := u.empty()
		if err := restored.Restore(snapshot(t, u, SnapshotKey{1}), SnapshotKey{1}); err != nil {
			t.Fatal(err)
		}
		if !restored.Saved() {
			t.Error("a restored universe counts as changed")
		}
		for _, name := range []string{"a", "b", "c", "d", "e", "x", "(a if b else c)", "b >= 2", "a-1-1", "/usr/bin/f", "*", "nothing"} {
			req := specs(name)
			want := answer(t, fresh, req)
			if got := answer(t, restored, req); got != want {
				t.Fatalf("seed %d, %s: got\n%s\nwant\n%s", seed, name, got, want)
			}
		}
	}
}

// TestAnswersHoldNothingOfSnapshots: whoever closes the file may keep the
// answers, and the messages, too.
func TestAnswersHoldNothingOfSnapshots(t *testing.T) {
	for seed := range uint64(150) {
		u := drawCase(seed, false).universe()
		data := snapshot(t, u, SnapshotKey{})
		restored := u.empty()
		if err := restored.Restore(data, SnapshotKey{}); err != nil {
			t.Fatal(err)
		}
		var answers []any
		for _, name := range []string{"A", "B", "C", "D", "E", "x", "(A if B else C)", "B >= 2", "A-1-1", "/usr/bin/f", "*", "nothing", "AA", "A C E"} {
			req := specs(strings.Fields(name)...)
			tr, err := Resolve(t.Context(), restored, req)
			why, _ := WhyNot(t.Context(), restored, req, "B")
			answers = append(answers, tr, err, why, restored.Offers(name))
		}
		want, err := json.Marshal(answers)
		if err != nil {
			t.Fatal(err)
		}
		clear(data)
		if got, err := json.Marshal(answers); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: without the snapshot the answers are\n%s, %v, want\n%s", seed, got, err, want)
		}
	}
}

func TestSnapshotAgain(t *testing.T) {
	u := universe(t, Options{}, RepoOptions{ID: "off", Disabled: true}, "z", "r", "a\nReq: b >= 1\nb\nPrv: x = 1\nFls: /etc/b", RepoOptions{ID: "base", Installed: true}, "lib")
	first := snapshot(t, u, SnapshotKey{})
	restored := u.empty()
	if err := restored.Restore(first, SnapshotKey{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshot(t, restored, SnapshotKey{}), first) {
		t.Error("the snapshot of a restored universe is another one")
	}
	restored.repos[1].Add(&rpm.Metadata{NEVRA: rpm.NEVRA{Name: "new", EVR: rpm.ParseEVR("1-1"), Arch: "noarch"}})
	if restored.Saved() {
		t.Error("a universe with a new package counts as saved")
	}
	if got := names(resolve(t, restored, specs("new", "a"))); !slices.Equal(got, []string{"a", "b", "new"}) {
		t.Errorf("got %q", got)
	}
	if got := answer(t, restored, specs("z")); got != "Packages not found: z\n  z: only in a disabled repository: off" {
		t.Errorf("got %q", got)
	}
}

func TestSnapshotHasFileLists(t *testing.T) {
	loads := 0
	opts := Options{LoadFiles: func(_ context.Context, _ func(string) bool, found func(repo, pkgid, path string)) error {
		loads++
		found("r", "sha256:1", "/usr/share/g")
		return nil
	}}
	u := NewUniverse(opts)
	r := u.AddRepo(RepoOptions{ID: "r"})
	for _, m := range packages(t, "a\nReq: /usr/share/g\nb") {
		if m.Name == "b" {
			m.Checksum = "sha256:1"
		}
		r.Add(m)
	}
	resolve(t, u, specs("a"))
	if u.Saved() {
		t.Error("a universe with new file lists counts as saved")
	}
	restored := u.empty()
	if err := restored.Restore(snapshot(t, u, SnapshotKey{}), SnapshotKey{}); err != nil {
		t.Fatal(err)
	}
	if got := names(resolve(t, restored, specs("a"))); !slices.Equal(got, []string{"a", "b"}) || loads != 1 {
		t.Errorf("got %q after %d loads, want a and b after 1", got, loads)
	}
}

func TestSnapshotOfSomethingElse(t *testing.T) {
	u := universe(t, Options{}, "r", "a\nb")
	data := snapshot(t, u, SnapshotKey{1})
	other := func(name string, v *Universe, key SnapshotKey, data []byte) {
		t.Helper()
		if err := v.Restore(data, key); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: got %v, want ErrSnapshot", name, err)
		}
		if len(v.pkgs) > 0 || v.index != nil {
			t.Errorf("%s: the universe was changed", name)
		}
	}
	other("another key", u.empty(), SnapshotKey{2}, data)
	other("another architecture", universe(t, Options{Arch: "aarch64"}, "r", ""), SnapshotKey{1}, data)
	other("another order", universe(t, Options{Order: OrderXML}, "r", ""), SnapshotKey{1}, data)
	other("another repository", universe(t, Options{}, "r", "", "s", ""), SnapshotKey{1}, data)
	other("nothing", u.empty(), SnapshotKey{1}, nil)
	for n := 0; n < len(data); n += 97 {
		other("truncated", u.empty(), SnapshotKey{1}, data[:n])
	}
	other("too long", u.empty(), SnapshotKey{1}, append(slices.Clone(data), make([]byte, 8)...))
	for i := 0; i < len(data); i += 1 + i/64 {
		damaged := slices.Clone(data)
		damaged[i] ^= 0x40
		other(fmt.Sprintf("byte %d damaged", i), u.empty(), SnapshotKey{1}, damaged)
	}
}

// sign makes the checksum of a forged snapshot right.
func sign(data []byte) {
	if len(data) >= snapshotHeader {
		binary.NativeEndian.PutUint32(data[56:], crc32.Checksum(data[snapshotSummed:], castagnoli()))
	}
}

// TestForgedSnapshot changes numbers in snapshots whose checksum is right: such
// a universe may answer anything, but it must answer.
func TestForgedSnapshot(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for seed := range uint64(400) {
		c := drawCase(seed%40, false)
		u := c.universe()
		data := snapshot(t, u, SnapshotKey{})
		body := snapshotHeader + 8*numSections
		for range 1 + rnd.IntN(3) {
			at := body + 4*rnd.IntN((len(data)-body)/4)
			value := []uint32{0, 1, 2, 3, uint32(rnd.IntN(40)), uint32(rnd.Int()), ^uint32(0), 1 << 30, 1<<30 + uint32(rnd.IntN(40))}[rnd.IntN(9)]
			binary.NativeEndian.PutUint32(data[at:], value)
		}
		sign(data)
		if useForged(t, u, data) {
			taken++
		}
	}
	if taken == 0 {
		t.Error("no forged snapshot was taken: the test tests nothing")
	}
}

func useForged(t testing.TB, u *Universe, data []byte) bool {
	v := u.empty()
	if err := v.Restore(data, SnapshotKey{}); err != nil {
		if !errors.Is(err, ErrSnapshot) {
			t.Fatal(err)
		}
		return false
	}
	for _, name := range []string{"a", "b", "c", "d", "x >= 1", "(a if b else c)", "/usr/bin/f", "*", "nothing"} {
		answer(t, v, specs(name))
	}
	return true
}

func FuzzSnapshot(f *testing.F) {
	u := universe(f, Options{}, "r", "a\nReq: b >= 1\nRec: c\nb\nPrv: x = 1\nFls: /etc/b\nc\nCon: b > 7\nSup: a")
	data := snapshot(f, u, SnapshotKey{})
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		data = slices.Clone(data)
		if len(data) > snapshotHeader {
			full := u.fullKey(SnapshotKey{})
			copy(data[24:], full[:])
			sign(data)
		}
		useForged(t, u, data)
	})
}

// TestSnapshotLayout: what is written as it lies in memory has no gaps, whose
// bytes would be anything, and no pointers.
func TestSnapshotLayout(t *testing.T) {
	for _, v := range []any{relation{}, pkg{}, fileOwner{}, bodyRule{}, bodyOrigin{}, repoSpan{}} {
		typ := reflect.TypeOf(v)
		if got := int(typ.Size()); got != 4*numbersIn(t, typ) {
			t.Errorf("%v: got %d bytes for %d numbers", typ, got, numbersIn(t, typ))
		}
	}
}

func numbersIn(t *testing.T, typ reflect.Type) int {
	switch typ.Kind() {
	case reflect.Int32, reflect.Uint32:
		return 1
	case reflect.Array:
		return typ.Len() * numbersIn(t, typ.Elem())
	case reflect.Struct:
		n := 0
		for i := range typ.NumField() {
			n += numbersIn(t, typ.Field(i).Type)
		}
		return n
	}
	t.Errorf("%v is not a number of 32 bits", typ)
	return 0
}
