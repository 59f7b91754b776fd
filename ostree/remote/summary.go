package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
)

// Config is what a remote's config file says of it.
type Config struct {
	Mode         string // "archive-z2" or "archive"
	CollectionID string
	// IndexedDeltas says that delta-indexes/ lists the static deltas.
	IndexedDeltas bool
}

// Config reads the remote's config and refuses repositories that cannot be
// pulled from. It is fetched once.
func (r *Remote) Config(ctx context.Context) (*Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.config != nil {
		return r.config, nil
	}
	data, err := r.ReadFile(ctx, "config", maxConfig)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%s is no OSTree repository, or its server hides the file config: %w", r.URL(), err)
	}
	if err != nil {
		return nil, err
	}
	file, err := keyfile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the config of %s: %w", r.URL(), err)
	}
	config := &Config{Mode: "bare"} // as for libostree, when nothing is said
	if mode, ok := file.Get("core", "mode"); ok {
		config.Mode = mode
	}
	config.CollectionID, _ = file.Get("core", "collection-id")
	if indexed, ok := file.Get("core", "indexed-deltas"); ok {
		config.IndexedDeltas = indexed == "true" || indexed == "1"
	}
	if config.Mode != "archive-z2" && config.Mode != "archive" {
		return nil, fmt.Errorf("%s is a repository of mode %.40q; only those of mode archive can be pulled from", r.URL(), config.Mode)
	}
	r.config = config
	return config, nil
}

// Summary returns the remote's summary, verified when Options want that. It is
// fetched once. A remote without one gives ErrNoSummary.
func (r *Remote) Summary(ctx context.Context) (*ostree.Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.summary != nil {
		return r.summary, nil
	}
	var sig []byte
	var err error
	verify := r.opts.GPGVerifySummary || r.opts.SignVerifySummary
	if verify {
		// The signature first: a pair that changes in between is noticed.
		if sig, err = r.ReadFile(ctx, "summary.sig", maxSignatures); errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("verifying the summary of %s: %w; ask the upstream to sign it, or verify commits alone", r.URL(), err)
		}
		if err != nil {
			return nil, err
		}
	}
	data, err := r.ReadFile(ctx, "summary", ostree.MaxMetadataSize)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", r.URL(), ErrNoSummary)
	}
	if err != nil {
		return nil, err
	}
	if verify {
		if err := r.verifySummary(data, sig); err != nil {
			return nil, fmt.Errorf("verifying the summary of %s: %w", r.URL(), err)
		}
	}
	summary, err := ostree.DecodeSummary(data)
	if err != nil {
		return nil, fmt.Errorf("reading the summary of %s: %w", r.URL(), err)
	}
	r.summary = summary
	return summary, nil
}

// ResolveRef returns the commit that ref names, and the size of the commit
// object when the summary tells it. The summary counts when there is one; else
// the ref's own file does, unless the summary must be verified.
func (r *Remote) ResolveRef(ctx context.Context, ref string) (ostree.Checksum, uint64, error) {
	if err := ostree.ValidateRef(ref); err != nil {
		return ostree.Checksum{}, 0, err
	}
	summary, err := r.Summary(ctx)
	if err == nil {
		found, ok := summary.Ref(ref)
		if !ok {
			return ostree.Checksum{}, 0, fmt.Errorf("ref %s: %w: the summary of %s does not list it", ref, ErrNotFound, r.URL())
		}
		return found.Commit, found.CommitSize, nil
	}
	if !errors.Is(err, ErrNoSummary) || r.opts.GPGVerifySummary || r.opts.SignVerifySummary {
		return ostree.Checksum{}, 0, fmt.Errorf("ref %s: %w", ref, err)
	}
	data, err := r.ReadFile(ctx, "refs/heads/"+ref, maxRefFile)
	if err != nil {
		return ostree.Checksum{}, 0, fmt.Errorf("ref %s: %w", ref, err)
	}
	c, err := ostree.ParseChecksum(strings.TrimRight(string(data), "\n"))
	if err != nil {
		return ostree.Checksum{}, 0, fmt.Errorf("ref %s of %s: %w", ref, r.URL(), err)
	}
	return c, 0, nil
}
