//go:build interopdata

package publish_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/publish"
	"github.com/treewright/treewright/publish/mirror"
)

// TestInteropDataMixedRepository mirrors real repositories beside what was
// composed; a client that knows our key alone installs both.
func TestInteropDataMixedRepository(t *testing.T) {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	h, user := newHouse(t), publish.NewClient(t)
	h.now = time.Now()
	h.rpms("1", publish.StaticProgram(t, "hello, one"))
	h.compose("runtime.yaml", runtimeTree)
	h.compose("app.yaml", appTree)
	var ids []string
	for _, name := range []string{"bbs-radioo", "stenmark"} {
		ids = append(ids, h.mirrorTar(filepath.Join(data, "flatpak"), name)...)
	}
	if len(ids) < 2 {
		t.Fatalf("applications: got %q, want one of each upstream", ids)
	}
	h.publish()
	user.Write("key", string(h.key.Public), 0o644)
	user.Run("flatpak", "--user", "remote-add", "--gpg-import="+user.Path("key"), "house", h.serve())
	user.Run("flatpak", append([]string{"--user", "install", "-y", "--noninteractive", "--no-deps", "house", "org.example.Hello"}, ids...)...)
	got := user.Run("flatpak", "--user", "list", "--columns=ref,origin")
	for _, id := range append(ids, "org.example.Hello") {
		if !strings.Contains(got, id) {
			t.Errorf("installed: got %q, want %s", got, id)
		}
	}
	h.Run("ostree", "--repo="+h.Path("repo"), "fsck")
}

// mirrorTar mirrors the applications of a packed repository and returns their
// IDs.
func (h *house) mirrorTar(dir, name string) []string {
	h.t.Helper()
	h.Run("tar", "-xf", filepath.Join(dir, name+".tar"))
	file, err := os.ReadFile(filepath.Join(dir, name+".flatpakrepo"))
	if err != nil {
		h.t.Fatal(err)
	}
	info, err := mirror.ReadRepoFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	web := httptest.NewServer(http.FileServer(http.Dir(h.Path(name))))
	defer web.Close()
	result, err := mirror.Mirror(h.t.Context(), mirror.Options{Repo: h.repo, Name: name, URL: web.URL, Refs: []string{"app/*/" + publish.HostArch + "/*"},
		Keyring: info.Keyring, Signer: h.key.Signer, Clock: time.Now})
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	for _, r := range result.Refs {
		h.t.Logf("%s %s %s", name, r.Status, r.Ref)
		ids = append(ids, strings.Split(r.Ref, "/")[1])
	}
	return ids
}
