package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
	"github.com/treewright/treewright/treefile"
)

// reposCache is the folder of the cache that rpmrepo keeps.
const reposCache = "repos"

// openRepos opens the repositories that the treefile names, or all that are
// enabled, in the order of their .repo files.
func openRepos(ctx context.Context, o *Options) ([]*rpmrepo.Repository, error) {
	configs, err := repoConfigs(o)
	if err != nil {
		return nil, err
	}
	repos := make([]*rpmrepo.Repository, len(configs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, cfg := range configs {
		group.Go(func() (err error) {
			repos[i], err = rpmrepo.Open(groupCtx, cfg, rpmrepo.Options{
				Client: o.Client, CacheDir: cachePath(o.CacheDir, reposCache), Offline: o.CacheOnly, Now: o.Now,
				Warn: func(text string) { o.warn(text) },
			})
			return err
		})
	}
	err = group.Wait()
	repos = slices.DeleteFunc(repos, func(r *rpmrepo.Repository) bool { return r == nil })
	if err != nil {
		return nil, errors.Join(err, closeRepos(repos))
	}
	return repos, nil
}

func closeRepos(repos []*rpmrepo.Repository) error {
	var errs []error
	for _, r := range repos {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// repoConfigs reads the .repo files beside the treefile and selects from them.
func repoConfigs(o *Options) ([]rpmrepo.RepoConfig, error) {
	t := o.Treefile
	all, err := rpmrepo.ReadRepoFiles(t.Dir, rpmrepo.ReadOptions{
		Vars: repoVars(t),
		Warn: func(w rpmrepo.Warning) { o.warn(w.String()) },
	})
	if err != nil {
		return nil, err
	}
	selected := slices.DeleteFunc(slices.Clone(all), func(c rpmrepo.RepoConfig) bool { return !inUse(o, &c) })
	for _, key := range []string{"repos", "lockfile-repos"} {
		wanted := t.Repos
		if key == "lockfile-repos" {
			if len(o.Lockfiles) == 0 {
				continue
			}
			wanted = t.LockfileRepos
		}
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(id string) bool {
			return slices.ContainsFunc(all, func(c rpmrepo.RepoConfig) bool { return c.ID == id })
		})
		if len(wanted) > 0 {
			return nil, fmt.Errorf("%s: no .repo file in %s defines %s; defined are: %s",
				keyPosition(t, key), t.Dir, strings.Join(wanted, ", "), listIDs(all))
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("%s: there is no repository: put a .repo file with an enabled one into %s, or name one under repos", t.Path, t.Dir)
	}
	return selected, checkPinned(t, selected)
}

// addIdle adds the packages of repositories that are not in use, as far as the
// cache has them, so that explanations know them. It reports whether it found
// any; that one cannot be read is no matter here.
func (p *Plan) addIdle(ctx context.Context, u *solve.Universe) bool {
	all, err := rpmrepo.ReadRepoFiles(p.opts.Treefile.Dir, rpmrepo.ReadOptions{Vars: repoVars(p.opts.Treefile)})
	if err != nil {
		return false
	}
	found := false
	for _, c := range all {
		if inUse(&p.opts, &c) {
			continue
		}
		r, err := rpmrepo.Open(ctx, c, rpmrepo.Options{
			Client: p.opts.Client, CacheDir: cachePath(p.opts.CacheDir, reposCache), Offline: true, Now: p.opts.Now,
		})
		if err != nil {
			continue
		}
		repo := u.AddRepo(solve.RepoOptions{ID: c.ID, Disabled: true})
		err = r.Packages(ctx, func(m *rpm.Metadata) error {
			repo.Add(m)
			return nil
		})
		found = errors.Join(err, r.Close()) == nil || found
	}
	return found
}

// inUse reports whether packages may come from a repository: one that the
// treefile names, or one that is enabled when it names none. Those for locked
// packages are in use only together with a lock file.
func inUse(o *Options, c *rpmrepo.RepoConfig) bool {
	t := o.Treefile
	forLocks := slices.Contains(t.LockfileRepos, c.ID)
	switch {
	case forLocks && len(o.Lockfiles) > 0, slices.Contains(t.Repos, c.ID):
		return true
	}
	return len(t.Repos) == 0 && c.Enabled && !forLocks
}

// checkPinned sees that each repository of repo-packages is in use.
func checkPinned(t *treefile.Treefile, selected []rpmrepo.RepoConfig) error {
	for _, p := range t.RepoPackages {
		if !slices.ContainsFunc(selected, func(c rpmrepo.RepoConfig) bool { return c.ID == p.Repo }) {
			return fmt.Errorf("%s: packages are wanted from %s, which is not among the repositories in use: %s",
				keyPosition(t, "repo-packages"), p.Repo, listIDs(selected))
		}
	}
	return nil
}

func listIDs(configs []rpmrepo.RepoConfig) string {
	if len(configs) == 0 {
		return "none"
	}
	ids := make([]string, len(configs))
	for i, c := range configs {
		ids[i] = c.ID
	}
	return strings.Join(ids, ", ")
}

// repoVars are the variables of .repo files.
func repoVars(t *treefile.Treefile) rpmrepo.Vars {
	vars := rpmrepo.Vars{"basearch": t.Arch, "arch": t.Arch}
	if t.ReleaseVer != "" {
		vars["releasever"] = t.ReleaseVer
	}
	for name, value := range t.RepoVars {
		vars[name] = value
	}
	return vars
}

// keyPosition says where a key is set, for messages.
func keyPosition(t *treefile.Treefile, key string) string {
	if use, ok := t.Key(key); ok {
		return use.Position.String() + ": " + key
	}
	return t.Path
}
