package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// oldState is what the repository shows before this run. Every part of it may
// be missing or broken: it is then made anew.
type oldState struct {
	summaryBytes []byte
	indexBytes   []byte
	summary      *ostree.Summary // nil when there is none that can be read
	index        *Index          // likewise
	refs         map[string]ostree.Checksum
	commits      map[ostree.Checksum]*commitData
	subSummaries map[ostree.Checksum][]byte // uncompressed; those that index or history name
}

func (p *publication) loadOld(context.Context) (err error) {
	old := &p.old
	old.refs = map[string]ostree.Checksum{}
	old.commits = map[ostree.Checksum]*commitData{}
	old.subSummaries = map[ostree.Checksum][]byte{}
	if old.summaryBytes, err = p.read("summary"); err != nil {
		return err
	}
	if old.indexBytes, err = p.read("summary.idx"); err != nil {
		return err
	}
	if s, err := ostree.DecodeSummary(old.summaryBytes); err == nil {
		old.summary = s
		old.addRefs(s)
	}
	if x, err := DecodeIndex(old.indexBytes); err == nil {
		old.index = x
	}
	if old.index == nil {
		return nil
	}
	for _, e := range old.index.Entries {
		for _, digest := range append([]ostree.Checksum{e.Digest}, e.History...) {
			if _, known := old.subSummaries[digest]; known {
				continue
			}
			data, err := p.readSubSummary(digest)
			if err != nil {
				return err
			}
			if data != nil {
				old.subSummaries[digest] = data
			}
		}
	}
	old.carryOver()
	return nil
}

// addRefs notes which commits clients see.
func (s *oldState) addRefs(summary *ostree.Summary) {
	for _, r := range summary.Refs {
		s.refs[r.Name] = r.Commit
	}
}

// carryOver takes what the sub-summaries say about commits, if they are whole.
func (s *oldState) carryOver() {
	whole := true
	if v, ok := lookup(s.index.Metadata, keyCacheVersion, "u"); !ok || v.Uint32() < cacheVersion {
		whole = false
	}
	commits := map[ostree.Checksum]*commitData{}
	for _, e := range s.index.Entries {
		summary, err := ostree.DecodeSummary(s.subSummaries[e.Digest])
		if err != nil {
			whole = false
			continue
		}
		s.addRefs(summary)
		subset, _ := e.split()
		whole = whole && collect(commits, summary, subset)
	}
	if whole {
		s.commits = commits
	}
}

// read returns the content of a file of the repository; nil when it is absent.
func (p *publication) read(name string) (data []byte, err error) {
	f, err := os.Open(filepath.Join(p.repo.Path(), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, f) }()
	return readLimited(f, name)
}

func readLimited(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, ostree.MaxMetadataSize+1))
	if err == nil && len(data) > ostree.MaxMetadataSize {
		err = errors.New("it is larger than clients accept")
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// readSubSummary returns a sub-summary's uncompressed bytes; nil when the file
// is absent or does not hold what its name promises.
func (p *publication) readSubSummary(digest ostree.Checksum) ([]byte, error) {
	packed, err := p.read(subSummaryPath(digest))
	if packed == nil || err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, nil
	}
	data, err := readLimited(z, subSummaryPath(digest))
	if err != nil || ostree.ChecksumOf(data) != digest {
		return nil, nil
	}
	return data, nil
}

func subSummaryPath(digest ostree.Checksum) string { return "summaries/" + digest.String() + ".gz" }

// collect adds what a sub-summary says about commits; it tells whether that is
// all that there is to know.
func collect(commits map[ostree.Checksum]*commitData, summary *ostree.Summary, subset string) bool {
	for _, ref := range summary.Refs {
		if !flatpak.IsFlatpakRef(ref.Name) {
			continue
		}
		data := commits[ref.Commit]
		if data == nil {
			if data = carriedOver(ref); data == nil {
				return false
			}
			commits[ref.Commit] = data
		}
		if subset != "" && !slices.Contains(data.subsets, subset) {
			data.subsets = append(data.subsets, subset)
		}
	}
	return true
}

// carriedOver reads a ref's entry in a sub-summary; nil when it is not whole.
func carriedOver(ref ostree.SummaryRef) *commitData {
	xa, ok := lookup(ref.Metadata, keyData, "(tts)")
	if !ok {
		return nil
	}
	timestamp, ok := lookup(ref.Metadata, keyTimestamp, "t")
	if !ok {
		return nil
	}
	data := &commitData{
		size:      ref.CommitSize,
		timestamp: gvariant.BE64(timestamp.Uint64()),
		flatpak:   true,
		sizes:     flatpak.Sizes{Installed: gvariant.BE64(xa.Index(0).Uint64()), Download: gvariant.BE64(xa.Index(1).Uint64())},
		metadata:  xa.Index(2).Str(),
	}
	for _, e := range ref.Metadata {
		if e.Key != keyData && !strings.HasPrefix(e.Key, "ot.") && !strings.HasPrefix(e.Key, "ostree.") {
			data.sparse.Set(e.Key, e.Value)
		}
	}
	return data
}

// shows tells whether clients saw ref at this commit already.
func (s *oldState) shows(ref string, c ostree.Checksum) bool { return s.refs[ref] == c }

// changes lists what became of the refs that clients saw.
func (s *oldState) changes(refs []publishedRef) []RefChange {
	gone := maps.Clone(s.refs)
	var all []RefChange
	for _, r := range refs {
		if old := gone[r.name]; old != r.commit {
			all = append(all, RefChange{Name: r.name, Old: old, New: r.commit})
		}
		delete(gone, r.name)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		all = append(all, RefChange{Name: name, Old: gone[name]})
	}
	slices.SortStableFunc(all, func(a, b RefChange) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// lastModified is the time that a summary or an index gives for itself.
func lastModified(d gvariant.Dict) uint64 {
	v, ok := lookup(d, ostree.KeySummaryLastModified, "t")
	if !ok {
		return 0
	}
	return gvariant.BE64(v.Uint64())
}

func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }
