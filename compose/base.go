package compose

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// basesCache is the folder of the cache with the commits of other repositories:
// an archive repository.
const basesCache = "bases"

// maxKeyring bounds a file of keys.
const maxKeyring = 16 << 20

// baseCommit is the commit that packages are put on top of. Close it.
type baseCommit struct {
	key    *treefile.Base
	repo   *archive.Repo
	own    bool // repo is closed with the base
	commit ostree.Checksum
	db     *baseDatabase // nil until somebody needs it
}

// findBase finds the base, and brings it into the cache when it is in another
// repository.
func (p *Plan) findBase(ctx context.Context) error {
	t := p.opts.Treefile
	if t.Base == nil || t.Flatpak != nil {
		return nil
	}
	b := &baseCommit{key: t.Base, repo: p.opts.Repo}
	err := p.openBase(ctx, b)
	if err == nil {
		p.base = b
		return nil
	}
	return errors.Join(&treefile.Error{Position: t.Base.Position, Key: "base", Err: err}, b.Close())
}

func (p *Plan) openBase(ctx context.Context, b *baseCommit) (err error) {
	if b.key.Repo != "" {
		return p.pullBase(ctx, b)
	}
	if b.repo == nil {
		return fmt.Errorf("%s is looked for in the repository that is composed into: name it with --repo", b.key.Ref)
	}
	b.commit, err = b.repo.ResolveRev(ctx, b.key.Ref)
	if errors.Is(err, archive.ErrNotExist) {
		return fmt.Errorf("the repository does not have %s: compose it, or pull it into the repository, first", b.key.Ref)
	}
	return err
}

// pullBase brings the base of another repository into the cache.
func (p *Plan) pullBase(ctx context.Context, b *baseCommit) (err error) {
	dir := cachePath(p.opts.CacheDir, basesCache)
	if b.repo, err = openOrInit(dir); err != nil {
		return err
	}
	b.own = true
	// Refs of several repositories have one name.
	where := sha256.Sum256([]byte(b.key.Repo))
	name := fmt.Sprintf("base/%x/%s", where[:8], b.key.Ref)
	known, err := b.repo.ResolveRef(name)
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		return err
	}
	if p.opts.CacheOnly {
		if b.commit = known; known.IsZero() {
			return fmt.Errorf("the cache does not have %s of %s: compose once without --cache-only", b.key.Ref, remote.Redact(b.key.Repo))
		}
		return b.verify(ctx, p)
	}
	if err := p.pullInto(ctx, b, name, known); err != nil {
		return fmt.Errorf("pulling %s of %s: %w", b.key.Ref, remote.Redact(b.key.Repo), err)
	}
	return nil
}

func openOrInit(dir string) (*archive.Repo, error) {
	if _, err := os.Stat(dir + "/config"); errors.Is(err, os.ErrNotExist) {
		return archive.Init(dir, archive.InitOptions{})
	}
	return archive.Open(dir, archive.Options{})
}

// remoteOptions say how the base's repository is reached and trusted.
func (p *Plan) remoteOptions(b *baseCommit) (o remote.Options, err error) {
	o = p.opts.Remote
	o.GPGVerify, o.GPGVerifySummary, o.Keyring = false, false, nil
	if b.key.Keyring != nil {
		if o.Keyring, err = readKeyring(b.key.Keyring); err != nil {
			return o, err
		}
		o.GPGVerify, o.Clock = true, func() time.Time { return p.opts.Now }
	}
	if o.Progress == nil {
		o.Progress = func(stage string, done, total int64) { p.opts.Progress.Send(stage, done, total) }
	}
	return o, nil
}

func readKeyring(f *treefile.ExternalFile) (*sign.Keyring, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeyring {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", f.Path, info.Size(), maxKeyring)
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, err
	}
	ring, err := sign.ReadKeyring(data)
	if err != nil {
		return nil, fmt.Errorf("reading the keyring %s: %w", f.Path, err)
	}
	return ring, nil
}

// pullInto brings the commit that the ref has now.
func (p *Plan) pullInto(ctx context.Context, b *baseCommit, name string, known ostree.Checksum) (err error) {
	o, err := p.remoteOptions(b)
	if err != nil {
		return err
	}
	r, err := remote.Open(b.key.Repo, o)
	if err != nil {
		return err
	}
	defer r.Close()
	want := remote.Want{Have: known}
	if want.Commit, err = ostree.ParseChecksum(b.key.Ref); err != nil {
		want.Ref = b.key.Ref
		if want.Commit, want.Size, err = r.ResolveRef(ctx, b.key.Ref); err != nil {
			return err
		}
	}
	if b.commit = want.Commit; want.Commit == known {
		return b.verify(ctx, p)
	}
	if b.key.Keyring == nil {
		p.opts.Warn(fmt.Sprintf("%s: no keyring is named: the signature of the base is not checked", b.key.Position))
	}
	txn, err := b.repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	if _, err := r.PullInto(ctx, b.repo, txn, []remote.Want{want}); err != nil {
		return err
	}
	if err := txn.SetRef(name, want.Commit); err != nil {
		return err
	}
	_, err = txn.Commit(ctx)
	return err
}

// verify checks the signature of a commit that an earlier compose has pulled,
// maybe with other keys or none.
func (b *baseCommit) verify(ctx context.Context, p *Plan) error {
	if b.key.Keyring == nil {
		return nil
	}
	ring, err := readKeyring(b.key.Keyring)
	if err != nil {
		return err
	}
	data, err := b.repo.ReadMeta(ctx, ostree.ObjectName{Checksum: b.commit, Type: ostree.ObjectCommit})
	if err != nil {
		return err
	}
	beside, err := b.repo.CommitMeta(b.commit)
	if err != nil {
		return err
	}
	if _, err := ring.Verify(data, beside, p.opts.Now); err != nil {
		return fmt.Errorf("commit %s: %w", b.commit, err)
	}
	return nil
}

// Close releases the base.
func (b *baseCommit) Close() error {
	if b == nil {
		return nil
	}
	err := b.db.Close()
	if b.own {
		err = errors.Join(err, b.repo.Close())
	}
	b.own, b.db = false, nil
	return err
}

// nevras lists the packages of the tree. Those of a base have been read by the
// intake.
func (p *Plan) nevras() []rpm.NEVRA {
	var list []rpm.NEVRA
	for _, b := range p.installed() {
		list = append(list, b.manifest.NEVRA)
	}
	for i := range p.Packages {
		list = append(list, p.Packages[i].NEVRA)
	}
	return list
}

// installed lists the packages of the base that the intake has read.
func (p *Plan) installed() []basePackage {
	if p.base == nil || p.base.db == nil {
		return nil
	}
	return p.base.db.list
}
