//go:build interopdata

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInteropDataFlatpakUpstreams mirrors real repositories beside what was
// composed; a client with both verifications on and our key alone installs all
// of it, theirs without their runtimes, which the data lacks.
func TestInteropDataFlatpakUpstreams(t *testing.T) {
	dir := publicDir(t)
	t.Cleanup(func() { wantNoProcesses(t, dir) })
	h := newHouse(t, filepath.Join(dir, "house"))
	h.packages("1", "Hello from packages.\n")
	h.compose("runtime.yaml")
	h.compose("app.toml")

	// An upstream is named by its .flatpakrepo file, or by address and key.
	h.writeRepoFile("bbs-radioo", h.unpackUpstream("bbs-radioo"))
	h.do("mirror", "--sign-key=house.key", "repo", "bbs-radioo.flatpakrepo", "app/*")
	key := filepath.Join(dataDir(t), "flatpak/stenmark.key.gpg")
	h.do("mirror", "--name=stenmark", "--key="+key, "--sign-key=house.key", "repo", h.unpackUpstream("stenmark"), "*")
	h.publish()

	makers := map[string]*machine{}
	var theirs []string
	for _, ref := range strings.Fields(h.output("ostree", "refs", "--repo=repo")) {
		makers[ref] = h.machine
		if strings.HasPrefix(ref, "app/") && ref != forHost(ourAppRef) {
			theirs = append(theirs, ref)
		}
	}
	if len(theirs) != 2 {
		t.Fatalf("mirrored: got %q, want one application of each upstream", theirs)
	}
	p := h.visitor(filepath.Join(dir, "person"), h.url+"house.flatpakrepo")
	p.wantSizes(makers)
	p.flatpak("install", "-y", "--noninteractive", p.remote, ourApp)
	p.wantGreeting(h, ourApp, ourAppRef, "Hello from packages.\n")
	for _, ref := range theirs {
		p.flatpak("install", "-y", "--noninteractive", "--no-deps", p.remote, ref)
		if got, want := p.flatpak("info", "--show-commit", ref), h.commit(ref); got != want {
			t.Errorf("flatpak info %s: got the commit %s, want %s", ref, got, want)
		}
	}
	h.run("ostree", "fsck", "--quiet", "--repo=repo")
	p.run("ostree", "fsck", "--quiet", "--repo=user/repo")
}

// unpackUpstream serves a packed repository and returns its address.
func (h *house) unpackUpstream(name string) string {
	h.t.Helper()
	h.run("tar", "-xf", filepath.Join(dataDir(h.t), "flatpak", name+".tar"))
	return h.serve(h.treewright, name)
}

// writeRepoFile copies an upstream's .flatpakrepo file, with an address of
// this machine in it.
func (h *house) writeRepoFile(name, url string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir(h.t), "flatpak", name+".flatpakrepo"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.write(name+".flatpakrepo", regexp.MustCompile(`(?m)^Url=.*$`).ReplaceAllString(string(text), "Url="+url))
}
