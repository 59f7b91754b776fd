// Command bench measures treewright beside its peers, in one run on one
// machine: a compose of a package set from an rpm-md repository (cold, warm,
// and with one package updated) beside `dnf --installroot` and `ostree commit`
// of the same set; then the same of a bootable tree, whose peer also runs
// scriptlets and dracut, and lays the tree out for OSTree. It prints wall and
// CPU time and peak memory of each.
//
// Of a folder that has metadata but no packages it measures the resolver: cold
// and warm metadata and a list of requests, beside libsolv (python3-solv) and
// dnf (python3-dnf). That needs no root.
//
// The OSTree library has a table of its own: commit, pull, fsck, static deltas
// and prune beside the C tool, on the tree that dnf installs or on two versions
// of a tree, in which case it needs no root.
//
// It needs root (dnf does), dnf, ostree and createrepo_c, and a repository
// that docs/testing.md describes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

// set2 is the package set of the published figures: a bootable system.
const set2 = "systemd systemd-sysv linux-image-amd64 dracut ostree ostree-boot openssh-server iproute2 curl python3"

type options struct {
	treewright string
	repo       string
	packages   []string
	update     string
	keep       bool
	part       string
	runs       int
	jobs       string
	step       string
	cache      string
	objects    int
}

func main() {
	var o options
	var packages string
	flag.StringVar(&o.treewright, "treewright", "./treewright", "the binary to measure")
	flag.StringVar(&packages, "packages", set2, "what both sides install")
	flag.StringVar(&o.update, "update", "curl", "the package that the third compose finds updated")
	flag.BoolVar(&o.keep, "keep", false, "keep the work folder")
	flag.StringVar(&o.part, "part", "", "measure the \"files\" of the packages alone, the \"bootable\" tree alone, or the library \"ostree\" alone (default: all)")
	flag.IntVar(&o.objects, "objects", 100_000, "how many objects the repository has that is pruned")
	flag.IntVar(&o.runs, "runs", 3, "how often each of ours is measured; the median counts")
	flag.StringVar(&o.jobs, "jobs", "", "requests to resolve, one a line; a list of Debian's packages when empty")
	flag.StringVar(&o.step, "step", "", "for this program's own use: a step of the resolver's benchmark")
	flag.StringVar(&o.cache, "cache", "", "for this program's own use: where a step keeps its pool")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: bench [options] REPOSITORY\n\nREPOSITORY is a folder with RPM packages, or with their metadata alone.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.repo, o.packages = flag.Arg(0), strings.Fields(packages)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	switch {
	case o.step != "":
		return poolStep{name: o.step, dir: o.repo, cache: o.cache, jobs: o.jobs}.run(ctx, os.Stdout)
	case isResolverData(o.repo):
		return runResolver(ctx, o, os.Stdout)
	case hasTrees(o.repo):
		o.part = "ostree"
	case os.Geteuid() != 0:
		return errors.New("dnf --installroot needs root: run as root")
	}
	work, err := os.MkdirTemp("/var/tmp", "treewright-bench-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	}
	b := &bench{options: o, work: work}
	if !hasTrees(o.repo) {
		if err := b.prepare(ctx); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) ([]sample, error)
	}{{"files", b.files}, {"bootable", b.bootable}} {
		if o.part != "" && o.part != part.name {
			continue
		}
		samples, err := part.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		printTable(os.Stdout, part.name, samples)
	}
	if o.part == "" || o.part == "ostree" {
		return b.runOSTree(ctx, os.Stdout)
	}
	return nil
}
