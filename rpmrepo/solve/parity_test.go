package solve

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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

type xmlEntry struct {
	Name  string `xml:"name,attr"`
	Flags string `xml:"flags,attr"`
	Epoch string `xml:"epoch,attr"`
	Ver   string `xml:"ver,attr"`
	Rel   string `xml:"rel,attr"`
	Pre   string `xml:"pre,attr"`
}

type xmlPackage struct {
	Name    string `xml:"name"`
	Arch    string `xml:"arch"`
	Version struct {
		Epoch string `xml:"epoch,attr"`
		Ver   string `xml:"ver,attr"`
		Rel   string `xml:"rel,attr"`
	} `xml:"version"`
	Checksum string `xml:"checksum"`
	Format   struct {
		Vendor      string     `xml:"vendor"`
		License     string     `xml:"license"`
		Group       string     `xml:"group"`
		SourceRPM   string     `xml:"sourcerpm"`
		Provides    []xmlEntry `xml:"provides>entry"`
		Requires    []xmlEntry `xml:"requires>entry"`
		Conflicts   []xmlEntry `xml:"conflicts>entry"`
		Obsoletes   []xmlEntry `xml:"obsoletes>entry"`
		Recommends  []xmlEntry `xml:"recommends>entry"`
		Suggests    []xmlEntry `xml:"suggests>entry"`
		Supplements []xmlEntry `xml:"supplements>entry"`
		Enhances    []xmlEntry `xml:"enhances>entry"`
		Files       []string   `xml:"file"`
	} `xml:"format"`
}

func (p *xmlPackage) metadata() *rpm.Metadata {
	f := &p.Format
	epoch, _ := strconv.ParseUint(p.Version.Epoch, 10, 32)
	return &rpm.Metadata{
		NEVRA:    rpm.NEVRA{Name: p.Name, EVR: rpm.EVR{Epoch: uint32(epoch), Version: p.Version.Ver, Release: p.Version.Rel}, Arch: p.Arch},
		Checksum: "sha256:" + p.Checksum, Vendor: f.Vendor, SourceRPM: f.SourceRPM, Files: f.Files,
		Provides: xmlDeps(f.Provides), Requires: xmlDeps(f.Requires), Conflicts: xmlDeps(f.Conflicts), Obsoletes: xmlDeps(f.Obsoletes),
		Recommends: xmlDeps(f.Recommends), Suggests: xmlDeps(f.Suggests), Supplements: xmlDeps(f.Supplements), Enhances: xmlDeps(f.Enhances),
	}
}

func xmlDeps(list []xmlEntry) []rpm.Dep {
	flags := map[string]rpm.Flags{"EQ": rpm.EQ, "LT": rpm.LT, "GT": rpm.GT, "LE": rpm.LT | rpm.EQ, "GE": rpm.GT | rpm.EQ}
	var out []rpm.Dep
	for _, e := range list {
		d := rpm.Dep{Name: e.Name, Flags: flags[e.Flags], Pre: e.Pre == "1"}
		if d.Flags != 0 {
			d.EVR = e.Ver
			if e.Epoch != "" && e.Epoch != "0" {
				d.EVR = e.Epoch + ":" + d.EVR
			}
			if e.Rel != "" {
				d.EVR += "-" + e.Rel
			}
		}
		out = append(out, d)
	}
	return out
}

// openMetadata opens the one gzipped file of a kind below DIR/repodata.
func openMetadata(t testing.TB, dir, kind string) io.Reader {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "repodata", "*"+kind+".xml.gz"))
	if len(names) != 1 {
		t.Fatalf("%s: got %d files of %s.xml.gz, want 1", dir, len(names), kind)
	}
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// eachElement decodes every element of a name.
func eachElement[T any](t testing.TB, r io.Reader, name string, fn func(*T)) {
	t.Helper()
	d := xml.NewDecoder(r)
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Local == name {
			var v T
			if err := d.DecodeElement(&v, &start); err != nil {
				t.Fatal(err)
			}
			fn(&v)
		}
	}
}

func loadDir(t testing.TB, r *Repo, dir string) {
	t.Helper()
	eachElement(t, openMetadata(t, dir, "primary"), "package", func(p *xmlPackage) { r.Add(p.metadata()) })
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
	dirs := map[string]string{}
	opts := Options{LoadFiles: func(_ context.Context, wanted func(string) bool, found func(repo, pkgid, path string)) error {
		for id, dir := range dirs {
			type pkg struct {
				ID    string   `xml:"pkgid,attr"`
				Files []string `xml:"file"`
			}
			eachElement(t, openMetadata(t, dir, "filelists"), "package", func(p *pkg) {
				for _, f := range p.Files {
					if wanted(f) {
						found(id, "sha256:"+p.ID, f)
					}
				}
			})
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
		dirs[id] = dir
		start := time.Now()
		loadDir(t, u.AddRepo(RepoOptions{ID: id, Priority: n}), dir)
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
