package publish

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree/sign"
)

// AddRemote makes the client know the repository at url, both verifications on.
func (c *Client) AddRemote(name, url string, keys ...*Key) {
	c.t.Helper()
	args := []string{"--user", "remote-add"}
	for _, k := range keys {
		c.Write("key-"+k.Fingerprint, string(k.Public), 0o644)
		args = append(args, "--gpg-import="+c.Path("key-"+k.Fingerprint))
	}
	c.Run("flatpak", append(args, name, url)...)
}

func TestOstreeVerifiesAndPulls(t *testing.T) {
	server, user := NewClient(t), NewClient(t)
	variety(server)
	k, other := NewKey(t, "Ours"), NewKey(t, "Theirs")
	server.publish(k, Options{})
	web := serve(t, server.Path("repo"))
	user.Write("key", string(k.Public), 0o644)
	user.Write("other", string(other.Public), 0o644)
	repo := "--repo=" + user.Path("repo")
	user.Run("ostree", repo, "init", "--mode=bare-user")
	user.Run("ostree", repo, "remote", "add", "--gpg-import="+user.Path("key"), "--set=gpg-verify-summary=true", "good", web.URL)
	user.Run("ostree", repo, "remote", "add", "--gpg-import="+user.Path("other"), "--set=gpg-verify-summary=true", "bad", web.URL)

	summary := user.Run("ostree", repo, "remote", "summary", "good")
	for _, want := range []string{"os/x86_64/stable", appRef, "1.2"} {
		if !strings.Contains(summary, want) {
			t.Errorf("remote summary: got %q, want %q in it", summary, want)
		}
	}
	user.Run("ostree", repo, "pull", "good", "os/x86_64/stable", appRef)
	user.Run("ostree", repo, "fsck")
	if out, err := user.Try("ostree", repo, "pull", "bad", "os/x86_64/stable"); err == nil {
		t.Errorf("pull with another key: got %q, want an error", out)
	}
}

// TestUpstreamCommitInstallsWithOurKey is the mixed repository: a commit that
// an upstream signed, to which we appended our signature, beside one of ours.
func TestUpstreamCommitInstallsWithOurKey(t *testing.T) {
	upstream, server, user := NewClient(t), NewClient(t), NewClient(t)
	up, k := NewKey(t, "Upstream"), NewKey(t, "Ours")
	upstream.export(platformBuild)
	upstream.export(appBuild)
	up.SignCommits(t, upstream.open())
	ours := appBuild
	ours.id = "org.example.Ours"
	server.export(ours)
	server.Run("ostree", "--repo="+server.Path("repo"), "pull-local", upstream.Path("repo"), platformRef, appRef)

	web := serve(t, server.Path("repo"))
	publish := func() {
		if _, err := Publish(t.Context(), Options{Repo: server.open(), Signers: []sign.Signer{k.Signer}, Clock: testClock}); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	user.AddRemote("mixed", web.URL, k)
	if out, err := user.Try("flatpak", "--user", "install", "-y", "--noninteractive", "mixed", "org.example.App"); err == nil {
		t.Errorf("install before our signature: got %q, want an error", out)
	}
	k.SignCommits(t, server.open())
	publish()
	user.Run("flatpak", "--user", "install", "-y", "--noninteractive", "mixed", "org.example.App", "org.example.Ours")
	if got := user.Run("flatpak", "--user", "list", "--columns=ref"); strings.Count(got, "/"+HostArch+"/") != 3 {
		t.Errorf("installed: got %q, want both applications and the runtime", got)
	}
}

// TestKeyRotation announces a new key while the old one still signs.
func TestKeyRotation(t *testing.T) {
	server, user := NewClient(t), NewClient(t)
	server.export(platformBuild)
	server.export(appBuild)
	first, second := NewKey(t, "First"), NewKey(t, "Second")
	web := serve(t, server.Path("repo"))
	repo := server.open()
	server.publish(first, Options{Repo: repo})
	user.AddRemote("example", web.URL, first)
	user.Run("flatpak", "--user", "install", "-y", "--noninteractive", "example", "org.example.App")

	second.SignCommits(t, repo)
	result, err := Publish(t.Context(), Options{Repo: repo, Signers: []sign.Signer{first.Signer, second.Signer}, GPGKeys: second.Public, Clock: testClock})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(result.Written, "summary.idx") {
		t.Errorf("written: got %v, want the index", result.Written)
	}
	user.Run("flatpak", "--user", "remote-modify", "--update-metadata", "example")

	next := appBuild
	next.files = map[string]string{"app": "app two"}
	server.export(next)
	server.publish(second, Options{Repo: repo})
	user.Run("flatpak", "--user", "update", "-y", "--noninteractive")
	commit, err := repo.ResolveRef(appRef)
	if err != nil {
		t.Fatal(err)
	}
	if got := user.Run("flatpak", "--user", "info", "--show-commit", "org.example.App"); !strings.Contains(got, commit.String()) {
		t.Errorf("installed commit: got %s, want %s", got, commit)
	}
}

// TestSubset shows a client that asks for a subset that alone.
func TestSubset(t *testing.T) {
	server, user := NewClient(t), NewClient(t)
	variety(server)
	k := NewKey(t, "Example")
	server.publish(k, Options{})
	web := serve(t, server.Path("repo"))
	user.Write("key", string(k.Public), 0o644)
	user.Run("flatpak", "--user", "remote-add", "--subset=staff", "--gpg-import="+user.Path("key"), "staff", web.URL)
	got := user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref", "staff")
	if !strings.Contains(got, "org.example.Staff") || strings.Contains(got, "org.example.App/") {
		t.Errorf("remote-ls of the subset: got %q, want org.example.Staff alone", got)
	}
	user.AddRemote("all", web.URL, k)
	got = user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref,options", "all")
	for _, want := range []string{"org.example.App/", "org.example.Staff/" + HostArch + "/stable\teol=tired,eol-rebase=" + appRef, "org.example.Extra/", "org.example.Plain/"} {
		if !strings.Contains(got, want) {
			t.Errorf("remote-ls: got %q, want %q in it", got, want)
		}
	}
}

// TestClientsWithoutIndex takes the index away: clients then do what those
// before flatpak 1.9 do.
func TestClientsWithoutIndex(t *testing.T) {
	server, user := NewClient(t), NewClient(t)
	variety(server)
	k := NewKey(t, "Example")
	server.publish(k, Options{Settings: map[string]string{SettingTitle: "Old ways"}})
	repo := server.open()
	for _, name := range []string{"summary.idx", "summary.idx.sig", "summaries"} {
		if err := os.RemoveAll(server.Path("repo/" + name)); err != nil {
			t.Fatal(err)
		}
	}
	web := serve(t, server.Path("repo"))
	user.AddRemote("example", web.URL, k)
	got := strings.ReplaceAll(user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref,installed-size,download-size,options", "example"), "\u00a0", " ")
	for _, ref := range []string{appRef, platformRef} {
		sizes := commitSizes(t, repo, ref)
		if want := ref + "\t" + size(sizes.Installed) + "\t" + size(sizes.Download); !strings.Contains(got, want) {
			t.Errorf("remote-ls: got %q, want %q in it", got, want)
		}
	}
	if want := "eol=tired,eol-rebase=" + appRef; !strings.Contains(got, want) {
		t.Errorf("remote-ls: got %q, want %q in it", got, want)
	}
	user.Run("flatpak", "--user", "install", "-y", "--noninteractive", "example", "org.example.App")
	if got := user.Run("flatpak", "--user", "remotes", "--columns=title"); !strings.Contains(got, "Old ways") {
		t.Errorf("title: got %q", got)
	}
}
