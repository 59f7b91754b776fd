package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

func compatSummary(fs *pflag.FlagSet) compatRun {
	var signing compatSigning
	signing.add(fs)
	update := fs.BoolP("update", "u", false, "")
	view := fs.BoolP("view", "v", false, "")
	raw := fs.Bool("raw", false, "")
	values := fs.StringArrayP("add-metadata", "m", nil, "")
	return func(ctx context.Context, c *compat, _ []string) error {
		repo, err := c.open()
		if err != nil {
			return err
		}
		switch {
		case *update:
			signers, err := signing.signers(c)
			if err != nil {
				return err
			}
			more, err := compatValues(*values)
			if err != nil {
				return err
			}
			if err := c.writeMetadataCommit(ctx, repo, more, signers); err != nil {
				return err
			}
			return c.writeSummary(ctx, repo, more, signers)
		case *view || *raw:
			return c.viewSummary(repo, *raw)
		}
		return compatf("No option specified; use -u to update summary")
	}
}

// updateSummaryIf writes the summary when one of the keys of [core] is true.
func (c *compat) updateSummaryIf(ctx context.Context, repo *archive.Repo, keys ...string) error {
	config, err := repo.Config()
	if err != nil {
		return err
	}
	for _, key := range keys {
		if v, _ := config.Get("core", key); v == "true" {
			return c.writeSummary(ctx, repo, nil, nil)
		}
	}
	return nil
}

// writeSummary writes the summary, its signature and the delta indexes. Unlike
// publish it does this alone: no index of sub-summaries, nothing of flatpak.
func (c *compat) writeSummary(ctx context.Context, repo *archive.Repo, more gvariant.Dict, signers []sign.Signer) (err error) {
	lock, err := repo.Lock(ctx, "publish")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := delta.Reindex(ctx, repo); err != nil {
		return err
	}
	if err := repo.SetConfig("core", "indexed-deltas", "true"); err != nil {
		return err
	}
	summary, err := c.newSummary(ctx, repo, more)
	if err != nil {
		return err
	}
	data, err := summary.Encode()
	if err != nil {
		return err
	}
	path := filepath.Join(repo.Path(), "summary")
	if len(signers) == 0 {
		if err := os.Remove(path + ".sig"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return atomicfile.WriteFile(path, data, 0o644)
	}
	var sigs gvariant.Dict
	for _, s := range signers {
		sig, err := s.Sign(ctx, data)
		if err != nil {
			return err
		}
		sigs = sign.Append(sigs, sig)
	}
	if err := atomicfile.WriteFile(path+".sig", sigs.Encode().Data(), 0o644); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, 0o644)
}

// newSummary lists the refs: those of refs/heads of a repository without a
// collection ID, else those of its own collection. Refs of others have their place in the metadata.
func (c *compat) newSummary(ctx context.Context, repo *archive.Repo, more gvariant.Dict) (s ostree.Summary, err error) {
	collections, err := c.collections(ctx, repo)
	if err != nil {
		return s, err
	}
	main := repo.CollectionID()
	if main == "" {
		refs, err := repo.Refs(ctx, "")
		if err == nil {
			s.Refs, err = summaryRefs(ctx, repo, refs)
		}
		if err != nil {
			return s, err
		}
	}
	var others []gvariant.Value
	for len(collections) > 0 {
		id := collections[0].Collection
		var refs []archive.Ref
		for len(collections) > 0 && collections[0].Collection == id {
			refs = append(refs, archive.Ref{Name: collections[0].Name, Commit: collections[0].Commit})
			collections = collections[1:]
		}
		list, err := summaryRefs(ctx, repo, refs)
		if err != nil {
			return s, err
		}
		if id == main {
			s.Refs = list
			continue
		}
		var values []gvariant.Value
		for _, r := range list {
			values = append(values, gvariant.Tuple(gvariant.String(r.Name), gvariant.Tuple(
				gvariant.Uint64(r.CommitSize), gvariant.Bytes(r.Commit[:]), r.Metadata.Encode())))
		}
		others = append(others, gvariant.DictEntry(gvariant.String(id), gvariant.Array("(s(taya{sv}))", values...)))
	}
	s.Metadata, err = c.summaryMetadata(ctx, repo, more, others)
	return s, err
}

// summaryRefs says of refs what a summary says.
func summaryRefs(ctx context.Context, repo *archive.Repo, refs []archive.Ref) (out []ostree.SummaryRef, err error) {
	for _, ref := range refs {
		name := ostree.ObjectName{Checksum: ref.Commit, Type: ostree.ObjectCommit}
		size, err := repo.ObjectSize(name)
		if err != nil {
			return nil, compatf("Loading commit for ref %s: No such metadata object %s", ref.Name, name)
		}
		commit, err := repo.Commit(ctx, ref.Commit)
		var damaged *ostree.ChecksumError
		if errors.As(err, &damaged) {
			// ostree does not look either; who pulls the commit will.
			commit, err = decodeDamaged(repo, name)
		}
		if err != nil {
			return nil, err
		}
		var meta gvariant.Dict
		if v := commit.Metadata.Str(ostree.KeyVersion); v != "" {
			meta.Set(ostree.KeyCommitVersion, gvariant.String(v))
		}
		meta.Set(ostree.KeyCommitTimestamp, gvariant.Uint64(gvariant.BE64(commit.Timestamp)))
		out = append(out, ostree.SummaryRef{Name: ref.Name, CommitSize: uint64(size), Commit: ref.Commit, Metadata: meta})
	}
	return out, nil
}

// decodeDamaged reads a commit whose bytes are not those that its name promises.
func decodeDamaged(repo *archive.Repo, name ostree.ObjectName) (*ostree.Commit, error) {
	data, err := os.ReadFile(filepath.Join(repo.Path(), "objects", name.ArchivePath()))
	if err != nil {
		return nil, err
	}
	return ostree.DecodeCommit(data)
}

// summaryMetadata adds to what the command line says what a summary says of its
// repository. Others are the refs of other collections.
func (c *compat) summaryMetadata(ctx context.Context, repo *archive.Repo, more gvariant.Dict, others []gvariant.Value) (gvariant.Dict, error) {
	config, err := repo.Config()
	if err != nil {
		return nil, err
	}
	var d gvariant.Dict
	if none, _ := config.Get("core", "no-deltas-in-summary"); none != "true" {
		deltas, err := delta.Digests(ctx, repo)
		if err != nil {
			return nil, err
		}
		if len(deltas) > 0 {
			d.Set(ostree.KeyStaticDeltas, deltas.Encode())
		}
	}
	tombstones, _ := config.Get("core", "tombstone-commits")
	mode, _ := config.Get("core", "mode")
	d.Set(ostree.KeySummaryLastModified, gvariant.Uint64(gvariant.BE64(uint64(c.env.clock().Unix()))))
	d.Set(ostree.KeySummaryMode, gvariant.String(mode))
	d.Set(ostree.KeySummaryTombstones, gvariant.Bool(tombstones == "true"))
	d.Set(ostree.KeySummaryIndexedDeltas, gvariant.Bool(true))
	if id := repo.CollectionID(); id != "" {
		d.Set(ostree.KeySummaryCollectionID, gvariant.String(id))
	}
	if len(others) > 0 {
		d.Set(ostree.KeySummaryCollectionMap, gvariant.Array("{sa(s(taya{sv}))}", others...))
	}
	return compatHashed(more, d...), nil
}

// compatDate writes a big-endian time of a summary as ostree does.
func compatDate(v gvariant.Value) string {
	return time.Unix(int64(gvariant.BE64(v.Uint64())), 0).Local().Format("2006-01-02T15:04:05-07")
}

func (c *compat) viewSummary(repo *archive.Repo, raw bool) error {
	data, err := os.ReadFile(filepath.Join(repo.Path(), "summary"))
	if errors.Is(err, os.ErrNotExist) {
		c.printf("(no summary)\n")
		return nil
	}
	if err != nil {
		return err
	}
	return c.dumpSummary(data, raw)
}

// dumpSummary prints a summary as ostree does.
func (c *compat) dumpSummary(data []byte, raw bool) error {
	if raw {
		v, err := gvariant.Parse("(a(s(taya{sv}))a{sv})", data)
		if err != nil {
			return err
		}
		c.printf("%s\n", swapped(v).Annotated())
		return nil
	}
	s, err := ostree.DecodeSummary(data)
	if err != nil {
		return err
	}
	for _, ref := range s.Refs {
		name := ref.Name
		if id := s.Metadata.Str(ostree.KeySummaryCollectionID); id != "" {
			name = "(" + id + ", " + name + ")"
		}
		c.viewRef(name, ref)
	}
	if v, ok := s.Metadata.Get(ostree.KeySummaryCollectionMap); ok && v.Type() == "a{sa(s(taya{sv}))}" {
		for _, collection := range v.All() {
			for _, r := range collection.Index(1).All() {
				info := r.Index(1)
				sum, err := ostree.ChecksumFromBytes(info.Index(1).Bytes())
				if err != nil {
					return err
				}
				c.viewRef("("+collection.Index(0).Str()+", "+r.Index(0).Str()+")",
					ostree.SummaryRef{CommitSize: info.Index(0).Uint64(), Commit: sum, Metadata: info.Index(2).Dict()})
			}
		}
	}
	for _, e := range s.Metadata {
		c.printf("%s\n", summaryLine(e))
	}
	return nil
}

func (c *compat) viewRef(name string, ref ostree.SummaryRef) {
	c.printf("* %s\n    Latest Commit (%s):\n      %s\n", name, compatSize(int64(ref.CommitSize)), ref.Commit)
	for _, e := range ref.Metadata {
		c.printf("    %s\n", summaryLine(e))
	}
	c.printf("\n")
}

// summaryLine is a line about one key.
func summaryLine(e gvariant.Entry) string {
	label, text := "", e.Value.Unannotated()
	switch e.Key {
	case ostree.KeyCommitTimestamp, ostree.KeySummaryLastModified:
		label = map[bool]string{true: "Timestamp", false: "Last-Modified"}[e.Key == ostree.KeyCommitTimestamp]
		if e.Value.Type() == "t" {
			text = compatDate(e.Value)
		}
	case ostree.KeyCommitVersion:
		label, text = "Version", e.Value.Str()
	case ostree.KeySummaryMode:
		label, text = "Repository Mode", e.Value.Str()
	case ostree.KeySummaryTombstones:
		label, text = "Has Tombstone Commits", map[bool]string{true: "Yes", false: "No"}[e.Value.Text() == "true"]
	case ostree.KeyStaticDeltas:
		label = "Static Deltas"
	case ostree.KeySummaryCollectionID:
		label, text = "Collection ID", e.Value.Str()
	case ostree.KeySummaryCollectionMap:
		label, text = "Collection Map", "(printed above)"
	}
	if label == "" {
		return e.Key + ": " + text
	}
	return label + " (" + e.Key + "): " + text
}
