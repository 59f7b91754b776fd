package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/publish"
)

// listing is what the upstream has.
type listing struct {
	refs         map[string]ostree.SummaryRef
	lastModified uint64 // Unix seconds; zero when it does not say
}

// names returns the refs, sorted.
func (l *listing) names() []string { return slices.Sorted(maps.Keys(l.refs)) }

// add takes in the refs of one summary.
func (l *listing) add(s *ostree.Summary) error {
	for _, ref := range s.Refs {
		if old, ok := l.refs[ref.Name]; ok && old.Commit != ref.Commit {
			return fmt.Errorf("the upstream's summaries disagree about %s: %s and %s; try again later", ref.Name, old.Commit, ref.Commit)
		}
		l.refs[ref.Name] = ref
	}
	return nil
}

const maxSignatures = 4 << 20

// list reads the upstream's refs: from summary.idx with the sub-summaries of
// the wanted architectures, or else from the one summary. Refs that are neither
// app nor runtime, such as those of operating systems, are in the summary alone.
func (m *run) list(ctx context.Context) (*listing, error) {
	if _, err := m.remote.Config(ctx); err != nil {
		return nil, err
	}
	l := &listing{refs: map[string]ostree.SummaryRef{}}
	data, err := m.remote.ReadFile(ctx, "summary.idx", ostree.MaxMetadataSize)
	if errors.Is(err, remote.ErrNotFound) {
		return l, m.listSummary(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	if err := m.verifyIndex(ctx, data); err != nil {
		return nil, err
	}
	index, err := publish.DecodeIndex(data)
	if err != nil {
		return nil, err
	}
	l.lastModified = lastModified(index.Metadata)
	for _, entry := range index.Entries {
		// A dash joins a subset and its architecture; the whole is listed, too.
		if strings.Contains(entry.Name, "-") || !m.wantedArch(entry.Name) {
			continue
		}
		s, err := m.subSummary(ctx, entry)
		if err != nil {
			return nil, fmt.Errorf("reading the list of %s refs: %w", entry.Name, err)
		}
		if err := l.add(s); err != nil {
			return nil, err
		}
	}
	if m.wantsOthers() {
		return l, m.listOthers(ctx, l)
	}
	return l, nil
}

// listOthers adds the refs that no index lists.
func (m *run) listOthers(ctx context.Context, l *listing) error {
	s, err := m.remote.Summary(ctx)
	if errors.Is(err, remote.ErrNoSummary) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ref := range s.Refs {
		if _, indexed := l.refs[ref.Name]; !indexed && archOf(ref.Name) == "" {
			l.refs[ref.Name] = ref
		}
	}
	return nil
}

// listSummary is list for upstreams without an index.
func (m *run) listSummary(ctx context.Context, l *listing) error {
	s, err := m.remote.Summary(ctx)
	if errors.Is(err, remote.ErrNoSummary) {
		return fmt.Errorf("%w: it cannot be mirrored until its owner publishes one (ostree summary -u, or flatpak build-update-repo)", err)
	}
	if err != nil {
		return err
	}
	l.lastModified = lastModified(s.Metadata)
	return l.add(s)
}

// verifyIndex checks the signature of summary.idx. It is stored under the
// index's own checksum, where no update can tear the two apart, or beside it.
func (m *run) verifyIndex(ctx context.Context, data []byte) error {
	if !m.verifySummary() {
		return nil
	}
	sig, err := m.remote.ReadFile(ctx, fmt.Sprintf("summaries/%x.idx.sig", sha256.Sum256(data)), maxSignatures)
	if errors.Is(err, remote.ErrNotFound) {
		sig, err = m.remote.ReadFile(ctx, "summary.idx.sig", maxSignatures)
	}
	if errors.Is(err, remote.ErrNotFound) {
		return fmt.Errorf("its summary.idx is not signed (%w); if the upstream signs commits alone, allow an unsigned summary", err)
	}
	if err != nil {
		return err
	}
	if _, err := m.remote.Verify(data, sig); err != nil {
		return fmt.Errorf("verifying summary.idx: %w", err)
	}
	return nil
}

// subSummary returns a sub-summary, from the last run when it is still the
// same. Either way its checksum is that of the verified index.
func (m *run) subSummary(ctx context.Context, entry publish.IndexEntry) (*ostree.Summary, error) {
	cache := m.cachePath(entry.Name)
	if packed, err := os.ReadFile(cache); err == nil {
		if data, err := gunzip(packed); err == nil && ostree.ChecksumOf(data) == entry.Digest {
			return ostree.DecodeSummary(data)
		}
	}
	name := "summaries/" + entry.Digest.String() + ".gz"
	packed, err := m.remote.ReadFile(ctx, name, ostree.MaxMetadataSize)
	if err != nil {
		return nil, err
	}
	data, err := gunzip(packed)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if got := ostree.ChecksumOf(data); got != entry.Digest {
		return nil, fmt.Errorf("%s has the checksum %s, not the one that the index gives: the upstream is broken, or someone altered it", name, got)
	}
	s, err := ostree.DecodeSummary(data)
	if err != nil {
		return nil, err
	}
	if !m.DryRun {
		if err := os.MkdirAll(filepath.Dir(cache), 0o777); err != nil {
			return nil, err
		}
		if err := atomicfile.WriteFile(cache, packed, 0o666); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// cachePath is where the last sub-summary of an architecture is kept.
func (m *run) cachePath(entry string) string {
	id := sha256.Sum256([]byte(m.Name + "\n" + entry))
	return filepath.Join(m.Repo.Path(), "extensions/treewright/mirror", fmt.Sprintf("%x.gz", id[:16]))
}

// gunzip unpacks a sub-summary.
func gunzip(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, ostree.MaxMetadataSize+1))
	if err == nil && len(data) > ostree.MaxMetadataSize {
		err = fmt.Errorf("it is larger than %d bytes", ostree.MaxMetadataSize)
	}
	return data, err
}

func lastModified(d gvariant.Dict) uint64 {
	v, _ := d.Get(ostree.KeySummaryLastModified)
	return gvariant.BE64(v.Uint64())
}
