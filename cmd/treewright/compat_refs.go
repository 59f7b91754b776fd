package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func compatInit(fs *pflag.FlagSet) compatRun {
	mode := fs.String("mode", "archive", "")
	id := fs.String("collection-id", "", "")
	return func(_ context.Context, c *compat, _ []string) error {
		switch *mode {
		case "archive", "archive-z2":
		case "bare", "bare-user", "bare-user-only":
			return compatf("Mode '%s' is not one that treewright writes: it makes archive repositories", *mode)
		default:
			return compatf("Invalid mode '%s' in repository configuration", *mode)
		}
		if *id != "" && ostree.ValidateCollectionID(*id) != nil {
			return compatf("Invalid collection ID %s", *id)
		}
		repo, err := archive.Init(c.folder(), archive.InitOptions{CollectionID: *id})
		if err != nil {
			return err
		}
		return repo.Close()
	}
}

// compatRefsFlags are the options of ostree refs.
type compatRefsFlags struct {
	remove, list, alias, force, collections bool
	create                                  string
}

func compatRefs(fs *pflag.FlagSet) compatRun {
	f := &compatRefsFlags{}
	fs.BoolVar(&f.remove, "delete", false, "")
	fs.BoolVar(&f.list, "list", false, "")
	fs.BoolVarP(&f.alias, "alias", "A", false, "")
	fs.StringVar(&f.create, "create", "", "")
	fs.BoolVar(&f.force, "force", false, "")
	fs.BoolVarP(&f.collections, "collections", "c", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		switch {
		case f.remove && len(args) == 0:
			return compatf("At least one PREFIX is required when deleting refs")
		case f.create != "" && len(args) == 0:
			return compatf("You must specify a revision when creating a new ref")
		case f.create != "" && len(args) > 1:
			return compatf("You must specify only 1 existing ref when creating a new ref")
		case f.remove && f.create != "":
			return compatf("Cannot use --delete and --create together")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		switch {
		case f.collections:
			err = f.withCollections(ctx, c, repo, args)
		case f.create != "":
			err = f.makeRef(ctx, c, repo, args[0])
		case f.remove:
			err = f.deleteRefs(ctx, repo, args)
		case f.alias:
			return f.listAliases(ctx, c, repo)
		default:
			return f.listRefs(ctx, c, repo, args)
		}
		if err != nil || f.create == "" && !f.remove {
			return err
		}
		return c.updateSummaryIf(ctx, repo, "auto-update-summary")
	}
}

// matchRefs returns the refs that are prefix or lie below it, all for "", and
// what is left of their names.
func matchRefs(ctx context.Context, repo *archive.Repo, prefix string) (found []archive.Ref, rest []string, err error) {
	all, err := repo.AllRefs(ctx)
	if err != nil {
		return nil, nil, err
	}
	prefix = strings.TrimSuffix(prefix, ".")
	for _, ref := range all {
		left := ref.Name
		switch {
		case prefix == "" || strings.HasSuffix(prefix, ":") && strings.HasPrefix(ref.Name, prefix):
		case ref.Name == prefix:
		case strings.HasPrefix(ref.Name, strings.TrimSuffix(prefix, "/")+"/"):
			left = ref.Name[len(strings.TrimSuffix(prefix, "/"))+1:]
		default:
			continue
		}
		found, rest = append(found, ref), append(rest, left)
	}
	return found, rest, nil
}

func (f *compatRefsFlags) listRefs(ctx context.Context, c *compat, repo *archive.Repo, args []string) error {
	if len(args) == 0 {
		args = []string{""}
	}
	for _, prefix := range args {
		refs, rest, err := matchRefs(ctx, repo, prefix)
		if err != nil {
			return err
		}
		for i, ref := range refs {
			name := rest[i]
			if f.list {
				name = ref.Name
			}
			c.printf("%s\n", name)
		}
	}
	return nil
}

func (f *compatRefsFlags) listAliases(ctx context.Context, c *compat, repo *archive.Repo) error {
	aliases, err := repo.Aliases(ctx)
	if err != nil {
		return err
	}
	var names []string
	for name := range aliases {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		c.printf("%s -> %s\n", name, aliases[name])
	}
	return nil
}

func (f *compatRefsFlags) deleteRefs(ctx context.Context, repo *archive.Repo, args []string) (err error) {
	aliases, err := repo.Aliases(ctx)
	if err != nil {
		return err
	}
	txn, err := repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	for _, prefix := range args {
		refs, _, err := matchRefs(ctx, repo, prefix)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			for alias, target := range aliases {
				if target == ref.Name {
					return compatf("Ref '%s' has an active alias: '%s'", ref.Name, alias)
				}
			}
			if err := refuseMirrored(repo, []string{ref.Name}); err != nil {
				return err
			}
			if err := txn.DeleteRef(ref.Name); err != nil {
				return err
			}
		}
	}
	_, err = txn.Commit(ctx)
	return err
}

func (f *compatRefsFlags) makeRef(ctx context.Context, c *compat, repo *archive.Repo, from string) (err error) {
	remote, name, isRemote := strings.Cut(f.create, ":")
	if !isRemote {
		name = f.create
	}
	if ostree.ValidateRef(name) != nil || isRemote && ostree.ValidateRemote(remote) != nil {
		return compatf("Invalid refspec %s", f.create)
	}
	old, err := repo.ResolveRef(f.create)
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		return err
	}
	_, isAlias := func() (string, bool) { a, _ := repo.Aliases(ctx); t, ok := a[f.create]; return t, ok }()
	if !old.IsZero() && !f.force && !(f.alias && isAlias) {
		return compatf("--create specified but ref %s already exists", f.create)
	}
	if f.alias {
		if isRemote {
			return compatf("Cannot create alias to remote ref: %s", remote)
		}
		if _, err := repo.ResolveRef(from); errors.Is(err, archive.ErrNotExist) {
			return compatf("Cannot create alias to non-existent ref: %s", from)
		}
		return repo.SetAlias(ctx, f.create, from)
	}
	commit, err := c.resolve(ctx, repo, from)
	if err != nil {
		return err
	}
	if err := refuseMirrored(repo, []string{f.create}); err != nil {
		return err
	}
	return c.setRef(ctx, repo, f.create, commit)
}

// setRef points a ref to a commit, or deletes it when that is zero.
func (c *compat) setRef(ctx context.Context, repo *archive.Repo, ref string, commit ostree.Checksum) (err error) {
	txn, err := repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	if commit.IsZero() {
		err = txn.DeleteRef(ref)
	} else {
		err = txn.SetRef(ref, commit)
	}
	if err != nil {
		return err
	}
	_, err = txn.Commit(ctx)
	return err
}

func compatRevParse(fs *pflag.FlagSet) compatRun {
	single := fs.BoolP("single", "S", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		repo, err := c.open()
		if err != nil {
			return err
		}
		if *single {
			commits, err := repo.Commits(ctx)
			if err != nil {
				return err
			}
			if len(commits) != 1 {
				return compatf("%s commit objects found", map[bool]string{true: "No", false: "Multiple"}[len(commits) == 0])
			}
			c.printf("%s\n", commits[0])
			return nil
		}
		if len(args) == 0 {
			return compatf("REV must be specified")
		}
		for _, rev := range args {
			sum, err := c.resolve(ctx, repo, rev)
			if err != nil {
				return err
			}
			c.printf("%s\n", sum)
		}
		return nil
	}
}

func compatConfig(fs *pflag.FlagSet) compatRun {
	group := fs.String("group", "", "")
	return func(_ context.Context, c *compat, args []string) error {
		if len(args) < 2 {
			return compatf("OPERATION must be specified")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		in, key := *group, args[1]
		if in == "" {
			i := strings.LastIndex(key, ".")
			if i < 0 {
				return compatf("Key must be of the form \"sectionname.keyname\"")
			}
			in, key = key[:i], key[i+1:]
		}
		switch {
		case args[0] == "set" && len(args) == 3:
			return repo.SetConfig(in, key, args[2])
		case args[0] == "unset":
			return repo.SetConfig(in, key, "")
		case args[0] != "get":
			return compatf("Unknown operation %s", args[0])
		}
		f, err := repo.Config()
		if err != nil {
			return err
		}
		v, ok := f.Get(in, key)
		if !ok {
			return compatf("Key file does not have key “%s” in group “%s”", key, in)
		}
		c.printf("%s\n", v)
		return nil
	}
}
