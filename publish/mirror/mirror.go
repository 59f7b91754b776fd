// Package mirror brings refs of an upstream repository, such as Flathub, into
// refs/heads of a repository of our own, so that one server, one remote and one
// key serve both.
//
//	upstream                                    our repository
//	summary.idx ──verify──► choose refs ──┐     refs/heads/app/org.example.Theirs/…
//	 (or summary)  pinned    (patterns)   ▼     refs/heads/app/com.ours.App/…
//	commits ──────verify──► objects ────► one transaction: objects, commits,
//	               key, ref, time         signatures (theirs and ours), refs
//
// Nothing is visible before all of it is verified and stored. The upstream's
// signatures stay, and ours is added to the detached metadata: the commit's
// checksum does not change. A ref has one origin (internal/origin): a mirror
// takes no ref of our own or of another upstream. What an upstream says about
// its repository (title, redirects, catalogues, collection) is never taken over.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
)

// Options are what Mirror needs. Repo, URL, Refs, Clock and Keyring are
// required.
type Options struct {
	Repo *archive.Repo
	URL  string
	// Name is what the upstream is called in the record of origins; when empty,
	// its URL without the scheme.
	Name string
	// Refs are refs and patterns of refs, in which * stands for any characters,
	// ? for one, and [a-z] for one of these.
	Refs []string
	// Arches, when set, leaves out app and runtime refs of other architectures.
	Arches []string

	// Keyring holds the upstream's pinned keys.
	Keyring *sign.Keyring
	// AllowUnsigned permits a nil Keyring: nothing vouches then for what is
	// mirrored, and our key does not either.
	AllowUnsigned bool
	// AllowUnsignedSummary is for upstreams that sign commits alone. The list
	// of refs is then the server's word; commits must name their refs.
	AllowUnsignedSummary bool
	// AllowRollback accepts commits, and a list of refs, that are older than
	// what was mirrored before.
	AllowRollback bool
	// CollectionID, when set, is the one that commits must be bound to.
	CollectionID string
	// Signer adds our signature to each mirrored commit.
	Signer sign.Signer
	// KeepDeltas brings the upstream's static deltas to the commits too. Our
	// signature is put into them.
	KeepDeltas bool

	Clock    func() time.Time
	Progress progress.Func
	DryRun   bool // plan, and change nothing

	// Of the connection: see remote.Options.
	MaxRequests                int
	UserAgent                  string
	Proxy                      string
	ProxyFor                   func(*http.Request) (*url.URL, error)
	Username, Password, Bearer string
	CAFile, CertFile, KeyFile  string
}

// A Status is what became of a ref.
type Status string

// What can become of a ref.
const (
	New       Status = "new"
	Updated   Status = "updated"
	Unchanged Status = "unchanged"
	Completed Status = "completed" // the commit was there; signatures, or objects, were added
	Vanished  Status = "vanished"  // the upstream lists it no more; it is kept
)

// RefResult is the outcome for one ref.
type RefResult struct {
	Ref     string          `json:"ref"`
	Status  Status          `json:"status"`
	Old     ostree.Checksum `json:"old,omitzero"`
	New     ostree.Checksum `json:"new,omitzero"`
	Objects int64           `json:"objects"` // fetched
	Bytes   int64           `json:"bytes"`   // fetched
}

// Result is the outcome of Mirror, or with DryRun its plan.
type Result struct {
	Name     string      `json:"name"`
	URL      string      `json:"url"`
	Verified bool        `json:"verified"` // against pinned keys
	Refs     []RefResult `json:"refs"`     // sorted by name
	Objects  int64       `json:"objects"`
	Bytes    int64       `json:"bytes"`
	Listing  int64       `json:"listing"`          // bytes fetched to learn the upstream's refs
	Deltas   []string    `json:"deltas,omitempty"` // kept, by name
	Warnings []string    `json:"warnings,omitempty"`
}

// Changed reports whether a ref was added or moved.
func (r *Result) Changed() bool {
	for _, ref := range r.Refs {
		if ref.Status == New || ref.Status == Updated {
			return true
		}
	}
	return false
}

// Mirror brings the chosen refs up to date. All of them become visible
// together; on an error the repository's refs are as they were.
func Mirror(ctx context.Context, o Options) (_ *Result, err error) {
	m, err := start(o)
	if err != nil {
		return nil, err
	}
	defer m.remote.Close()
	lock, err := o.Repo.Lock(ctx, "mirror")
	if err != nil {
		return nil, m.wrap(err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := m.plan(ctx); err != nil {
		return nil, m.wrap(err)
	}
	if o.DryRun {
		return m.result, nil
	}
	if o.KeepDeltas {
		if m.keeper, err = m.remote.Keeper(ctx, o.Repo); err != nil {
			return nil, m.wrap(err)
		}
		defer func() { err = errors.Join(err, m.keeper.Close()) }()
	}
	if err := m.execute(ctx); err != nil {
		return nil, m.wrap(err)
	}
	if o.KeepDeltas {
		if err := m.keepDeltas(ctx); err != nil {
			return nil, m.wrap(err)
		}
	}
	return m.result, nil
}

// run is one Mirror at work.
type run struct {
	Options
	remote  *remote.Remote
	keeper  *remote.Keeper // of deltas; nil: none are kept
	record  *origin.Record
	listing *listing
	result  *Result
	wants   []want
}

// want is a ref that something is to be done for.
type want struct {
	remote.Want
	result int // its place in Result.Refs
}

func (m *run) wrap(err error) error {
	return fmt.Errorf("mirroring %s: %w", m.result.Name, err)
}

// start checks the options and opens the upstream.
func start(o Options) (*run, error) {
	if o.Name == "" {
		o.Name = nameOf(o.URL)
	}
	m := &run{Options: o, result: &Result{Name: o.Name, URL: remote.Redact(o.URL), Verified: o.Keyring != nil}}
	switch {
	case len(o.Refs) == 0:
		return nil, m.wrap(errors.New("name the refs to mirror; patterns such as 'app/org.example.*/x86_64/stable' are fine, 'app/*' is all applications"))
	case o.Keyring == nil && !o.AllowUnsigned:
		return nil, m.wrap(errors.New("the upstream's public key is not given: pin it (its .flatpakrepo file usually holds it as GPGKey), " +
			"or allow an unsigned upstream explicitly"))
	case o.Clock == nil:
		return nil, m.wrap(errors.New("no clock is given"))
	case len(o.Name) > 255 || strings.ContainsFunc(o.Name, func(c rune) bool { return c < ' ' }):
		return nil, m.wrap(errors.New("the upstream's name is too long or holds control characters"))
	}
	for _, p := range o.Refs {
		if err := checkPattern(p); err != nil {
			return nil, m.wrap(err)
		}
	}
	if o.Keyring == nil && o.Signer != nil {
		m.Signer = nil
		m.warn("nobody verified this upstream: its commits do not get our signature, and clients that verify will refuse them")
	}
	var err error
	m.remote, err = remote.Open(o.URL, remote.Options{
		Keyring: o.Keyring, GPGVerify: o.Keyring != nil, GPGVerifySummary: m.verifySummary(), Clock: o.Clock,
		CollectionID: o.CollectionID, RequireBinding: !m.verifySummary(), Signer: m.Signer,
		MaxRequests: o.MaxRequests, UserAgent: o.UserAgent, Proxy: o.Proxy, ProxyFor: o.ProxyFor,
		Username: o.Username, Password: o.Password, Bearer: o.Bearer,
		CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile,
		Progress: o.Progress.Send,
		Warn:     func(err error) { m.warn("%v", err) },
	})
	if err != nil {
		return nil, m.wrap(err)
	}
	return m, nil
}

// verifySummary tells whether the list of refs must be signed.
func (m *run) verifySummary() bool { return m.Keyring != nil && !m.AllowUnsignedSummary }

func (m *run) warn(format string, args ...any) {
	m.result.Warnings = append(m.result.Warnings, fmt.Sprintf(format, args...))
}

// nameOf makes a name of a URL: "dl.flathub.org/repo".
func nameOf(rawURL string) string {
	name := remote.Redact(rawURL)
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	return strings.TrimRight(name, "/")
}
