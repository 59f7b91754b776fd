package publish

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// repoFile writes the .flatpakrepo file of the client's repository.
func (c *Client) repoFile(url string, keys []byte) string {
	c.t.Helper()
	f, err := DescribeRepo(c.open())
	if err != nil {
		c.t.Fatal(err)
	}
	f.URL, f.Keys = url, keys
	data, err := f.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	c.Write("repo.flatpakrepo", string(data), 0o644)
	return c.Path("repo.flatpakrepo")
}

// commitSizes are the sizes that the commit of a ref gives for itself.
func commitSizes(t *testing.T, repo *archive.Repo, ref string) flatpak.Sizes {
	t.Helper()
	c, err := repo.ResolveRef(ref)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	installed, _ := commit.Metadata.Get(flatpak.KeyInstalledSize)
	download, _ := commit.Metadata.Get(flatpak.KeyDownloadSize)
	return flatpak.Sizes{Installed: gvariant.BE64(installed.Uint64()), Download: gvariant.BE64(download.Uint64())}
}

// TestFlatpakInstallsRunsAndUpdates is the life of a repository as a client
// with both verifications on and only our key sees it.
func TestFlatpakInstallsRunsAndUpdates(t *testing.T) {
	server, user := NewClient(t), NewClient(t)
	platform, app := platformBuild, appBuild
	platform.files = map[string]string{"ldconfig": StaticProgram(t, "")}
	app.metadata = "command=app\n"
	app.files = map[string]string{"app": StaticProgram(t, "this is one")}
	server.export(platform)
	server.export(app)
	k := NewKey(t, "Example <packages@example.org>")
	server.publish(k, Options{Settings: map[string]string{SettingTitle: "Example packages", SettingDefaultBranch: "stable"}})
	web := serve(t, server.Path("repo"))

	user.Run("flatpak", "--user", "remote-add", "example", server.repoFile(web.URL, k.Public))
	if got := user.Run("flatpak", "--user", "remotes", "--columns=name,title,options"); !strings.Contains(got, "Example packages") || strings.Contains(got, "no-gpg-verify") {
		t.Errorf("remotes: got %q, want the title and verification", got)
	}
	repo := server.open()
	got := user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref,installed-size,download-size", "example")
	for _, ref := range []string{appRef, platformRef} {
		sizes := commitSizes(t, repo, ref)
		want := ref + "\t" + size(sizes.Installed) + "\t" + size(sizes.Download)
		if !strings.Contains(strings.ReplaceAll(got, "\u00a0", " "), want) {
			t.Errorf("remote-ls: got %q, want %q in it", got, want)
		}
	}
	user.Run("flatpak", "--user", "install", "-y", "--noninteractive", "example", "org.example.App")
	if got := user.Run("flatpak", "--user", "run", "org.example.App"); !strings.Contains(got, "this is one") {
		t.Errorf("run: got %q, want %q", got, "this is one")
	}

	app.files["app"] = StaticProgram(t, "this is two")
	server.export(app)
	result := server.publish(k, Options{})
	if result.Read != 1 || len(result.Changes) != 1 || result.Changes[0].Name != appRef {
		t.Errorf("second publication: got %+v, want one commit read and one change", result)
	}
	web.asked()
	user.Run("flatpak", "--user", "update", "-y", "--noninteractive")
	asked := web.asked()
	i := slices.IndexFunc(asked, func(p string) bool { return strings.HasPrefix(p, "/summaries/") && strings.HasSuffix(p, ".delta") })
	if i < 0 || strings.HasSuffix(asked[i+1], ".gz") {
		t.Errorf("update asked for %v, want a difference between sub-summaries that the client believes", asked)
	}
	for _, unwanted := range []string{"/summary", "/summary.sig"} {
		if slices.Contains(asked, unwanted) {
			t.Errorf("update asked for %s, which the index makes needless", unwanted)
		}
	}
	if got := user.Run("flatpak", "--user", "run", "org.example.App"); !strings.Contains(got, "this is two") {
		t.Errorf("run after the update: got %q, want %q", got, "this is two")
	}
}

// size is a number of bytes as flatpak prints it.
func size(n uint64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
}
