package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// A Folder holds the files of a delta: one of a repository, or a copy.
type Folder string

// FolderOf returns where a repository keeps the delta, if it has it.
func FolderOf(repo *archive.Repo, n Name) Folder {
	return Folder(filepath.Join(repo.Path(), filepath.FromSlash(n.Path())))
}

// Superblock reads the superblock. The error wraps archive.ErrNotExist when
// there is no delta.
func (f Folder) Superblock() (*Superblock, error) {
	path := filepath.Join(string(f), superblockFile)
	data, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	s, err := DecodeSuperblock(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// OpenPart opens the file of a part; the caller closes it.
func (f Folder) OpenPart(_ context.Context, i int) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(f), strconv.Itoa(i)))
}

func readLimited(path string) (_ []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, ostree.MaxMetadataSize+1))
	if err == nil && len(data) > ostree.MaxMetadataSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, ostree.MaxMetadataSize)
	}
	return data, err
}

// List returns the names of the repository's deltas, those from nothing first
// among those to one commit. Folders with other names are none of ours.
func List(ctx context.Context, repo *archive.Repo) ([]Name, error) {
	root := filepath.Join(repo.Path(), deltasDir)
	firsts, err := readDir(root)
	if err != nil {
		return nil, err
	}
	var names []Name
	for _, first := range firsts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		seconds, err := readDir(filepath.Join(root, first))
		if err != nil {
			return nil, err
		}
		for _, second := range seconds {
			n, err := ParsePath(deltasDir + "/" + first + "/" + second)
			if err != nil {
				continue
			}
			switch _, err := os.Stat(filepath.Join(root, first, second, superblockFile)); {
			case err == nil:
				names = append(names, n)
			case !errors.Is(err, fs.ErrNotExist):
				return nil, err
			}
		}
	}
	slices.SortFunc(names, compareNames)
	return names, nil
}

func compareNames(a, b Name) int {
	if c := a.To.Compare(b.To); c != 0 {
		return c
	}
	return a.From.Compare(b.From)
}

// readDir lists the folders in a folder, none when it does not exist.
func readDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}
