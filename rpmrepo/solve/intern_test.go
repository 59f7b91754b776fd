package solve

import (
	"fmt"
	"strings"
	"testing"
)

func TestInterner(t *testing.T) {
	in := newInterner()
	if id, ok := in.find(""); id != 0 || !ok {
		t.Errorf("empty string: got %d %v, want 0 true", id, ok)
	}
	if _, ok := in.find("a"); ok {
		t.Error("found a string that was never given")
	}
	long := strings.Repeat("long", internRoom)
	ids := map[string]strID{}
	for i := range 20000 { // grows the table and starts new blocks
		s := fmt.Sprintf("string-%d", i)
		ids[s] = in.id(s)
	}
	ids[long] = in.id(long)
	for s, id := range ids {
		if got := in.id(s); got != id {
			t.Fatalf("%.20s: got %d, want %d again", s, got, id)
		}
		if got := in.str(id); got != s {
			t.Fatalf("%d: got %.20s, want %.20s", id, got, s)
		}
		if got, ok := in.find(s); got != id || !ok {
			t.Fatalf("%.20s: found %d %v, want %d", s, got, ok, id)
		}
	}
}

func TestInternerKeepsNoCallersBuffer(t *testing.T) {
	in := newInterner()
	b := []byte("name")
	id := in.id(string(b))
	copy(b, "XXXX")
	if got := in.str(id); got != "name" {
		t.Errorf("got %q, want name", got)
	}
}
