package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// Keys of what flatpak shows of a ref before it is fetched. Sizes are
// big-endian, the other integers little-endian.
const (
	keyData      = "xa.data" // (tts): installed size, download size, metadata
	keyEndOfLife = "eol"     // s: why the ref is no longer maintained
	keyRebase    = "eolr"    // s: the ref that takes its place
	keyTokenType = "tokt"    // i: the kind of token that a download needs
	keyExtraData = "eds"     // (ut): number and size of files that come from elsewhere
	keyTimestamp = "ot.ts"   // t, big-endian: the commit's time
)

// Limits of what one commit, perhaps an upstream's, puts into everybody's
// summary.
const (
	maxCommitData = 1 << 20 // bytes of texts
	maxSubsets    = 32
)

// commitData is what the summary says about a commit. All of it follows from
// the commit, so that it can be carried over from one summary to the next.
type commitData struct {
	size      uint64 // of the commit object
	timestamp uint64
	version   string // of a tree that is not flatpak's; never carried over

	flatpak  bool // whether the rest is known
	sizes    flatpak.Sizes
	metadata string
	sparse   gvariant.Dict
	subsets  []string
}

// publishedRef is one ref of the repository.
type publishedRef struct {
	name   string
	arch   string // "" is every architecture
	commit ostree.Checksum
	data   *commitData
}

// readRefs lists the refs and finds out what the summary says about each.
func (p *publication) readRefs(ctx context.Context) error {
	refs, err := p.repo.Refs(ctx, "")
	if err != nil {
		return err
	}
	if p.partial, err = p.partialCommits(); err != nil {
		return err
	}
	for i, ref := range refs {
		p.o.Progress.Send("read refs", int64(i), int64(len(refs)))
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := p.commitData(ctx, ref.Name, ref.Commit)
		if err != nil {
			return fmt.Errorf("ref %s: %w", ref.Name, err)
		}
		p.refs = append(p.refs, publishedRef{name: ref.Name, arch: flatpak.RefArch(ref.Name), commit: ref.Commit, data: data})
		p.newest = max(p.newest, data.timestamp)
	}
	p.o.Progress.Send("read refs", int64(len(refs)), int64(len(refs)))
	p.result.Refs = len(refs)
	p.result.Changes = p.old.changes(p.refs)
	return nil
}

// partialCommits are the commits that are marked as incomplete. One listing is
// cheaper than a question for each of thousands of refs.
func (p *publication) partialCommits() (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(p.repo.Path(), "state"))
	if err != nil && !isNotExist(err) {
		return nil, err
	}
	partial := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".commitpartial"); ok {
			partial[name] = true
		}
	}
	return partial, nil
}

// commitData returns what is known of a commit, from the last index or from
// the commit itself. In both cases the commit must be there, and whole.
func (p *publication) commitData(ctx context.Context, ref string, c ostree.Checksum) (*commitData, error) {
	name := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	if has, err := p.repo.HasObject(name); err != nil {
		return nil, err
	} else if !has {
		return nil, fmt.Errorf("commit %s is missing: fetch or compose it again, or delete the ref", c)
	}
	if p.partial[c.String()] {
		return nil, fmt.Errorf("commit %s is incomplete: fetch it again, or delete the ref", c)
	}
	known := p.old.commits[c]
	if !flatpak.IsFlatpakRef(ref) {
		known = nil
	}
	if known != nil && p.old.shows(ref, c) {
		return known, nil
	}
	raw, err := p.repo.ReadMeta(ctx, name)
	if err != nil {
		return nil, err
	}
	commit, err := ostree.DecodeCommit(raw)
	if err != nil {
		return nil, err
	}
	p.result.Read++
	if !p.old.shows(ref, c) {
		if err := p.checkCommit(ctx, ref, c, raw, commit); err != nil {
			return nil, err
		}
	}
	if known != nil {
		return known, nil
	}
	data := &commitData{size: uint64(len(raw)), timestamp: commit.Timestamp, version: commit.Metadata.Str(ostree.KeyVersion)}
	if flatpak.IsFlatpakRef(ref) {
		err = p.readFlatpak(ctx, data, commit)
	}
	if n := len(data.version) + len(data.metadata) + len(data.sparse.Encode().Data()); err == nil && n > maxCommitData {
		err = fmt.Errorf("every client would load %d bytes about it with the summary; %d are allowed: delete the ref", n, maxCommitData)
	}
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", c, err)
	}
	if data.flatpak {
		p.old.commits[c] = data
	}
	return data, nil
}

// checkCommit warns of what makes clients refuse the commit under this ref.
func (p *publication) checkCommit(ctx context.Context, ref string, c ostree.Checksum, raw []byte, commit *ostree.Commit) error {
	refs, bound := commit.RefBindings()
	if bound && !slices.Contains(refs, ref) {
		p.warn(ref, "the commit is bound to %s: clients refuse it under this name", strings.Join(refs, ", "))
	} else if !bound && flatpak.IsFlatpakRef(ref) {
		p.warn(ref, "the commit is not bound to a ref: flatpak refuses to install it for all users")
	}
	if len(p.o.Signers) == 0 {
		return nil
	}
	meta, err := p.repo.CommitMeta(c)
	if err != nil {
		return err
	}
	for _, s := range p.o.Signers {
		if ok, err := s.Signed(ctx, raw, meta); err != nil {
			return err
		} else if ok {
			return nil
		}
	}
	p.warn(ref, "the commit is not signed by a key that signs the summary: a client that knows no other refuses it")
	return nil
}

// readFlatpak fills in what clients of flatpak want to know.
func (p *publication) readFlatpak(ctx context.Context, data *commitData, commit *ostree.Commit) error {
	data.flatpak = true
	text, ok := lookup(commit.Metadata, flatpak.KeyMetadata, "s")
	if ok {
		data.metadata = text.Str()
	} else {
		var err error
		if data.metadata, err = p.metadataFile(ctx, commit); err != nil {
			return err
		}
	}
	installed, haveInstalled := lookup(commit.Metadata, flatpak.KeyInstalledSize, "t")
	download, haveDownload := lookup(commit.Metadata, flatpak.KeyDownloadSize, "t")
	if haveInstalled && haveDownload {
		data.sizes = flatpak.Sizes{Installed: gvariant.BE64(installed.Uint64()), Download: gvariant.BE64(download.Uint64())}
	} else {
		var err error
		if data.sizes, err = treeSizes(ctx, p.repo, commit); err != nil {
			return err
		}
	}
	if v, ok := lookup(commit.Metadata, flatpak.KeySubsets, "as"); ok {
		data.subsets = p.subsets(v.Strings())
	}
	extra := extraData(commit)
	data.sizes.AddExtraData(extra)
	data.sparse = sparse(commit, extra)
	return nil
}

// lookup returns the value under key when it has the type that it should have:
// commits of others may hold anything.
func lookup(d gvariant.Dict, key, typ string) (gvariant.Value, bool) {
	v, ok := d.Get(key)
	if !ok || v.Type() != typ {
		return gvariant.Value{}, false
	}
	return v, true
}

// subsets are those that an index can name: clients split the names of
// sub-summaries at the dash.
func (p *publication) subsets(names []string) []string {
	var kept []string
	for _, s := range names {
		if flatpak.ValidateArch(s) != nil {
			if s != "" {
				p.warn("", "subset %q is left out: clients take no other characters than letters, digits and underscores", s)
			}
			continue
		}
		if slices.Contains(kept, s) {
			continue
		}
		if len(kept) == maxSubsets {
			p.warn("", "subset %q and those after it are left out: a commit belongs to %d subsets at most", s, maxSubsets)
			break
		}
		kept = append(kept, s)
	}
	return kept
}

func extraData(commit *ostree.Commit) []flatpak.ExtraData {
	v, ok := lookup(commit.Metadata, flatpak.KeyExtraData, "a(ayttays)")
	if !ok {
		return nil
	}
	var all []flatpak.ExtraData
	for _, e := range v.All() {
		all = append(all, flatpak.ExtraData{Size: gvariant.BE64(e.Index(1).Uint64()), InstalledSize: gvariant.BE64(e.Index(2).Uint64())})
	}
	return all
}

func sparse(commit *ostree.Commit, extra []flatpak.ExtraData) gvariant.Dict {
	var d gvariant.Dict
	if v, ok := lookup(commit.Metadata, ostree.KeyEndOfLife, "s"); ok {
		d.Set(keyEndOfLife, v)
	}
	if v, ok := lookup(commit.Metadata, ostree.KeyEndOfLifeRebase, "s"); ok {
		d.Set(keyRebase, v)
	}
	if v, ok := lookup(commit.Metadata, flatpak.KeyTokenType, "i"); ok && v.Int32() >= 0 {
		d.Set(keyTokenType, v)
	}
	if len(extra) > 0 {
		var total uint64
		for _, e := range extra {
			total += e.Size
		}
		d.Set(keyExtraData, gvariant.Tuple(gvariant.Uint32(uint32(len(extra))), gvariant.Uint64(total)))
	}
	return d
}

// metadataFile reads /metadata of a tree; one that has none gives "".
func (p *publication) metadataFile(ctx context.Context, commit *ostree.Commit) (text string, err error) {
	entry, found, err := ostree.Lookup(ctx, p.repo, commit.RootTree, commit.RootMeta, "metadata")
	if err != nil || !found || entry.Type != ostree.ObjectFile {
		return "", err
	}
	h, size, content, err := p.repo.OpenFile(ctx, entry.File)
	if err != nil {
		return "", err
	}
	defer func() { err = joinClose(err, content) }()
	if h.IsSymlink() {
		return "", nil
	}
	if size > maxCommitData {
		return "", fmt.Errorf("its /metadata has %d bytes; %d are allowed", size, maxCommitData)
	}
	b, err := io.ReadAll(content)
	if err == nil && (!utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0) {
		err = errors.New("its /metadata is no UTF-8 text")
	}
	return string(b), err
}
