package main

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// compatSizes makes ostree.sizes: of each object of the commit its checksum,
// its size as it is stored and as it is unpacked, and its type.
func compatSizes(ctx context.Context, repo *archive.Repo, commit *ostree.Commit) (gvariant.Value, error) {
	var names []ostree.ObjectName
	err := ostree.Reachable(ctx, repo, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
		names = append(names, n)
		return nil
	})
	if err != nil {
		return gvariant.Value{}, err
	}
	slices.SortFunc(names, ostree.ObjectName.Compare)
	entries := make([]gvariant.Value, len(names))
	for i, n := range names {
		stored, err := repo.ObjectSize(n)
		if err != nil {
			return gvariant.Value{}, err
		}
		unpacked := stored
		if n.Type == ostree.ObjectFile {
			h, size, body, err := repo.OpenFile(ctx, n.Checksum)
			if err != nil {
				return gvariant.Value{}, err
			}
			if err := body.Close(); err != nil {
				return gvariant.Value{}, err
			}
			if unpacked = size; h.IsSymlink() {
				unpacked = int64(len(h.Symlink))
			}
		}
		entry := binary.AppendUvarint(slices.Clone(n.Checksum[:]), uint64(stored))
		entries[i] = gvariant.Bytes(append(binary.AppendUvarint(entry, uint64(unpacked)), byte(n.Type)))
	}
	return gvariant.Array("ay", entries...), nil
}
