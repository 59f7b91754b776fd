package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A victim is a command that is killed while it changes a repository.
type victim struct {
	t    *testing.T
	dir  string // holds repo, and base: the repository before
	key  string // that the repository's summary is signed with; empty for none
	argv []string
}

// TestKilled kills mirror, publish and repo pull at points spread over their
// runs. After each the repository is sound, every ref is the old one or the
// new one, and clients accept the summary, but for the moment between two
// renames that docs/publish.md tells of; the next run ends well, and nothing of
// those before it is left.
func TestKilled(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, bulkyPackages(3, 60))
	for _, name := range []string{"up", "ours"} {
		mustRun(t, dir, binary, "key", "generate", "--uid="+name, "--output="+name+".key")
	}
	compose := func(repo, key, ref string, args ...string) {
		write(t, filepath.Join(dir, "ref.yaml"), "include: os.yaml\nref: "+ref+"\n")
		mustRun(t, dir, append([]string{binary, "compose", "tree", "-q", "--repo=" + repo, "--cachedir=cache", "--sign-key=" + key + ".key", "ref.yaml"}, args...)...)
	}
	publish := func(repo, key string) []string {
		return []string{binary, "publish", "-q", "--sign-key=" + key + ".key", repo}
	}

	// The upstream has two refs; ours has one, and what the upstream had before.
	for _, repo := range []string{"up", "ours"} {
		mustRun(t, dir, binary, "repo", "init", repo)
	}
	compose("ours", "ours", "ours/os")
	write(t, filepath.Join(dir, "old.yaml"), "include: os.yaml\nref: up/one\ndocumentation: false\n")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=up", "--cachedir=cache", "--sign-key=up.key", "old.yaml")
	mustRun(t, dir, publish("up", "up")...)
	mirror := []string{binary, "mirror", "-q", "--name=up", "--key=up.key.pub", "--sign-key=ours.key"}
	mustRun(t, dir, append(mirror, "ours", "up", "up/*")...)
	mustRun(t, dir, publish("ours", "ours")...)
	compose("up", "up", "up/one", "--add-metadata-string=version=2")
	compose("up", "up", "up/two", "--add-metadata-string=version=2")
	mustRun(t, dir, publish("up", "up")...)
	mustRun(t, dir, "ostree", "init", "--mode=archive", "--repo=empty")

	mustRun(t, dir, "cp", "-a", "ours", "mirrored")
	mustRun(t, dir, append(mirror, "mirrored", "up", "up/*")...)

	for _, tc := range []struct {
		name, base, key string
		argv            []string
	}{
		{"mirror", "ours", "ours", append(mirror, "repo", "../up", "up/*")},
		{"publish", "mirrored", "ours", publish("repo", "ours")},
		{"pull", "empty", "", []string{binary, "repo", "pull", "-q", "--mirror", "--key=up.key.pub", "--verify-summary", "repo", "../up"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := &victim{t: t, dir: filepath.Join(dir, tc.name), key: tc.key, argv: tc.argv}
			if err := os.Mkdir(v.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"up", "ours"} {
				mustRun(t, dir, "cp", name+".key", name+".key.pub", v.dir)
			}
			mustRun(t, dir, "cp", "-a", tc.base, filepath.Join(v.dir, "base"))
			v.run(10)
		})
	}
}

// run kills the command at the given number of points.
func (v *victim) run(points int) {
	v.reset()
	before := v.refs()
	start := time.Now()
	v.command(v.argv...)
	whole := time.Since(start)
	after := v.refs()
	v.check(after, after) // fsck leaves something of its own
	kept := v.leftovers()
	v.reset()
	for i := range points {
		if !v.kill(whole * time.Duration(i) / time.Duration(points)) {
			v.check(before, after)
			v.reset() // it was done before it could be killed
			continue
		}
		v.check(before, after)
	}
	v.command(v.argv...)
	v.check(after, after)
	if got := v.leftovers(); !slices.Equal(got, kept) {
		v.t.Errorf("after the last run: got %q, want what an undisturbed run leaves: %q", got, kept)
	}
}

func (v *victim) command(argv ...string) string { v.t.Helper(); return mustRun(v.t, v.dir, argv...) }

// reset makes repo what it was before all of it.
func (v *victim) reset() {
	v.t.Helper()
	v.command("rm", "-rf", "repo", "client")
	v.command("cp", "-a", "base", "repo")
	v.command("ostree", "init", "--mode=archive", "--repo=client")
	if v.key != "" {
		v.command("ostree", "remote", "add", "--repo=client", "--set=gpg-verify-summary=true", "--gpg-import="+v.key+".key.pub", "repo", "file://"+v.dir+"/repo")
	}
}

// kill runs the command, ends it after a time, and reports whether it did not
// end by itself before.
func (v *victim) kill(after time.Duration) bool {
	v.t.Helper()
	cmd := shellCommand(v.dir, v.argv...)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
		v.t.Errorf("killed after %v: got %v, want a success or a death", after, err)
	}
	return err != nil
}

// check looks at the repository as its clients do.
func (v *victim) check(before, after map[string]string) {
	v.t.Helper()
	v.command("ostree", "fsck", "--quiet", "--repo=repo")
	for ref, commit := range v.refs() {
		if commit != before[ref] && commit != after[ref] {
			v.t.Errorf("%s: got %s, want %q or %q", ref, commit, before[ref], after[ref])
		}
	}
	if v.key == "" || v.differs("summary.sig") && !v.differs("summary") {
		return
	}
	// The client refuses a summary that its signature does not fit.
	v.command("ostree", "pull", "--repo=client", "--mirror", "--commit-metadata-only", "repo")
}

// differs tells whether a file is not what it was before.
func (v *victim) differs(name string) bool {
	v.t.Helper()
	var data [2][]byte
	for i, repo := range []string{"base", "repo"} {
		var err error
		if data[i], err = os.ReadFile(filepath.Join(v.dir, repo, name)); err != nil {
			v.t.Fatal(err)
		}
	}
	return !bytes.Equal(data[0], data[1])
}

// refs are the repository's refs with their commits.
func (v *victim) refs() map[string]string {
	v.t.Helper()
	heads := filepath.Join(v.dir, "repo/refs/heads")
	refs := map[string]string{}
	for _, name := range fileNames(v.t, heads) {
		data, err := os.ReadFile(filepath.Join(heads, name))
		if errors.Is(err, syscall.EISDIR) {
			continue
		}
		if err != nil {
			v.t.Fatal(err)
		}
		refs[name] = strings.TrimSpace(string(data))
	}
	return refs
}

// leftovers lists the files of the repository that are no objects, refs or
// summaries.
func (v *victim) leftovers() []string {
	v.t.Helper()
	var names []string
	for _, name := range fileNames(v.t, filepath.Join(v.dir, "repo")) {
		switch top, _, _ := strings.Cut(name, "/"); top {
		case "objects", "refs", "summaries":
		default:
			names = append(names, name)
		}
	}
	return names
}

// fileNames lists all that lies below a folder, lock files apart.
func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	list, err := listFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(list) {
		names = append(names, strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
	}
	return names
}
