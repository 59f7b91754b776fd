package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/internal/rpmtest"
)

// bench is one run: a work folder, a repository in it, and what was measured.
type bench struct {
	options
	work      string
	samples   []sample
	peerTotal sample
}

func (b *bench) path(name string) string { return filepath.Join(b.work, name) }

// prepare links the packages into the work folder, so that the update can be
// added to them, and writes the treefile.
func (b *bench) prepare(ctx context.Context) error {
	if err := os.Mkdir(b.path("rpms"), 0o755); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(b.repo, "*.rpm"))
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return fmt.Errorf("%s holds no *.rpm files", b.repo)
	}
	for _, p := range packages {
		if err := linkOrCopy(ctx, p, b.path("rpms")); err != nil {
			return err
		}
	}
	if err := b.createrepo(ctx); err != nil {
		return err
	}
	repo := fmt.Sprintf("[set]\nname=set\nbaseurl=file://%s\ngpgcheck=0\n", b.path("rpms"))
	if err := os.WriteFile(b.path("set.repo"), []byte(repo), 0o644); err != nil {
		return err
	}
	tree := fmt.Sprintf("ref: bench/x86_64/set\nrepos: [set]\nselinux: false\nno-initramfs: true\npackages: [%s]\n", strings.Join(b.packages, ", "))
	if err := os.WriteFile(b.path("set.yaml"), []byte(tree), 0o644); err != nil {
		return err
	}
	for _, repo := range []string{"peer", "ours"} {
		if err := command(ctx, "ostree", "init", "--mode=archive", "--repo="+b.path(repo)); err != nil {
			return err
		}
	}
	return nil
}

// linkOrCopy brings a file into dir, by a link where the filesystem allows.
func linkOrCopy(ctx context.Context, file, dir string) error {
	if os.Link(file, filepath.Join(dir, filepath.Base(file))) == nil {
		return nil
	}
	return command(ctx, "cp", file, dir)
}

func (b *bench) createrepo(ctx context.Context) error {
	return command(ctx, "createrepo_c", "-q", b.path("rpms"))
}

// peer measures what treewright replaces.
func (b *bench) peer(ctx context.Context) error {
	root := b.path("root")
	install, err := measure(ctx, "dnf --installroot", append([]string{
		"dnf", "-q", "-y", "--installroot=" + root, "--repofrompath=set,file://" + b.path("rpms"), "--repo=set",
		"--nogpgcheck", "--releasever=1", "--setopt=cachedir=" + b.path("dnfcache"), "--setopt=tsflags=noscripts",
		"--setopt=reposdir=/nonexistent", "--setopt=best=0", "install",
	}, b.packages...)...)
	if err != nil {
		return err
	}
	commit, err := measure(ctx, "ostree commit", "ostree", "commit", "--repo="+b.path("peer"), "--branch=bench", "--no-xattrs", "--tree=dir="+root)
	if err != nil {
		return err
	}
	b.peerTotal = sum("peer: both", install, commit)
	install.name, commit.name = "peer: "+install.name, "peer: "+commit.name
	b.samples = append(b.samples, install, commit, b.peerTotal)
	return os.RemoveAll(root)
}

// ours measures a cold, an unchanged and a slightly changed compose.
func (b *bench) ours(ctx context.Context) error {
	cold, err := b.repeat(ctx, "treewright: cold", func(i int) (string, string, error) {
		repo := b.path(fmt.Sprintf("ours%d", i))
		return repo, b.path(fmt.Sprintf("cache%d", i)), command(ctx, "ostree", "init", "--mode=archive", "--repo="+repo)
	})
	if err != nil {
		return err
	}
	same := func(int) (string, string, error) { return b.path("ours0"), b.path("cache0"), nil }
	warm, err := b.repeat(ctx, "treewright: nothing changed", same)
	if err != nil {
		return err
	}
	forced, err := b.repeat(ctx, "treewright: nothing changed, --force-nocache", same, "--force-nocache")
	if err != nil {
		return err
	}
	if err := b.updateOne(ctx); err != nil {
		return err
	}
	changed, err := b.repeat(ctx, "treewright: one package updated", func(i int) (string, string, error) {
		return b.path(fmt.Sprintf("ours%d", i)), b.path(fmt.Sprintf("cache%d", i)), nil
	})
	if err != nil {
		return err
	}
	b.samples = append(b.samples, cold, warm, forced, changed)
	return nil
}

// repeat measures the same compose several times and gives the median. where
// names the repository and the cache of each time.
func (b *bench) repeat(ctx context.Context, name string, where func(i int) (repo, cache string, err error), flags ...string) (sample, error) {
	var samples []sample
	for i := range b.runs {
		repo, cache, err := where(i)
		if err != nil {
			return sample{}, err
		}
		argv := append([]string{b.treewright, "compose", "tree", "-q", "--unified-core", "--scriptlets=skip", "--repo=" + repo, "--cachedir=" + cache}, flags...)
		s, err := measure(ctx, name, append(argv, b.path("set.yaml"))...)
		if err != nil {
			return sample{}, err
		}
		samples = append(samples, s)
	}
	return median(samples), nil
}

// updateOne adds a build of one package with a higher release and one changed
// file to the repository.
func (b *bench) updateOne(ctx context.Context) error {
	old, err := filepath.Glob(b.path("rpms/" + b.update + "-[0-9]*.rpm"))
	if err != nil || len(old) == 0 {
		return fmt.Errorf("no package %s to update: %w", b.update, err)
	}
	if err := rpmtest.Bump(old[0], b.path("rpms")); err != nil {
		return fmt.Errorf("updating %s: %w", b.update, err)
	}
	return b.createrepo(ctx)
}

func command(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", argv, err, tail(out))
	}
	return nil
}
