package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// compatCommitFlags are the options of ostree commit.
type compatCommitFlags struct {
	parent, subject, body, bodyFile, branch    string
	orphan, noBindings, consume, table         bool
	unchanged, sizes, noXattrs, canonical      bool
	bindRefs, trees, strings, keep, detached   []string
	values                                     []string // --add-metadata
	policy, tarFilter                          string
	bootable, policyFromBase, editor           bool
	base, override, skipList, timestamp, fsync string
	readOnly                                   bool
	uid, gid                                   int64
	signing                                    compatSigning
}

func compatCommit(fs *pflag.FlagSet) compatRun {
	f := &compatCommitFlags{}
	fs.StringVar(&f.parent, "parent", "", "")
	fs.StringVarP(&f.subject, "subject", "s", "", "")
	fs.StringVarP(&f.body, "body", "m", "", "")
	fs.StringVarP(&f.bodyFile, "body-file", "F", "", "")
	fs.StringVarP(&f.branch, "branch", "b", "", "")
	fs.BoolVar(&f.orphan, "orphan", false, "")
	fs.BoolVar(&f.noBindings, "no-bindings", false, "")
	fs.StringArrayVar(&f.bindRefs, "bind-ref", nil, "")
	fs.StringVar(&f.base, "base", "", "")
	fs.StringArrayVar(&f.trees, "tree", nil, "")
	fs.StringArrayVar(&f.strings, "add-metadata-string", nil, "")
	fs.StringArrayVar(&f.keep, "keep-metadata", nil, "")
	fs.StringArrayVar(&f.detached, "add-detached-metadata-string", nil, "")
	fs.Int64Var(&f.uid, "owner-uid", -1, "")
	fs.Int64Var(&f.gid, "owner-gid", -1, "")
	fs.BoolVar(&f.canonical, "canonical-permissions", false, "")
	fs.BoolVar(&f.noXattrs, "no-xattrs", false, "")
	fs.BoolVar(&f.readOnly, "mode-ro-executables", false, "")
	fs.BoolVar(&f.unchanged, "skip-if-unchanged", false, "")
	fs.StringVar(&f.override, "statoverride", "", "")
	fs.StringVar(&f.skipList, "skip-list", "", "")
	fs.BoolVar(&f.consume, "consume", false, "")
	fs.BoolVar(&f.table, "table-output", false, "")
	fs.BoolVar(&f.sizes, "generate-sizes", false, "")
	fs.StringVar(&f.timestamp, "timestamp", "", "")
	fs.StringArrayVar(&f.values, "add-metadata", nil, "")
	fs.BoolVar(&f.bootable, "bootable", false, "")
	fs.StringVar(&f.policy, "selinux-policy", "", "")
	fs.BoolVarP(&f.policyFromBase, "selinux-policy-from-base", "P", false, "")
	fs.BoolVarP(&f.editor, "editor", "e", false, "")
	fs.StringVar(&f.tarFilter, "tar-pathname-filter", "", "")
	// These say how fast a commit is to be made, not what it is.
	fs.StringVar(&f.fsync, "fsync", "", "")
	fs.Bool("tar-autocreate-parents", false, "")
	// An archive repository has no objects that a file could be a link to.
	fs.Bool("link-checkout-speedup", false, "")
	fs.BoolP("devino-canonical", "I", false, "")
	f.signing.add(fs)
	return f.run
}

func (f *compatCommitFlags) run(ctx context.Context, c *compat, args []string) error {
	if f.branch == "" && !f.orphan {
		return compatf("A branch must be specified with --branch, or use --orphan")
	}
	if f.fsync != "" && !slices.Contains([]string{"0", "1", "true", "false", "yes", "no"}, f.fsync) {
		return compatf("Invalid boolean argument '%s'", f.fsync)
	}
	if f.canonical && (f.uid > 0 || f.gid > 0) {
		return compatf("Cannot specify both --canonical-permissions and non-zero %s", map[bool]string{true: "--owner-uid", false: "--owner-gid"}[f.uid > 0])
	}
	if f.uid < -1 || f.gid < -1 || f.uid >= 1<<32 || f.gid >= 1<<32 {
		return compatf("%d:%d is no owner", f.uid, f.gid)
	}
	if remote, name, ok := strings.Cut(f.branch, ":"); f.branch != "" &&
		(!ok && ostree.ValidateRef(f.branch) != nil || ok && (ostree.ValidateRemote(remote) != nil || ostree.ValidateRef(name) != nil)) {
		return compatf("Invalid ref name %s", f.branch)
	}
	if len(f.trees) == 0 {
		f.trees = []string{"dir=."}
		if len(args) > 0 {
			f.trees = []string{"dir=" + args[0]}
		}
	}
	if f.policy != "" && f.policyFromBase {
		return compatf("Cannot specify both --selinux-policy and --selinux-policy-from-base")
	}
	repo, err := c.open()
	if err != nil {
		return err
	}
	if err := f.message(ctx, c); err != nil {
		return err
	}
	if f.branch != "" && !strings.Contains(f.branch, ":") {
		if err := refuseMirrored(repo, []string{f.branch}); err != nil {
			return err
		}
	}
	m := compatMaker{f, c, repo, nil}
	if err := m.commit(ctx); err != nil {
		return err
	}
	if f.consume {
		if err := f.consumeTrees(); err != nil {
			return err
		}
	}
	return c.updateSummaryIf(ctx, repo, "commit-update-summary", "auto-update-summary")
}

func (f *compatCommitFlags) consumeTrees() error {
	for _, t := range f.trees {
		if dir, ok := strings.CutPrefix(t, "dir="); ok {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// compatMaker makes one commit.
type compatMaker struct {
	*compatCommitFlags
	c    *compat
	repo *archive.Repo
	txn  *archive.Txn
}

func (m *compatMaker) commit(ctx context.Context) (err error) {
	parent, err := m.findParent()
	if err != nil {
		return err
	}
	meta, err := m.newMetadata(ctx, parent)
	if err != nil {
		return err
	}
	detached, err := compatPairs(m.detached)
	if err != nil {
		return err
	}
	guard, err := m.repo.Begin(ctx) // what is stored in two steps stays meanwhile
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.Abort()) }()
	if m.txn, err = m.repo.Begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.txn.Abort()) }()
	root, err := m.writeTrees(ctx)
	if err != nil {
		return err
	}
	commit := &ostree.Commit{Metadata: meta, Parent: parent, Subject: m.subject, Body: m.body, RootTree: root.Tree, RootMeta: root.Meta}
	if m.unchanged && !parent.IsZero() {
		old, err := m.repo.Commit(ctx, parent)
		if err != nil {
			return err
		}
		if old.ContentChecksum() == commit.ContentChecksum() {
			m.print(parent, archive.Stats{})
			return nil
		}
	}
	if m.bootable {
		if commit.Metadata, err = bootableMetadata(ctx, m.txn, commit); err != nil {
			return err
		}
	}
	if commit.Timestamp, err = m.time(); err != nil {
		return err
	}
	return m.store(ctx, commit, detached)
}

// store writes the commit, and then the ref.
func (m *compatMaker) store(ctx context.Context, commit *ostree.Commit, detached gvariant.Dict) (err error) {
	var stats archive.Stats
	if m.sizes {
		if stats, err = m.txn.Commit(ctx); err != nil {
			return err
		}
		if m.txn, err = m.repo.Begin(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.txn.Abort()) }()
		sizes, err := compatSizes(ctx, m.repo, commit)
		if err != nil {
			return err
		}
		commit.Metadata.Set("ostree.sizes", sizes)
	}
	signers, err := m.signing.signers(m.c)
	if err != nil {
		return err
	}
	sum, more, err := m.finish(ctx, commit, detached, signers)
	if err != nil {
		return err
	}
	stats.FilesTotal += more.FilesTotal
	stats.FilesNew += more.FilesNew
	stats.MetaTotal += more.MetaTotal
	stats.MetaNew += more.MetaNew
	stats.BytesRead += more.BytesRead
	m.print(sum, stats)
	return nil
}

// finish writes and signs the commit object, and ends the transaction.
func (m *compatMaker) finish(ctx context.Context, commit *ostree.Commit, detached gvariant.Dict, signers []sign.Signer) (sum ostree.Checksum, stats archive.Stats, err error) {
	data, err := commit.Encode()
	if err != nil {
		return sum, stats, err
	}
	if sum, err = m.txn.WriteMeta(ctx, ostree.ObjectCommit, data); err != nil {
		return sum, stats, err
	}
	if len(detached) > 0 || len(signers) > 0 {
		for _, s := range signers {
			sig, err := s.Sign(ctx, data)
			if err != nil {
				return sum, stats, err
			}
			detached = sign.Append(detached, sig)
		}
		m.txn.SetCommitMeta(sum, detached)
	}
	if !m.orphan {
		// As with ostree, the last of those that commit at the same time counts.
		if err := m.txn.SetRef(m.branch, sum); err != nil {
			return sum, stats, err
		}
	}
	stats, err = m.txn.Commit(ctx)
	return sum, stats, err
}

func (m *compatMaker) print(sum ostree.Checksum, s archive.Stats) {
	if !m.table {
		m.c.printf("%s\n", sum)
		return
	}
	m.c.printf("Commit: %s\nMetadata Total: %d\nMetadata Written: %d\nContent Total: %d\nContent Written: %d\nContent Cache Hits: 0\nContent Bytes Written: %d\n",
		sum, s.MetaTotal, s.MetaNew, s.FilesTotal, s.FilesNew, s.BytesRead)
}

// findParent returns the parent: what --parent says, or what the branch shows.
func (m *compatMaker) findParent() (parent ostree.Checksum, err error) {
	switch {
	case m.parent == "none" || m.parent == "" && m.orphan:
		return parent, nil
	case m.parent != "":
		if parent, err = ostree.ParseChecksum(m.parent); err != nil {
			return parent, compatf("Invalid rev %s", m.parent)
		}
		return parent, nil
	}
	parent, err = m.repo.ResolveRef(m.branch)
	if errors.Is(err, archive.ErrNotExist) {
		err = nil
	}
	return parent, err
}

// newMetadata is the commit's metadata, but for sizes.
func (m *compatMaker) newMetadata(ctx context.Context, parent ostree.Checksum) (gvariant.Dict, error) {
	meta, err := compatPairs(m.strings)
	if err != nil {
		return nil, err
	}
	values, err := compatValues(m.values)
	if err != nil {
		return nil, err
	}
	meta = append(meta, values...)
	if len(m.keep) > 0 {
		if parent.IsZero() {
			return nil, compatf("Either --branch or --parent must be specified when using --keep-metadata")
		}
		old, err := m.repo.Commit(ctx, parent)
		if err != nil {
			return nil, err
		}
		for _, key := range m.keep {
			v, ok := old.Metadata.Get(key)
			if !ok {
				return nil, compatf("Missing metadata key '%s' from commit '%s'", key, parent)
			}
			meta = append(meta, gvariant.Entry{Key: key, Value: v})
		}
	}
	if m.noBindings {
		return meta, nil
	}
	refs := slices.Clone(m.bindRefs)
	if m.branch != "" {
		_, name, ok := strings.Cut(m.branch, ":")
		if !ok {
			name = m.branch
		}
		refs = append(refs, name)
	}
	slices.Sort(refs)
	meta = append(meta, gvariant.Entry{Key: ostree.KeyRefBinding, Value: gvariant.Strings(refs...)})
	if _, given := meta.Get(ostree.KeyCollectionBinding); m.repo.CollectionID() != "" && !given {
		id := m.repo.CollectionID()
		meta = append(meta, gvariant.Entry{Key: ostree.KeyCollectionBinding, Value: gvariant.String(id)})
	}
	return meta, nil
}

// compatPairs reads KEY=VALUE options.
func compatPairs(texts []string) (gvariant.Dict, error) {
	var d gvariant.Dict
	for _, text := range texts {
		key, value, err := keyAndValue(text)
		if err != nil {
			return nil, err
		}
		d = append(d, gvariant.Entry{Key: key, Value: gvariant.String(value)})
	}
	return d, nil
}

func keyAndValue(text string) (key, value string, err error) {
	key, value, ok := strings.Cut(text, "=")
	switch {
	case !ok:
		return "", "", compatf("Missing '=' in KEY=VALUE metadata '%s'", text)
	case key == "":
		return "", "", compatf("Empty metadata key")
	}
	return key, value, nil
}

// time is the commit's.
func (m *compatMaker) time() (uint64, error) {
	if m.timestamp != "" {
		t, err := compatTime(m.timestamp, m.c.env.clock())
		if err != nil {
			return 0, compatf("Could not parse '%s'", m.timestamp)
		}
		return uint64(max(t.Unix(), 0)), nil
	}
	date, err := m.c.env.sourceDate()
	if err != nil {
		text := m.c.env.getenv("SOURCE_DATE_EPOCH")
		if strings.Trim(text, "0123456789") == "" {
			return 0, compatf("Parsing SOURCE_DATE_EPOCH: Numerical result out of range")
		}
		return 0, compatf("Failed to convert SOURCE_DATE_EPOCH: '%s' is no number", text)
	}
	if date.IsZero() {
		date = m.c.env.clock()
	}
	return uint64(date.Unix()), nil
}
