// Package publish makes what lies in an archive repository visible to clients:
// it alone writes the summary.
//
//	refs/heads/*  ──┬─► summary  summary.sig                  ostree, flatpak < 1.9
//	  (commits)     └─► summaries/DIGEST.gz   one an architecture, or subset and architecture
//	                      ▲  summaries/OLD-NEW.delta          what changed since one of the last 16
//	                    summary.idx  summary.idx.sig          names them; flatpak >= 1.9
//	                      ▲  summaries/DIGEST.idx.sig         its signature, by its own digest
//	deltas/*  ────────► delta-indexes/XX/REST.index           the deltas that end at a commit
//	config            ─► [core] indexed-deltas=true, [flatpak] title, comment, …
//
// All is prepared and synced below tmp/ first and then renamed into place, in
// an order in which every file that a client can find names only files that
// are there already: delta-indexes, config, summaries, summary.idx and summary,
// each just after its signature. What did not change is not touched: clients
// keep their caches and no signature is made.
//
// Formats: summary, ostree.Summary; summary.idx, Index; .delta, diff; a
// signature, package sign. Source: flatpak 1.14, with whose build-update-repo
// the tests compare.
package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// Options is what Publish needs. Only Repo is required.
type Options struct {
	Repo *archive.Repo
	// Signers sign the summary and its index, each of them. While a key is
	// being replaced, name the old one and the new one.
	Signers []sign.Signer
	// Settings are changes to the [flatpak] group of the repository's config,
	// which says how the repository presents itself: see SettingNames. An
	// empty value takes a setting away. What is not named stays.
	Settings map[string]string
	// GPGKeys are public keys that clients of flatpak import with the summary,
	// in addition to those they have: how a new key is announced while the old
	// one still signs. Nil leaves the config alone, empty takes them away.
	GPGKeys []byte
	// Clock dates the summary. When nil, the newest commit's time is taken.
	Clock    func() time.Time
	Progress progress.Func

	fault func(step string) error // called before each step that clients can see
}

// Result says what Publish did.
type Result struct {
	Refs     int         `json:"refs"`              // in the summary
	Read     int         `json:"read"`              // commits that the last index did not tell enough about
	Changes  []RefChange `json:"changes,omitempty"` // since the last summary, by name
	Written  []string    `json:"written,omitempty"` // files that were replaced or added, below the repository
	Removed  []string    `json:"removed,omitempty"` // files of old states that no client asks for any more
	Warnings []Warning   `json:"warnings,omitempty"`
}

// A RefChange is a ref that was added (Old is zero), removed (New is zero) or
// moved.
type RefChange struct {
	Name string          `json:"ref"`
	Old  ostree.Checksum `json:"old,omitzero"`
	New  ostree.Checksum `json:"new,omitzero"`
}

// A Warning is something that will make clients refuse a ref that is new or has
// moved, or that was left out. Ref is empty when it is about the repository.
type Warning struct {
	Ref  string `json:"ref,omitempty"`
	Text string `json:"text"`
}

func (w Warning) String() string {
	if w.Ref == "" {
		return w.Text
	}
	return w.Ref + ": " + w.Text
}

// Publish brings the summary, its index, the delta indexes and their signatures
// up to date with the refs. It is atomic for clients, whatever happens to the
// process, and waits for another Publish of the same repository. When nothing
// changed, no file is touched.
//
// A ref whose commit is missing or incomplete is an error: nothing is written.
func Publish(ctx context.Context, o Options) (result *Result, err error) {
	wrap := func(err error) error { return fmt.Errorf("publishing %s: %w", o.Repo.Path(), err) }
	lock, err := o.Repo.Lock(ctx, "publish")
	if err != nil {
		return nil, wrap(err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	p := &publication{o: o, repo: o.Repo, result: &Result{}}
	if err := p.run(ctx); err != nil {
		return nil, wrap(err)
	}
	return p.result, nil
}

// publication is one run of Publish.
type publication struct {
	o      Options
	repo   *archive.Repo
	result *Result

	settings *settings
	old      oldState
	partial  map[string]bool // commits, in hexadecimal
	refs     []publishedRef
	deltas   gvariant.Dict // their names and digests
	newest   uint64        // the newest commit's time
	staging  *staging

	index       Index // as this run leaves it
	indexDigest ostree.Checksum
}

func (p *publication) run(ctx context.Context) (err error) {
	if err := p.checkSigners(); err != nil {
		return err
	}
	for _, read := range []func(context.Context) error{p.loadSettings, p.loadOld, p.readRefs, p.listDeltas} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	if p.staging, err = newStaging(p.repo.Path(), p.now(), p.o.fault); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.staging.close()) }()
	for _, prepare := range []func(context.Context) error{p.prepareDeltaIndexes, p.prepareSettings, p.prepareIndex, p.prepareSummary} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.staging.publish(); err != nil {
		return err
	}
	p.result.Written = p.staging.written
	return p.collectGarbage()
}

// now is the time that goes into the summary and onto its files.
func (p *publication) now() time.Time {
	if p.o.Clock != nil {
		return p.o.Clock()
	}
	return time.Unix(int64(p.newest), 0)
}

func (p *publication) warn(ref, format string, args ...any) {
	p.result.Warnings = append(p.result.Warnings, Warning{Ref: ref, Text: fmt.Sprintf(format, args...)})
}
