package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
)

// A Keeper brings static deltas into a repository as they are, for its own
// clients. Pulls that it does take what they need out of the same files, so
// that each is fetched once. It is for one goroutine.
type Keeper struct {
	remote *Remote
	dst    *archive.Repo
	dir    string // a temporary folder of the repository
	remove func() error
	made   int   // folders in it
	bytes  int64 // of parts
	listed map[ostree.Checksum][]Delta
	have   map[delta.Name]delta.Folder
}

// Keeper makes a Keeper for a repository. Close it when done.
func (r *Remote) Keeper(ctx context.Context, dst *archive.Repo) (*Keeper, error) {
	dir, remove, err := dst.TempDir(ctx)
	if err != nil {
		return nil, err
	}
	return &Keeper{remote: r, dst: dst, dir: dir, remove: remove, listed: map[ostree.Checksum][]Delta{}, have: map[delta.Name]delta.Folder{}}, nil
}

// Close drops what was fetched and is not kept.
func (k *Keeper) Close() error { return k.remove() }

// PullInto is Remote.PullInto, and holds on to the deltas that it fetches.
func (k *Keeper) PullInto(ctx context.Context, txn *archive.Txn, wants []Want) (*Result, error) {
	return k.remote.pullInto(ctx, k.dst, txn, wants, k)
}

// Keep brings all static deltas that the remote lists to commits which the
// repository has, byte for byte, and returns their names. One that is there
// already is not fetched again; one that is damaged costs a warning.
func (k *Keeper) Keep(ctx context.Context, commits []ostree.Checksum) (kept []delta.Name, err error) {
	for _, c := range commits {
		names, err := k.keepTo(ctx, c)
		kept = append(kept, names...)
		if err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// keepAll keeps the deltas to all commits that refs of the result show.
func (k *Keeper) keepAll(ctx context.Context, result *Result) error {
	var commits []ostree.Checksum
	done := map[ostree.Checksum]bool{}
	for _, ref := range result.Refs {
		if !done[ref.New] {
			done[ref.New] = true
			commits = append(commits, ref.New)
		}
	}
	names, err := k.Keep(ctx, commits)
	for _, n := range names {
		result.Deltas = append(result.Deltas, n.String())
	}
	result.Bytes += k.bytes
	return err
}

// keepTo keeps the deltas to one commit. Only the end of the context, and what
// is wrong with the repository's folder, is an error.
func (k *Keeper) keepTo(ctx context.Context, to ostree.Checksum) (kept []delta.Name, err error) {
	deltas, err := k.deltas(ctx, to)
	if err != nil {
		k.remote.warn(err)
		return nil, ctx.Err()
	}
	for _, d := range deltas {
		isNew, err := k.keep(ctx, d)
		if ctx.Err() != nil {
			return kept, context.Cause(ctx)
		}
		if err != nil {
			k.remote.warn(fmt.Errorf("delta %s is not kept: %w", d, err))
		} else if isNew {
			kept = append(kept, d.Name)
		}
	}
	return kept, nil
}

func (k *Keeper) keep(ctx context.Context, d Delta) (isNew bool, err error) {
	if present, err := k.present(d); present || err != nil {
		return false, err
	}
	s, err := k.superblock(ctx, d)
	if err != nil {
		return false, err
	}
	if k.resigned(s) {
		return delta.RewriteDetachedMeta(ctx, k.dst, d.Name)
	}
	folder, err := k.download(ctx, s)
	if err != nil {
		return false, err
	}
	delete(k.have, d.Name)
	if _, err := delta.Keep(ctx, k.dst, folder, delta.ApplyOptions{Progress: k.remote.opts.Progress}); err != nil {
		return false, err
	}
	if k.remote.opts.Signer != nil {
		_, err = delta.RewriteDetachedMeta(ctx, k.dst, d.Name)
	}
	return true, err
}

// present tells whether the repository has the very delta.
func (k *Keeper) present(d Delta) (bool, error) {
	data, err := os.ReadFile(filepath.Join(string(delta.FolderOf(k.dst, d.Name)), "superblock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && ostree.ChecksumOf(data) == d.Superblock, err
}

// resigned tells whether the repository has the delta with other signatures of
// its commit in it: ours are added to the upstream's.
func (k *Keeper) resigned(s *fetchedDelta) bool {
	if k.remote.opts.Signer == nil {
		return false
	}
	have, err := delta.FolderOf(k.dst, s.Name).Superblock()
	return err == nil && slices.EqualFunc(have.Parts, s.Parts, func(a, b delta.Part) bool { return a.Checksum == b.Checksum })
}

// deltas is Remote.Deltas, asked once.
func (k *Keeper) deltas(ctx context.Context, to ostree.Checksum) ([]Delta, error) {
	if list, ok := k.listed[to]; ok {
		return list, nil
	}
	list, err := k.remote.Deltas(ctx, to)
	if err == nil {
		k.listed[to] = list
	}
	return list, err
}

// superblock is that of a listed delta, which is fetched and checked once.
func (k *Keeper) superblock(ctx context.Context, d Delta) (*fetchedDelta, error) {
	if folder, ok := k.have[d.Name]; ok {
		s, err := folder.Superblock()
		return &fetchedDelta{Superblock: s}, err
	}
	s, err := k.remote.superblock(ctx, d)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(k.dir, "delta-"+strconv.Itoa(k.made))
	k.made++
	if err := os.Mkdir(folder, 0o777); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, "superblock"), s.data, 0o644); err != nil {
		return nil, err
	}
	k.have[d.Name] = delta.Folder(folder)
	return s, nil
}

// download brings those parts of a delta that are not there into its folder.
func (k *Keeper) download(ctx context.Context, s *fetchedDelta) (delta.Folder, error) {
	folder := k.have[s.Name]
	for i, p := range s.Parts {
		if _, inline := s.Inline(i); inline {
			continue
		}
		dest := filepath.Join(string(folder), strconv.Itoa(i))
		if _, err := os.Stat(dest); err == nil {
			continue // it has its place since it was verified
		}
		if err := k.part(ctx, s, i, dest); err != nil {
			return "", err
		}
		k.remote.bytes.Add(p.Size)
		k.bytes += p.Size
	}
	return folder, nil
}

func (k *Keeper) part(ctx context.Context, s *fetchedDelta, i int, dest string) error {
	name, p := s.Path()+"/"+strconv.Itoa(i), s.Parts[i]
	if most := k.remote.opts.MaxFileSize; p.Size > most || p.Size <= 0 {
		return fmt.Errorf("%s has %d bytes; at most %d are allowed", name, p.Size, most)
	}
	want, err := fetch.ParseChecksum("sha256:" + p.Checksum.String())
	if err != nil {
		return err
	}
	return k.remote.download(ctx, name, dest, fetch.DownloadOptions{Checksum: want, Size: p.Size})
}
