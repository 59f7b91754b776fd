package rpmrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/fetch"
)

func TestParseMirrorList(t *testing.T) {
	got, err := parseMirrorList([]byte("# mirrors\n\nhttps://a/os/\r\n  http://b/$basearch/os\nrsync://c/os\nftp://d/\nfile:///etc/\nnonsense\n"), Vars{"basearch": "x86_64"})
	want := []string{"https://a/os/", "http://b/x86_64/os"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"", "# none\n", "rsync://x/\n", "<html>"} {
		if got, err := parseMirrorList([]byte(text), nil); err == nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
	long, err := parseMirrorList([]byte(strings.Repeat("http://h/\n", 5000)), nil)
	if err != nil || len(long) != maxMirrors {
		t.Errorf("a long list: got %d, %v", len(long), err)
	}
}

func metalinkText(size int, sum, alternates string, urls ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
<files><file name="repomd.xml"><mm0:timestamp>1</mm0:timestamp><size>%d</size>
<verification><hash type="md5">d41d8cd98f00b204e9800998ecf8427e</hash><hash type="sha1">da39a3ee5e6b4b0d3255bfef95601890afd80709</hash>%s</verification>%s
<resources maxconnections="1">`, size, sum, alternates)
	for i, u := range urls {
		fmt.Fprintf(&b, `<url protocol="https" location="XX" preference="%d">%s</url>`, 100-i, u)
	}
	b.WriteString(`</resources></file></files></metalink>`)
	return b.String()
}

func TestParseMetalink(t *testing.T) {
	sha := `<hash type="sha256">` + someSum + `</hash>`
	older := `<mm0:alternates><mm0:alternate><size>5</size><verification>` + sha + `</verification></mm0:alternate>
		<mm0:alternate><verification><hash type="md5">00</hash></verification></mm0:alternate></mm0:alternates>`
	text := metalinkText(7, sha, older, "https://a/os/repodata/repomd.xml", "rsync://b/os/repodata/repomd.xml", "http://c/os/repodata/repomd.xml", "http://d/other")
	text = strings.Replace(text, `preference="98"`, `preference="1000"`, 1)
	m, err := parseMetalink([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"http://c/os/", "https://a/os/"}; !slices.Equal(m.bases, want) {
		t.Errorf("mirrors: got %q, want %q", m.bases, want)
	}
	if m.newest.size != 7 || m.newest.checksum.String() != "sha256:"+someSum || len(m.older) != 1 || m.older[0].size != 5 {
		t.Errorf("got %+v", m)
	}
	for text, part := range map[string]string{
		``:                       "not a metalink",
		`<html></html>`:          "not a metalink",
		`<metalink></metalink>`:  "does not speak of repomd.xml",
		metalinkText(7, "", ""):  "no checksum",
		metalinkText(7, sha, ""): "no http or https mirror",
		metalinkText(7, sha, "", "file:///x/repodata/repomd.xml"):                                                 "no http or https mirror",
		metalinkText(7, `<hash type="sha256">12</hash>`, "", "http://c/os/repodata/repomd.xml"):                   "no checksum",
		strings.Replace(metalinkText(7, sha, "", "http://c/repodata/repomd.xml"), "repomd.xml", "primary.xml", 1): "does not speak",
	} {
		if _, err := parseMetalink([]byte(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want an error with %q", text, err, part)
		}
	}
}

func FuzzMetalink(f *testing.F) {
	f.Add([]byte(metalinkText(7, `<hash type="sha256">`+someSum+`</hash>`, "", "https://a/os/repodata/repomd.xml")))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMetalink(data)
		if err != nil {
			return
		}
		if m.newest.checksum.IsZero() || len(m.bases) == 0 {
			t.Errorf("accepted %+v", m)
		}
		for _, b := range m.bases {
			if !webURL(b) {
				t.Errorf("mirror %q", b)
			}
		}
	})
}

func TestSourceOrder(t *testing.T) {
	var warnings []string
	s := newSource(nil, []string{"a", "b", "c"}, func(text string) { warnings = append(warnings, text) })
	var asked []string
	ask := func(good string, fail error) error {
		asked = nil
		return s.each(t.Context(), func(base string, attempts int) error {
			asked = append(asked, fmt.Sprint(base, attempts))
			if base == good {
				return nil
			}
			return fail
		})
	}
	permanent, passing := errors.New("permanent"), &fetch.StatusError{URL: "u", Code: 503, Status: "busy"}
	if err := ask("c", permanent); err != nil || strings.Join(asked, " ") != "a1 b1 c1" || len(warnings) != 2 {
		t.Errorf("asked %q, %v, warned %q", asked, err, warnings)
	}
	if err := ask("c", permanent); err != nil || strings.Join(asked, " ") != "c1" {
		t.Errorf("after failures: asked %q, %v", asked, err)
	}
	if err := ask("", permanent); err == nil || !strings.Contains(err.Error(), "all 3 mirrors failed") || len(asked) != 3 {
		t.Errorf("asked %q, %v", asked, err)
	}
	if err := ask("", passing); err == nil || strings.Join(asked, " ") != "c1 a1 b1 c0 a0 b0" {
		t.Errorf("asked %q, %v, want a second, patient round", asked, err)
	}
	s.prefer("b")
	if got := s.all(); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("preferred: got %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.each(ctx, func(string, int) error { cancel(); return context.Canceled })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if err := newSource(nil, nil, nil).each(t.Context(), nil); err == nil {
		t.Error("no mirrors: no error")
	}
	one := newSource(nil, []string{"a"}, nil)
	if err := one.each(t.Context(), func(_ string, attempts int) error { return fmt.Errorf("attempts %d", attempts) }); err == nil || err.Error() != "attempts 0" {
		t.Errorf("one address: got %v", err)
	}
}
