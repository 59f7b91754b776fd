package rpmrepo

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
)

// run runs a real client. One that is absent is a failure.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v (make clients installs it)", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// variedPackages use what createrepo_c writes in some special way.
func variedPackages() []rpmtest.Package {
	list := somePackages(4)
	return append(list,
		rpmtest.Package{Name: "c++", Epoch: 2, Version: "1.0~rc1", Release: "3^git", Arch: "x86_64", Vendor: "A & B <c>",
			Summary: "ünïcode & <tags> \"quotes\"", Provides: []string{"compiler = 3:2-1", "cc"}, PreRequires: []string{"/bin/sh"},
			Requires: []string{"libx >= 1:2", "liby < 2-1", "(a if b else c)"}, Conflicts: []string{"d"}, Obsoletes: []string{"e <= 1"},
			Recommends: []string{"f"}, Suggests: []string{"g"}, Supplements: []string{"(h and i)"}, Enhances: []string{"j"},
			Files: []rpmtest.File{{Path: "/etc/conf&d"}, {Path: "/usr/lib/sendmail"}, {Path: "/usr/share/doc/x/"}, {Path: "/usr/bin/cc", LinkTo: "gcc"}}},
		rpmtest.Package{Name: "source", Arch: "src"})
}

// TestInteropCreaterepo reads what createrepo_c writes as rpmtest's own
// repository is read, whose packages come from the same headers.
func TestInteropCreaterepo(t *testing.T) {
	dir := rpmtest.Repo(t, variedPackages()...)
	read := func() []string {
		t.Helper()
		r := openRepo(t, testConfig(dir), Options{})
		var lines []string
		for _, m := range listPackages(t, r) {
			slices.Sort(m.Files)
			lines = append(lines, fmt.Sprintf("%+v", *m))
		}
		err := r.Filelists(t.Context(), func(string) bool { return true }, func(id, path string) error {
			lines = append(lines, id+" "+path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(lines)
		return lines
	}
	want := read()
	for _, args := range [][]string{
		{"--simple-md-filenames"}, {"--no-database", "--general-compress-type=xz"}, {"--no-database", "--general-compress-type=bz2"},
		{"--no-database", "--checksum=sha512"}, {"--database", "--unique-md-filenames"},
	} {
		if err := os.RemoveAll(filepath.Join(dir, "repodata")); err != nil {
			t.Fatal(err)
		}
		run(t, nil, "createrepo_c", append(append([]string{"-q"}, args...), dir)...)
		got := read()
		if strings.Contains(strings.Join(args, " "), "sha512") {
			if len(got) != len(want) {
				t.Errorf("%q: got %d lines, want %d", args, len(got), len(want))
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\ngot  %s\nwant %s", args, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestInteropGroupsAndModules(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(1)...)
	comps := filepath.Join(t.TempDir(), "comps.xml")
	writeFile(t, comps, []byte("<comps><group><id>core</id></group></comps>\n"))
	modules := filepath.Join(t.TempDir(), "modules.yaml")
	writeFile(t, modules, []byte("---\ndocument: modulemd-defaults\nversion: 1\n"))
	run(t, nil, "createrepo_c", "-q", "--groupfile", comps, dir)
	run(t, nil, "modifyrepo_c", "--mdtype=modules", modules, filepath.Join(dir, "repodata"))
	r := openRepo(t, testConfig(dir), Options{})
	if !r.Modular() || !r.Has("group") {
		t.Fatalf("got %+v, want groups and modules", r.RepoMD())
	}
	for kind, file := range map[string]string{"group": comps, "modules": modules} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in, err := r.OpenData(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", kind, got, err, want)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestInteropGPG checks signatures that gpg made, and the keys that it exports.
func TestInteropGPG(t *testing.T) {
	for _, kind := range []string{"rsa2048", "ed25519"} {
		dir := rpmtest.Repo(t, somePackages(1)...)
		env := []string{"GNUPGHOME=" + t.TempDir()}
		gpg := func(args ...string) string {
			t.Helper()
			return run(t, env, "gpg", append([]string{"--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
		}
		t.Cleanup(func() {
			_ = exec.Command("gpgconf", "--homedir", strings.TrimPrefix(env[0], "GNUPGHOME="), "--kill", "all").Run()
		})
		gpg("--quick-generate-key", "Repository <repo@localhost>", kind, "sign", "never")
		repomd := filepath.Join(dir, "repodata", "repomd.xml")
		for _, armor := range []bool{true, false} {
			key := filepath.Join(t.TempDir(), "KEY")
			args := []string{"--output", repomd + ".asc", "--detach-sign", repomd}
			export := []string{"--output", key, "--export"}
			if armor {
				args, export = append([]string{"--armor"}, args...), append([]string{"--armor"}, export...)
			}
			gpg(args...)
			gpg(export...)
			cfg := testConfig(dir)
			cfg.RepoGPGCheck, cfg.GPGKeys = true, []string{key}
			if _, err := tryOpen(t, cfg, Options{}); err != nil {
				t.Errorf("%s, armor %v: %v", kind, armor, err)
			}
		}
	}
}

// TestInteropDNF compares the packages, in their order, with those that dnf
// sees.
func TestInteropDNF(t *testing.T) {
	dir := rpmtest.Repo(t, variedPackages()...)
	run(t, nil, "createrepo_c", "-q", dir)
	out := run(t, nil, "dnf", "-q", "--disablerepo=*", "--repofrompath=r,"+dir, "--enablerepo=r", "--setopt=cachedir="+t.TempDir(),
		"--forcearch=x86_64", "repoquery", "--qf", "%{name}|%{epoch}|%{version}|%{release}|%{arch}|%{summary}|%{location}|%{size}|%{installsize}")
	want := strings.Split(strings.TrimSpace(out), "\n")
	r := openRepo(t, testConfig(dir), Options{})
	var got []string
	for _, m := range listPackages(t, r) {
		got = append(got, fmt.Sprintf("%s|%d|%s|%s|%s|%s|%s|%d|%d", m.Name, m.Epoch, m.Version, m.Release, m.Arch, m.Summary, m.Location, m.Size, m.InstalledSize))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
