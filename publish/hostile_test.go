package publish

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// hostileCommit puts a commit, as an upstream may have made it, under a ref of
// an application: depth directories, each twice in the one above it, and a file
// metadata with the given text.
func (c *Client) hostileCommit(depth int, text string, metadata gvariant.Dict) {
	t := c.t
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	txn, err := c.open().Begin(t.Context())
	must(err)
	defer txn.Abort()
	put := func(typ ostree.ObjectType, data []byte, err error) ostree.Checksum {
		t.Helper()
		must(err)
		sum, err := txn.WriteMeta(t.Context(), typ, data)
		must(err)
		return sum
	}
	file, err := txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}, archive.Content{
		Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	})
	must(err)
	data, err := ostree.DirMeta{Mode: ostree.ModeDir | 0o755}.Encode()
	meta := put(ostree.ObjectDirMeta, data, err)
	data, err = ostree.DirTree{Files: []ostree.TreeFile{{Name: "metadata", Checksum: file.Checksum}}}.Encode()
	tree := put(ostree.ObjectDirTree, data, err)
	for range depth {
		data, err = ostree.DirTree{Dirs: []ostree.TreeDir{{Name: "a", Tree: tree, Meta: meta}, {Name: "b", Tree: tree, Meta: meta}}}.Encode()
		tree = put(ostree.ObjectDirTree, data, err)
	}
	metadata.Set(ostree.KeyRefBinding, gvariant.Strings(appRef))
	data, err = ostree.Commit{RootTree: tree, RootMeta: meta, Metadata: metadata}.Encode()
	must(txn.SetRef(appRef, put(ostree.ObjectCommit, data, err)))
	_, err = txn.Commit(t.Context())
	must(err)
}

func newHostileClient(t *testing.T) *Client {
	c := NewClient(t)
	repo, err := archive.Init(c.Path("repo"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTreeOfManyPaths publishes a tree of 100 objects with 2^98 paths, whose
// size its commit does not say.
func TestTreeOfManyPaths(t *testing.T) {
	c := newHostileClient(t)
	c.hostileCommit(98, "x", gvariant.Dict{{Key: flatpak.KeyMetadata, Value: gvariant.String("")}})
	c.publish(nil, Options{})
	repo := c.open()
	tip, err := repo.ResolveRef(appRef)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := repo.Commit(t.Context(), tip)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := treeSizes(t.Context(), repo, commit); err != nil || got.Installed != math.MaxUint64 || got.Download != math.MaxUint64 {
		t.Errorf("sizes: got %+v, %v, want the largest", got, err)
	}
}

// TestHostileCommits publishes commits that would put something into everybody's
// summary that does not belong there: the ref is named, nothing is written.
func TestHostileCommits(t *testing.T) {
	for what, tc := range map[string]struct {
		text     string
		metadata gvariant.Dict
		want     string
	}{
		"long metadata":    {"", gvariant.Dict{{Key: flatpak.KeyMetadata, Value: gvariant.String(strings.Repeat("x", 2<<20))}}, "every client would load"},
		"long end of life": {"", gvariant.Dict{{Key: ostree.KeyEndOfLife, Value: gvariant.String(strings.Repeat("x", 2<<20))}}, "every client would load"},
		"long file":        {strings.Repeat("x", 2<<20), nil, "/metadata has 2097152 bytes"},
		"binary file":      {"[Application]\nname=\x00\n", nil, "no UTF-8 text"},
		"no UTF-8":         {"[Application]\nname=\xff\n", nil, "no UTF-8 text"},
	} {
		t.Run(strings.ReplaceAll(what, " ", "-"), func(t *testing.T) {
			c := newHostileClient(t)
			c.hostileCommit(0, tc.text, tc.metadata)
			before := state(t, c.Path("repo"))
			_, err := Publish(t.Context(), Options{Repo: c.open()})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), appRef) {
				t.Errorf("got %v, want a mention of %q and of the ref", err, tc.want)
			}
			if after := state(t, c.Path("repo")); len(after) != len(before) {
				t.Errorf("files: got %v, want %v", after, before)
			}
		})
	}
}

func TestManySubsets(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	p := publication{result: &Result{}}
	if got := p.subsets(names); len(got) != maxSubsets || len(p.result.Warnings) != 1 {
		t.Errorf("got %d subsets and %v", len(got), p.result.Warnings)
	}
}
