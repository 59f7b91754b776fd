package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// set gives keys of the remote "o" values in both repositories.
func (p *compatPair) set(keysAndValues ...string) {
	p.t.Helper()
	for i := 0; i < len(keysAndValues); i += 2 {
		p.both("= --repo=REPO config --group='remote \"o\"' set " + keysAndValues[i] + " " + keysAndValues[i+1])
	}
}

// TestCompatPullFrom pulls with both tools by way of what a remote's config may
// name: a mirror list, a metalink, another place of content, and with headers.
func TestCompatPullFrom(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("tree/sub/b", "b\n", 0o644)
	p.write("tree/sub/deep/c", "c\n", 0o644)
	p.write("tree/other/d", "d\n", 0o644)
	p.ok("--repo=DIR/srv init --mode=archive")
	p.ok("--repo=DIR/srv commit -b main --canonical-permissions DIR/tree")
	p.ok("--repo=DIR/srv summary -u")
	files := http.FileServer(http.Dir(p.dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/guarded/") {
			if r.Header.Get("Token") != "x=y" {
				http.Error(w, "no token", http.StatusForbidden)
				return
			}
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/guarded")
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.write("meta/config", "[core]\nrepo_version=1\nmode=archive-z2\n", 0o644)
	summary, err := os.ReadFile(filepath.Join(p.dir, "srv/summary"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("meta/summary", string(summary), 0o644)
	p.write("mirrors", server.URL+"/none\n"+server.URL+"/srv\n", 0o644)
	link := `<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="summary"><size>%d</size><verification>` +
		`<hash type="md5">x</hash><hash type="sha256">%x</hash></verification><resources>` +
		`<url protocol="ftp" type="ftp" location="US" preference="100">ftp://none.invalid/summary</url><url protocol="http" type="http" location="US" preference="99">%s/none/summary</url><url protocol="http" type="http" location="US" preference="99">%s/srv/summary</url></resources></file></files></metalink>`
	p.write("link.xml", fmt.Sprintf(link, len(summary), sha256.Sum256(summary), server.URL, server.URL), 0o644)
	p.write("bad.xml", fmt.Sprintf(link, len(summary), sha256.Sum256(nil), server.URL, server.URL), 0o644)
	p.write("short.xml", fmt.Sprintf(link, 7, sha256.Sum256(summary), server.URL, server.URL), 0o644)
	p.write("empty.xml", "bacon\n", 0o644)
	fresh := func() {
		for _, repo := range []string{p.ours, p.theirs} {
			if err := os.RemoveAll(repo); err != nil {
				t.Fatal(err)
			}
		}
		p.both("= --repo=REPO init --mode=archive")
		p.set("gpg-verify", "false")
	}
	pulled := func(option string) {
		t.Helper()
		p.both("+ --repo=REPO pull " + option + " o main")
		p.both("= --repo=REPO rev-parse o:main")
		p.both("= --repo=REPO fsck")
	}
	fresh()
	p.set("url", "mirrorlist="+server.URL+"/mirrors")
	pulled("")
	fresh()
	p.set("url", server.URL+"/meta", "contenturl", server.URL+"/srv")
	pulled("--http-trusted")
	fresh()
	p.set("metalink", server.URL+"/link.xml")
	pulled("")
	for file, says := range map[string]string{"bad.xml": "Expected checksum is", "short.xml": "Expected size is 7 bytes", "empty.xml": "Document must begin with an element"} {
		p.set("metalink", server.URL+"/"+file)
		p.both("! --repo=REPO pull o main : " + says)
	}
	fresh()
	p.set("url", server.URL+"/guarded/srv")
	p.both("! --repo=REPO pull o main")
	pulled("--http-header=Token=x=y --append-user-agent=me/1")
	fresh()
	p.set("url", server.URL+"/srv")
	p.both("+ --repo=REPO pull --subpath=/sub/deep --subpath=/a o main")
	p.both("= --repo=REPO ls -R o:main /sub/deep")
	p.both("= --repo=REPO ls o:main /a")
	p.both("! --repo=REPO ls -R o:main /sub : Couldn't find ")
	pulled("")
}

func TestParseMetalink(t *testing.T) {
	hash := strings.Repeat("0", 64)
	for text, want := range map[string]string{
		"<metalink/>": "No <file name='summary'> found",
		"<metalink><files><file name='summary'><verification><hash type='sha256'>0</hash></verification></file></files></metalink>":            "Invalid hash digest for sha256",
		"<metalink><files><file name='summary'></file></files></metalink>":                                                                     "No <verification> with known <hash type=> found",
		"<metalink><files><file name='summary'><verification><hash type='sha256'>" + hash + "</hash></verification></file></files></metalink>": "elements found",
		"<metalink>": "reading the metalink",
		"":           "Document must begin",
	} {
		if _, err := parseMetalink([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
