package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestPullSubpaths(t *testing.T) {
	u := newUpstream(t)
	files := tree{"top": "t", "dir/twin/f": "same", "dir/a/deep/f": "deep", "dir/a/g": "g", "other/twin/f": "same", "other/h": "h"}
	c := u.commit("r", 0, files)
	for name, tc := range map[string]struct {
		paths []string
		want  []string // of files
	}{
		"a directory":           {[]string{"/dir/a"}, []string{"/dir/a/deep/f", "/dir/a/g"}},
		"a file":                {[]string{"/dir/a/g"}, []string{"/dir/a/g"}},
		"two, without slashes":  {[]string{"dir/a/deep/", "other/h"}, []string{"/dir/a/deep/f", "/other/h"}},
		"one within the other":  {[]string{"/dir/a/deep", "/dir"}, []string{"/dir/a/deep/f", "/dir/a/g", "/dir/twin/f"}},
		"a directory of a twin": {[]string{"/dir/twin/f", "/other/twin"}, []string{"/dir/twin/f"}},
	} {
		dst := newRepo(t)
		u.Asked("")
		if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, Subpaths: tc.paths}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var want []string
		for _, path := range tc.want {
			want = append(want, u.file("r", path))
		}
		slices.Sort(want)
		got := u.Asked(".filez")
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: asked for %v, want %v", name, got, want)
		}
		wantPartial(t, dst, c, true)
		ostreetest.Tool(t, dst.Path(), "fsck")
		// Later all of it is wanted.
		if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wantPartial(t, dst, c, false)
		ostreetest.Tool(t, dst.Path(), "fsck")
	}
	for _, path := range []string{"/none", "/dir/none", "/top/none", "/dir/a/g/none"} {
		_, err := u.open(u.verified()).Pull(t.Context(), newRepo(t), PullOptions{Refs: []string{"r"}, Subpaths: []string{path}})
		if err == nil || !strings.Contains(err.Error(), "has no "+path) {
			t.Errorf("%s: got %v, want an error about it", path, err)
		}
	}
}

func wantPartial(t *testing.T, repo *archive.Repo, c ostree.Checksum, want bool) {
	t.Helper()
	if got, err := repo.IsPartial(c); err != nil || got != want {
		t.Errorf("commit %s partial: got %v, %v, want %v", c, got, err, want)
	}
}

func TestPullCommitsOnly(t *testing.T) {
	u := newUpstream(t)
	first, second := u.commit("r", 0, someTree), u.commit("r", 1, tree{"x": "y"})
	dst := newRepo(t)
	opts := PullOptions{Refs: []string{"r"}, CommitOnly: true, Depth: -1}
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, opts); err != nil {
		t.Fatal(err)
	}
	if got := u.Asked(".dirtree"); len(got) > 0 {
		t.Errorf("asked for %v, want commits alone", got)
	}
	wantRef(t, dst, "r", second)
	for _, c := range []ostree.Checksum{first, second} {
		wantPartial(t, dst, c, true)
	}
	ostreetest.Tool(t, dst.Path(), "fsck")
	opts.CommitOnly, opts.Depth = false, 0
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, opts); err != nil {
		t.Fatal(err)
	}
	wantPartial(t, dst, first, true)
	wantPartial(t, dst, second, false)
	// What is whole stays so.
	opts.CommitOnly = true
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, opts); err != nil {
		t.Fatal(err)
	}
	wantPartial(t, dst, second, false)
	ostreetest.Tool(t, dst.Path(), "fsck")
}

func TestPullCollections(t *testing.T) {
	u := newUpstream(t, "--collection-id=org.example.Own")
	own := u.commit("os", 0, someTree)
	other := u.commit("tmp", 0, tree{"x": "y"}, "--no-bindings", "--add-metadata-string=ostree.collection-binding=org.example.Other",
		"--add-metadata=ostree.ref-binding=['app']")
	u.Ostree("refs", "--delete", "tmp")
	u.Write("refs/mirrors/org.example.Other/app", []byte(other.String()+"\n"))
	u.summarize()
	dst := newRepo(t)
	result, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Mirror: true, Collections: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Refs) < 2 || result.Refs[0].Ref != "(org.example.Other, app)" {
		t.Errorf("result: got %+v", result.Refs)
	}
	wantRef(t, dst, archive.MirrorRef("org.example.Own", "os"), own)
	wantRef(t, dst, archive.MirrorRef("org.example.Other", "app"), other)
	wantRef(t, dst, "os", ostree.Checksum{})
	ostreetest.Tool(t, dst.Path(), "fsck")

	// By name, and those that are bound to another collection.
	if _, err := u.open(u.verified()).Pull(t.Context(), newRepo(t), PullOptions{Refs: []string{"app"}, Collections: true}); err != nil {
		t.Error(err)
	}
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"none"}, Collections: true}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a ref that no collection has: got %v, want %v", err, ErrNotFound)
	}
	u.Write("refs/mirrors/org.example.Wrong/app", []byte(other.String()+"\n"))
	u.summarize()
	if _, err := u.open(u.verified()).Pull(t.Context(), newRepo(t), PullOptions{Mirror: true, Collections: true}); !errors.Is(err, ErrBinding) {
		t.Errorf("a commit of another collection: got %v, want %v", err, ErrBinding)
	}
	opts := u.verified()
	opts.CollectionID = "org.example.Else"
	if _, err := u.open(opts).Pull(t.Context(), newRepo(t), PullOptions{Mirror: true, Collections: true}); !errors.Is(err, ErrBinding) {
		t.Errorf("another collection expected: got %v, want %v", err, ErrBinding)
	}
}

// TestPullFromMirrors has a list whose first mirror is down and whose second
// lacks a file.
func TestPullFromMirrors(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("r", 0, someTree)
	u.summarize()
	missing := u.file("r", "/files/bin/app")
	var mu sync.Mutex
	var leaked []string
	files := http.FileServer(http.Dir(u.Dir))
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if auth := r.Header.Get("Authorization"); auth != "" {
			mu.Lock()
			leaked = append(leaked, auth)
			mu.Unlock()
		}
		if strings.HasSuffix(r.URL.Path, missing) {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(second.Close)
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	list := "# mirrors\n\n" + down.URL + "\n" + second.URL + "/\nfile:///etc\nftp://example.org\n" + u.Server.URL + "\n"
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(list)) }))
	t.Cleanup(lists.Close)
	opts := u.verified()
	opts.Username, opts.Password, opts.Retries = "user", "secret", -1
	dst := newRepo(t)
	r := openRemote(t, "mirrorlist="+lists.URL, opts)
	if _, err := r.Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	wantRef(t, dst, "r", want)
	if len(leaked) > 0 {
		t.Errorf("a mirror of the list got the credentials %q", leaked)
	}
	for _, list = range []string{"", "# none\n", "file:///etc/repo\n"} {
		r := openRemote(t, "mirrorlist="+lists.URL, opts)
		if _, err := r.Config(t.Context()); err == nil || !strings.Contains(err.Error(), "list of mirrors") {
			t.Errorf("list %q: got %v, want an error about it", list, err)
		}
	}
}

func TestPullFromContentURL(t *testing.T) {
	u := newUpstream(t)
	first, want := u.twoVersions()
	u.generate()
	u.summarize()
	// The remote itself has no content but for the commits' signatures.
	meta := t.TempDir()
	signatures := ostree.ObjectName{Checksum: want, Type: ostree.ObjectCommitMeta}.ArchivePath()
	for _, name := range []string{"config", "summary", "summary.sig", "objects/" + signatures} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(meta, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(meta, name), u.Read(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(meta)))
	t.Cleanup(server.Close)
	dst := u.startWith(first)
	opts := u.verified()
	opts.ContentURL, opts.Deltas, opts.GPGVerifySummary = u.Server.URL, RequireDeltas, true
	if _, err := openRemote(t, server.URL, opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	wantRef(t, dst, "r", want)
	for _, name := range []string{"summary", ".commitmeta"} {
		if got := u.Asked(name); len(got) > 0 {
			t.Errorf("the place of content was asked for %v", got)
		}
	}
}

// TestPullWithCredentials pulls over HTTP/2 from a server that wants a client
// certificate, and basic authentication or a token.
func TestPullWithCredentials(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("r", 0, someTree)
	files := http.FileServer(http.Dir(u.Dir))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.ProtoMajor != 2:
			http.Error(w, "want HTTP/2", http.StatusHTTPVersionNotSupported)
		case len(r.TLS.PeerCertificates) == 0:
			http.Error(w, "want a certificate", http.StatusForbidden)
		case user+":"+password != "user:secret" && r.Header.Get("Authorization") != "Bearer token":
			http.Error(w, "who?", http.StatusUnauthorized)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cert := clientCertificate(t, dir)
	for name, tc := range map[string]struct {
		change func(*Options)
		ok     bool
	}{
		"basic":              {func(o *Options) { o.Username, o.Password = "user", "secret" }, true},
		"bearer":             {func(o *Options) { o.Bearer = "token" }, true},
		"wrong password":     {func(o *Options) { o.Username, o.Password = "user", "guess" }, false},
		"no credentials":     {func(*Options) {}, false},
		"no certificate":     {func(o *Options) { o.Bearer, o.CertFile = "token", "" }, false},
		"unknown authority":  {func(o *Options) { o.Bearer, o.CAFile = "token", "" }, false},
		"any certificate":    {func(o *Options) { o.Bearer, o.CAFile, o.InsecureTLS = "token", "", true }, true},
		"bearer, rate limit": {func(o *Options) { o.Bearer, o.LimitRate = "token", 1<<30 }, true},
	} {
		opts := u.verified()
		opts.Retries, opts.CAFile, opts.CertFile = -1, ca, cert
		tc.change(&opts)
		dst := newRepo(t)
		_, err := openRemote(t, server.URL, opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		if ok := err == nil; ok != tc.ok {
			t.Errorf("%s: got %v, want success %v", name, err, tc.ok)
		}
		if tc.ok {
			wantRef(t, dst, "r", want)
		}
	}
}

// clientCertificate writes a certificate and its key into one file.
func clientCertificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "client.pem")
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(path, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
