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
func Digests(ctx context.Context, repo *archive.Repo) (d gvariant.Dict, err error) {
	names, err := List(ctx, repo)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
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

// IndexPath is where a repository lists the deltas to a commit.
func IndexPath(to ostree.Checksum) string {
	name := encodeName(to)
	return indexesDir + "/" + name[:2] + "/" + name[2:] + ".index"
}

// An IndexFile is what the delta index of a commit shall hold; no Data: there
// shall be none.
type IndexFile struct {
	Commit ostree.Checksum
	Data   []byte
}

// IndexFiles returns the delta indexes for the deltas that Digests lists, and
// those of the repository that are to go, sorted by commit.
func IndexFiles(repo *archive.Repo, digests gvariant.Dict) ([]IndexFile, error) {
	commits, err := Indexes(repo)
	if err != nil {
		return nil, err
	}
	byTarget := map[ostree.Checksum]gvariant.Dict{}
	for _, e := range digests {
		n, err := ParseName(e.Key)
		if err != nil {
			return nil, err
		}
		byTarget[n.To] = append(byTarget[n.To], e)
		commits = append(commits, n.To)
	}
	slices.SortFunc(commits, ostree.Checksum.Compare)
	var files []IndexFile
	for _, c := range slices.Compact(commits) {
		f := IndexFile{Commit: c}
		if list := byTarget[c]; len(list) > 0 {
			f.Data = gvariant.Dict{{Key: ostree.KeyStaticDeltas, Value: list.Encode()}}.Encode().Data()
		}
		files = append(files, f)
	}
	return files, nil
}

// Reindex brings the delta indexes up to date with the deltas: of the given
// commits, or of all and without those of commits that no delta leads to any
// more. Each file is replaced at once; one that does not change is not touched.
func Reindex(ctx context.Context, repo *archive.Repo, commits ...ostree.Checksum) error {
	list, err := Digests(ctx, repo)
	if err != nil {
		return err
	}
	files, err := IndexFiles(repo, list)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(commits) > 0 && !slices.Contains(commits, f.Commit) {
			continue
		}
		if err := f.write(filepath.Join(repo.Path(), IndexPath(f.Commit))); err != nil {
			return fmt.Errorf("writing the delta index of commit %s: %w", f.Commit, err)
		}
	}
	return nil
}

func (f IndexFile) write(path string) error {
	if f.Data == nil {
		return os.Remove(path)
	}
	if old, err := os.ReadFile(path); err == nil && string(old) == string(f.Data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, f.Data, 0o644)
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
