package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ostreeBench measures `treewright repo` beside the C tool, on two versions of
// a tree.
type ostreeBench struct {
	*bench
	old, new string // the trees
	w        io.Writer
}

// A row is a step of both, or two sizes.
type row struct {
	name     string
	peer     sample
	ours     sample
	size     bool
	peerSize int64
	oursSize int64
}

// runOSTree prepares the trees, measures the steps, and prints a row after each.
func (b *bench) runOSTree(ctx context.Context, w io.Writer) (err error) {
	o := &ostreeBench{bench: b, w: w}
	if err := o.prepareTrees(ctx); err != nil {
		return err
	}
	if err := o.initRepos(ctx, "theirs", "ours"); err != nil {
		return err
	}
	o.printHead()
	for _, step := range []func(context.Context) error{o.commits, o.pulls, o.fscks, o.deltas, o.prunes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (o *ostreeBench) initRepos(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := os.RemoveAll(o.path(name)); err != nil {
			return err
		}
		if err := command(ctx, "ostree", "init", "--mode=archive", "--repo="+o.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// both measures a step of both sides, in turns, and prints the medians.
// before runs ahead of each time, and is not measured.
func (o *ostreeBench) both(ctx context.Context, name string, runs int, before func(context.Context) error, peer, ours []string) error {
	var theirs, mine []sample
	for range runs {
		if before != nil {
			if err := before(ctx); err != nil {
				return err
			}
		}
		for _, side := range []struct {
			samples *[]sample
			argv    []string
		}{{&theirs, peer}, {&mine, ours}} {
			unix.Sync() // what was written before is nobody's cost
			s, err := measure(ctx, name, side.argv...)
			if err != nil {
				return err
			}
			*side.samples = append(*side.samples, s)
		}
	}
	o.print(row{name: name, peer: median(theirs), ours: median(mine)})
	return nil
}

func (o *ostreeBench) sizes(name string, peer, ours int64) {
	o.print(row{name: name, size: true, peerSize: peer, oursSize: ours})
}

// repoCommand is a `treewright repo` command line.
func (o *ostreeBench) repoCommand(argv ...string) []string {
	return append([]string{o.treewright, "repo", "-q"}, argv...)
}

// commits measures the first commit of a tree, and the same again.
func (o *ostreeBench) commits(ctx context.Context) error {
	peer := []string{"ostree", "commit", "--repo=" + o.path("theirs"), "--branch=bench", "--tree=dir=" + o.old}
	ours := o.repoCommand("commit", o.path("ours"), "bench", o.old)
	empty := func(ctx context.Context) error { return o.initRepos(ctx, "theirs", "ours") }
	if err := o.both(ctx, "commit of a tree", o.runs, empty, peer, ours); err != nil {
		return err
	}
	theirs, err := treeSize(o.path("theirs/objects"))
	if err != nil {
		return err
	}
	mine, err := treeSize(o.path("ours/objects"))
	if err != nil {
		return err
	}
	o.sizes("repository", theirs, mine)
	return o.both(ctx, "the same commit again", o.runs, nil, peer, ours)
}

// pulls measures pulls of the C tool's repository from one nginx. Both verify
// every object.
func (o *ostreeBench) pulls(ctx context.Context) (err error) {
	if err := command(ctx, "ostree", "summary", "--update", "--repo="+o.path("theirs")); err != nil {
		return err
	}
	url, stop, err := serveNginx(ctx, o.path("nginx"), o.path("theirs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	empty := func(ctx context.Context) error {
		if err := o.initRepos(ctx, "theirs-pulled", "ours-pulled"); err != nil {
			return err
		}
		return command(ctx, "ostree", "remote", "add", "--repo="+o.path("theirs-pulled"), "--no-gpg-verify", "nginx", url)
	}
	return o.both(ctx, "pull from nginx", o.runs, empty,
		[]string{"ostree", "pull", "--mirror", "--disable-static-deltas", "--repo=" + o.path("theirs-pulled"), "nginx", "bench"},
		o.repoCommand("pull", "--disable-static-deltas", o.path("ours-pulled"), url, "bench"))
}

func (o *ostreeBench) fscks(ctx context.Context) error {
	return o.both(ctx, "fsck", o.runs, nil, []string{"ostree", "fsck", "--quiet", "--repo=" + o.path("theirs")},
		o.repoCommand("fsck", o.path("theirs")))
}

// deltas measures the delta between the two versions, and that from nothing.
func (o *ostreeBench) deltas(ctx context.Context) error {
	for _, argv := range [][]string{
		{"ostree", "commit", "--repo=" + o.path("theirs"), "--branch=bench", "--tree=dir=" + o.new},
		o.repoCommand("commit", o.path("ours"), "bench", o.new),
	} {
		if err := command(ctx, argv...); err != nil {
			return err
		}
	}
	for _, d := range []struct {
		name         string
		peers, mines []string
	}{
		{"delta between versions", []string{"--from=bench^", "--to=bench"}, []string{"--from", "bench^"}},
		{"delta from nothing", []string{"--empty", "--to=bench"}, []string{"--empty"}},
	} {
		peer := append([]string{"ostree", "static-delta", "generate", "--repo=" + o.path("theirs")}, d.peers...)
		ours := o.repoCommand(append(append([]string{"delta", "generate"}, d.mines...), o.path("ours"), "bench")...)
		if err := o.both(ctx, d.name, 1, nil, peer, ours); err != nil {
			return err
		}
		scratch := d.mines[0] == "--empty"
		theirs, err := deltaSize(ctx, o.path("theirs"), scratch)
		if err != nil {
			return err
		}
		mine, err := deltaSize(ctx, o.path("ours"), scratch)
		if err != nil {
			return err
		}
		o.sizes(d.name+", with fallbacks", theirs, mine)
	}
	return nil
}

// prunes deletes half of a repository of many small objects.
func (o *ostreeBench) prunes(ctx context.Context) error {
	many := o.path("many")
	if err := manyObjects(ctx, many, o.objects); err != nil {
		return err
	}
	for _, name := range []string{"theirs-many", "ours-many"} {
		if err := command(ctx, "cp", "-al", many, o.path(name)); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("prune, %d objects, half of them go", o.objects)
	return o.both(ctx, name, 1, nil,
		[]string{"ostree", "prune", "--refs-only", "--depth=0", "--repo=" + o.path("theirs-many")},
		o.repoCommand("prune", "--refs-only", "--depth=0", o.path("ours-many")))
}

func (o *ostreeBench) printHead() {
	fmt.Fprintf(o.w, "%-40s %26s %26s %8s %8s\n", "", "the C tool", "treewright", "times", "")
	fmt.Fprintf(o.w, "%-40s %8s %8s %8s %8s %8s %8s %8s %8s\n", "ostree", "wall s", "CPU s", "peak MB", "wall s", "CPU s", "peak MB", "wall", "CPU")
}

// print writes a row: how many times less ours takes, how much larger it is.
func (o *ostreeBench) print(r row) {
	if r.size {
		fmt.Fprintf(o.w, "%-40s %23.2f MB %23.2f MB %7.3f of it\n", r.name+", size", float64(r.peerSize)/1e6, float64(r.oursSize)/1e6,
			float64(r.oursSize)/float64(r.peerSize))
		return
	}
	fmt.Fprintf(o.w, "%-40s %8.2f %8.2f %8.0f %8.2f %8.2f %8.0f %8.1f %8.1f\n", r.name,
		r.peer.wall.Seconds(), r.peer.cpu.Seconds(), float64(r.peer.peak)/1e6,
		r.ours.wall.Seconds(), r.ours.cpu.Seconds(), float64(r.ours.peak)/1e6,
		r.peer.wall.Seconds()/r.ours.wall.Seconds(), r.peer.cpu.Seconds()/r.ours.cpu.Seconds())
}
