package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A person has flatpak or ostree, knows our key alone, and has both
// verifications on.
type person struct {
	*machine
	remote string
}

// TestFlatpakAndOstreeClients is the whole way: packages and an upstream go
// in, real clients install, run and update what comes out.
func TestFlatpakAndOstreeClients(t *testing.T) {
	dir := publicDir(t)
	t.Cleanup(func() { wantNoProcesses(t, dir) })
	h := newHouse(t, filepath.Join(dir, "house"))
	up := newUpstream(t, filepath.Join(dir, "upstream"))
	up.release(h.hello, "Hello from upstream, one.\n")
	theirs := up.serve(h.treewright, "repo")

	h.packages("1", "Hello from packages, one.\n")
	for _, treefile := range []string{"os.yaml", "runtime.yaml", "app.toml"} {
		h.compose(treefile)
	}
	h.mirror(up, theirs)
	h.publish()
	h.wantRefs(ourAppRef, ourRuntimeRef, ourOS, theirAppRef, theirRuntimeRef)
	h.wantBindings()

	byKey := h.visitor(filepath.Join(dir, "by-key"), "--gpg-import="+h.path("house.key.pub"), h.url)
	byFile := h.visitor(filepath.Join(dir, "by-file"), h.url+"house.flatpakrepo")
	makers := map[string]*machine{ourAppRef: h.machine, ourRuntimeRef: h.machine, theirAppRef: up.machine, theirRuntimeRef: up.machine}
	for _, p := range []*person{byKey, byFile} {
		p.wantSizes(makers)
		p.flatpak("install", "-y", "--noninteractive", p.remote, ourApp, theirApp)
		p.wantGreeting(h, ourApp, ourAppRef, "Hello from packages, one.\n")
		p.wantGreeting(h, theirApp, theirAppRef, "Hello from upstream, one.\n")
	}
	byKey.wantExports()
	t.Run("system-wide", func(t *testing.T) { installForAll(t, h, filepath.Join(dir, "for-all")) })
	t.Run("ostree", func(t *testing.T) { pullTree(t, h, filepath.Join(dir, "ostree")) })

	first := h.date(ourAppRef)
	h.packages("2", "Hello from packages, two.\n")
	h.compose("app.toml")
	h.wantDate(ourAppRef, first.Add(time.Second))
	up.release(h.hello, "Hello from upstream, two.\n")
	h.mirror(up, theirs)
	h.publish()
	for _, p := range []*person{byKey, byFile} {
		p.flatpak("update", "-y", "--noninteractive")
		p.wantGreeting(h, ourApp, ourAppRef, "Hello from packages, two.\n")
		p.wantGreeting(h, theirApp, theirAppRef, "Hello from upstream, two.\n")
		p.wantSizes(makers)
	}

	h.env = append(h.env, "SOURCE_DATE_EPOCH=1600000000") // the clock of another machine, years behind
	h.compose("app.toml", "--force-nocache")
	h.wantDate(ourAppRef, first.Add(2*time.Second))
	h.publish()
	byKey.flatpak("update", "-y", "--noninteractive")
	byKey.wantGreeting(h, ourApp, ourAppRef, "Hello from packages, two.\n")
	h.run("ostree", "fsck", "--quiet", "--repo=repo")
}

// mirror brings all that the upstream has for flatpak clients.
func (h *house) mirror(up *upstream, url string) {
	h.t.Helper()
	h.do("mirror", "--name=upstream", "--key="+up.path("upstream.asc"), "--sign-key=house.key", "repo", url, "*")
	for _, ref := range []string{theirAppRef, theirRuntimeRef} {
		if got, want := h.commit(ref), up.output("ostree", "rev-parse", "--repo=repo", forHost(ref)); got != want {
			h.t.Errorf("mirrored %s: got %s, want the upstream's %s", forHost(ref), got, want)
		}
	}
}

func (h *house) wantRefs(refs ...string) {
	h.t.Helper()
	var want []string
	for _, ref := range refs {
		want = append(want, forHost(ref))
	}
	slices.Sort(want)
	if got := strings.Fields(h.output("ostree", "refs", "--repo=repo")); !slices.Equal(sorted(got), want) {
		h.t.Errorf("refs: got %q, want %q: catalogues of the upstream stay there", got, want)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// wantBindings checks what the helper of system-wide installations insists on:
// every commit names its ref.
func (h *house) wantBindings() {
	h.t.Helper()
	for _, ref := range strings.Fields(h.output("ostree", "refs", "--repo=repo")) {
		got := h.output("ostree", "show", "--repo=repo", "--print-metadata-key=ostree.ref-binding", ref)
		if want := "['" + ref + "']"; got != want {
			h.t.Errorf("ostree.ref-binding of %s: got %s, want %s", ref, got, want)
		}
	}
}

func (h *house) wantDate(ref string, want time.Time) {
	h.t.Helper()
	if got := h.date(ref); !got.Equal(want) {
		h.t.Errorf("time of %s: got %v, want %v", forHost(ref), got, want)
	}
}

// visitor is a new client that adds the house's repository.
func (h *house) visitor(dir string, args ...string) *person {
	h.t.Helper()
	p := &person{newMachine(h.t, dir), "house"}
	args = slices.Insert(args, len(args)-1, p.remote)
	p.flatpak(append([]string{"remote-add"}, args...)...)
	config, err := os.ReadFile(p.path("user/repo/config"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, want := range []string{"url=" + h.url + "\n", "gpg-verify=true\n", "gpg-verify-summary=true\n"} {
		if !strings.Contains(string(config), want) {
			h.t.Errorf("configuration of the client: got %q, want %q in it", config, want)
		}
	}
	return p
}

// wantGreeting runs an installed application, whose commit must be the newest.
func (p *person) wantGreeting(h *house, id, ref, want string) {
	p.t.Helper()
	if got := p.flatpak("run", id) + "\n"; got != want {
		p.t.Errorf("flatpak run %s: got %q, want %q", id, got, want)
	}
	if got, want := p.flatpak("info", "--show-commit", id), h.commit(ref); got != want {
		p.t.Errorf("flatpak info %s: got the commit %s, want %s", id, got, want)
	}
	if got := p.flatpak("info", "--show-origin", id); got != p.remote {
		p.t.Errorf("flatpak info %s: got the origin %s, want %s", id, got, p.remote)
	}
}

// wantExports checks the desktop file that the host sees.
func (p *person) wantExports() {
	p.t.Helper()
	text, err := os.ReadFile(p.path("user/exports/share/applications/org.example.Hello.desktop"))
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.Contains(string(text), "--command=hello org.example.Hello") {
		p.t.Errorf("exported desktop file: got %q, want it to start the application", text)
	}
}

// wantSizes compares the sizes that flatpak shows with those of the files, on
// the machine where each ref was made.
func (p *person) wantSizes(makers map[string]*machine) {
	p.t.Helper()
	shown := map[string]string{}
	out := p.flatpak("remote-ls", "--all", "--columns=ref,installed-size,download-size", p.remote)
	for line := range strings.Lines(strings.ReplaceAll(out, "\u00a0", " ")) {
		ref, sizes, _ := strings.Cut(strings.TrimSpace(line), "\t")
		shown[ref] = sizes
	}
	if len(shown) != len(makers) {
		p.t.Errorf("remote-ls: got %q, want %d refs", out, len(makers))
	}
	for ref, maker := range makers {
		installed, download := maker.sizes(ref)
		if got, want := shown[forHost(ref)], sizeText(installed)+"\t"+sizeText(download); got != want {
			p.t.Errorf("sizes of %s: got %q, want %q", forHost(ref), got, want)
		}
	}
}

// sizes adds up what a ref's files take installed, in blocks, and as they are
// downloaded; the commit must say the same.
func (m *machine) sizes(ref string) (installed, download uint64) {
	m.t.Helper()
	line := regexp.MustCompile(`(?m)^-\d+ \d+ \d+ +(\d+) ([0-9a-f]{64}) /`)
	for _, file := range line.FindAllStringSubmatch(m.output("ostree", "ls", "--repo=repo", "-RC", forHost(ref)), -1) {
		size, err := strconv.ParseUint(file[1], 10, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		installed += (size + 511) / 512 * 512
		info, err := os.Stat(m.path("repo/objects/" + file[2][:2] + "/" + file[2][2:] + ".filez"))
		if err != nil {
			m.t.Fatal(err)
		}
		download += uint64(info.Size())
	}
	for key, want := range map[string]uint64{"xa.installed-size": installed, "xa.download-size": download} {
		got := m.output("ostree", "show", "--repo=repo", "--print-metadata-key="+key, forHost(ref))
		if want := fmt.Sprintf("uint64 %d", want); got != want {
			m.t.Errorf("%s of %s: got %s, want %s", key, forHost(ref), got, want)
		}
	}
	return installed, download
}

// sizeText is a number of bytes as flatpak shows it.
func sizeText(n uint64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
}

// pullTree brings the operating system to a machine that has ostree.
func pullTree(t *testing.T, h *house, dir string) {
	p := newMachine(t, dir)
	tree := forHost(ourOS)
	p.run("ostree", "init", "--repo=repo", "--mode=bare-user")
	p.run("ostree", "remote", "add", "--repo=repo", "--set=gpg-verify=true", "--set=gpg-verify-summary=true", "--gpg-import="+h.path("house.key.pub"), "house", h.url)
	p.run("ostree", "pull", "--repo=repo", "house", tree)
	p.run("ostree", "fsck", "--quiet", "--repo=repo")
	if got, want := p.output("ostree", "rev-parse", "--repo=repo", "house:"+tree), h.commit(ourOS); got != want {
		t.Errorf("commit: got %s, want %s", got, want)
	}
	if got := p.output("ostree", "ls", "--repo=repo", "house:"+tree, "/usr/bin/score"); !strings.HasPrefix(got, "-02755 0 20 ") {
		t.Errorf("mode and owner: got %q, want -02755 0 20", got)
	}
	p.run("ostree", "checkout", "-U", "--repo=repo", "house:"+tree, "tree")
	got, err := os.ReadFile(p.path("tree/usr/etc/os-release"))
	if err != nil || string(got) != "ID=example\n" {
		t.Errorf("checked out: got %q, %v", got, err)
	}
}
