package flatpak_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/flatpak"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func manifests(t testing.TB) []*content.Manifest {
	t.Helper()
	deps := func(texts ...string) []rpm.Dep {
		var list []rpm.Dep
		for _, s := range texts {
			d, err := rpm.ParseDep(s)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, d)
		}
		return list
	}
	nevra := func(s string) rpm.NEVRA {
		n, err := rpm.ParseNEVRA(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return []*content.Manifest{
		{NEVRA: nevra("zlib-1.2-3.x86_64"), Provides: deps("zlib = 1.2-3", "libz.so.1()(64bit)"), Conflicts: deps("zlib-ng < 2")},
		{NEVRA: nevra("bash-1:5-1.x86_64"), Requires: deps("/bin/true", "(a if b)", "libc.so.6()(64bit)", "libc.so.6()(64bit)"), Obsoletes: deps("sh <= 1:4-2")},
	}
}

func TestPackagesRoundTrip(t *testing.T) {
	list := manifests(t)
	data, err := flatpak.EncodePackages(list)
	if err != nil {
		t.Fatal(err)
	}
	list[0], list[1] = list[1], list[0]
	again, err := flatpak.EncodePackages(list)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the order of packages matters: %s, %s, %v", data, again, err)
	}
	got, err := flatpak.DecodePackages(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].NEVRA.String() != "bash-1:5-1.x86_64" || len(got[0].Requires) != 3 || !got[0].Requires[1].IsRich() ||
		got[0].Obsoletes[0].String() != "sh <= 1:4-2" || got[1].Conflicts[0].String() != "zlib-ng < 2" {
		t.Errorf("got %+v %+v", got[0], got[1])
	}
}

func TestDecodePackagesRefuses(t *testing.T) {
	for data, want := range map[string]string{
		"":                            "unexpected end",
		`{"version":2,"packages":[]}`: "version 2",
		`{"version":1,"packages":[{"name":"x"}]}`:                                        "no name or version",
		`{"version":1,"packages":[{"name":"x","version":"1","requires":["a >> >= b"]}]}`: "x-1",
	} {
		if _, err := flatpak.DecodePackages([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", data, err, want)
		}
	}
}

func FuzzDecodePackages(f *testing.F) {
	data, err := flatpak.EncodePackages(manifests(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := flatpak.DecodePackages(data)
		if err != nil {
			return
		}
		var again []*content.Manifest
		for _, m := range list {
			again = append(again, &content.Manifest{NEVRA: m.NEVRA, Requires: m.Requires, Provides: m.Provides, Conflicts: m.Conflicts, Obsoletes: m.Obsoletes})
		}
		out, err := flatpak.EncodePackages(again)
		if err != nil {
			t.Fatal(err)
		}
		second, err := flatpak.DecodePackages(out)
		if err != nil || len(second) != len(list) {
			t.Errorf("what was written does not read: %v", err)
		}
	})
}
