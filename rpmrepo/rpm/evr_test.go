package rpm_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
	"pgregory.net/rapid"
)

func TestVercmp(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0},
		{"1.0", "2.0", -1},
		{"1.10", "1.9", 1},
		{"1.05", "1.5", 0},
		{"2.0.1", "2.0", 1},
		{"2.0.1a", "2.0.1", 1},
		{"5.5p1", "5.5p2", -1},
		{"5.5p10", "5.5p1", 1},
		{"xyz10", "xyz10.1", -1},
		{"xyz.4", "8", -1},
		{"4.999.9", "5.0", -1},
		{"20101121", "20101122", -1},
		{"2_0", "2.0", 0},
		{"a+", "a_", 0},
		{"+", "_", 0},
		{"1.0~rc1", "1.0", -1},
		{"1.0~rc1", "1.0~rc2", -1},
		{"1.0~rc1~git123", "1.0~rc1", -1},
		{"1.0^", "1.0", 1},
		{"1.0^git1", "1.0^git2", -1},
		{"1.0^git1", "1.01", -1},
		{"1.0^20160101", "1.0.1", -1},
		{"1.0~rc1^git1", "1.0~rc1", 1},
		{"1.0^git1~pre", "1.0^git1", -1},
		{"", "1", -1},
		{"", "~", 1},
		{"", "^", -1},
		{"1.é", "1.ü", 0},
		{"99999999999999999999", "100000000000000000000", -1},
	} {
		if got := rpm.Vercmp(c.a, c.b); got != c.want {
			t.Errorf("Vercmp(%q, %q): got %d, want %d", c.a, c.b, got, c.want)
		}
		if got := rpm.Vercmp(c.b, c.a); got != -c.want {
			t.Errorf("Vercmp(%q, %q): got %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

// TestInteropVercmp compares with the real rpm on pairs that share a beginning,
// where the differences lie. Half of them have an epoch and a release.
func TestInteropVercmp(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Fatalf("%v: install the package rpm", err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		const letters = "0019aZb.~^_+"
		var b strings.Builder
		for range 1 + rng.IntN(n) {
			b.WriteByte(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	for range 4 {
		var pairs [][2]string
		var script strings.Builder
		for i := range 700 {
			start := word(5)
			p := [2]string{start + word(6), start + word(6)}
			if i%2 == 1 {
				for k := range p {
					p[k] = fmt.Sprintf("%d:%s-%s", rng.IntN(2), start, word(3))
				}
			}
			pairs = append(pairs, p)
			fmt.Fprintf(&script, "print(rpm.vercmp(%q, %q)..' ')\n", p[0], p[1])
		}
		out, err := exec.Command("rpm", "--eval", "%{lua:"+script.String()+"}").Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(out))
		if len(want) != len(pairs) {
			t.Fatalf("got %d answers of rpm, want %d", len(want), len(pairs))
		}
		for i, p := range pairs {
			if got := fmt.Sprint(rpm.ParseEVR(p[0]).Compare(rpm.ParseEVR(p[1]))); got != want[i] {
				t.Errorf("compare %q, %q: got %s, rpm says %s", p[0], p[1], got, want[i])
			}
		}
	}
}

func TestVercmpIsAnOrder(t *testing.T) {
	version := rapid.StringMatching(`[0-9a-c.~^]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		if rpm.Vercmp(a, b) != -rpm.Vercmp(b, a) {
			t.Fatalf("%q and %q compare differently both ways", a, b)
		}
		if rpm.Vercmp(a, b) <= 0 && rpm.Vercmp(b, c) < 0 && rpm.Vercmp(a, c) >= 0 {
			t.Fatalf("%q <= %q < %q, but not %q < %q", a, b, c, a, c)
		}
	})
}

func TestParseEVR(t *testing.T) {
	for _, c := range []struct {
		in   string
		want rpm.EVR
		out  string
	}{
		{"1.0", rpm.EVR{Version: "1.0"}, "1.0"},
		{"1.0-2", rpm.EVR{Version: "1.0", Release: "2"}, "1.0-2"},
		{"3:1.0-2.el9", rpm.EVR{Epoch: 3, Version: "1.0", Release: "2.el9"}, "3:1.0-2.el9"},
		{"0:1-1", rpm.EVR{Version: "1", Release: "1"}, "1-1"},
		{"1-2-3", rpm.EVR{Version: "1-2", Release: "3"}, "1-2-3"},
		{"a:1", rpm.EVR{Version: "a:1"}, "a:1"},
		{":1", rpm.EVR{Version: ":1"}, ":1"},
		{"99999999999:1", rpm.EVR{Epoch: 1<<32 - 1, Version: "1"}, "4294967295:1"},
		{"", rpm.EVR{}, ""},
	} {
		got := rpm.ParseEVR(c.in)
		if got != c.want || got.String() != c.out {
			t.Errorf("ParseEVR(%q): got %+v %q, want %+v %q", c.in, got, got, c.want, c.out)
		}
	}
}

func TestEVRCompare(t *testing.T) {
	ascending := []string{"1~rc1-9", "1", "1-1", "1-1.1", "1^git-1", "1.1-1", "2-1", "1:0-1", "2:0-1"}
	for i, a := range ascending {
		for j, b := range ascending {
			got := rpm.ParseEVR(a).Compare(rpm.ParseEVR(b))
			if (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("compare %s, %s: got %d", a, b, got)
			}
		}
	}
}

func TestNEVRA(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"bash-4.2.46-31.el7.x86_64", "bash-4.2.46-31.el7.x86_64"},
		{"a-b-c-1:2-3.noarch", "a-b-c-1:2-3.noarch"},
		{"x-0:1-1.src", "x-1-1.src"},
	} {
		n, err := rpm.ParseNEVRA(c.in)
		if err != nil || n.String() != c.out {
			t.Errorf("ParseNEVRA(%q): got %q, %v, want %q", c.in, n, err, c.out)
		}
	}
	for in, missing := range map[string]string{
		"bash": "architecture", "bash-1.x86_64": "version", "bash.x86_64": "release", "-1-1.noarch": "name",
		"a-1-1.": "architecture", "a--1.noarch": "version", "a-1-.noarch": "release", "a-1.2-3": "architecture", "a-1:-1.noarch": "version",
	} {
		if _, err := rpm.ParseNEVRA(in); err == nil || !strings.Contains(err.Error(), "no "+missing) {
			t.Errorf("ParseNEVRA(%q): got %v, want one about the %s", in, err, missing)
		}
	}
	a, b := rpm.NEVRA{Name: "a", Arch: "i686"}, rpm.NEVRA{Name: "a", Arch: "x86_64"}
	if a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 {
		t.Error("NEVRAs of two architectures do not compare by them")
	}
}

func BenchmarkVercmp(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		rpm.Vercmp("4.18.0-348.7.1.el8_5", "4.18.0-348.20.1.el8_5")
	}
}
