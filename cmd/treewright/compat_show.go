package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

func compatLog(fs *pflag.FlagSet) compatRun {
	raw := fs.Bool("raw", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) != 1 {
			return compatf("A rev argument is required")
		}
		repo, sum, err := c.openRev(ctx, args[0])
		if err != nil {
			return err
		}
		cut := false
		err = repo.Log(ctx, sum, func(sum ostree.Checksum, commit *ostree.Commit) error {
			cut = !commit.Parent.IsZero()
			if *raw {
				return c.dumpRaw(ctx, repo, ostree.ObjectName{Checksum: sum, Type: ostree.ObjectCommit})
			}
			c.describeCommit(sum, commit)
			return nil
		})
		if err == nil && cut {
			c.printf("<< History beyond this commit not fetched >>\n")
		}
		return err
	}
}

// describeCommit prints a commit as ostree log does.
func (c *compat) describeCommit(sum ostree.Checksum, commit *ostree.Commit) {
	c.printf("commit %s\n", sum)
	c.dumpCommit(commit)
}

func (c *compat) dumpCommit(commit *ostree.Commit) {
	if !commit.Parent.IsZero() {
		c.printf("Parent:  %s\n", commit.Parent)
	}
	c.printf("ContentChecksum:  %s\nDate:  %s\n", commit.ContentChecksum(), time.Unix(int64(commit.Timestamp), 0).UTC().Format("2006-01-02 15:04:05 +0000"))
	if v := commit.Metadata.Str(ostree.KeyVersion); v != "" {
		c.printf("Version: %s\n", v)
	}
	if commit.Subject == "" {
		c.printf("(no subject)\n\n")
	} else {
		c.printf("\n    %s\n\n", commit.Subject)
	}
	if commit.Body != "" {
		c.printf("    %s\n\n", strings.ReplaceAll(strings.TrimRight(commit.Body, "\n"), "\n", "\n    "))
	}
}

func compatLs(fs *pflag.FlagSet) compatRun {
	var o archive.LsOptions
	fs.BoolVarP(&o.DirOnly, "dironly", "d", false, "")
	fs.BoolVarP(&o.Recursive, "recursive", "R", false, "")
	sums := fs.BoolP("checksum", "C", false, "")
	xattrs := fs.BoolP("xattrs", "X", false, "")
	names := fs.Bool("nul-filenames-only", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) < 1 {
			return compatf("An COMMIT argument is required")
		}
		repo, sum, err := c.openRev(ctx, args[0])
		if err != nil {
			return err
		}
		paths := args[1:]
		if len(paths) == 0 {
			paths = []string{"/"}
		}
		for _, path := range paths {
			err := repo.Ls(ctx, sum, path, o, func(e archive.LsEntry) error {
				if *names {
					_, err := fmt.Fprintf(c.env.stdout, "%s\x00", e.Path)
					return err
				}
				c.printf("%s\n", compatLsLine(e, *sums, *xattrs))
				return nil
			})
			var missing *archive.MissingError
			if errors.As(err, &missing) {
				return compatf("Couldn't find %s object '%s'", missing.Object.Type, missing.Object.Checksum)
			}
			if errors.Is(err, archive.ErrNotExist) {
				return compatf("No such file or directory: %s", path)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// compatLsLine is a line of ostree ls.
func compatLsLine(e archive.LsEntry, sums, xattrs bool) string {
	kind := map[uint32]string{ostree.ModeDir: "d", ostree.ModeSymlink: "l"}[e.Header.Mode&ostree.ModeType]
	if kind == "" {
		kind = "-"
	}
	line := fmt.Sprintf("%s%05o %d %d %6d ", kind, e.Header.Mode&^ostree.ModeType, e.Header.UID, e.Header.GID, e.Size)
	if sums && e.Entry.Type == ostree.ObjectFile {
		line += e.Entry.File.String() + " "
	} else if sums {
		line += e.Entry.Tree.String() + " " + e.Entry.Meta.String() + " "
	}
	if xattrs {
		line += xattrsText(e.Header.Xattrs) + " "
	}
	line += e.Path
	if e.Header.IsSymlink() {
		line += " -> " + e.Header.Symlink
	}
	return line
}

// xattrsText is how ostree prints xattrs.
func xattrsText(xattrs []ostree.Xattr) string {
	var list []gvariant.Value
	for _, x := range xattrs {
		list = append(list, gvariant.Tuple(gvariant.ByteString(x.Name), gvariant.Bytes(x.Value)))
	}
	return "{ " + gvariant.Array("(ayay)", list...).Annotated() + " }"
}

func compatCat(*pflag.FlagSet) compatRun {
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) < 2 {
			return compatf("A COMMIT and at least one PATH argument are required")
		}
		repo, sum, err := c.openRev(ctx, args[0])
		if err != nil {
			return err
		}
		commit, err := repo.Commit(ctx, sum)
		if err != nil {
			return err
		}
		for _, path := range args[1:] {
			if err := c.cat(ctx, repo, commit, path); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *compat) cat(ctx context.Context, repo *archive.Repo, commit *ostree.Commit, path string) (err error) {
	entry, found, err := ostree.Lookup(ctx, repo, commit.RootTree, commit.RootMeta, path)
	if err != nil {
		return err
	}
	if !found {
		return compatf("No such file or directory: %s", path)
	}
	if entry.Type != ostree.ObjectFile {
		return compatf("Can't open directory")
	}
	_, _, body, err := repo.OpenFile(ctx, entry.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	_, err = io.Copy(c.env.stdout, body)
	return err
}
