package rpmrepo

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// packagesOf reads packages with a pool, their serials apart.
func packagesOf(t *testing.T, doc string, pool *stringPool) (list []rpm.Metadata, serials map[rpm.Dep]map[int32]bool) {
	t.Helper()
	serials = map[rpm.Dep]map[int32]bool{}
	err := readPrimary(strings.NewReader(doc), pool, func(m *rpm.Metadata) error {
		c := *m
		c.Name, c.Checksum, c.Location = strings.Clone(m.Name), strings.Clone(m.Checksum), strings.Clone(m.Location)
		c.EVR = rpm.ParseEVR(strings.Clone(m.EVR.String()))
		for _, deps := range []*[]rpm.Dep{&c.Requires, &c.Provides, &c.Conflicts, &c.Recommends} {
			var copied []rpm.Dep
			for _, d := range *deps {
				serial := d.Serial
				d = rpm.Dep{Name: strings.Clone(d.Name), Flags: d.Flags, EVR: strings.Clone(d.EVR), Pre: d.Pre}
				if serials[d] == nil {
					serials[d] = map[int32]bool{}
				}
				serials[d][serial] = true
				copied = append(copied, d)
			}
			*deps = copied
		}
		c.Arch, c.Files, c.Obsoletes, c.Suggests, c.Supplements, c.Enhances = "", nil, nil, nil, nil, nil
		list = append(list, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, serials
}

// TestEntryCache: what was read before is what would be read again, however an
// entry is written.
func TestEntryCache(t *testing.T) {
	entries := []string{
		`<rpm:entry name="a"/>`, `<rpm:entry name="a" pre="1"/>`, `<rpm:entry name='a'/>`, `<rpm:entry name="a" ></rpm:entry>`,
		`<rpm:entry name="a" flags="GE" epoch="1" ver="2" rel="3"/>`, `<rpm:entry name="a/>" flags="EQ" ver="1"/>`,
		`<rpm:entry name="(a &gt;= 1 if b)"/>`, `<rpm:entry name="(a > 1 if b)"/>`, `<rpm:entry name="&#97;" flags="LT" ver="1"/>`,
		`<rpm:entry kind="pattern" name="a"/>`, `<!-- no <rpm:entry name="c"/> -->`, `<other name="b"/>`, `<rpm:entry name="b"><x/></rpm:entry>`,
		`<rpm:entry name="` + strings.Repeat("long", 300) + `"/>`,
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var doc strings.Builder
	doc.WriteString(`<metadata>`)
	for i := range 500 {
		fmt.Fprintf(&doc, `<package type="rpm"><name>p%d</name><version ver="1" rel="1"/><checksum type="sha256">%s</checksum><location href="p"/><format>`, i, someSum)
		for _, kind := range []string{"provides", "requires", "conflicts", "recommends"} {
			fmt.Fprintf(&doc, "<rpm:%s>", kind)
			for range rnd.IntN(6) {
				fmt.Fprintf(&doc, "\n  %s", entries[rnd.IntN(len(entries))])
				fmt.Fprintf(&doc, `<rpm:entry name="n%d"/>`, rnd.IntN(3000))
			}
			fmt.Fprintf(&doc, "</rpm:%s>", kind)
		}
		doc.WriteString(`</format></package>`)
	}
	doc.WriteString(`</metadata>`)
	text := strings.ReplaceAll(doc.String(), "<metadata>", `<metadata xmlns:rpm="r">`)
	got, serials := packagesOf(t, text, &stringPool{passing: true})
	want, _ := packagesOf(t, text, newStringPool())
	if !reflect.DeepEqual(got, want) {
		t.Error("with and without the cache the packages differ")
	}
	owner := map[int32]rpm.Dep{}
	for d, all := range serials {
		for serial := range all {
			if other, ok := owner[serial]; ok && serial != 0 && other != d {
				t.Errorf("serial %d is that of %v and of %v", serial, d, other)
			}
			owner[serial] = d
		}
	}
	if len(owner) < 1000 {
		t.Errorf("got %d serials, want nearly all entries to have one", len(owner))
	}
}

// TestSelfProvides: the way in which nearly every package provides itself is
// read as any other.
func TestSelfProvides(t *testing.T) {
	for _, name := range []string{"a", "a&amp;b", "a&amp;lt;b", "a&quot;b", "ä", "a b", "a]]b"} {
		for _, ver := range []string{"1", "0:5", "1&amp;2", "7:1"} {
			for _, epoch := range []string{"0", "3", "03"} {
				read := func(entry string) []rpm.Dep {
					list, _ := packagesOf(t, fmt.Sprintf(`<metadata xmlns:rpm="r"><package type="rpm"><name>%s</name><version epoch="%s" ver="%s" rel="1"/>`+
						`<checksum type="sha256">%s</checksum><location href="p"/><format><rpm:provides>%s<rpm:entry name="x"/></rpm:provides></format></package></metadata>`,
						name, epoch, ver, someSum, entry), &stringPool{passing: true})
					return list[0].Provides
				}
				attrs := fmt.Sprintf(`name="%s" flags="EQ" epoch="%s" ver="%s" rel="1"`, name, epoch, ver)
				got, want := read(`<rpm:entry `+attrs+`/>`), read(`<rpm:entry  `+attrs+`></rpm:entry>`)
				if !reflect.DeepEqual(got, want) || len(got) != 2 {
					t.Errorf("%s: got %+v, want %+v", attrs, got, want)
				}
			}
		}
	}
}
