package rpmrepo

import (
	"fmt"
	"strings"
	"testing"
)

// repomdText returns a repomd.xml with data elements of the given insides.
func repomdText(data ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><repomd xmlns="http://linux.duke.edu/metadata/repo"><revision> 7 </revision>`)
	for _, d := range data {
		b.WriteString(d)
	}
	b.WriteString("</repomd>\n")
	return b.String()
}

func dataText(kind, inner string) string {
	return fmt.Sprintf(`<data type="%s"><checksum type="sha256">%s</checksum>%s</data>`, kind, someSum, inner)
}

func TestParseRepoMD(t *testing.T) {
	location := `<location href="repodata/x.gz"/>`
	md, err := parseRepoMD([]byte(repomdText(
		dataText("primary", location+`<open-checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</open-checksum><size>12</size><open-size>34</open-size><timestamp>1700000000.5</timestamp>`),
		dataText("primary_db", location), dataText("primary_zck", location),
		dataText("group", location), dataText("group_gz", location), dataText("modules", `<location xml:base="http://h/" href="m"/>`))))
	if err != nil {
		t.Fatal(err)
	}
	p := md.Find("primary")
	if p == nil || p.Size != 12 || p.OpenSize != 34 || p.Timestamp != 1700000000 || p.Location != "repodata/x.gz" ||
		p.Checksum.String() != "sha256:"+someSum || p.OpenChecksum.Algorithm() != "sha1" {
		t.Errorf("primary: got %+v", p)
	}
	if md.Revision != "7" || len(md.Data) != 4 || len(md.Variants("group")) != 2 || len(md.Variants("primary")) != 1 || md.Find("other") != nil {
		t.Errorf("got %+v", md)
	}
	if m := md.Find("modules"); m.BaseURL != "http://h/" {
		t.Errorf("modules: got %+v", m)
	}
	for doc, part := range map[string]string{
		``:           "not repomd.xml",
		`<html/>`:    "not repomd.xml",
		`<repomd/>`:  "no primary",
		`<repomd>`:   "not repomd.xml",
		repomdText(): "no primary",
		repomdText(dataText("primary", location)) + "x":                                       "text follows",
		repomdText(dataText("primary", location)) + "<x/>":                                    "second element",
		repomdText(dataText("primary", location), dataText("primary", location)):              "twice",
		repomdText(dataText("primary", "")):                                                   "no location",
		repomdText(dataText("", location)):                                                    "no type",
		repomdText(`<data type="primary">` + location + `</data>`):                            "checksum",
		repomdText(strings.Replace(dataText("primary", location), someSum, "12", 1)):          "hexadecimal digits",
		repomdText(strings.Replace(dataText("primary", location), "sha256", "md5", 1)):        "not supported",
		repomdText(dataText("primary", location+"<size>-1</size>")):                           "more than is allowed",
		repomdText(dataText("primary", location+"<size>many</size>")):                         "not repomd.xml",
		repomdText(dataText("primary", location+"<open-size>99999999999999</open-size>")):     "more than is allowed",
		repomdText(dataText("primary", location+`<open-checksum type="x">1</open-checksum>`)): "not supported",
	} {
		if _, err := parseRepoMD([]byte(doc)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want an error with %q", doc, err, part)
		}
	}
}

func FuzzRepoMD(f *testing.F) {
	f.Add([]byte(repomdText(dataText("primary", `<location href="x"/>`), dataText("group", `<location href="y"/><size>5</size>`))))
	f.Fuzz(func(t *testing.T, doc []byte) {
		md, err := parseRepoMD(doc)
		if err != nil {
			return
		}
		for _, d := range md.Data {
			if d.Checksum.IsZero() || d.Location == "" || d.Size < 0 || d.OpenSize < 0 {
				t.Errorf("accepted %+v", d)
			}
		}
	})
}

func TestJoinURL(t *testing.T) {
	for _, tc := range [][3]string{
		{"https://h/os/", "repodata/repomd.xml", "https://h/os/repodata/repomd.xml"},
		{"https://h/os", "a.rpm", "https://h/os/a.rpm"},
		{"https://h", "a.rpm", "https://h/a.rpm"},
		{"https://h/os?token=a%2Fb", "P/a.rpm", "https://h/os/P/a.rpm?token=a%2Fb"},
		{"https://h/os/#frag", "a.rpm", "https://h/os/a.rpm"},
		{"https://h/a%20b/", "c++-1~2^3:4.rpm", "https://h/a%20b/c++-1~2%5E3:4.rpm"},
		{"https://h/", "with space#x.rpm", "https://h/with%20space%23x.rpm"},
		{"https://h/", "c%2B%2b.rpm", "https://h/c%2B%2b.rpm"},
		{"https://h/", "100%.rpm", "https://h/100%25.rpm"},
		{"https://h/", "ä.rpm", "https://h/%C3%A4.rpm"},
		{"https://h/?x=1", "a.rpm?sig=2", "https://h/a.rpm?sig=2"},
		{"/srv/my repo", "P/a%20b.rpm", "/srv/my repo/P/a%20b.rpm"},
		{"file:///srv/my%20repo/", "./P//a.rpm", "/srv/my repo/P/a.rpm"},
		{"https://h/", "foo-1:2-3.rpm", "https://h/foo-1:2-3.rpm"},
	} {
		if got, err := joinURL(tc[0], tc[1]); err != nil || got != tc[2] {
			t.Errorf("%s + %s: got %s, %v, want %s", tc[0], tc[1], got, err, tc[2])
		}
	}
	for href, part := range hostileHrefs() {
		for _, base := range []string{"https://h/os/", "/srv/os"} {
			if got, err := joinURL(base, href); err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s + %q: got %s, %v, want an error with %q", base, href, got, err, part)
			}
		}
	}
	if _, err := joinURL("relative", "a.rpm"); err == nil {
		t.Error("a base that is no address was taken")
	}
}

// hostileHrefs are locations that no repository may name.
func hostileHrefs() map[string]string {
	return map[string]string{
		"":                         "no location",
		".":                        "names no file",
		"./":                       "names no file",
		"/etc/passwd":              "is absolute",
		"//evil.example.com/x":     "is absolute",
		"../x":                     "leaves the repository",
		"a/../../x":                "leaves the repository",
		"a/..":                     "leaves the repository",
		"%2e%2e/x":                 "leaves the repository",
		"a%2F..%2F..%2Fx":          "leaves the repository",
		"https://evil/x":           "is a URL of its own",
		"HTTP:x":                   "is a URL of its own",
		"file:///etc/passwd":       "is a URL of its own",
		"gopher://x":               "is a URL of its own",
		"a\x00b":                   "control character",
		"a%00b":                    "control character",
		"a\nb":                     "control character",
		strings.Repeat("a/", 3000): "too long",
	}
}

func TestBaseAllowed(t *testing.T) {
	for _, tc := range []struct {
		own, base string
		ok        bool
	}{
		{"https://h/os", "https://other/x", true},
		{"https://h/os", "http://other/x", false},
		{"http://h/os", "http://other/x", true},
		{"http://h/os", "file:///etc", false},
		{"https://h/os", "/etc", false},
		{"https://h/os", "media://1", false},
		{"/srv/os", "file:///srv/other", true},
		{"/srv/os", "http://h/x", true},
		{"/srv/os", "https:///x", false},
		{"/srv/os", ":x", false},
	} {
		if err := baseAllowed(tc.own, tc.base); (err == nil) != tc.ok {
			t.Errorf("%s sends to %s: got %v, want allowed %v", tc.own, tc.base, err, tc.ok)
		}
	}
}

func FuzzHref(f *testing.F) {
	f.Add("Packages/a.rpm")
	for href := range hostileHrefs() {
		f.Add(href)
	}
	f.Fuzz(func(t *testing.T, href string) {
		if got, err := joinURL("https://h/os/", href); err == nil && !strings.HasPrefix(got, "https://h/os/") {
			t.Errorf("%q: got %s", href, got)
		}
		if checkHref(href) != nil {
			return
		}
		for _, name := range localNames("/srv/os", href) {
			if !strings.HasPrefix(name, "/srv/os/") {
				t.Errorf("%q: got %s", href, name)
			}
		}
	})
}
