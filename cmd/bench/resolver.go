package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// The requests of the published figures: packages of Debian, from one without
// many dependencies to whole desktops.
//
//go:embed jobs.txt
var jobs string

// Our peers' sides, for /usr/bin/python3, whose modules they are. Each prints a
// list of poolCosts as JSON: cold, load and solve.
//
//go:embed libsolv.py
var libsolvProgram string

//go:embed dnf.py
var dnfProgram string

// resolverBench compares resolvers on one repository's metadata.
type resolverBench struct {
	treewright, repo, jobs, work string
	runs                         int
}

// runResolver measures and prints.
func runResolver(ctx context.Context, o options, w io.Writer) (err error) {
	b := resolverBench{treewright: absolute(o.treewright), repo: absolute(o.repo), jobs: o.jobs, runs: o.runs}
	if b.work, err = os.MkdirTemp("/var/tmp", "treewright-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	if b.jobs == "" {
		b.jobs = filepath.Join(b.work, "jobs.txt")
		if err := os.WriteFile(b.jobs, []byte(jobs), 0o644); err != nil {
			return err
		}
	}
	libsolv, err := b.peer(ctx, libsolvProgram)
	if err != nil {
		return err
	}
	dnf, err := b.peer(ctx, dnfProgram)
	if err != nil {
		return err
	}
	ours := map[string]poolCost{}
	for _, step := range []string{"save", "cold", "ready", "load", "solve"} {
		if ours[step], err = b.step(ctx, step); err != nil {
			return err
		}
	}
	whole, err := b.whole(ctx)
	if err != nil {
		return err
	}
	b.print(w, libsolv, dnf, ours, whole)
	return nil
}

// peer runs a program of ours against a peer's library.
func (b *resolverBench) peer(ctx context.Context, program string) (map[string]poolCost, error) {
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-c", program, b.repo, b.jobs, b.work)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("a peer (packages python3-solv, python3-dnf): %w\n%s", err, tail(exit.Stderr))
	}
	costs := map[string]poolCost{}
	if err == nil {
		err = json.Unmarshal(out, &costs)
	}
	return costs, err
}

// step runs one of our steps several times, each in a new process, and gives
// the median.
func (b *resolverBench) step(ctx context.Context, name string) (poolCost, error) {
	self, err := os.Executable()
	if err != nil {
		return poolCost{}, err
	}
	var costs []poolCost
	var cpu []float64
	for range b.runs {
		out, err := exec.CommandContext(ctx, self, "-step", name, "-jobs", b.jobs, "-cache", b.work, b.repo).Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return poolCost{}, fmt.Errorf("%s: %w\n%s", name, err, tail(exit.Stderr))
		}
		if err != nil {
			return poolCost{}, err
		}
		var c poolCost
		if err := json.Unmarshal(out, &c); err != nil {
			return c, err
		}
		if name == "solve" {
			c.CPU = middle(c.Jobs)
		}
		costs, cpu = append(costs, c), append(cpu, c.CPU)
	}
	for _, c := range costs {
		if c.CPU == middle(cpu) {
			return c, nil
		}
	}
	return costs[0], nil
}

// whole measures the command as a user runs it, its cache filled.
func (b *resolverBench) whole(ctx context.Context) (sample, error) {
	repo := fmt.Sprintf("[bench]\nname=bench\nbaseurl=file://%s\ngpgcheck=0\n", b.repo)
	if err := os.WriteFile(filepath.Join(b.work, "bench.repo"), []byte(repo), 0o644); err != nil {
		return sample{}, err
	}
	tree := filepath.Join(b.work, "tree.yaml")
	if err := os.WriteFile(tree, []byte("ref: bench\nrepos: [bench]\ncontainer: true\npackages: [nginx]\n"), 0o644); err != nil {
		return sample{}, err
	}
	var samples []sample
	for i := range b.runs + 1 {
		s, err := measure(ctx, "treewright resolve", b.treewright, "resolve", "-q", "--cachedir="+filepath.Join(b.work, "cache"), tree)
		if err != nil {
			return sample{}, err
		}
		if i > 0 { // the first fills the cache
			samples = append(samples, s)
		}
	}
	return median(samples), nil
}

func (b *resolverBench) print(w io.Writer, libsolv, dnf, ours map[string]poolCost, whole sample) {
	same := 0
	sizes := ours["solve"].Sizes
	for i, n := range sizes {
		if i < len(dnf["solve"].Sizes) && dnf["solve"].Sizes[i] == n {
			same++
		}
	}
	fmt.Fprintf(w, "%-34s %12s %12s %12s\n", "CPU ms", "libsolv", "dnf", "treewright")
	for _, row := range [][2]string{{"cold", "metadata, no cache"}, {"ready", "and its indexes"}, {"save", "and its cache written"}, {"load", "metadata from the cache"}} {
		fmt.Fprintf(w, "%-34s %12.1f %12.1f %12.1f\n", row[1], libsolv[row[0]].CPU, dnf[row[0]].CPU, ours[row[0]].CPU)
	}
	fmt.Fprintf(w, "%-34s %12.1f %12.1f %12.1f\n", fmt.Sprintf("%d requests, median", len(sizes)),
		middle(libsolv["solve"].Jobs), middle(dnf["solve"].Jobs), middle(ours["solve"].Jobs))
	fmt.Fprintf(w, "%-34s %12.1f %12.1f %12.1f\n", "wall ms: metadata, no cache", libsolv["cold"].Wall, dnf["cold"].Wall, ours["cold"].Wall)
	fmt.Fprintf(w, "%-34s %12.0f %12.0f %12.0f\n", "MB in memory, from metadata", libsolv["cold"].Resident, dnf["cold"].Resident, ours["cold"].Resident)
	fmt.Fprintf(w, "%-34s %12.0f %12.0f %12.0f\n", "MB in memory, after the requests", libsolv["solve"].Resident, dnf["solve"].Resident, ours["solve"].Resident)
	fmt.Fprintf(w, "answers of dnf's size: %d of %d\n", same, len(sizes))
	fmt.Fprintf(w, "treewright resolve, one package, warm: %.0f ms wall, %.0f ms CPU\n",
		whole.wall.Seconds()*1000, whole.cpu.Seconds()*1000)
}

// isResolverData reports whether a folder has metadata but no packages.
func isResolverData(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "repodata", "repomd.xml"))
	packages, _ := filepath.Glob(filepath.Join(dir, "*.rpm"))
	return err == nil && len(packages) == 0
}
