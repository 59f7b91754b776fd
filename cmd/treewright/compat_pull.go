package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/remote"
)

// compatPullFlags are the options of ostree pull.
type compatPullFlags struct {
	mirror, commitOnly, requireDeltas, dry, userOnly, newer, noBindings, noDeltas bool
	depth, retries                                                                int
	url, cacheDir, newerThan                                                      string
	localCache, subpaths, headers                                                 []string
	agent                                                                         string
}

func compatPull(fs *pflag.FlagSet) compatRun {
	f := &compatPullFlags{}
	fs.BoolVar(&f.mirror, "mirror", false, "")
	fs.BoolVar(&f.commitOnly, "commit-metadata-only", false, "")
	fs.BoolVar(&f.requireDeltas, "require-static-deltas", false, "")
	fs.BoolVar(&f.dry, "dry-run", false, "")
	fs.BoolVar(&f.userOnly, "bareuseronly-files", false, "")
	fs.BoolVarP(&f.newer, "timestamp-check", "T", false, "")
	fs.StringVar(&f.newerThan, "timestamp-check-from-rev", "", "")
	fs.BoolVar(&f.noBindings, "disable-verify-bindings", false, "")
	fs.IntVar(&f.depth, "depth", 0, "")
	fs.IntVar(&f.retries, "network-retries", 5, "")
	fs.StringVar(&f.url, "url", "", "")
	fs.StringVar(&f.cacheDir, "cache-dir", "", "")
	fs.StringArrayVarP(&f.localCache, "localcache-repo", "L", nil, "")
	fs.BoolVar(&f.noDeltas, "disable-static-deltas", false, "")
	fs.StringArrayVar(&f.subpaths, "subpath", nil, "")
	fs.StringArrayVar(&f.headers, "http-header", nil, "")
	fs.StringVar(&f.agent, "append-user-agent", "", "")
	// Everything is verified and made durable in any case.
	fs.Bool("untrusted", false, "")
	fs.Bool("http-trusted", false, "")
	fs.Bool("disable-fsync", false, "")
	fs.Bool("per-object-fsync", false, "")
	fs.Int("update-frequency", 0, "")
	return f.run
}

func (f *compatPullFlags) run(ctx context.Context, c *compat, args []string) error {
	if len(args) < 1 {
		return compatf("REMOTE must be specified")
	}
	if f.requireDeltas || f.dry {
		return compatf("Can't use static deltas in an archive repo")
	}
	repo, err := c.open()
	if err != nil {
		return err
	}
	name, refs := args[0], args[1:]
	if remoteName, ref, ok := strings.Cut(name, ":"); ok && len(refs) == 0 {
		name, refs = remoteName, []string{ref}
	}
	r, err := c.newRemote(repo, name)
	if err != nil {
		return err
	}
	if f.cacheDir != "" {
		r.cacheDir = f.cacheDir
	}
	if f.userOnly && len(f.subpaths) > 0 {
		return compatf("Cannot specify both --bareuseronly-files and --subpath")
	}
	for _, path := range f.subpaths {
		if !strings.HasPrefix(path, "/") {
			return compatf("--subpath=%s: a path begins with '/'", path)
		}
	}
	if err := r.openRemote(ctx, f.requests()); err != nil {
		return err
	}
	defer r.r.Close()
	p := &compatPuller{compatPullFlags: f, compatRemote: r, start: c.env.clock()}
	return p.pull(ctx, refs)
}

// requests say how the remote is asked.
func (f *compatPullFlags) requests() compatRequests {
	o := compatRequests{url: f.url, retries: f.retries, agent: f.agent, header: http.Header{}}
	if f.noDeltas {
		o.deltas = remote.NoDeltas
	}
	for _, h := range f.headers {
		name, value, _ := strings.Cut(h, "=")
		o.header.Add(name, value)
	}
	return o
}

// compatPuller is one pull.
type compatPuller struct {
	*compatPullFlags
	*compatRemote
	start time.Time

	txn     *archive.Txn
	commits []*compatFetched
	tips    []compatTip
	all     bool  // all refs of the summary are mirrored
	meta    int64 // bytes of detached metadata
	local   compatCached
}

// compatTip is a ref, or with an empty name none, and the commit it shall show.
type compatTip struct {
	ref    string
	commit ostree.Checksum
	size   uint64
}

// compatFetched is a commit that was verified.
type compatFetched struct {
	sum    ostree.Checksum
	data   []byte
	commit *ostree.Commit
	meta   gvariant.Dict
	have   bool
}

func (p *compatPuller) pull(ctx context.Context, args []string) (err error) {
	if err := p.findTips(ctx, args); err != nil {
		return err
	}
	if p.txn, err = p.repo.Begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.txn.Abort()) }()
	for _, tip := range p.tips {
		if err := p.fetchHistory(ctx, tip); err != nil {
			return err
		}
	}
	result := &remote.Result{}
	if p.commitOnly {
		err = p.storeCommits(ctx)
	} else {
		result, err = p.fetchTrees(ctx)
	}
	if err != nil {
		return err
	}
	if err := p.setRefs(); err != nil {
		return err
	}
	stats, err := p.txn.Commit(ctx)
	if err != nil {
		return err
	}
	if err := p.mirrorSummary(); err != nil {
		return err
	}
	p.report(result, stats)
	return nil
}

// setRefs points the refs to what was pulled, once the transaction ends.
func (p *compatPuller) setRefs() error {
	for _, tip := range p.tips {
		if tip.ref == "" {
			continue
		}
		if err := p.txn.SetRef(p.localRef(tip.ref), tip.commit); err != nil {
			return err
		}
	}
	return nil
}

// localRef is the ref that a ref of the remote is pulled into.
func (p *compatPuller) localRef(ref string) string {
	if p.mirror {
		return ref
	}
	return p.name + ":" + ref
}

// findTips resolves what the command line names.
func (p *compatPuller) findTips(ctx context.Context, args []string) error {
	if len(args) == 0 && !p.mirror {
		args = strings.FieldsFunc(p.get("branches"), func(c rune) bool { return c == ';' })
		if len(args) == 0 {
			return compatf("No configured branches for remote %s", p.name)
		}
	}
	if len(args) == 0 || slices.ContainsFunc(args, func(a string) bool { return !compatPinned(a) }) || p.gpgSummary || len(p.summaryEngines) > 0 {
		if err := p.fetchSummary(ctx); err != nil {
			return err
		}
	}
	if len(args) == 0 {
		if p.summary == nil {
			return compatf("Fetching all refs was requested in mirror mode, but remote repository does not have a summary")
		}
		p.all = true
		for _, ref := range p.summary.Refs {
			p.tips = append(p.tips, compatTip{ref.Name, ref.Commit, ref.CommitSize})
		}
		return p.checkOwn()
	}
	for _, arg := range args {
		tip, err := p.findTip(ctx, arg)
		if err != nil {
			return err
		}
		p.tips = append(p.tips, tip)
	}
	return p.checkOwn()
}

// checkOwn refuses refs that a mirror keeps up to date.
func (p *compatPuller) checkOwn() error {
	if !p.mirror {
		return nil
	}
	var refs []string
	for _, tip := range p.tips {
		if tip.ref != "" {
			refs = append(refs, tip.ref)
		}
	}
	return refuseMirrored(p.repo, refs)
}

// compatPinned tells whether a name says its commit: "REF@CHECKSUM", "CHECKSUM".
func compatPinned(arg string) bool {
	_, sum, ok := strings.Cut(arg, "@")
	if !ok {
		sum = arg
	}
	_, err := ostree.ParseChecksum(sum)
	return err == nil
}

func (p *compatPuller) findTip(ctx context.Context, arg string) (tip compatTip, err error) {
	ref, sum, pinned := strings.Cut(arg, "@")
	if c, err := ostree.ParseChecksum(arg); err == nil {
		return compatTip{"", c, 0}, nil
	}
	if ostree.ValidateRef(ref) != nil {
		return tip, compatf("Invalid ref name %s", ref)
	}
	tip.ref = ref
	if pinned {
		if tip.commit, err = ostree.ParseChecksum(sum); err != nil {
			return tip, compatf("Invalid rev %s", sum)
		}
		return tip, nil
	}
	if p.summary != nil {
		found, ok := p.summary.Ref(ref)
		if !ok {
			return tip, compatf("No such branch '%s' in repository summary", ref)
		}
		tip.commit, tip.size = found.Commit, found.CommitSize
		return tip, nil
	}
	data, err := p.r.ReadFile(ctx, "refs/heads/"+ref, 1<<10)
	if err != nil {
		return tip, fmt.Errorf("%s: %w", compatf("Fetching checksum for ref ((empty), %s)", ref), err)
	}
	text := strings.TrimRight(string(data), "\n")
	if tip.commit, err = ostree.ParseChecksum(text); err != nil {
		return tip, compatf("Fetching checksum for ref ((empty), %s): Invalid rev %.64s", ref, strings.ReplaceAll(text, "\n", " "))
	}
	return tip, nil
}

// mirrorSummary keeps the remote's summary when all of its refs were pulled.
func (p *compatPuller) mirrorSummary() error {
	if !p.mirror || !p.all {
		return nil
	}
	path := filepath.Join(p.repo.Path(), "summary")
	if p.sig != nil {
		if err := atomicfile.WriteFile(path+".sig", p.sig, 0o644); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(path, p.data, 0o644)
}

// fresh is how many of the commits were not there before.
func (p *compatPuller) fresh() (n int64) {
	for _, c := range p.commits {
		if !c.have {
			n++
		}
	}
	return n
}

// report says what was fetched, in ostree's words.
func (p *compatPuller) report(result *remote.Result, stats archive.Stats) {
	fresh := p.fresh()
	meta := stats.MetaNew
	files := max(result.Objects+fresh-meta, 0)
	meta += p.local.fetched + fresh // ostree counts the detached metadata that it asks for
	text := fmt.Sprintf("%d metadata, %d content objects fetched", meta, files)
	if len(p.localCache) > 0 {
		text += fmt.Sprintf(" (%d meta, %d content local)", p.local.meta, p.local.files)
	}
	if meta+files+p.local.meta+p.local.files == 0 {
		return
	}
	p.c.printf("%s%s; %s content written\n", text, p.transferred(p.r.Bytes()), compatSize(stats.BytesStored))
}

// transferred says how much came over the line.
func (p *compatPuller) transferred(bytes int64) string {
	unit := "B"
	switch {
	case bytes == 0:
		return ""
	case bytes >= 1024:
		bytes, unit = bytes/1024, "KiB"
	}
	return fmt.Sprintf("; %d %s transferred in %d seconds", bytes, unit, int(p.c.env.clock().Sub(p.start).Seconds()))
}
