package solve

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The parity run answers job files on real metadata and writes one JSON line a
// job, to compare with another resolver's:
//
//	go test -run TestParity ./rpmrepo/solve -args \
//	    -repos main=DIR,updates=DIR:50 -jobs FILE -out FILE [-nobest] [-noweak] [-order xml]
var (
	parityRepos   = flag.String("repos", "", "ID=DIR[:PRIORITY],... of the parity run")
	parityJobs    = flag.String("jobs", "", "file of the parity run: one request of blank-separated specs a line")
	parityOut     = flag.String("out", "", "result file of the parity run")
	parityNoBest  = flag.Bool("nobest", false, "do not demand the best candidates")
	parityNoWeak  = flag.Bool("noweak", false, "leave weak dependencies out")
	parityOrder   = flag.String("order", "dnf", "dnf or xml")
	parityProfile = flag.Int("repeat", 1, "resolve every job this often")
)

// openRepository opens the repository on disk that a parity run names.
func openRepository(t testing.TB, id, dir string) *rpmrepo.Repository {
	t.Helper()
	r, err := rpmrepo.Open(t.Context(), rpmrepo.RepoConfig{ID: id, BaseURLs: []string{dir}}, rpmrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

type jobResult struct {
	Job      []string `json:"job"`
	Install  []string `json:"install,omitempty"`
	Problems []string `json:"problems,omitempty"`
	Missing  []string `json:"missing,omitempty"`
	MS       float64  `json:"ms"`
}

func TestParity(t *testing.T) {
	if *parityRepos == "" {
		return // a run by hand only
	}
	u := parityUniverse(t)
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d MB of heap", mem.HeapAlloc>>20)
	jobs, err := os.ReadFile(*parityJobs)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var times []float64
	for line := range strings.Lines(string(jobs)) {
		req := Request{Best: !*parityNoBest, IgnoreWeak: *parityNoWeak}
		for _, f := range strings.Fields(line) {
			req.Install = append(req.Install, Spec{Text: f})
		}
		if len(req.Install) == 0 {
			continue
		}
		res := runParity(t, u, req)
		times = append(times, res.MS)
		b, _ := json.Marshal(res)
		fmt.Fprintf(&out, "%s\n", b)
	}
	slices.Sort(times)
	t.Logf("%d jobs: median %.1f ms, max %.1f ms", len(times), times[len(times)/2], times[len(times)-1])
	if err := os.WriteFile(*parityOut, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func parityUniverse(t *testing.T) *Universe {
	var repos []*rpmrepo.Repository
	opts := Options{LoadFiles: func(ctx context.Context, wanted func(string) bool, found func(repo, pkgid, path string)) error {
		for _, r := range repos {
			err := r.Filelists(ctx, wanted, func(pkgid, path string) error {
				found(r.ID(), pkgid, path)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}}
	if *parityOrder == "xml" {
		opts.Order = OrderXML
	}
	u := NewUniverse(opts)
	for spec := range strings.SplitSeq(*parityRepos, ",") {
		id, dir, _ := strings.Cut(spec, "=")
		dir, prio, _ := strings.Cut(dir, ":")
		n, err := strconv.Atoi(prio)
		if err != nil {
			n = 99
		}
		start := time.Now()
		r, to := openRepository(t, id, dir), u.AddRepo(RepoOptions{ID: id, Priority: n})
		repos = append(repos, r)
		err = r.PassPackages(t.Context(), func(m *rpm.Metadata) error {
			to.Add(m)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s loaded in %v", id, time.Since(start).Round(time.Millisecond))
	}
	return u
}

func runParity(t *testing.T, u *Universe, req Request) jobResult {
	res := jobResult{MS: 1e9}
	for _, s := range req.Install {
		res.Job = append(res.Job, s.Text)
	}
	var tr *Transaction
	var err error
	for range *parityProfile {
		start := time.Now()
		tr, err = Resolve(t.Context(), u, req)
		res.MS = min(res.MS, float64(time.Since(start).Microseconds())/1000)
	}
	if err != nil {
		p, ok := err.(*Problems)
		if !ok {
			t.Fatal(err)
		}
		for _, m := range p.Missing {
			res.Missing = append(res.Missing, m.Spec)
		}
		res.Problems = strings.Split(err.Error(), "\n")
		return res
	}
	for _, p := range tr.Packages {
		res.Install = append(res.Install, p.Package.NEVRA.String()+"@"+p.Repo)
	}
	slices.Sort(res.Install)
	return res
}
