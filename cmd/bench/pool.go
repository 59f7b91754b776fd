package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// poolStep is a part of the resolver's benchmark, run in a process of its own:
// its memory is nobody else's then. It prints a poolCost as JSON.
type poolStep struct {
	name  string // cold, ready, save, load or solve
	dir   string // the repository
	cache string
	jobs  string // file of requests, one a line
}

// poolCost is what a step has cost.
type poolCost struct {
	CPU      float64   // milliseconds
	Wall     float64   // milliseconds, of the steps that read metadata
	Resident float64   // MB at the end
	Jobs     []float64 // milliseconds of CPU, by request
	Sizes    []int     // of the answers; 0 is none
}

func (s poolStep) run(ctx context.Context, w io.Writer) error {
	// What a program starts with is not the resolver's.
	start, begun := cpuTime(), time.Now()
	var cost poolCost
	var err error
	switch s.name {
	case "cold":
		_, err = s.cold(ctx)
		cost.CPU, cost.Wall = cpuTime()-start, float64(time.Since(begun))/1e6
	case "ready":
		var u *solve.Universe
		if u, err = s.cold(ctx); err == nil {
			u.Offers("")
		}
		cost.CPU = cpuTime() - start
	case "save":
		err = s.save(ctx)
		cost.CPU = cpuTime() - start
	case "load":
		_, err = s.load()
		cost.CPU = cpuTime() - start
	case "solve":
		err = s.solve(ctx, &cost)
	default:
		err = fmt.Errorf("no step %q", s.name)
	}
	if err != nil {
		return err
	}
	cost.Resident = resident()
	return json.NewEncoder(w).Encode(cost)
}

// cold reads the metadata: gunzip, checksum, scan, pool. The indexes that a
// request needs are made at the first question, in the step "ready".
func (s poolStep) cold(ctx context.Context) (*solve.Universe, error) {
	r, err := rpmrepo.Open(ctx, rpmrepo.RepoConfig{ID: "bench", BaseURLs: []string{s.dir}}, rpmrepo.Options{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	u, repo := newUniverse()
	repo.Reserve(r.OpenSize("primary"))
	err = r.PassPackages(ctx, func(m *rpm.Metadata) error {
		repo.Add(m)
		return nil
	})
	return u, err
}

func newUniverse() (*solve.Universe, *solve.Repo) {
	u := solve.NewUniverse(solve.Options{})
	return u, u.AddRepo(solve.RepoOptions{ID: "bench", Priority: 99, Cost: 1000})
}

func (s poolStep) save(ctx context.Context) error {
	u, err := s.cold(ctx)
	if err != nil {
		return err
	}
	return rpmrepo.SavePool(s.cache, "bench", func(w io.Writer) error { return u.WriteSnapshot(w, solve.SnapshotKey{}) })
}

func (s poolStep) load() (*solve.Universe, error) {
	pool, err := rpmrepo.OpenPool(s.cache, "bench")
	if err != nil {
		return nil, err
	}
	u, _ := newUniverse()
	return u, u.Restore(pool.Data, solve.SnapshotKey{})
}

// solve answers each request on its own.
func (s poolStep) solve(ctx context.Context, cost *poolCost) error {
	u, err := s.load()
	if err != nil {
		return err
	}
	f, err := os.Open(s.jobs)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		req := solve.Request{Best: true}
		for _, text := range strings.Fields(lines.Text()) {
			req.Install = append(req.Install, solve.Spec{Text: text})
		}
		if len(req.Install) == 0 {
			continue
		}
		start := cpuTime()
		t, err := solve.Resolve(ctx, u, req)
		cost.Jobs = append(cost.Jobs, cpuTime()-start)
		if err != nil {
			t = &solve.Transaction{}
		}
		cost.Sizes = append(cost.Sizes, len(t.Packages))
	}
	return lines.Err()
}

// cpuTime is what this process has used, in milliseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(time.Duration(u.Utime.Nano()+u.Stime.Nano()).Microseconds()) / 1000
}

// resident is the memory that this process has in use now, in MB.
func resident() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(kb, 64)
	if err != nil {
		return 0
	}
	return n * 1024 / 1e6
}

// middle is the median of a list.
func middle(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}

func absolute(path string) string {
	if p, err := filepath.Abs(path); err == nil {
		return p
	}
	return path
}
