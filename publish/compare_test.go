package publish

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// canon writes a value so that dictionaries in any order look alike.
func canon(v gvariant.Value) string {
	switch t := v.Type(); {
	case t == "v":
		return "<" + canon(v.Unwrap()) + ">"
	case strings.HasPrefix(t, "a{"):
		var all []string
		for _, e := range v.All() {
			all = append(all, canon(e.Index(0))+":"+canon(e.Index(1)))
		}
		slices.Sort(all)
		return "{" + strings.Join(all, " ") + "}"
	case strings.HasPrefix(t, "(") || strings.HasPrefix(t, "a") && t != "ay":
		var all []string
		for _, e := range v.All() {
			all = append(all, canon(e))
		}
		return "(" + strings.Join(all, " ") + ")"
	}
	return fmt.Sprintf("%s %x", v.Type(), v.Data())
}

func canonDict(d gvariant.Dict, without ...string) string {
	d = d.Clone()
	for _, key := range without {
		d.Delete(key)
	}
	return canon(d.Encode())
}

// canonSummary is a summary by ref; the metadata stands under "".
func canonSummary(t *testing.T, data []byte) map[string]string {
	t.Helper()
	s, err := ostree.DecodeSummary(data)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"": canonDict(s.Metadata, ostree.KeySummaryLastModified)}
	for _, r := range s.Refs {
		all[r.Name] = fmt.Sprintf("%d %s %s", r.CommitSize, r.Commit, canonDict(r.Metadata, ostree.KeyCommitVersion))
	}
	return all
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readIndex returns the index and the content of every sub-summary of a
// repository.
func readIndex(t *testing.T, dir string) (*Index, map[string][]byte) {
	t.Helper()
	x, err := DecodeIndex(readFile(t, filepath.Join(dir, "summary.idx")))
	if err != nil {
		t.Fatal(err)
	}
	repo, err := archive.Open(dir, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := &publication{repo: repo}
	all := map[string][]byte{}
	for _, e := range x.Entries {
		data, err := p.readSubSummary(e.Digest)
		if err != nil || data == nil {
			t.Fatalf("sub-summary %s: got %d bytes, %v", e.Name, len(data), err)
		}
		all[e.Name] = data
	}
	return x, all
}

func compareMaps(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			t.Errorf("%s of %q: got\n%s\nwant\n%s", what, key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: got %q too", what, key)
		}
	}
}

// compareRepos compares what clients see of two repositories.
func compareRepos(t *testing.T, got, want string) {
	t.Helper()
	compareMaps(t, "summary", canonSummary(t, readFile(t, got+"/summary")), canonSummary(t, readFile(t, want+"/summary")))
	gotIndex, gotSubs := readIndex(t, got)
	wantIndex, wantSubs := readIndex(t, want)
	if g, w := canonDict(gotIndex.Metadata, ostree.KeySummaryLastModified), canonDict(wantIndex.Metadata, ostree.KeySummaryLastModified); g != w {
		t.Errorf("metadata of the index: got\n%s\nwant\n%s", g, w)
	}
	var gotNames, wantNames []string
	for _, e := range gotIndex.Entries {
		gotNames = append(gotNames, e.Name)
	}
	for _, e := range wantIndex.Entries {
		wantNames = append(wantNames, e.Name)
	}
	if !slices.Equal(gotNames, wantNames) {
		t.Errorf("index: got %q, want %q", gotNames, wantNames)
	}
	for name := range wantSubs {
		compareMaps(t, "sub-summary "+name, canonSummary(t, gotSubs[name]), canonSummary(t, wantSubs[name]))
	}
	compareMaps(t, "delta index", deltaIndexes(t, got), deltaIndexes(t, want))
}

func deltaIndexes(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "delta-indexes", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		d, err := gvariant.ParseDict(readFile(t, f))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		rel, _ := filepath.Rel(dir, f)
		all[rel] = canonDict(d)
	}
	return all
}

// variety fills the client's repository with every kind of ref.
func variety(c *Client) {
	c.t.Helper()
	c.export(platformBuild)
	c.export(appBuild)
	staff := appBuild
	staff.id, staff.options = "org.example.Staff", []string{"--subset=staff", "--subset=all_of_them", "--end-of-life=tired", "--end-of-life-rebase=org.example.App", "--token-type=2"}
	c.export(staff)
	extra := appBuild
	extra.id = "org.example.Extra"
	extra.metadata = "\n[Extra Data]\nuri=https://example.org/a\nchecksum=" + strings.Repeat("0a", 32) + "\nsize=1000\ninstalled-size=2000\nname=a\n"
	c.export(extra)
	other := appBuild
	other.options = []string{"--arch=" + foreignArch, "--subset=staff"}
	c.export(other)
	c.Write("tree/usr/bin/init", "init", 0o755)
	c.Run("ostree", "--repo="+c.Path("repo"), "commit", "--branch=os/x86_64/stable", "--tree=dir="+c.Path("tree"), "--add-metadata-string=version=1.2")
	// A runtime without flatpak's keys: sizes and metadata come from the tree.
	c.Write("plain/metadata", "[Runtime]\nname=org.example.Plain\n", 0o644)
	c.Write("plain/files/share/one", strings.Repeat("x", 1025), 0o644)
	c.Write("plain/files/share/two", strings.Repeat("x", 1025), 0o644)
	if err := os.Symlink("one", c.Path("plain/files/share/link")); err != nil {
		c.t.Fatal(err)
	}
	c.Run("ostree", "--repo="+c.Path("repo"), "commit", "--branch=runtime/org.example.Plain/"+HostArch+"/1", "--tree=dir="+c.Path("plain"), "--canonical-permissions")
}

// peer is a copy of a repository that flatpak build-update-repo publishes.
func (c *Client) peer(name string, options ...string) string {
	c.t.Helper()
	dir := c.Path(name)
	if err := os.CopyFS(dir, os.DirFS(c.Path("repo"))); err != nil {
		c.t.Fatal(err)
	}
	c.Run("flatpak", append(append([]string{"build-update-repo"}, options...), dir)...)
	return dir
}

func TestLikeBuildUpdateRepo(t *testing.T) {
	c := NewClient(t)
	variety(c)
	c.Run("flatpak", "build-update-repo", c.Path("repo")) // makes the catalogues
	for _, name := range []string{"summary", "summary.idx", "summaries"} {
		if err := os.RemoveAll(c.Path("repo/" + name)); err != nil {
			t.Fatal(err)
		}
	}
	next := appBuild
	next.files = map[string]string{"app": "app two"}
	c.export(next)
	c.Run("ostree", "--repo="+c.Path("repo"), "static-delta", "generate", appRef)
	c.Run("ostree", "--repo="+c.Path("repo"), "static-delta", "generate", "--empty", "--to="+appRef)
	k := NewKey(t, "Example")
	ring, err := sign.ReadKeyring(k.Public)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := ring.Binary()
	if err != nil {
		t.Fatal(err)
	}
	c.Write("key.gpg", string(binary), 0o644)
	settings := map[string]string{SettingTitle: "Title; and \\more", SettingComment: "Comment", SettingDescription: "Description",
		SettingHomepage: "https://example.org", SettingIcon: "https://example.org/icon.png", SettingDefaultBranch: "stable"}
	var options []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		options = append(options, "--"+name+"="+settings[name])
	}
	options = append(options, "--gpg-import="+c.Path("key.gpg"), "--no-update-appstream")
	want := c.peer("peer", options...)
	c.publish(nil, Options{Settings: settings, GPGKeys: k.Public})
	compareRepos(t, c.Path("repo"), want)
	if got := readFile(t, c.Path("repo/config")); !strings.Contains(string(got), "indexed-deltas=true") {
		t.Errorf("config: got %s, want indexed-deltas=true", got)
	}
}

func TestCarriesOnWhatFlatpakPublished(t *testing.T) {
	c := NewClient(t)
	variety(c)
	c.Run("flatpak", "build-update-repo", c.Path("repo"))
	next := appBuild
	next.files = map[string]string{"app": "app two"}
	c.export(next)
	c.Run("ostree", "--repo="+c.Path("repo"), "refs", "--delete", "app/org.example.Extra/"+HostArch+"/stable")
	want := c.peer("peer", "--no-update-appstream")
	result := c.publish(nil, Options{})
	compareRepos(t, c.Path("repo"), want)
	index, _ := readIndex(t, c.Path("repo"))
	if e, ok := index.Entry(HostArch); !ok || len(e.History) != 1 {
		t.Errorf("history: got %v, want flatpak's state", e.History)
	}
	if result.Read != 2 { // the new commit, and the tree that is none of flatpak's
		t.Errorf("commits read: got %d, want 2", result.Read)
	}
	var changes []string
	for _, ch := range result.Changes {
		changes = append(changes, fmt.Sprint(ch.Name, " ", ch.Old.IsZero(), " ", ch.New.IsZero()))
	}
	if want := []string{appRef + " false false", "app/org.example.Extra/" + HostArch + "/stable false true"}; !slices.Equal(changes, want) {
		t.Errorf("changes: got %q, want %q", changes, want)
	}
}
