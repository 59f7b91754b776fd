package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// compatFsckFlags are the options of ostree fsck.
type compatFsckFlags struct {
	quiet, all, remove, tombstones, bindings, backRefs bool
}

func compatFsck(fs *pflag.FlagSet) compatRun {
	f := &compatFsckFlags{}
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "")
	fs.BoolVarP(&f.all, "all", "a", false, "")
	fs.BoolVar(&f.remove, "delete", false, "")
	fs.BoolVar(&f.tombstones, "add-tombstones", false, "")
	fs.BoolVar(&f.bindings, "verify-bindings", false, "")
	fs.BoolVar(&f.backRefs, "verify-back-refs", false, "")
	return f.run
}

func (f *compatFsckFlags) run(ctx context.Context, c *compat, _ []string) error {
	repo, err := c.open()
	if err != nil {
		return err
	}
	if err := f.checkRefs(ctx, c, repo); err != nil {
		return err
	}
	report, err := repo.Fsck(ctx, archive.FsckOptions{})
	if err != nil {
		return err
	}
	whole := report.Commits - int64(len(report.Partial))
	f.printf(c, "Verifying content integrity of %d commit objects...\n", whole)
	if err := f.problems(ctx, c, repo, report); err != nil {
		return err
	}
	if f.tombstones {
		added, err := repo.AddTombstones(ctx)
		if err != nil {
			return err
		}
		for _, sum := range added {
			c.printf("Adding tombstone for commit %s\n", sum)
		}
	} else if n := len(report.Partial); n > 0 {
		c.printf("%d partial commits not verified\n", n)
	}
	if !report.OK() {
		return compatf("Repository corruption encountered")
	}
	if n, err := brokenPartials(repo, report.Partial); n > 0 || err != nil {
		return errors.Join(err, compatf("%d partial commits from fsck-detected corruption", n))
	}
	c.printf("object fsck of %d commits completed successfully - no errors found.\n", whole)
	return nil
}

func (f *compatFsckFlags) printf(c *compat, format string, args ...any) {
	if !f.quiet {
		c.printf(format, args...)
	}
}

// checkRefs checks that commits are bound to the refs that show them, and the
// other way round.
func (f *compatFsckFlags) checkRefs(ctx context.Context, c *compat, repo *archive.Repo) error {
	collections, err := c.collections(ctx, repo)
	if err != nil {
		return err
	}
	f.printf(c, "Validating refs...\n")
	if f.bindings {
		refs, err := repo.AllRefs(ctx)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			_, name, isRemote := strings.Cut(ref.Name, ":")
			if !isRemote {
				name = ref.Name
			}
			if err := fsckBindings(ctx, repo, ref.Commit, "", name); err != nil {
				return err
			}
		}
	}
	f.printf(c, "Validating refs in collections...\n")
	if f.bindings {
		for _, ref := range collections {
			if ref.remote {
				continue
			}
			if err := fsckBindings(ctx, repo, ref.Commit, ref.Collection, ref.Name); err != nil {
				return err
			}
		}
	}
	f.printf(c, "Enumerating commits...\n")
	if f.backRefs {
		return fsckBackRefs(ctx, repo, collections)
	}
	return nil
}

// fsckBindings checks a commit that a ref shows. One that cannot be read is
// found later.
func fsckBindings(ctx context.Context, repo *archive.Repo, sum ostree.Checksum, collection, ref string) error {
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return nil
	}
	if err := verifyBindings(commit, collection, ref); err != nil {
		return compatf("Commit %s: %s", sum, err)
	}
	return nil
}

// fsckBackRefs checks that the refs which a commit is bound to show it.
func fsckBackRefs(ctx context.Context, repo *archive.Repo, collections []collectionRef) error {
	commits, err := repo.Commits(ctx)
	if err != nil {
		return err
	}
	for _, sum := range commits {
		commit, err := repo.Commit(ctx, sum)
		if err != nil {
			continue
		}
		refs, _ := commit.RefBindings()
		collection := commit.Metadata.Str(ostree.KeyCollectionBinding)
		for _, ref := range refs {
			what, shown := fmt.Sprintf("Ref ‘%s’", ref), ostree.Checksum{}
			if collection != "" {
				what = fmt.Sprintf("Collection–ref (%s, %s)", collection, ref)
				shown = resolveIn(collections, collection, ref)
			} else if shown, err = repo.ResolveRef(ref); err != nil && !errors.Is(err, archive.ErrNotExist) {
				return err
			}
			switch shown {
			case sum:
			case ostree.Checksum{}:
				return compatf("%s in bindings for commit %s does not exist", what, sum)
			default:
				return compatf("%s in bindings for commit %s does not resolve to that commit", what, sum)
			}
		}
	}
	return nil
}

// problems tells of what is broken. With --delete it deletes what is damaged.
// Commits that lack something are marked as partial.
func (f *compatFsckFlags) problems(ctx context.Context, c *compat, repo *archive.Repo, report *archive.FsckReport) (err error) {
	if report.OK() {
		return nil
	}
	lock, err := repo.LockExclusive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	marked := map[ostree.Checksum]bool{}
	for _, p := range report.Problems {
		problem := compatProblem(p)
		whole := p.Object.Checksum.IsZero() || p.Object.Type == ostree.ObjectCommit
		switch {
		case p.Missing && !whole:
		case f.remove && !p.Object.Checksum.IsZero() && !p.Missing:
			if err := removeDamaged(ctx, repo, p); err != nil {
				return err
			}
		case f.all:
			fmt.Fprintf(c.env.stderr, "%s\n", plain(problem.Error()))
			continue
		default:
			return problem
		}
		fmt.Fprintf(c.env.stderr, "%s\n", plain(problem.Error()))
		for _, sum := range p.Commits {
			if partial, err := repo.IsPartial(sum); err != nil {
				return err
			} else if whole || partial || marked[sum] {
				continue
			}
			marked[sum] = true
			fmt.Fprintf(c.env.stderr, "Marking commit as partial: %s\n", sum)
			// "f" says that a check has found it so.
			if err := atomicfile.WriteFile(filepath.Join(repo.Path(), "state", sum.String()+".commitpartial"), []byte("f"), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeDamaged deletes an object, unless somebody has replaced it by a whole one
// meanwhile. The caller holds the exclusive lock.
func removeDamaged(ctx context.Context, repo *archive.Repo, p archive.FsckProblem) error {
	var err error
	if p.Object.Type == ostree.ObjectFile {
		var body io.ReadCloser
		if _, _, body, err = repo.OpenFile(ctx, p.Object.Checksum); err == nil {
			_, err = io.Copy(io.Discard, body)
			err = errors.Join(err, body.Close())
		}
	} else {
		_, err = repo.ReadMeta(ctx, p.Object)
	}
	var damaged *ostree.ChecksumError
	if err == nil && errors.As(p.Err, &damaged) {
		return nil
	}
	err = os.Remove(filepath.Join(repo.Path(), "objects", p.Object.ArchivePath()))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// brokenPartials counts the commits that are partial because a check has
// deleted what was damaged.
func brokenPartials(repo *archive.Repo, partial []ostree.Checksum) (n int, err error) {
	for _, c := range partial {
		data, err := os.ReadFile(filepath.Join(repo.Path(), "state", c.String()+".commitpartial"))
		if err != nil {
			return n, err
		}
		if string(data) == "f" {
			n++
		}
	}
	return n, nil
}

// compatProblem is what ostree fsck says of a broken object or ref.
func compatProblem(p archive.FsckProblem) error {
	var commits []string
	for _, sum := range p.Commits {
		commits = append(commits, sum.String())
	}
	where := ""
	if len(commits) > 0 {
		where = fmt.Sprintf("In commits %s: ", strings.Join(commits, ", "))
	}
	var damaged *ostree.ChecksumError
	var name *ostree.FilenameError
	switch {
	case errors.As(p.Err, &name) && strings.Contains(name.Name, "/"):
		return compatf("%sfsck %s: Invalid / in filename %s", where, p.Object, name.Name)
	case errors.As(p.Err, &damaged):
		return compatf("%sfsck %s object %s: %s", where, p.Object.Type, p.Object.Checksum, compatCorrupted(damaged))
	case p.Missing && len(commits) > 0:
		return compatf("Object missing in commits %s: %s", strings.Join(commits, ", "), p.Object)
	case p.Missing:
		return compatf("Object missing: %s", p.Object)
	case p.Object.Checksum.IsZero():
		return p.Err
	}
	return compatf("%sfsck %s: %s", where, p.Object, p.Err)
}

func compatCorrupted(e *ostree.ChecksumError) string {
	return fmt.Sprintf("Corrupted %s object; checksum expected='%s' actual='%s'", e.Object.Type, e.Object.Checksum, e.Got)
}
