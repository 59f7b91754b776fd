package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func compatCheckout(fs *pflag.FlagSet) compatRun {
	var o archive.CheckoutOptions
	user := fs.BoolP("user-mode", "U", false, "")
	fs.StringVar(&o.Subpath, "subpath", "", "")
	fs.BoolVar(&o.Union, "union", false, "")
	allowNone := fs.Bool("allow-noent", false, "")
	// Files are always copies, of which nothing is kept.
	fs.Bool("disable-cache", false, "")
	fs.BoolP("force-copy", "C", false, "")
	fs.String("fsync", "", "")
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) < 1 {
			return compatf("COMMIT must be specified")
		}
		repo, sum, err := c.openRev(ctx, args[0])
		if err != nil {
			return err
		}
		if *allowNone && o.Subpath != "" {
			commit, err := repo.Commit(ctx, sum)
			if err != nil {
				return err
			}
			if _, found, err := ostree.Lookup(ctx, repo, commit.RootTree, commit.RootMeta, o.Subpath); err != nil || !found {
				return err
			}
		}
		target := args[0]
		if len(args) > 1 {
			target = args[1]
		}
		if _, err := os.Lstat(target); err == nil && !o.Union {
			return compatf("mkdirat: File exists")
		}
		o.Owners = !*user
		_, err = repo.Checkout(ctx, sum, filepath.Clean(target), o)
		if errors.Is(err, archive.ErrNotExist) && o.Subpath != "" {
			return compatf("No such file or directory: %s", o.Subpath)
		}
		return err
	}
}

// compatDiffer finds how two commits differ, in the words of ostree diff.
type compatDiffer struct {
	modified, removed, added []string
	under                    string // what went or came with all below
}

func compatDiff(fs *pflag.FlagSet) compatRun {
	stats := fs.Bool("stats", false, "")
	files := fs.Bool("fs-diff", false, "")
	fs.Bool("no-xattrs", false, "") // counts for folders
	fs.Int("owner-uid", -1, "")
	fs.Int("owner-gid", -1, "")
	return func(ctx context.Context, c *compat, args []string) error {
		switch len(args) {
		case 0:
			return compatf("REV must be specified")
		case 1:
			args = []string{args[0] + "^", args[0]}
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		var sums [2]ostree.Checksum
		for i := range sums {
			if strings.HasPrefix(args[i], "/") || strings.HasPrefix(args[i], "./") {
				return compatf("%s: treewright compares commits alone", args[i])
			}
			if sums[i], err = c.resolve(ctx, repo, args[i]); err != nil {
				return err
			}
		}
		if *files || !*stats {
			if err := c.diffFiles(ctx, repo, sums); err != nil {
				return err
			}
		}
		if !*stats {
			return nil
		}
		return c.diffStats(ctx, repo, sums)
	}
}

func (c *compat) diffFiles(ctx context.Context, repo *archive.Repo, sums [2]ostree.Checksum) error {
	d := &compatDiffer{under: "\x00"}
	if err := repo.Diff(ctx, sums[0], sums[1], d.change); err != nil {
		return err
	}
	d.turned()
	for _, list := range []struct {
		letter string
		paths  []string
	}{{"M", d.modified}, {"D", d.removed}, {"A", d.added}} {
		for _, path := range list.paths {
			c.printf("%s    %s\n", list.letter, path)
		}
	}
	return nil
}

// change takes one difference. Of a folder that went only itself is told.
func (d *compatDiffer) change(ch archive.FileChange) error {
	switch {
	case ch.Path == "/" || ch.New.Type == 0 && strings.HasPrefix(ch.Path, d.under+"/"):
	case ch.Old.Type != 0 && ch.New.Type != 0:
		d.modified = append(d.modified, ch.Path)
	case ch.New.Type == 0:
		if d.removed = append(d.removed, ch.Path); ch.Old.Type == ostree.ObjectDirTree {
			d.under = ch.Path
		}
	default:
		d.added = append(d.added, ch.Path)
	}
	return nil
}

// turned finds files that became folders, and the other way round: they are
// modified, and of what is in them nothing is told.
func (d *compatDiffer) turned() {
	both := map[string]bool{}
	added := map[string]bool{}
	for _, path := range d.added {
		added[path] = true
	}
	for _, path := range d.removed {
		both[path] = added[path]
	}
	d.removed = slices.DeleteFunc(d.removed, func(path string) bool { return both[path] })
	d.added = slices.DeleteFunc(d.added, func(path string) bool {
		if both[path] {
			d.modified = append(d.modified, path)
		}
		for ; path != "/"; path = filepath.Dir(path) {
			if both[path] {
				return true
			}
		}
		return false
	})
}

// diffStats counts the objects that commits need, and those that both need.
func (c *compat) diffStats(ctx context.Context, repo *archive.Repo, sums [2]ostree.Checksum) error {
	var sets [2]map[ostree.ObjectName]bool
	for i, sum := range sums {
		commit, err := repo.Commit(ctx, sum)
		if err != nil {
			return err
		}
		sets[i] = map[ostree.ObjectName]bool{{Checksum: sum, Type: ostree.ObjectCommit}: true}
		err = ostree.Reachable(ctx, repo, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
			sets[i][n] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	common, size := 0, int64(0)
	for n := range sets[0] {
		if !sets[1][n] {
			continue
		}
		bytes, err := repo.ObjectSize(n)
		if err != nil {
			return err
		}
		common, size = common+1, size+bytes
	}
	c.printf("[A] Object Count: %d\n[B] Object Count: %d\nCommon Object Count: %d\nCommon Object Size: %s\n", len(sets[0]), len(sets[1]), common, compatSize(size))
	return nil
}
