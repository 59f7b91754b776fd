package remote

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// TestTamperedUpstream alters one thing of a good upstream at a time: the pull
// must fail for that reason, and leave the repository as it was.
func TestTamperedUpstream(t *testing.T) {
	type bench struct {
		u     *upstream
		good  ostree.Checksum // of ref "r"
		other ostree.Checksum // of ref "s"
		opts  *Options
		pull  *PullOptions
	}
	replace := func(name string, data func([]byte) []byte) func(*bench) {
		return func(b *bench) { b.u.Write(name, data(b.u.Read(name))) }
	}
	flip := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
		return data
	}
	root := func(b *bench) (tree, meta string) {
		c, err := ostree.DecodeCommit(b.u.Read(ostreetest.ObjectFile(b.good, ostree.ObjectCommit)))
		if err != nil {
			b.u.T.Fatal(err)
		}
		return ostreetest.ObjectFile(c.RootTree, ostree.ObjectDirTree), ostreetest.ObjectFile(c.RootMeta, ostree.ObjectDirMeta)
	}
	for name, tc := range map[string]struct {
		tamper  func(*bench)
		is      error
		mention string
	}{
		"commit not signed": {tamper: func(b *bench) { b.u.Remove(ostreetest.ObjectFile(b.good, ostree.ObjectCommitMeta)) }, is: sign.ErrUnsigned},
		"signature of another commit": {tamper: func(b *bench) {
			b.u.Write(ostreetest.ObjectFile(b.good, ostree.ObjectCommitMeta), b.u.Read(ostreetest.ObjectFile(b.other, ostree.ObjectCommitMeta)))
		}, is: sign.ErrBad},
		"signature by another key": {tamper: func(b *bench) {
			home, key := ostreetest.NewGPGKey(b.u.T, "mallory@example.org")
			b.u.Remove(ostreetest.ObjectFile(b.good, ostree.ObjectCommitMeta))
			b.u.Ostree("gpg-sign", "--gpg-homedir="+home, b.good.String(), key)
		}, is: sign.ErrUnknownKey},
		"detached metadata is garbage": {tamper: func(b *bench) {
			b.u.Write(ostreetest.ObjectFile(b.good, ostree.ObjectCommitMeta), []byte("garbage"))
		}, mention: "detached metadata"},
		"commit altered": {tamper: func(b *bench) { replace(ostreetest.ObjectFile(b.good, ostree.ObjectCommit), flip)(b) }, mention: "damaged"},
		"commit missing": {tamper: func(b *bench) { b.u.Remove(ostreetest.ObjectFile(b.good, ostree.ObjectCommit)) }, is: ErrNotFound, mention: "r, commit"},
		"commit larger than listed": {tamper: func(b *bench) {
			replace(ostreetest.ObjectFile(b.good, ostree.ObjectCommit), func(d []byte) []byte { return append(d, make([]byte, 1000)...) })(b)
		}, mention: "larger than"},
		"summary altered": {tamper: func(b *bench) { replace("summary", flip)(b) }, is: sign.ErrBad, mention: "summary"},
		"summary not signed": {tamper: func(b *bench) {
			b.u.Remove("summary.sig")
		}, is: ErrNotFound, mention: "summary.sig"},
		"summary of another day, refs swapped": {tamper: func(b *bench) {
			b.opts.GPGVerifySummary = false
			s := mustDecodeSummary(b.u.T, b.u.Read("summary"))
			s.Refs[0].Commit, s.Refs[1].Commit = s.Refs[1].Commit, s.Refs[0].Commit
			s.Refs[0].CommitSize, s.Refs[1].CommitSize = 0, 0
			b.u.Write("summary", mustEncodeSummary(b.u.T, s))
		}, is: ErrBinding, mention: "bound to other refs: s"},
		"hostile ref in the summary": {tamper: func(b *bench) {
			b.opts.GPGVerifySummary = false
			data := b.u.Read("summary")
			b.u.Write("summary", bytes.Replace(data, []byte("zzzzzzzz\x00"), []byte("../../..\x00"), 1))
		}, mention: `"../../.."`},
		"config of a bare repository": {tamper: func(b *bench) {
			b.u.Write("config", []byte("[core]\nrepo_version=1\nmode=bare\n"))
		}, mention: "mode"},
		"config missing": {tamper: func(b *bench) { b.u.Remove("config") }, is: ErrNotFound, mention: "no OSTree repository"},
		"root dirtree missing": {tamper: func(b *bench) {
			tree, _ := root(b)
			b.u.Remove(tree)
		}, is: ErrNotFound, mention: "/ of r"},
		"root dirmeta missing": {tamper: func(b *bench) {
			_, meta := root(b)
			b.u.Remove(meta)
		}, is: ErrNotFound, mention: ".dirmeta"},
		"dirtree altered": {tamper: func(b *bench) {
			tree, _ := root(b)
			replace(tree, flip)(b)
		}, mention: "damaged"},
		"file missing": {tamper: func(b *bench) { b.u.Remove(b.u.file("r", "/files/bin/app")) }, is: ErrNotFound, mention: "/files/bin/app of r"},
		"file truncated": {tamper: func(b *bench) {
			replace(b.u.file("r", "/files/bin/app"), func(d []byte) []byte { return d[:len(d)/2] })(b)
		}, mention: "/files/bin/app"},
		"file with another's content": {tamper: func(b *bench) {
			b.u.Write(b.u.file("r", "/files/share/doc/a"), b.u.Read(b.u.file("r", "/files/share/doc/b")))
		}, mention: "/files/share/doc/a"},
		"file with bytes after its end": {tamper: func(b *bench) {
			replace(b.u.file("r", "/files/bin/app"), func(d []byte) []byte { return append(d, "more"...) })(b)
		}, mention: "/files/bin/app"},
		"file larger than allowed": {tamper: func(b *bench) { b.opts.MaxFileSize = 40 }, mention: "larger than"},
		"older than what we have": {tamper: func(b *bench) {
			b.pull.TimestampCheck = true
			b.u.Ostree("reset", "r", b.good.String())
			b.u.Write("refs/heads/r", []byte(b.u.Ostree("rev-parse", b.u.commit("r", -5, tree{"old": "1"}).String())+"\n"))
			b.u.summarize()
		}, is: ErrRollback, mention: "older"},
		"unknown ref": {tamper: func(b *bench) { b.pull.Refs = []string{"none"} }, is: ErrNotFound, mention: "ref none"},
		"collection":  {tamper: func(b *bench) { b.opts.CollectionID = "org.example.Other" }, is: ErrBinding, mention: "collection"},
		"hostile ref name": {tamper: func(b *bench) {
			b.pull.Refs = []string{"../../etc"}
		}, mention: "ref name"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			b := &bench{u: u, pull: &PullOptions{Refs: []string{"r"}}}
			opts := u.verified()
			opts.GPGVerifySummary, opts.Retries = true, -1
			b.opts = &opts
			dst := newRepo(t)
			// The repository has something already.
			start := u.commit("r", -1, tree{"start": "1"}, "--owner-uid=1")
			if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
				t.Fatal(err)
			}
			b.good, b.other = u.commit("r", 0, someTree), u.commit("s", 0, tree{"x": "other"})
			u.commit("zzzzzzzz", 0, tree{"x": "z"})
			u.summarize()
			before := ostreetest.Snapshot(t, dst.Path())
			tc.tamper(b)
			_, err := u.open(opts).Pull(t.Context(), dst, *b.pull)
			if err == nil {
				t.Fatal("got nil, want an error")
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %v, want %v", err, tc.is)
			}
			if !strings.Contains(err.Error(), tc.mention) {
				t.Errorf("got %v, want a mention of %q", err, tc.mention)
			}
			ostreetest.Unchanged(t, dst.Path(), before)
			wantRef(t, dst, "r", start)
		})
	}
}

func mustDecodeSummary(t *testing.T, data []byte) *ostree.Summary {
	t.Helper()
	s, err := ostree.DecodeSummary(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustEncodeSummary(t *testing.T, s *ostree.Summary) []byte {
	t.Helper()
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// handMade is an upstream whose objects no tool would write.
type handMade struct {
	*upstream
}

func (h handMade) put(typ ostree.ObjectType, data []byte) ostree.Checksum {
	c := ostree.ChecksumOf(data)
	h.Write(ostreetest.ObjectFile(c, typ), data)
	return c
}

// commitTree makes a commit of a root dirtree's bytes, without a signature.
func (h handMade) commitTree(ref string, tree []byte) ostree.Checksum {
	h.T.Helper()
	meta, err := ostree.DirMeta{Mode: 0o40755}.Encode()
	if err != nil {
		h.T.Fatal(err)
	}
	data, err := ostree.Commit{
		Timestamp: uint64(ostreetest.Made(0).Unix()),
		RootTree:  h.put(ostree.ObjectDirTree, tree),
		RootMeta:  h.put(ostree.ObjectDirMeta, meta),
	}.Encode()
	if err != nil {
		h.T.Fatal(err)
	}
	c := h.put(ostree.ObjectCommit, data)
	h.Write("refs/heads/"+ref, []byte(c.String()+"\n"))
	return c
}

func TestHostileTrees(t *testing.T) {
	zero := make([]byte, 32)
	fileEntry := func(name string) gvariant.Value {
		return gvariant.Tuple(gvariant.String(name), gvariant.Bytes(zero))
	}
	dirEntry := func(name string, tree []byte) gvariant.Value {
		return gvariant.Tuple(gvariant.String(name), gvariant.Bytes(tree), gvariant.Bytes(zero))
	}
	dirTree := func(files, dirs []gvariant.Value) []byte {
		return gvariant.Tuple(gvariant.Array("(say)", files...), gvariant.Array("(sayay)", dirs...)).Data()
	}
	for name, tree := range map[string][]byte{
		"parent":      dirTree([]gvariant.Value{fileEntry("..")}, nil),
		"slash":       dirTree([]gvariant.Value{fileEntry("a/../../b")}, nil),
		"absolute":    dirTree(nil, []gvariant.Value{dirEntry("/etc", zero)}),
		"empty name":  dirTree([]gvariant.Value{fileEntry("")}, nil),
		"twice":       dirTree([]gvariant.Value{fileEntry("a"), fileEntry("a")}, nil),
		"both kinds":  dirTree([]gvariant.Value{fileEntry("a")}, []gvariant.Value{dirEntry("a", zero)}),
		"short":       dirTree([]gvariant.Value{gvariant.Tuple(gvariant.String("a"), gvariant.Bytes([]byte{1}))}, nil),
		"not a tree":  []byte("garbage"),
		"wrong end":   append(dirTree(nil, nil), 0xff),
		"lost object": dirTree([]gvariant.Value{fileEntry("a")}, nil),
	} {
		h := handMade{newUpstream(t)}
		h.commitTree("r", tree)
		dst := newRepo(t)
		before := ostreetest.Snapshot(t, dst.Path())
		if _, err := h.open(Options{Retries: -1}).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
		ostreetest.Unchanged(t, dst.Path(), before)
	}
}

func TestDeepAndWideTrees(t *testing.T) {
	h := handMade{newUpstream(t)}
	meta, err := ostree.DirMeta{Mode: 0o40755}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	metaSum := h.put(ostree.ObjectDirMeta, meta)
	encode := func(d ostree.DirTree) []byte {
		data, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	// Each directory holds the next one twice: 2^100 paths, 100 objects.
	wide := encode(ostree.DirTree{})
	for range 100 {
		c := h.put(ostree.ObjectDirTree, wide)
		wide = encode(ostree.DirTree{Dirs: []ostree.TreeDir{{Name: "a", Tree: c, Meta: metaSum}, {Name: "b", Tree: c, Meta: metaSum}}})
	}
	want := h.commitTree("wide", wide)
	dst := newRepo(t)
	if _, err := h.open(Options{}).Pull(t.Context(), dst, PullOptions{Refs: []string{"wide"}}); err != nil {
		t.Errorf("wide: %v", err)
	}
	wantRef(t, dst, "wide", want)

	deep := encode(ostree.DirTree{})
	for range maxDepth + 1 {
		c := h.put(ostree.ObjectDirTree, deep)
		deep = encode(ostree.DirTree{Dirs: []ostree.TreeDir{{Name: "d", Tree: c, Meta: metaSum}}})
	}
	h.commitTree("deep", deep)
	if _, err := h.open(Options{}).Pull(t.Context(), dst, PullOptions{Refs: []string{"deep"}}); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("deep: got %v, want an error about its depth", err)
	}
}

func TestEndlessAnswersAreCut(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	for _, path := range []string{"config", "refs/heads/r", ostreetest.ObjectFile(c, ostree.ObjectCommitMeta), u.file("r", "/files/bin/app")} {
		u.Intercept(func(w http.ResponseWriter, asked string) bool {
			if asked != path {
				return false
			}
			data, err := os.ReadFile(filepath.Join(u.Dir, path))
			if err != nil {
				t.Error(err)
			}
			for err == nil {
				_, err = w.Write(data)
			}
			return true
		})
		dst := newRepo(t)
		before := ostreetest.Snapshot(t, dst.Path())
		opts := u.verified()
		opts.MaxFileSize, opts.Retries = 1<<20, -1
		_, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		var tooLarge *fetch.TooLargeError
		if !errors.As(err, &tooLarge) && !strings.Contains(strings.ToLower(errText(err)), "after") {
			t.Errorf("%s: got %v, want an error about its size", path, err)
		}
		ostreetest.Unchanged(t, dst.Path(), before)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPullCancelled(t *testing.T) {
	u := newUpstream(t)
	u.commit("r", 0, someTree)
	ctx, cancel := context.WithCancel(t.Context())
	u.Intercept(func(_ http.ResponseWriter, path string) bool {
		if strings.HasSuffix(path, ".filez") {
			cancel()
		}
		return false
	})
	dst := newRepo(t)
	before := ostreetest.Snapshot(t, dst.Path())
	if _, err := u.open(u.verified()).Pull(ctx, dst, PullOptions{Refs: []string{"r"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	ostreetest.Unchanged(t, dst.Path(), before)
}

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		url  string
		opts Options
	}{
		"ftp":        {url: "ftp://example.org/repo"},
		"no scheme":  {url: "example.org/repo"},
		"query":      {url: "https://example.org/repo?x=y"},
		"unreadable": {url: "http://[::1"},
		"no keyring": {url: "/repo", opts: Options{GPGVerify: true, Clock: time.Now}},
		"no clock":   {url: "/repo", opts: Options{GPGVerifySummary: true, Keyring: &sign.Keyring{}}},
	} {
		if _, err := Open(tc.url, tc.opts); err == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	u := newUpstream(t)
	url := strings.Replace(u.Server.URL, "http://", "http://user:secret@", 1)
	u.Remove("config")
	_, err := openRemote(t, url, Options{}).Config(t.Context())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
	if got := Redact(url); strings.Contains(got, "secret") || strings.Contains(got, "user") {
		t.Errorf("Redact: got %s", got)
	}
}
