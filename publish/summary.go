package publish

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

const (
	summaryType = "(a(s(taya{sv}))a{sv})"

	keyCacheVersion   = "xa.cache-version"   // u, little-endian
	keySummaryVersion = "xa.summary-version" // u, little-endian
	keyCache          = "xa.cache"           // v holding a{s(tts)}: as xa.data, by ref
	keySparseCache    = "xa.sparse-cache"    // a{sa{sv}}: the other keys, by ref

	cacheVersion   = 2
	summaryVersion = 1
)

// subSummary is the summary of one architecture, or one subset of it, as the
// index names it. Its bytes depend on its refs alone.
func subSummary(refs []publishedRef, subset, arch string) ([]byte, error) {
	var s ostree.Summary
	for _, r := range refs {
		if !r.belongs(subset, arch) {
			continue
		}
		var meta gvariant.Dict
		if r.data.flatpak {
			meta.Set(keyData, r.data.cacheEntry())
			for _, e := range r.data.sparse {
				meta.Set(e.Key, e.Value)
			}
		}
		meta.Set(keyTimestamp, gvariant.Uint64(gvariant.BE64(r.data.timestamp)))
		s.Refs = append(s.Refs, ostree.SummaryRef{Name: r.name, CommitSize: r.data.size, Commit: r.commit, Metadata: meta})
	}
	s.Metadata.Set(keySummaryVersion, gvariant.Uint32(summaryVersion))
	return s.Encode()
}

// belongs tells whether a sub-summary lists the ref. The sub-summary of no
// subset lists all but the catalogues of subsets; one of a subset lists what
// belongs to it and its own catalogue.
func (r publishedRef) belongs(subset, arch string) bool {
	if r.arch != "" && r.arch != arch {
		return false
	}
	catalogue := flatpak.AppstreamSubset(r.name)
	switch {
	case subset == "":
		return catalogue == ""
	case strings.HasPrefix(r.name, "appstream/"):
		return false
	case strings.HasPrefix(r.name, "appstream2/"):
		return catalogue == subset
	case !r.data.flatpak:
		return true
	}
	return slices.Contains(r.data.subsets, subset)
}

// cacheEntry is (tts): sizes and metadata.
func (d *commitData) cacheEntry() gvariant.Value {
	return gvariant.Tuple(gvariant.Uint64(gvariant.BE64(d.sizes.Installed)), gvariant.Uint64(gvariant.BE64(d.sizes.Download)),
		gvariant.String(d.metadata))
}

// legacySummary is the summary of old clients and of ostree: all refs, and all
// that there is to know about them. Its last-modified is left to the caller.
func (p *publication) legacySummary() ostree.Summary {
	s := ostree.Summary{Metadata: p.settings.global()}
	arches := p.settings.summaryArches()
	shown := map[ostree.Checksum]bool{}
	var cache, sparse []gvariant.Value
	for _, r := range p.refs {
		if r.arch != "" && len(arches) > 0 && !slices.Contains(arches, r.arch) || flatpak.AppstreamSubset(r.name) != "" {
			continue
		}
		shown[r.commit] = true
		meta := gvariant.Dict{{Key: ostree.KeyCommitTimestamp, Value: gvariant.Uint64(gvariant.BE64(r.data.timestamp))}}
		if r.data.version != "" {
			meta.Set(ostree.KeyCommitVersion, gvariant.String(r.data.version))
		}
		s.Refs = append(s.Refs, ostree.SummaryRef{Name: r.name, CommitSize: r.data.size, Commit: r.commit, Metadata: meta})
		if r.data.flatpak {
			cache = append(cache, gvariant.DictEntry(gvariant.String(r.name), r.data.cacheEntry()))
		}
		if len(r.data.sparse) > 0 {
			sparse = append(sparse, gvariant.DictEntry(gvariant.String(r.name), r.data.sparse.Encode()))
		}
	}
	for _, e := range p.deltasTo(shown) {
		s.Metadata.Set(e.Key, e.Value)
	}
	s.Metadata.Set(keyCache, gvariant.Variant(gvariant.Array("{s(tts)}", cache...)))
	s.Metadata.Set(keySparseCache, gvariant.Array("{sa{sv}}", sparse...))
	return s
}

// prepareSummary stages the legacy summary and its signature.
func (p *publication) prepareSummary(ctx context.Context) error {
	p.o.Progress.Send("write summary", 0, 0)
	var modified uint64
	if p.old.summary != nil {
		modified = lastModified(p.old.summary.Metadata)
	}
	summary := p.legacySummary()
	data, err := p.fresh(modified, p.old.summaryBytes, func(modified gvariant.Value) ([]byte, error) {
		summary.Metadata.Set(ostree.KeySummaryLastModified, modified)
		return summary.Encode()
	})
	if err != nil {
		return err
	}
	return p.stageSigned(ctx, signedFile{path: "summary", data: data, old: p.old.summaryBytes, signature: []string{"summary.sig"}})
}

// fresh encodes a summary with the time that the old one gives for itself; if
// that gives other bytes than the old ones, then with the present time.
func (p *publication) fresh(modified uint64, old []byte, encode func(modified gvariant.Value) ([]byte, error)) ([]byte, error) {
	if old != nil {
		data, err := encode(gvariant.Uint64(gvariant.BE64(modified)))
		if err != nil || bytes.Equal(data, old) {
			return data, err
		}
	}
	now := max(uint64(max(p.now().Unix(), 0)), modified)
	return encode(gvariant.Uint64(gvariant.BE64(now)))
}

// prepareIndex stages the sub-summaries, the differences from older ones to
// them, the index and its signatures.
func (p *publication) prepareIndex(ctx context.Context) error {
	limit, err := p.settings.historyLength()
	if err != nil {
		return err
	}
	names := p.subSummaryNames()
	var index Index
	for i, name := range names {
		p.o.Progress.Send("write index", int64(i), int64(len(names)))
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, err := p.prepareSubSummary(name, limit)
		if err != nil {
			return fmt.Errorf("sub-summary %s: %w", name.Name, err)
		}
		index.Entries = append(index.Entries, entry)
	}
	var modified uint64
	if p.old.index != nil {
		modified = lastModified(p.old.index.Metadata)
	}
	index.Metadata = p.settings.global()
	data, err := p.fresh(modified, p.old.indexBytes, func(modified gvariant.Value) ([]byte, error) {
		index.Metadata.Set(ostree.KeySummaryLastModified, modified)
		return index.Encode()
	})
	if err != nil {
		return err
	}
	p.index, p.indexDigest = index, ostree.ChecksumOf(data)
	return p.stageSigned(ctx, signedFile{path: "summary.idx", data: data, old: p.old.indexBytes,
		signature: []string{indexSignaturePath(p.indexDigest), "summary.idx.sig"}})
}

// subSummaryNames are those of the architectures that refs have, alone and
// with each subset, sorted.
func (p *publication) subSummaryNames() []IndexEntry {
	arches, subsets := map[string]bool{}, map[string]bool{"": true}
	for _, r := range p.refs {
		if r.arch != "" {
			arches[r.arch] = true
		}
		for _, s := range r.data.subsets {
			subsets[s] = true
		}
	}
	var names []IndexEntry
	for subset := range maps.Keys(subsets) {
		for arch := range maps.Keys(arches) {
			name := arch
			if subset != "" {
				name = subset + "-" + arch
			}
			names = append(names, IndexEntry{Name: name})
		}
	}
	slices.SortFunc(names, func(a, b IndexEntry) int { return cmp.Compare(a.Name, b.Name) })
	return names
}

// prepareSubSummary stages one sub-summary, and what leads to it from those
// that clients may have.
func (p *publication) prepareSubSummary(entry IndexEntry, limit int) (IndexEntry, error) {
	subset, arch := entry.split()
	data, err := subSummary(p.refs, subset, arch)
	if err != nil {
		return entry, err
	}
	entry.Digest = ostree.ChecksumOf(data)
	if p.old.subSummaries[entry.Digest] == nil {
		if err := p.stageGzip(subSummaryPath(entry.Digest), data, gzip.DefaultCompression); err != nil {
			return entry, err
		}
	}
	if p.old.index == nil {
		return entry, nil
	}
	before, ok := p.old.index.Entry(entry.Name)
	if !ok {
		return entry, nil
	}
	for _, digest := range append([]ostree.Checksum{before.Digest}, before.History...) {
		old := p.old.subSummaries[digest]
		if old == nil || digest == entry.Digest || slices.Contains(entry.History, digest) || len(entry.History) >= limit {
			continue
		}
		entry.History = append(entry.History, digest)
		path := fmt.Sprintf("summaries/%s-%s.delta", digest, entry.Digest)
		if p.exists(path) {
			continue
		}
		if err := p.stageGzip(path, diff(old, data), gzip.BestCompression); err != nil {
			return entry, err
		}
	}
	return entry, nil
}

// stageGzip stages a compressed file. Its bytes depend on data alone.
func (p *publication) stageGzip(path string, data []byte, level int) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return p.staging.add(path, b.Bytes())
}
