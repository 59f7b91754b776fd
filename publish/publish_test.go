package publish

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// state lists the files of a repository that clients see, each with its
// content, inode and time.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		for _, skipped := range []string{"tmp", "objects", "extensions", "state", "refs"} {
			if rel == skipped {
				return fs.SkipDir
			}
		}
		if !d.Type().IsRegular() || strings.HasPrefix(rel, ".") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		all[rel] = fmt.Sprintf("%x %s", sha256.Sum256(data), info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnchangedRepositoryIsNotTouched(t *testing.T) {
	c := NewClient(t)
	variety(c)
	c.Run("ostree", "--repo="+c.Path("repo"), "static-delta", "generate", "--empty", "--to="+appRef)
	k := NewKey(t, "Example")
	settings := map[string]string{SettingTitle: "Example", SettingComment: ""}
	first := c.publish(k, Options{Settings: settings})
	if len(first.Written) == 0 {
		t.Fatal("the first publication wrote nothing")
	}
	before := state(t, c.Path("repo"))
	later := func() time.Time { return testNow.Add(time.Hour) }
	again := c.publish(k, Options{Settings: settings, Clock: later})
	if len(again.Written) != 0 || len(again.Removed) != 0 || len(again.Changes) != 0 || again.Read != 1 {
		t.Errorf("publishing again: got %+v, want nothing written", again)
	}
	if after := state(t, c.Path("repo")); !maps.Equal(before, after) {
		t.Errorf("files: got\n%v\nwant\n%v", after, before)
	}
	entries, err := os.ReadDir(c.Path("repo/tmp"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "publish" {
			t.Error("the staging folder was left behind")
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	c := NewClient(t)
	variety(c)
	var states []map[string]string
	for _, name := range []string{"first", "second"} {
		if err := os.CopyFS(c.Path(name), os.DirFS(c.Path("repo"))); err != nil {
			t.Fatal(err)
		}
		repo, err := archive.Open(c.Path(name), archive.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Publish(t.Context(), Options{Repo: repo}); err != nil {
			t.Fatal(err)
		}
		if err := repo.Close(); err != nil {
			t.Fatal(err)
		}
		s := state(t, c.Path(name))
		delete(s, "config") // its time is not that of the summary
		states = append(states, s)
	}
	if !maps.Equal(states[0], states[1]) {
		t.Errorf("files: got\n%v\nand\n%v", states[0], states[1])
	}
}

func TestMissingSignatureIsMadeAgain(t *testing.T) {
	c := NewClient(t)
	c.export(platformBuild)
	k, other := NewKey(t, "One"), NewKey(t, "Two")
	c.publish(k, Options{})
	files := func() string {
		return fmt.Sprintf("%x %x", readFile(t, c.Path("repo/summary")), readFile(t, c.Path("repo/summary.idx")))
	}
	before := files()
	for _, damage := range []func(name string) error{
		os.Remove,
		func(name string) error { return os.WriteFile(name, []byte("broken"), 0o644) },
		func(name string) error {
			s, err := other.Signer.Sign(t.Context(), readFile(t, c.Path("repo/summary")))
			if err != nil {
				return err
			}
			return os.WriteFile(name, sign.Append(nil, s).Encode().Data(), 0o644)
		},
	} {
		want := []string{}
		for name := range state(t, c.Path("repo")) {
			if strings.HasSuffix(name, ".sig") {
				want = append(want, name)
				if err := damage(c.Path("repo/" + name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := c.publish(k, Options{}).Written
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("written after damage: got %v, want %v", got, want)
		}
		if files() != before {
			t.Error("the signed files changed too")
		}
		dict, err := gvariant.ParseDict(readFile(t, c.Path("repo/summary.sig")))
		if err != nil {
			t.Fatal(err)
		}
		if good, err := k.Signer.Signed(t.Context(), readFile(t, c.Path("repo/summary")), dict); err != nil || !good {
			t.Errorf("signature of the summary: got %v, %v, want a good one", good, err)
		}
	}
}

func TestRefused(t *testing.T) {
	setup := func(t *testing.T) *Client {
		c := NewClient(t)
		c.export(platformBuild)
		c.export(appBuild)
		return c
	}
	k := NewKey(t, "Example")
	for _, test := range []struct {
		name   string
		says   string
		change func(t *testing.T, c *Client, o *Options)
	}{
		{"missing commit", "is missing", func(t *testing.T, c *Client, o *Options) {
			c.Write("repo/refs/heads/app/org.example.Gone/"+HostArch+"/stable", strings.Repeat("ab", 32)+"\n", 0o644)
		}},
		{"partial commit", "is incomplete", func(t *testing.T, c *Client, o *Options) {
			commit, err := o.Repo.ResolveRef(appRef)
			if err != nil {
				t.Fatal(err)
			}
			c.Write("repo/state/"+commit.String()+".commitpartial", "", 0o644)
		}},
		{"unknown setting", "collection-id", func(t *testing.T, c *Client, o *Options) {
			o.Settings = map[string]string{"deploy-collection-id": "true"}
		}},
		{"bad branch", "default-branch", func(t *testing.T, c *Client, o *Options) {
			o.Settings = map[string]string{SettingDefaultBranch: "a/b"}
		}},
		{"bad history", "summary-history-length", func(t *testing.T, c *Client, o *Options) {
			o.Settings = map[string]string{SettingHistoryLength: "many"}
		}},
		{"bad keys", "keys for clients", func(t *testing.T, c *Client, o *Options) { o.GPGKeys = []byte("no key") }},
		{"no longer signed", "no key was given", func(t *testing.T, c *Client, o *Options) {
			c.Write("repo/summary.sig", "x", 0o644)
		}},
		{"signer fails", "out of ink", func(t *testing.T, c *Client, o *Options) {
			o.Signers = []sign.Signer{brokenSigner{k.Signer}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := setup(t)
			o := Options{Repo: c.open(), Clock: testClock}
			test.change(t, c, &o)
			before := state(t, c.Path("repo"))
			_, err := Publish(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want an error that says %q", err, test.says)
			}
			if after := state(t, c.Path("repo")); !maps.Equal(before, after) {
				t.Errorf("files: got\n%v\nwant\n%v", after, before)
			}
		})
	}
}

type brokenSigner struct{ sign.Signer }

func (brokenSigner) Sign(contextType, []byte) (sign.Signature, error) {
	return sign.Signature{}, errors.New("out of ink")
}

func (brokenSigner) Signed(contextType, []byte, gvariant.Dict) (bool, error) { return false, nil }

func TestWarnings(t *testing.T) {
	c := NewClient(t)
	c.export(appBuild)
	odd := appBuild
	odd.id, odd.options = "org.example.Odd", []string{"--subset=two-parts"}
	c.export(odd)
	c.Run("ostree", "--repo="+c.Path("repo"), "refs", "--create=app/org.example.Alias/"+HostArch+"/stable", appRef)
	c.Write("tree/metadata", "[Runtime]\nname=org.example.Loose\n", 0o644)
	c.Run("ostree", "--repo="+c.Path("repo"), "commit", "--branch=runtime/org.example.Loose/"+HostArch+"/1", "--tree=dir="+c.Path("tree"), "--no-bindings", "--canonical-permissions")
	repo := c.open()
	if err := repo.SetConfig("core", "collection-id", "org.example.Collection"); err != nil {
		t.Fatal(err)
	}
	if err := repo.SetConfig("flatpak", "deploy-collection-id", "true"); err != nil {
		t.Fatal(err)
	}
	k := NewKey(t, "Example")
	result, err := Publish(t.Context(), Options{Repo: repo, Clock: testClock, Signers: []sign.Signer{k.Signer}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range result.Warnings {
		got = append(got, w.String())
	}
	for _, want := range []string{
		"the config asks clients to adopt the collection ID",
		`subset "two-parts" is left out`,
		"app/org.example.Alias/" + HostArch + "/stable: the commit is bound to " + appRef,
		"runtime/org.example.Loose/" + HostArch + "/1: the commit is not bound to a ref",
		appRef + ": the commit is not signed",
	} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("warnings: got %q, want one that starts with %q", got, want)
		}
	}
	index, _ := readIndex(t, c.Path("repo"))
	summary, err := ostree.DecodeSummary(readFile(t, c.Path("repo/summary")))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []gvariant.Dict{index.Metadata, summary.Metadata} {
		for _, e := range d {
			if strings.Contains(e.Key, "deploy") {
				t.Errorf("metadata: got %s, want no client to adopt a collection ID", e.Key)
			}
		}
		if got := d.Str(ostree.KeySummaryCollectionID); got != "org.example.Collection" {
			t.Errorf("collection ID: got %q", got)
		}
	}
}

func TestHistoryAndGarbage(t *testing.T) {
	c := NewClient(t)
	c.export(platformBuild)
	k := NewKey(t, "Example")
	repo := c.open()
	const limit = 3
	for i := range 25 {
		b := appBuild
		b.files = map[string]string{"app": fmt.Sprint("app ", i)}
		c.export(b)
		if i == 20 { // a file of someone else stays
			c.Write("repo/summaries/README.txt", "x", 0o644)
		}
		c.publish(k, Options{Repo: repo, Settings: map[string]string{SettingHistoryLength: fmt.Sprint(limit)}})
	}
	index, _ := readIndex(t, c.Path("repo"))
	e, ok := index.Entry(HostArch)
	if !ok || len(e.History) != limit {
		t.Fatalf("history: got %v, want %d", e.History, limit)
	}
	count := map[string]int{}
	entries, err := os.ReadDir(c.Path("repo/summaries"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		_, ext, _ := strings.Cut(entry.Name(), ".")
		count[ext]++
	}
	if want := map[string]int{"gz": limit + 1, "delta": limit, "idx.sig": keptIndexSignatures + 1, "txt": 1}; !maps.Equal(count, want) {
		t.Errorf("summaries: got %v, want %v", count, want)
	}
	p := &publication{repo: repo}
	want, err := p.readSubSummary(e.Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range e.History {
		oldData, err := p.readSubSummary(old)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := applyDiff(oldData, gunzip(t, readFile(t, c.Path(fmt.Sprintf("repo/summaries/%s-%s.delta", old, e.Digest))))); err != nil || string(got) != string(want) {
			t.Errorf("difference from %s: got %d bytes, %v, want the newest sub-summary", old, len(got), err)
		}
	}
}

func TestRemovedDeltas(t *testing.T) {
	c := NewClient(t)
	c.export(appBuild)
	c.Run("ostree", "--repo="+c.Path("repo"), "static-delta", "generate", "--empty", "--to="+appRef)
	c.publish(nil, Options{})
	if got := deltaIndexes(t, c.Path("repo")); len(got) != 1 {
		t.Fatalf("delta indexes: got %v, want one", got)
	}
	if err := os.RemoveAll(c.Path("repo/deltas")); err != nil {
		t.Fatal(err)
	}
	c.publish(nil, Options{})
	if got := deltaIndexes(t, c.Path("repo")); len(got) != 0 {
		t.Errorf("delta indexes: got %v, want none", got)
	}
}

func TestSummaryArches(t *testing.T) {
	c := NewClient(t)
	variety(c)
	c.publish(nil, Options{Settings: map[string]string{SettingSummaryArches: foreignArch + ";"}})
	summary, err := ostree.DecodeSummary(readFile(t, c.Path("repo/summary")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range summary.Refs {
		got = append(got, r.Name)
	}
	if want := []string{"app/org.example.App/" + foreignArch + "/stable", "os/x86_64/stable"}; !slices.Equal(got, want) {
		t.Errorf("legacy summary: got %v, want %v", got, want)
	}
	if _, subs := readIndex(t, c.Path("repo")); len(canonSummary(t, subs[HostArch])) < 6 {
		t.Errorf("sub-summary: got %v, want all refs of this machine", canonSummary(t, subs[HostArch]))
	}
}

func TestEmptyRepository(t *testing.T) {
	c := NewClient(t)
	c.Run("ostree", "--repo="+c.Path("repo"), "init", "--mode=archive")
	c.publish(NewKey(t, "Example"), Options{})
	summary, err := ostree.DecodeSummary(readFile(t, c.Path("repo/summary")))
	if err != nil || len(summary.Refs) != 0 {
		t.Errorf("summary: got %v, %v, want no refs", summary, err)
	}
}

func TestConcurrentPublications(t *testing.T) {
	c := NewClient(t)
	c.export(platformBuild)
	k := NewKey(t, "Example")
	c.publish(k, Options{})
	repo := c.open()
	var wg sync.WaitGroup
	for i := range 4 {
		b := appBuild
		b.id = fmt.Sprintf("org.example.App%d", i)
		c.export(b)
		k.SignCommits(t, repo)
		wg.Go(func() {
			if _, err := Publish(t.Context(), Options{Repo: repo, Signers: []sign.Signer{k.Signer}, Clock: testClock}); err != nil {
				t.Errorf("publication %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if got := c.publish(k, Options{Repo: repo}); len(got.Written) != 0 {
		t.Errorf("afterwards: got %v written, want the last of them to have seen all", got.Written)
	}
}
