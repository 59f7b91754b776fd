package compose

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// UnverifiedError lists the packages whose signatures are missing or bad, or
// whose keys are not trusted.
type UnverifiedError struct{ Packages []UnverifiedPackage }

// UnverifiedPackage is a package that gpgcheck refuses, and why.
type UnverifiedPackage struct {
	NEVRA rpm.NEVRA
	Repo  string
	Err   error
}

func (e *UnverifiedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gpgcheck refuses %d package(s)", len(e.Packages))
	for _, p := range e.Packages {
		fmt.Fprintf(&b, "\n  from %s: %v", p.Repo, p.Err)
	}
	return b.String()
}

// fetchParallel is how many packages are downloaded at a time.
const fetchParallel = 8

// intake brings the packages of a plan into the content store.
type intake struct {
	plan  *Plan
	store *content.Store
	keys  map[*rpmrepo.Repository]trust
	// source has the files of commits: of a base, of layers.
	source *commitSource

	manifests []*content.Manifest // by package
	signers   []string

	mu         sync.Mutex
	unverified map[int]UnverifiedPackage
	fetched    int64
	imported   int64

	repairing sync.Mutex
	repaired  map[content.Digest]bool
}

// trust is what a repository's packages are checked with.
type trust struct {
	ring   *rpm.Keyring // nil: gpgcheck is off
	digest content.Digest
}

// run fetches, verifies and imports what the store does not have.
func (in *intake) run(ctx context.Context) error {
	in.manifests = make([]*content.Manifest, len(in.plan.Packages))
	in.signers = make([]string, len(in.plan.Packages))
	in.unverified = map[int]UnverifiedPackage{}
	in.source = newCommitSource(in.plan.opts.jobs())
	if b := in.plan.base; b != nil {
		if _, err := b.packages(ctx, in.plan); err != nil {
			return err
		}
	}
	if err := in.readKeys(ctx); err != nil {
		return err
	}
	missing, err := in.missing(ctx)
	if err != nil {
		return err
	}
	if err := in.bring(ctx, missing); err != nil {
		return err
	}
	if len(in.unverified) == 0 {
		return in.checkNames()
	}
	list := &UnverifiedError{}
	for i := range in.plan.Packages {
		if u, bad := in.unverified[i]; bad {
			list.Packages = append(list.Packages, u)
		}
	}
	return list
}

// checkNames sees that each file is the package that its repository says. A
// signature vouches for a package, not for the name that a repository gives it.
func (in *intake) checkNames() error {
	var errs []error
	for i, m := range in.manifests {
		if p := &in.plan.Packages[i]; m.NEVRA != p.NEVRA {
			errs = append(errs, fmt.Errorf("repository %s calls a package %s that is %s", p.Repo, p.NEVRA, m.NEVRA))
		}
	}
	return errors.Join(errs...)
}

func (in *intake) readKeys(ctx context.Context) error {
	in.keys = map[*rpmrepo.Repository]trust{}
	for _, r := range in.plan.repos {
		c := r.Config()
		if !c.GPGCheck {
			continue
		}
		if len(c.GPGKeys) == 0 {
			return fmt.Errorf("repository %s (%s) has gpgcheck=1 and no gpgkey: name the file or URL of its key", c.ID, c.File)
		}
		ring, err := r.Keyring(ctx)
		if err != nil {
			return err
		}
		for _, u := range ring.Unusable() {
			in.plan.opts.Warn(fmt.Sprintf("gpgkey of repository %s: %v", c.ID, u))
		}
		sum, err := r.KeyDigest(ctx)
		if err != nil {
			return err
		}
		in.keys[r] = trust{ring: ring, digest: content.Digest(sum)}
	}
	return nil
}

// missing returns the packages that must be looked at: those without a manifest
// and those whose signature was not checked with these keys. Large ones first:
// they take longest.
func (in *intake) missing(ctx context.Context) ([]int, error) {
	var list []int
	for i := range in.plan.Packages {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p := &in.plan.Packages[i]
		m, err := in.store.Manifest(p.Checksum)
		if err != nil && !errors.Is(err, content.ErrNotExist) {
			return nil, err
		}
		signer, signed := "", true
		if t := in.keys[p.from]; t.ring != nil {
			signer, signed = in.store.Signed(p.Checksum, t.digest)
		}
		if m == nil || !signed {
			list = append(list, i)
			continue
		}
		in.manifests[i], in.signers[i] = m, signer
	}
	slices.SortStableFunc(list, func(a, b int) int {
		return cmp.Compare(in.plan.Packages[b].Size, in.plan.Packages[a].Size)
	})
	return list, nil
}

// ready is a package file that can be imported.
type ready struct {
	index int
	path  string
}

// bring fetches packages and imports each as soon as it is there.
func (in *intake) bring(ctx context.Context, list []int) error {
	var total int64
	for _, i := range list {
		total += in.plan.Packages[i].Size
	}
	in.plan.opts.Progress.Send("fetch", 0, total)
	group, ctx := errgroup.WithContext(ctx)
	files := make(chan ready, len(list))
	group.Go(func() error {
		defer close(files)
		fetchers, ctx := errgroup.WithContext(ctx)
		fetchers.SetLimit(fetchParallel)
		for _, i := range list {
			fetchers.Go(func() error {
				path, err := in.fetch(ctx, i)
				if err != nil {
					return err
				}
				in.mu.Lock()
				in.fetched += in.plan.Packages[i].Size
				in.plan.opts.Progress.Send("fetch", in.fetched, total)
				in.mu.Unlock()
				files <- ready{i, path}
				return nil
			})
		}
		return fetchers.Wait()
	})
	for range in.plan.opts.jobs() {
		group.Go(func() error {
			for f := range files {
				if err := in.take(ctx, f); err != nil {
					return err
				}
				in.mu.Lock()
				in.imported++
				in.plan.opts.Progress.Send("import", in.imported, int64(len(list)))
				in.mu.Unlock()
			}
			return nil
		})
	}
	return group.Wait()
}

func (o *Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return runtime.GOMAXPROCS(0)
}

func (in *intake) fetch(ctx context.Context, i int) (string, error) {
	p := &in.plan.Packages[i]
	got, err := rpmrepo.Fetch(ctx, []rpmrepo.Wanted{{Repo: p.from, Package: p.meta}}, rpmrepo.FetchOptions{Parallel: 1})
	if err != nil {
		return "", err
	}
	return got[0].Path, nil
}

// take verifies and imports one package. Nothing of a package is unpacked before
// its signature was found to be good.
func (in *intake) take(ctx context.Context, f ready) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := &in.plan.Packages[f.index]
	if t := in.keys[p.from]; t.ring != nil {
		signer, err := verify(p, f.path, t.ring, in.plan.opts.Now)
		if err != nil {
			in.mu.Lock()
			in.unverified[f.index] = UnverifiedPackage{NEVRA: p.NEVRA, Repo: p.Repo, Err: err}
			in.mu.Unlock()
			return nil
		}
		in.signers[f.index] = signer
		if err := in.store.SetSigned(p.Checksum, t.digest, signer); err != nil {
			return err
		}
	}
	m, err := in.store.Manifest(p.Checksum)
	if errors.Is(err, content.ErrNotExist) {
		m, err = in.store.Import(ctx, p.Checksum, f.path)
	}
	in.manifests[f.index] = m
	return err
}

// verify checks the signature of the package file at path, which must have the
// checksum that the repository names, and returns the signing key's fingerprint.
func verify(p *Package, path string, ring *rpm.Keyring, now time.Time) (signer string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := p.Checksum.Hasher()
	in := bufio.NewReaderSize(io.TeeReader(f, sum), 256<<10)
	pkg, err := rpm.Open(in)
	if err != nil {
		return "", err
	}
	done, err := pkg.Verify(in, rpm.VerifyOptions{Keys: ring, Now: now})
	if err != nil {
		return "", err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.Checksum.Hex() {
		return "", fmt.Errorf("the file %s has the checksum %s, its repository says %s", path, got, p.Checksum.Hex())
	}
	if len(done.Signatures) == 0 {
		return "", rpm.ErrUnsigned
	}
	return done.Signatures[0].Fingerprint, nil
}
