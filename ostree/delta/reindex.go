package delta

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// Where the delta index of a commit lies: delta-indexes/XX/REST.index, in the
// base64 of delta folders. It holds what a summary would say of the deltas to
// that commit, so that summaries can leave them out.
const indexesDir = "delta-indexes"

// Digests returns what summaries say of the repository's deltas: the names,
// sorted, each with the SHA-256 of its superblock.
func Digests(ctx context.Context, repo *archive.Repo) (gvariant.Dict, error) {
	names, err := List(ctx, repo)
	if err != nil {
		return nil, err
	}
	return digests(repo, names)
}

func digests(repo *archive.Repo, names []Name) (d gvariant.Dict, err error) {
	for _, n := range names {
		sum, err := digest(filepath.Join(string(FolderOf(repo, n)), superblockFile))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		d = append(d, gvariant.Entry{Key: n.String(), Value: gvariant.Bytes(sum)})
	}
	d.Sort()
	return d, nil
}

func digest(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return h.Sum(nil), nil
}

// Indexes returns the commits that have a delta index, sorted.
func Indexes(repo *archive.Repo) ([]ostree.Checksum, error) {
	root := filepath.Join(repo.Path(), indexesDir)
	firsts, err := readDir(root)
	if err != nil {
		return nil, err
	}
	var found []ostree.Checksum
	for _, first := range firsts {
		entries, err := os.ReadDir(filepath.Join(root, first))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), ".index")
			if c, err := decodeName(first + name); ok && err == nil {
				found = append(found, c)
			}
		}
	}
	slices.SortFunc(found, ostree.Checksum.Compare)
	return found, nil
}

func indexPath(repo *archive.Repo, c ostree.Checksum) string {
	name := encodeName(c)
	return filepath.Join(repo.Path(), indexesDir, name[:2], name[2:]+".index")
}

// Reindex brings the delta indexes up to date with the deltas: of the given
// commits, or of all and without those of commits that no delta leads to any
// more. Each file is replaced at once; one that does not change is not touched.
func Reindex(ctx context.Context, repo *archive.Repo, commits ...ostree.Checksum) error {
	names, err := List(ctx, repo)
	if err != nil {
		return err
	}
	byTarget := map[ostree.Checksum][]Name{}
	for _, n := range names {
		byTarget[n.To] = append(byTarget[n.To], n)
	}
	if len(commits) == 0 {
		if commits, err = Indexes(repo); err != nil {
			return err
		}
		for c := range byTarget {
			commits = append(commits, c)
		}
		slices.SortFunc(commits, ostree.Checksum.Compare)
	}
	for _, c := range slices.Compact(commits) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := reindex(repo, c, byTarget[c]); err != nil {
			return fmt.Errorf("writing the delta index of commit %s: %w", c, err)
		}
	}
	return nil
}

func reindex(repo *archive.Repo, c ostree.Checksum, names []Name) error {
	path := indexPath(repo, c)
	if len(names) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	d, err := digests(repo, names)
	if err != nil {
		return err
	}
	data := gvariant.Dict{{Key: ostree.KeyStaticDeltas, Value: d.Encode()}}.Encode().Data()
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, 0o644)
}

// Delete deletes a delta of the repository. The summary and the delta index
// must be written anew. A delta that is not there is archive.ErrNotExist.
func Delete(ctx context.Context, repo *archive.Repo, n Name) (err error) {
	lock, err := repo.Lock(ctx, "deltas")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	folder := string(FolderOf(repo, n))
	// Without its superblock a delta does not exist.
	if err := os.Remove(filepath.Join(folder, superblockFile)); err != nil {
		return fmt.Errorf("deleting delta %s: %w", n, err)
	}
	return errors.Join(os.RemoveAll(folder), syncDir(filepath.Dir(folder)))
}
