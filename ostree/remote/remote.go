// Package remote reads OSTree repositories over http, https and file: URLs, and
// pulls commits from them into an archive repository.
//
// A repository is plain files. What is asked for, in this order:
//
//	config                            must say that the mode is archive
//	summary.sig, summary              the refs; without a summary,
//	refs/heads/REF                    one ref, 64 hexadecimal digits
//	objects/XX/….commitmeta           detached metadata: the signatures
//	objects/XX/….commit               checksum, signature, bindings and time are
//	                                  checked before anything else is fetched
//	delta-indexes/XX/….index          the static deltas to the commit, unless
//	                                  the summary lists them
//	deltas/XX/…/superblock, 0, 1 …    most of what is new, in few files
//	objects/XX/….dirtree  ….dirmeta   the tree, from its root on: what is not
//	                                  there yet
//	objects/XX/….filez                file content
//
// Nothing that a server sends is believed. Objects are compared with their
// checksum before they are stored, and files are stored as they came, without
// being compressed again. Refs, and commits with them, appear last: a pull that
// was cut leaves at most objects that no ref names, and the next one goes on
// from there.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/sign"
)

// Options configure a Remote. The zero value reads without credentials and
// verifies checksums alone.
type Options struct {
	// Keyring holds the keys that signatures must be of.
	Keyring *sign.Keyring
	// GPGVerify wants a good signature on every commit, GPGVerifySummary one
	// on the summary. Both need Keyring and Clock.
	GPGVerify, GPGVerifySummary bool
	// Ed25519Keys and SPKIKeys are those that signatures of the engines ed25519
	// and spki must be of. SignVerify wants one of each engine that has keys on
	// every commit, SignVerifySummary on the summary. With GPGVerify as well,
	// all must be good.
	Ed25519Keys                   sign.Ed25519Keys
	SPKIKeys                      sign.SPKIKeys
	SignVerify, SignVerifySummary bool
	// Clock tells when keys are judged.
	Clock func() time.Time
	// CollectionID, when set, is the one that commits must be bound to.
	CollectionID string
	// RequireBinding refuses commits that name no refs at all. Without it, and
	// without a CollectionID, only a binding to other refs is refused.
	RequireBinding bool
	// Signer, when set, adds its signature to the detached metadata of each
	// commit that is pulled.
	Signer sign.Signer

	// Deltas says whether static deltas are used.
	Deltas DeltaUse
	// Warn hears of what a pull went around.
	Warn func(error)

	// MaxRequests bounds the requests under way at once; zero means 24.
	MaxRequests int
	// MaxFileSize bounds one file object, as it is stored; zero means 16 GiB.
	MaxFileSize int64
	// Retries is how often a request that fails in passing is repeated; zero
	// means 4, a negative number none.
	Retries int

	UserAgent string
	// Proxy is the URL of a proxy; when it is empty, ProxyFor chooses.
	Proxy    string
	ProxyFor func(*http.Request) (*url.URL, error)
	// ContentURL is where objects and deltas lie, if not at the remote's URL;
	// detached metadata, the signatures, is read from that in any case.
	ContentURL string
	// Username and Password, or Bearer, are sent to the remote's host.
	Username, Password, Bearer string
	// Header holds more fields for requests to the hosts that get credentials.
	Header http.Header
	// CAFile, CertFile and KeyFile are PEM files for TLS.
	CAFile, CertFile, KeyFile string
	InsecureTLS               bool

	// LimitRate, when not zero, is how many bytes a second are fetched at most.
	LimitRate int64

	// Progress hears of the objects of a pull. The total grows while trees are
	// being read.
	Progress func(stage string, done, total int64)

	// sleep waits between attempts; tests do not.
	sleep func(ctx context.Context, d time.Duration) error
	// flush bounds what a kill can lose; zero means the package's limits.
	flushObjects, flushBytes int64
}

const (
	defaultRequests = 24
	defaultMaxFile  = 16 << 30
	maxSignatures   = 4 << 20 // of a signature file
	maxConfig       = 1 << 20
	maxRefFile      = 1 << 10
)

// ErrNotFound says that the remote has no such file or ref.
var ErrNotFound = errors.New("not found on the remote")

// ErrNoSummary says that the remote has no summary, and so no list of refs.
var ErrNoSummary = errors.New("the remote has no summary")

// Remote is an OSTree repository that is read over the network or from disk.
// It is safe for concurrent use.
type Remote struct {
	base    string // without a trailing slash
	meta    *bases // of config, summary and refs
	content *bases // of objects and deltas
	opts    Options
	client  *fetch.Client
	large   chan struct{} // the right to hold one large metadata object
	bytes   atomic.Int64

	mu      sync.Mutex
	config  *Config         // once read
	summary *ostree.Summary // once read and verified
}

// Open returns the repository at rawURL: http, https, file: or an absolute
// path, or "mirrorlist=" and the URL of a list of such URLs, one a line, which
// are asked in turn. It does not talk to it yet.
func Open(rawURL string, opts Options) (*Remote, error) {
	meta, err := newBases(rawURL)
	if err != nil {
		return nil, err
	}
	content := meta
	if opts.ContentURL != "" {
		if content, err = newBases(opts.ContentURL); err != nil {
			return nil, err
		}
	}
	base := meta.text
	switch {
	case (opts.GPGVerify || opts.GPGVerifySummary) && opts.Keyring == nil:
		return nil, fmt.Errorf("verifying %s: no keyring is given", Redact(base))
	case (opts.SignVerify || opts.SignVerifySummary) && len(opts.Ed25519Keys)+len(opts.SPKIKeys) == 0:
		return nil, fmt.Errorf("verifying %s: no ed25519 or spki key is given", Redact(base))
	case (opts.GPGVerify || opts.GPGVerifySummary) && opts.Clock == nil:
		return nil, fmt.Errorf("verifying %s: no clock is given", Redact(base))
	}
	if opts.MaxRequests <= 0 {
		opts.MaxRequests = defaultRequests
	}
	if opts.MaxFileSize <= 0 {
		opts.MaxFileSize = defaultMaxFile
	}
	client, err := fetch.New(fetch.Options{
		UserAgent: opts.UserAgent, Proxy: opts.Proxy, ProxyFor: opts.ProxyFor,
		Username: opts.Username, Password: opts.Password, Bearer: opts.Bearer,
		AuthHosts: authHosts(meta, content), Header: opts.Header,
		CAFile: opts.CAFile, CertFile: opts.CertFile, KeyFile: opts.KeyFile, InsecureTLS: opts.InsecureTLS,
		LimitRate: opts.LimitRate,
		Retries:   opts.Retries, MaxPerHost: opts.MaxRequests, Sleep: opts.sleep,
	})
	if err != nil {
		return nil, err
	}
	return &Remote{base: base, meta: meta, content: content, opts: opts, client: client, large: make(chan struct{}, 1)}, nil
}

// authHosts returns the hosts that may see the credentials: those of the URLs
// that were given, and no mirror that a list names.
func authHosts(all ...*bases) []string {
	hosts := []string{"none.invalid"} // no host at all would stand for all
	for _, b := range all {
		hosts = append(hosts, b.host()...)
	}
	return hosts
}

// Close drops the idle connections.
func (r *Remote) Close() { r.client.Close() }

// URL returns the remote's address without credentials.
func (r *Remote) URL() string { return Redact(r.base) }

// Redact returns a URL without user name and password.
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(an unreadable URL)"
	}
	u.User = nil
	return u.String()
}

// ReadFile returns a file of the repository, named by its path there. A file
// that is absent is ErrNotFound; one that is larger than most is an error.
func (r *Remote) ReadFile(ctx context.Context, name string, most int64) ([]byte, error) {
	var data []byte
	err := r.each(ctx, name, func(url string) (err error) {
		data, _, err = r.client.ReadAll(ctx, url, fetch.GetOptions{MaxSize: most})
		return err
	})
	if err != nil {
		return nil, err
	}
	r.bytes.Add(int64(len(data)))
	return data, nil
}

// open is client.Get of a file of the repository.
func (r *Remote) open(ctx context.Context, name string, opts fetch.GetOptions) (*fetch.Response, error) {
	var resp *fetch.Response
	err := r.each(ctx, name, func(url string) (err error) {
		resp, err = r.client.Get(ctx, url, opts)
		return err
	})
	return resp, err
}

// download is client.Download of a file of the repository.
func (r *Remote) download(ctx context.Context, name, dest string, opts fetch.DownloadOptions) error {
	return r.each(ctx, name, func(url string) error { return r.client.Download(ctx, url, dest, opts) })
}

// Bytes returns how much content was fetched so far.
func (r *Remote) Bytes() int64 { return r.bytes.Load() }

// fetchError says which file of which remote err is about.
func (r *Remote) fetchError(name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fetch.ErrNotFound) {
		return &NotFoundError{URL: r.URL(), Name: name}
	}
	return fmt.Errorf("fetching %s from %s: %w", name, r.URL(), err)
}

// A NotFoundError says which file a remote lacks. It is ErrNotFound.
type NotFoundError struct {
	URL, Name string
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s has no file %s", e.URL, e.Name) }

// Is makes errors.Is(err, ErrNotFound) true.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }
