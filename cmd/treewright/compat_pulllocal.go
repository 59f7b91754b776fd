package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// compatPullLocalFlags are the options of ostree pull-local.
type compatPullLocalFlags struct {
	compatPullFlags
	remote                string
	gpgVerify, gpgSummary bool
}

func compatPullLocal(fs *pflag.FlagSet) compatRun {
	f := &compatPullLocalFlags{}
	fs.IntVar(&f.depth, "depth", 0, "")
	fs.BoolVar(&f.requireDeltas, "require-static-deltas", false, "")
	fs.BoolVar(&f.commitOnly, "commit-metadata-only", false, "")
	fs.BoolVar(&f.userOnly, "bareuseronly-files", false, "")
	fs.BoolVar(&f.noBindings, "disable-verify-bindings", false, "")
	fs.StringVar(&f.remote, "remote", "", "")
	fs.BoolVar(&f.gpgVerify, "gpg-verify", false, "")
	fs.BoolVar(&f.gpgSummary, "gpg-verify-summary", false, "")
	// Everything is verified and made durable in any case.
	fs.Bool("untrusted", false, "")
	fs.Bool("disable-fsync", false, "")
	fs.Bool("per-object-fsync", false, "")
	fs.Bool("disable-static-deltas", false, "")
	return f.run
}

func (f *compatPullLocalFlags) run(ctx context.Context, c *compat, args []string) (err error) {
	switch {
	case len(args) < 1:
		return compatf("DESTINATION must be specified")
	case f.requireDeltas:
		return compatf("Can't use static deltas in an archive repo")
	case f.remote == "" && (f.gpgVerify || f.gpgSummary):
		return compatf("Must specify remote name to enable gpg verification")
	}
	repo, err := c.open()
	if err != nil {
		return err
	}
	src, err := archive.OpenSource(args[0], archive.Options{Clock: c.env.clock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	p := &compatPuller{compatPullFlags: &f.compatPullFlags, start: c.env.clock()}
	if p.compatRemote, err = f.source(c, repo, args[0]); err != nil {
		return err
	}
	defer p.r.Close()
	p.collection = src.CollectionID()
	p.mirror = f.remote == "" // refs keep their names
	if f.gpgSummary {
		if err := p.fetchSummary(ctx); err != nil {
			return err
		}
	}
	if p.tips, err = localTips(ctx, src, args[0], args[1:]); err != nil {
		return err
	}
	if err := p.checkOwn(); err != nil {
		return err
	}
	return p.pullLocal(ctx, src)
}

// source is the other repository, with the keys and the rest of the config of
// the remote that --remote names.
func (f *compatPullLocalFlags) source(c *compat, repo *archive.Repo, path string) (r *compatRemote, err error) {
	config, err := repo.Config()
	if err != nil {
		return nil, err
	}
	r = &compatRemote{c: c, repo: repo, name: f.remote, gpg: f.gpgVerify, gpgSummary: f.gpgSummary, get: remoteConfig(config, f.remote)}
	r.cacheDir = filepath.Join(repo.Path(), "tmp", "cache")
	if f.gpgVerify || f.gpgSummary {
		if r.keyring, err = c.keyringOf(repo.Path(), f.remote, r.get("gpgkeypath")); err != nil {
			return nil, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	r.r, err = remote.Open(path, remote.Options{Clock: c.env.clock})
	return r, err
}

// pullLocal is pull from a repository of this machine, whose files are linked.
func (p *compatPuller) pullLocal(ctx context.Context, src *archive.Source) (err error) {
	if p.txn, err = p.repo.Begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.txn.Abort()) }()
	commits := make([]ostree.Checksum, len(p.tips))
	for i, tip := range p.tips {
		if err := p.fetchHistory(ctx, tip); err != nil {
			return err
		}
		commits[i] = tip.commit
	}
	res := &archive.PullLocalResult{}
	if p.commitOnly {
		err = p.storeCommits(ctx)
		p.meta, res.Meta = 0, p.fresh()
		res.Linked = res.Meta
	} else {
		res, err = p.repo.PullFrom(ctx, src, archive.PullLocalOptions{Commits: commits, Depth: p.depth})
	}
	if err == nil && p.userOnly && !p.commitOnly {
		err = p.checkUserOnly(ctx)
	}
	if err == nil {
		err = p.setRefs()
	}
	if err != nil {
		return err
	}
	if _, err := p.txn.Commit(ctx); err != nil {
		return err
	}
	p.c.printf("%d metadata, %d content objects imported%s; %s content written\n",
		res.Meta, res.Linked+res.Copied-res.Meta, p.transferred(p.meta), compatSize(res.Bytes))
	return nil
}

// localTips are the refs and commits that a command line names; all refs of the
// source without any.
func localTips(ctx context.Context, src *archive.Source, path string, args []string) (tips []compatTip, err error) {
	if len(args) == 0 {
		all, err := src.AllRefs(ctx)
		if err != nil {
			return nil, err
		}
		for _, ref := range all {
			if ostree.ValidateRef(ref.Name) != nil {
				return nil, compatf("Invalid ref name %s", ref.Name)
			}
			tips = append(tips, compatTip{ref.Name, ref.Commit, 0})
		}
		if len(tips) == 0 {
			return nil, compatf("No refs found in %s", filepath.Clean(path))
		}
		return tips, nil
	}
	for _, arg := range args {
		if sum, err := ostree.ParseChecksum(arg); err == nil {
			tips = append(tips, compatTip{"", sum, 0})
			continue
		}
		if ostree.ValidateRef(arg) != nil {
			return nil, compatf("Invalid ref name %s", arg)
		}
		sum, err := src.ResolveRef(arg)
		if errors.Is(err, archive.ErrNotExist) {
			return nil, compatf("Refspec '%s' not found", arg)
		} else if err != nil {
			return nil, err
		}
		tips = append(tips, compatTip{arg, sum, 0})
	}
	return tips, nil
}
