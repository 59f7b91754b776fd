package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/treefile"
)

// inputFlags are the flags of all commands that choose packages.
type inputFlags struct {
	repo, cacheDir, proxy, arch string
	variables                   []string
	lockStrict, lockExact       bool
	opts                        compose.Options
}

func (f *inputFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.cacheDir, "cachedir", "", "keep metadata, packages and their contents in `DIR` (default: treewright in the user's cache folder)")
	fs.BoolVar(&f.opts.CacheOnly, "cache-only", false, "take metadata and packages from the cache alone")
	fs.StringVar(&f.proxy, "proxy", "", "proxy `URL` for metadata and packages")
	fs.StringArrayVar(&f.variables, "var", nil, "set the treefile variable `NAME=VALUE`; may be given again")
	fs.StringVar(&f.arch, "arch", "", "compose for the architecture `ARCH` (default: this machine's)")
	files := (*listFlag)(&f.opts.Lockfiles)
	fs.Var(files, "lockfile", "choose only the builds that the lock `FILE` states, of the names that it has; may be given again, the last one counts")
	fs.BoolVar(&f.lockStrict, "lockfile-strict", false, "choose locked packages only")
	fs.BoolVar(&f.lockExact, "locked", false, "choose locked packages only, and all of them: anything else is an error")
	fs.Var(files, "ex-lockfile", "rpm-ostree's name of --lockfile; both take both formats, `FILE` tells")
	fs.BoolVar(&f.lockStrict, "ex-lockfile-strict", false, "rpm-ostree's name of --lockfile-strict")
}

// addRepo adds --repo for commands that need it for some treefiles alone.
func (f *inputFlags) addRepo(fs *pflag.FlagSet) {
	fs.StringVarP(&f.repo, "repo", "r", "", "the archive repository at `PATH` has the runtime of a flatpak application")
}

// load reads the treefile.
func (f *inputFlags) load(env *environment, path string) error {
	variables := map[string]treefile.Value{}
	for _, v := range f.variables {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return usagef("--var %s: want NAME=VALUE", v)
		}
		variables[name] = treefile.ParseValue(value)
	}
	tf, err := treefile.Load(path, treefile.Options{
		Arch: f.arch, Variables: variables,
		Warn: func(w treefile.Warning) { env.warn("%s", w) },
	})
	f.opts.Treefile = tf
	return err
}

// fill completes the options with what comes from the environment.
func (f *inputFlags) fill(env *environment) (err error) {
	o := &f.opts
	switch {
	case len(o.Lockfiles) == 0 && (f.lockStrict || f.lockExact):
		return usagef("--lockfile-strict and --locked need --lockfile")
	case f.lockExact:
		o.LockPolicy = compose.LockExact
	case f.lockStrict:
		o.LockPolicy = compose.LockStrict
	}
	if o.SourceDate, err = env.sourceDate(); err != nil {
		return err
	}
	if o.CacheDir, err = cacheFolder(env, f.cacheDir, f.repo); err != nil {
		return err
	}
	if o.Client, err = fetch.New(fetch.Options{UserAgent: "treewright/" + version(), Proxy: f.proxy, ProxyFor: proxyFromEnvironment}); err != nil {
		return err
	}
	o.Remote = remote.Options{UserAgent: "treewright/" + version(), Proxy: f.proxy, ProxyFor: proxyFromEnvironment,
		Warn: func(err error) { env.warn("%v", err) }}
	o.Now, o.Tool = env.clock(), "treewright "+version()
	o.Progress = env.drawer().update
	o.Warn = func(text string) { env.warn("%s", text) }
	return nil
}

// writeFlags say where the packages that were chosen are written as a lock.
type writeFlags struct{ lockfile, rpmostree string }

func (f *writeFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.lockfile, "write-lockfile-to", "", "write the packages to the lock `FILE`, keeping what it says of other architectures")
	fs.StringVar(&f.rpmostree, "ex-write-lockfile-to", "", "write the packages to the lock `FILE` in rpm-ostree's format")
}

// locking is what has packages to lock.
type locking interface {
	WriteLockfile(name string) error
	WriteRPMOSTreeLockfile(name string) error
}

func (f *writeFlags) write(l locking) error {
	var errs []error
	if f.lockfile != "" {
		errs = append(errs, l.WriteLockfile(f.lockfile))
	}
	if f.rpmostree != "" {
		errs = append(errs, l.WriteRPMOSTreeLockfile(f.rpmostree))
	}
	return errors.Join(errs...)
}

// listFlag is a list that several flags add to, in their order.
type listFlag []string

// Set adds an item.
func (l *listFlag) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func (l *listFlag) String() string { return strings.Join(*l, ",") }

// Type is the word that help shows when the usage names no value.
func (l *listFlag) Type() string { return "list" }
