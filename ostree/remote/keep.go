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

// keeper brings the files of deltas into a temporary folder of a repository,
// and to their place when the commits that they lead to are there.
type keeper struct {
	remote *Remote
	dst    *archive.Repo
	dir    string
	remove func() error
	made   int
	bytes  int64                       // of parts
	have   map[delta.Name]delta.Folder // downloaded
}

func (r *Remote) newKeeper(ctx context.Context, dst *archive.Repo) (*keeper, error) {
	dir, remove, err := dst.TempDir(ctx)
	if err != nil {
		return nil, err
	}
	return &keeper{remote: r, dst: dst, dir: dir, remove: remove, have: map[delta.Name]delta.Folder{}}, nil
}

// KeepDeltas brings all static deltas that the remote lists to commits which
// the repository has, byte for byte, and returns their names. One that is there
// already is not fetched again; one that is damaged costs a warning.
func (r *Remote) KeepDeltas(ctx context.Context, dst *archive.Repo, commits []ostree.Checksum) (_ []delta.Name, err error) {
	k, err := r.newKeeper(ctx, dst)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.remove()) }()
	var kept []delta.Name
	for _, c := range commits {
		names, err := k.keepTo(ctx, c)
		if err != nil {
			return kept, err
		}
		kept = append(kept, names...)
	}
	return kept, nil
}

// keepAll keeps the deltas to all commits that refs of the result show.
func (k *keeper) keepAll(ctx context.Context, result *Result) error {
	done := map[ostree.Checksum]bool{}
	for _, ref := range result.Refs {
		if done[ref.New] {
			continue
		}
		done[ref.New] = true
		names, err := k.keepTo(ctx, ref.New)
		if err != nil {
			return err
		}
		for _, n := range names {
			result.Deltas = append(result.Deltas, n.String())
		}
	}
	result.Bytes += k.bytes
	return nil
}

// keepTo keeps the deltas to one commit. Only the end of the context, and what
// is wrong with the repository's folder, is an error.
func (k *keeper) keepTo(ctx context.Context, to ostree.Checksum) (kept []delta.Name, err error) {
	deltas, err := k.remote.Deltas(ctx, to)
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

func (k *keeper) keep(ctx context.Context, d Delta) (isNew bool, err error) {
	folder, ok := k.have[d.Name]
	if !ok {
		if present, err := k.present(d); present || err != nil {
			return false, err
		}
		s, err := k.remote.superblock(ctx, d)
		if err != nil {
			return false, err
		}
		if k.resigned(s) {
			return delta.RewriteDetachedMeta(ctx, k.dst, d.Name)
		}
		if folder, err = k.download(ctx, s); err != nil {
			return false, err
		}
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
func (k *keeper) present(d Delta) (bool, error) {
	data, err := os.ReadFile(filepath.Join(string(delta.FolderOf(k.dst, d.Name)), "superblock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && ostree.ChecksumOf(data) == d.Superblock, err
}

// resigned tells whether the repository has the delta with other signatures of
// its commit in it: ours are added to the upstream's.
func (k *keeper) resigned(s *fetchedDelta) bool {
	if k.remote.opts.Signer == nil {
		return false
	}
	have, err := delta.FolderOf(k.dst, s.Name).Superblock()
	return err == nil && slices.EqualFunc(have.Parts, s.Parts, func(a, b delta.Part) bool { return a.Checksum == b.Checksum })
}

// download brings the files of a delta into a folder.
func (k *keeper) download(ctx context.Context, s *fetchedDelta) (delta.Folder, error) {
	folder := filepath.Join(k.dir, "delta-"+strconv.Itoa(k.made))
	k.made++
	if err := os.Mkdir(folder, 0o777); err != nil {
		return "", err
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, "superblock"), s.data, 0o644); err != nil {
		return "", err
	}
	for i, p := range s.Parts {
		if _, inline := s.Inline(i); inline {
			continue
		}
		if err := k.part(ctx, s, i, filepath.Join(folder, strconv.Itoa(i))); err != nil {
			return "", err
		}
		k.remote.bytes.Add(p.Size)
		k.bytes += p.Size
	}
	k.have[s.Name] = delta.Folder(folder)
	return delta.Folder(folder), nil
}

func (k *keeper) part(ctx context.Context, s *fetchedDelta, i int, dest string) error {
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
