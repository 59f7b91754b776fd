package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/treewright/treewright/internal/rpmtest"
)

// bench is one run: a work folder and a repository in it.
type bench struct {
	options
	work string
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
	rest := fmt.Sprintf("repos: [set]\nselinux: false\npackages: [%s]\n", strings.Join(b.packages, ", "))
	for name, text := range map[string]string{
		"files.yaml":    "ref: bench/x86_64/files\nno-initramfs: true\n",
		"nodracut.yaml": "ref: bench/x86_64/nodracut\nno-initramfs: true\n",
		"bootable.yaml": "ref: bench/x86_64/bootable\n",
	} {
		if err := os.WriteFile(b.path(name), []byte(text+rest), 0o644); err != nil {
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

// files measures packages' files alone, without scriptlets and a layout.
func (b *bench) files(ctx context.Context) ([]sample, error) {
	peer, err := b.filesPeer(ctx)
	if err != nil {
		return nil, err
	}
	total := sum("peer: both", peer...)
	ours, err := b.ours(ctx, "files", "--scriptlets=skip")
	if err != nil {
		return nil, err
	}
	return beside(total, append(append(peer, total), ours...)...), nil
}

// filesPeer measures what treewright replaces.
func (b *bench) filesPeer(ctx context.Context) ([]sample, error) {
	root := b.path("root")
	install, err := measure(ctx, "peer: dnf --installroot", b.dnf(root, "--setopt=tsflags=noscripts")...)
	if err != nil {
		return nil, err
	}
	if err := command(ctx, "ostree", "init", "--mode=archive", "--repo="+b.path("peer-files")); err != nil {
		return nil, err
	}
	commit, err := measure(ctx, "peer: ostree commit", "ostree", "commit", "--repo="+b.path("peer-files"), "--branch=bench", "--no-xattrs", "--tree=dir="+root)
	if err != nil {
		return nil, err
	}
	return []sample{install, commit}, os.RemoveAll(root)
}

// dnf is the command that installs the packages into root.
func (b *bench) dnf(root string, options ...string) []string {
	argv := append([]string{
		"dnf", "-q", "-y", "--installroot=" + root, "--repofrompath=set,file://" + b.path("rpms"), "--repo=set",
		"--nogpgcheck", "--releasever=1", "--setopt=cachedir=" + b.path("dnfcache"), "--setopt=reposdir=/nonexistent", "--setopt=best=0",
	}, options...)
	return append(append(argv, "install"), b.packages...)
}

// ours measures a cold, an unchanged and a slightly changed compose of a
// treefile.
func (b *bench) ours(ctx context.Context, tree string, flags ...string) ([]sample, error) {
	cold, err := b.repeat(ctx, "treewright: cold", tree, b.fresh(ctx, tree), flags...)
	if err != nil {
		return nil, err
	}
	same := func(int) (string, string, error) { return b.path(tree + "-repo0"), b.path(tree + "-cache0"), nil }
	warm, err := b.repeat(ctx, "treewright: nothing changed", tree, same, flags...)
	if err != nil {
		return nil, err
	}
	forced, err := b.repeat(ctx, "treewright: nothing changed, --force-nocache", tree, same, append(flags, "--force-nocache")...)
	if err != nil {
		return nil, err
	}
	undo, err := b.updateOne(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := b.repeat(ctx, "treewright: one package updated", tree, func(i int) (string, string, error) {
		return b.path(fmt.Sprintf("%s-repo%d", tree, i)), b.path(fmt.Sprintf("%s-cache%d", tree, i)), nil
	}, flags...)
	if err != nil {
		return nil, err
	}
	return []sample{cold, warm, forced, changed}, undo()
}

// fresh gives each time a new repository and a new cache.
func (b *bench) fresh(ctx context.Context, tree string) func(int) (string, string, error) {
	return func(i int) (string, string, error) {
		repo := b.path(fmt.Sprintf("%s-repo%d", tree, i))
		return repo, b.path(fmt.Sprintf("%s-cache%d", tree, i)), command(ctx, "ostree", "init", "--mode=archive", "--repo="+repo)
	}
}

// repeat measures the same compose several times and gives the median. where
// names the repository and the cache of each time.
func (b *bench) repeat(ctx context.Context, name, tree string, where func(i int) (repo, cache string, err error), flags ...string) (sample, error) {
	var samples []sample
	for i := range b.runs {
		repo, cache, err := where(i)
		if err != nil {
			return sample{}, err
		}
		argv := append([]string{b.treewright, "compose", "tree", "-q", "--unified-core", "--repo=" + repo, "--cachedir=" + cache,
			"--write-report-to=" + b.path(tree+".report")}, flags...)
		s, err := measure(ctx, name, append(argv, b.path(tree+".yaml"))...)
		if err != nil {
			return sample{}, err
		}
		samples = append(samples, s)
	}
	return median(samples), nil
}

// updateOne adds a build of one package with a higher release and one changed
// file to the repository, until undo.
func (b *bench) updateOne(ctx context.Context) (undo func() error, err error) {
	old, err := filepath.Glob(b.path("rpms/" + b.update + "-[0-9]*.rpm"))
	if err != nil || len(old) == 0 {
		return nil, fmt.Errorf("no package %s to update: %w", b.update, err)
	}
	before, err := filepath.Glob(b.path("rpms/*.rpm"))
	if err != nil {
		return nil, err
	}
	if err := rpmtest.Bump(old[0], b.path("rpms")); err != nil {
		return nil, fmt.Errorf("updating %s: %w", b.update, err)
	}
	undo = func() error {
		after, err := filepath.Glob(b.path("rpms/*.rpm"))
		for _, file := range after {
			if !slices.Contains(before, file) {
				err = errors.Join(err, os.Remove(file))
			}
		}
		return errors.Join(err, b.createrepo(ctx))
	}
	return undo, b.createrepo(ctx)
}

func command(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", argv, err, tail(out))
	}
	return nil
}
