package rpmrepo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Options say how repositories are read.
type Options struct {
	// Client fetches; nil makes one with its defaults.
	Client *fetch.Client
	// CacheDir keeps metadata, keys and packages for the next run. Without
	// it, only repositories on disk can be read.
	CacheDir string
	// Offline uses the cache alone. Repositories on disk are read as always.
	Offline bool
	// Now makes signatures and keys from later, or expired by then, invalid;
	// zero judges keys by the time of the signature alone.
	Now time.Time
	// Warn hears of what went wrong without harm, such as a mirror that does
	// not answer. Nil drops it. It may be called from several goroutines.
	Warn func(text string)
}

// Repository is an open repository: its repomd.xml was read and, where that is
// configured, verified. It is safe for concurrent use.
type Repository struct {
	cfg    RepoConfig
	opts   Options
	client *fetch.Client
	own    bool // the client is this repository's
	cache  *cache
	src    *source
	md     *RepoMD
	sum    [sha256.Size]byte // of repomd.xml

	keyMu sync.Mutex
	keys  [][]byte
	ring  *rpm.Keyring
}

// ErrNotCached says that something is not in the cache, and that nothing else
// may be asked.
var ErrNotCached = errors.New("not in the cache")

// ErrNoData says that a repository has no metadata of a kind.
var ErrNoData = errors.New("the repository has no such metadata")

// Open reads a repository's repomd.xml, from its servers even if the cache has
// one: a repository is as new as it is now. Close it, the cache cannot be
// pruned before.
func Open(ctx context.Context, cfg RepoConfig, opts Options) (*Repository, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	r := &Repository{cfg: cfg, opts: opts}
	err := r.open(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("opening %s: %w", cfg.position(), err), r.Close())
		return nil, err
	}
	return r, nil
}

func (r *Repository) open(ctx context.Context) (err error) {
	if r.client, r.own, err = r.newClient(); err != nil {
		return err
	}
	if r.cache, err = openCache(ctx, r.opts.CacheDir); err != nil {
		return err
	}
	if r.opts.Offline && !r.onDisk() {
		return r.openCached(ctx)
	}
	if r.cache.dir == "" && !r.onDisk() {
		return errors.New("a repository on a server needs a cache folder")
	}
	bases, link, err := locate(ctx, r.client, &r.cfg)
	if err != nil {
		return err
	}
	r.src = newSource(r.client, bases, r.opts.Warn)
	return r.download(ctx, link)
}

// onDisk reports whether all addresses are folders.
func (r *Repository) onDisk() bool {
	if r.cfg.Metalink != "" || r.cfg.MirrorList != "" {
		return false
	}
	for _, base := range r.cfg.BaseURLs {
		if _, local, err := fetch.LocalPath(base); !local || err != nil {
			return false
		}
	}
	return true
}

// newClient returns the client to use, and whether it is one of its own, for
// what the .repo file says of the transport.
func (r *Repository) newClient() (client *fetch.Client, own bool, err error) {
	client = r.opts.Client
	if client == nil {
		if client, err = fetch.New(fetch.Options{}); err != nil {
			return nil, false, err
		}
		own = true
	}
	if r.cfg.Transport == (Transport{}) {
		return client, own, nil
	}
	client, err = client.With(func(o *fetch.Options) { r.cfg.Transport.apply(o, r.cfg.hosts()) })
	return client, true, err
}

// hosts are the servers that the configuration itself names: those that its
// credentials are meant for.
func (c *RepoConfig) hosts() []string {
	var hosts []string
	for _, s := range append([]string{c.Metalink, c.MirrorList}, c.BaseURLs...) {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}

// apply sets what differs from the client's own settings.
func (t *Transport) apply(o *fetch.Options, hosts []string) {
	switch {
	case t.NoProxy:
		o.Proxy, o.ProxyFor = "", nil
	case t.Proxy != "":
		o.Proxy = t.Proxy
	}
	if t.Username != "" || t.Password != "" {
		o.Username, o.Password, o.AuthHosts = t.Username, t.Password, hosts
	}
	if t.UserAgent != "" {
		o.UserAgent = t.UserAgent
	}
	if t.CAFile != "" {
		o.CAFile = t.CAFile
	}
	if t.CertFile != "" || t.KeyFile != "" {
		o.CertFile, o.KeyFile = t.CertFile, t.KeyFile
	}
	o.InsecureTLS = o.InsecureTLS || t.InsecureTLS
	if t.IPVersion != 0 {
		o.IPVersion = t.IPVersion
	}
	if t.Timeout > 0 {
		o.Timeout, o.SlowTime = t.Timeout, t.Timeout
	}
	if t.MinRate > 0 {
		o.MinRate = t.MinRate
	}
	if t.Retries > 0 {
		o.Retries = t.Retries
	}
	if t.MaxPerHost > 0 {
		o.MaxPerHost = t.MaxPerHost
	}
}

// download gets repomd.xml from the first address whose copy is right.
func (r *Repository) download(ctx context.Context, link *metalink) error {
	var older *candidate
	tries := 0
	err := r.src.each(ctx, func(base string, attempts int) error {
		c, err := r.candidate(ctx, base, attempts, link)
		if r.cfg.RepoGPGCheck && err != nil && !errors.Is(err, fetch.ErrNotFound) && ctx.Err() == nil {
			// The repository may have changed between repomd.xml and signature.
			c, err = r.candidate(ctx, base, attempts, link)
		}
		if err != nil {
			return err
		}
		// A mirror may be behind the metalink: two more are asked for the
		// newest before an older one is taken.
		if c.newest {
			older = c
			return nil
		}
		if older == nil {
			older = c
		}
		if tries++; tries > 2 {
			return nil
		}
		return fmt.Errorf("%s has an older repomd.xml than the metalink names", redact(base))
	})
	if older == nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.src.prefer(older.base)
	r.accept(older)
	return r.cache.saveState(&r.cfg, state{Bases: r.src.all(), RepoMD: older.repomd, Signature: older.signature})
}

// candidate is a repomd.xml that is right.
type candidate struct {
	base              string
	repomd, signature []byte
	md                *RepoMD
	newest            bool
}

func (r *Repository) accept(c *candidate) {
	r.md = c.md
	r.sum = sha256.Sum256(c.repomd)
}

// candidate reads repomd.xml at base and checks it in every way that is known.
func (r *Repository) candidate(ctx context.Context, base string, attempts int, link *metalink) (*candidate, error) {
	c := &candidate{base: base, newest: true}
	var err error
	if c.repomd, err = r.read(ctx, base, "repodata/repomd.xml", attempts); err != nil {
		return nil, adviseOpen(err)
	}
	if link != nil && !link.newest.matches(c.repomd) {
		c.newest = false
		ok := false
		for _, w := range link.older {
			ok = ok || w.matches(c.repomd)
		}
		if !ok {
			return nil, fmt.Errorf("%s/repodata/repomd.xml is not the one that the metalink names", strings.TrimRight(redact(base), "/"))
		}
	}
	if r.cfg.RepoGPGCheck {
		if c.signature, err = r.read(ctx, base, "repodata/repomd.xml.asc", attempts); err != nil {
			return nil, fmt.Errorf("repo_gpgcheck wants a signature of the metadata: %w", err)
		}
	}
	return c, r.check(ctx, c)
}

// check verifies the signature and reads the content.
func (r *Repository) check(ctx context.Context, c *candidate) (err error) {
	if r.cfg.RepoGPGCheck {
		ring, err := r.Keyring(ctx)
		if err != nil {
			return err
		}
		if _, err := ring.VerifyDetached(c.repomd, c.signature, r.opts.Now); err != nil {
			return fmt.Errorf("repo_gpgcheck: the signature of repomd.xml at %s: %w", redact(c.base), err)
		}
	}
	if c.md, err = parseRepoMD(c.repomd); err != nil {
		return fmt.Errorf("%s: %w", redact(c.base), err)
	}
	return nil
}

// read returns a small file at base.
func (r *Repository) read(ctx context.Context, base, href string, attempts int) ([]byte, error) {
	address, err := joinURL(base, href)
	if err != nil {
		return nil, err
	}
	data, _, err := r.client.ReadAll(ctx, address, fetch.GetOptions{MaxSize: maxRepoMD, Attempts: attempts, Fresh: true})
	return data, err
}

// openCached takes the state of an earlier run, and checks it like a new one.
func (r *Repository) openCached(ctx context.Context) error {
	s, err := r.cache.loadState(&r.cfg)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("its metadata is %w: run once without cache-only", ErrNotCached)
	}
	if err != nil {
		return err
	}
	c := &candidate{base: "the cache", repomd: s.RepoMD, signature: s.Signature}
	if err := r.check(ctx, c); err != nil {
		return err
	}
	r.src = newSource(r.client, s.Bases, r.opts.Warn)
	r.accept(c)
	return nil
}

// Close gives the cache free for pruning. Paths that Fetch returned may go
// away after it.
func (r *Repository) Close() error {
	if r.own && r.client != nil {
		r.client.Close()
	}
	if r.cache == nil {
		return nil
	}
	return r.cache.close()
}

// ID returns the repository's ID.
func (r *Repository) ID() string { return r.cfg.ID }

// Config returns what the repository was opened with.
func (r *Repository) Config() RepoConfig { return r.cfg }

// RepoMD returns the list of metadata files. It must not be changed.
func (r *Repository) RepoMD() *RepoMD { return r.md }

// Generated returns when the packages' metadata was made, in seconds since
// 1970; zero when the repository does not say.
func (r *Repository) Generated() int64 { return r.md.Find("primary").Timestamp }

// Has reports whether the repository lists metadata of a kind: group, modules,
// updateinfo, other, filelists.
func (r *Repository) Has(kind string) bool {
	if kind == "group" && r.cfg.NoGroups {
		return false
	}
	return len(r.md.Variants(kind)) > 0
}

// Modular reports whether module filtering applies: the repository describes
// modules, and is not exempt as module_hotfixes.
func (r *Repository) Modular() bool { return r.Has("modules") && !r.cfg.ModuleHotfixes }

// Revision covers all of the repository that can change an answer or a
// package: repomd.xml, which names everything else by checksum, and the
// configuration, keys included. How its files travel is not part of it.
func (r *Repository) Revision(ctx context.Context) (string, error) {
	keys, err := r.keyData(ctx)
	if err != nil {
		return "", err
	}
	c := &r.cfg
	h := sha256.New()
	fmt.Fprintf(h, "treewright repository 1\nid %q\nrepomd %x\npriority %d\ncost %d\nexcludes %q\nincludes %q\n",
		c.ID, r.sum, c.Priority, c.Cost, c.Excludes, c.Includes)
	fmt.Fprintf(h, "module_hotfixes %t\nenablegroups %t\ngpgcheck %t\nrepo_gpgcheck %t\n",
		c.ModuleHotfixes, !c.NoGroups, c.GPGCheck, c.RepoGPGCheck)
	for _, k := range keys {
		fmt.Fprintf(h, "key %x\n", sha256.Sum256(k))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
