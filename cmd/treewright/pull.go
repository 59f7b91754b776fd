package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// remoteFlags say how a remote repository is reached.
type remoteFlags struct {
	proxy              string
	user, passwordFile string
	ca, cert, key      string
	requests           int
	collection         string
}

func (f *remoteFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.proxy, "proxy", "", "proxy `URL`; without it http_proxy, https_proxy and no_proxy count")
	fs.StringVar(&f.user, "user", "", "`NAME` for basic authentication")
	fs.StringVar(&f.passwordFile, "password-file", "", "the password is the first line of `FILE`")
	fs.StringVar(&f.ca, "tls-ca", "", "trust the certificate authorities in `FILE`")
	fs.StringVar(&f.cert, "tls-cert", "", "client certificate `FILE`")
	fs.StringVar(&f.key, "tls-key", "", "client key `FILE`")
	fs.IntVar(&f.requests, "max-requests", 0, "`NUMBER` of requests under way at once (default 24)")
	fs.StringVar(&f.collection, "collection-id", "", "commits must be bound to this collection `ID`")
}

// options are the remote's options, without keys.
func (f *remoteFlags) options(env *environment) (remote.Options, error) {
	password := ""
	if f.passwordFile != "" {
		text, err := firstLine(f.passwordFile)
		if err != nil {
			return remote.Options{}, err
		}
		password = text
	}
	return remote.Options{
		Clock: env.clock, CollectionID: f.collection, MaxRequests: f.requests, UserAgent: "treewright/" + version(),
		Proxy: f.proxy, ProxyFor: proxyFromEnvironment, Username: f.user, Password: password,
		CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, Progress: env.drawer().call,
		Warn: func(err error) { env.warn("%v", err) },
	}, nil
}

// remoteAddress is where a remote lies that a person names: a URL stays as it is,
// a path counts from the working directory.
func remoteAddress(arg string) (string, error) {
	if strings.Contains(arg, "://") || strings.HasPrefix(arg, "file:") {
		return arg, nil
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return "", fmt.Errorf("finding the remote %s: %w", arg, err)
	}
	return path, nil
}

func repoPullCommand() command {
	var flags remoteFlags
	var keys []string
	var verifySummary, noDeltas, onlyDeltas bool
	var opts remote.PullOptions
	return command{
		path: "repo pull", args: "REPO URL [REF...]", minArgs: 2, maxArgs: -1,
		short: "Pull refs from another repository",
		long: `Pulls the refs REF from the repository at URL (http, https, file: or a path) into refs of the same names in REPO. With --mirror and no
REF, all refs that the remote's summary lists. Objects are verified and stored as they came. With --key every commit must carry a good
signature; without it, checksums alone are checked and a warning says so. Where the remote has a static delta to a commit, it is used.`,
		example: "treewright repo pull --key trees.key.pub repo https://example.org/repo example/x86_64/os\ntreewright repo pull --mirror --key trees.key.pub repo https://example.org/repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			flags.add(fs)
			fs.StringArrayVar(&keys, "key", nil, "commits must be signed by a key in `FILE`; may be given again")
			fs.BoolVar(&verifySummary, "verify-summary", false, "the summary must be signed too")
			fs.BoolVar(&opts.Mirror, "mirror", false, "without REF, pull all refs")
			fs.IntVar(&opts.Depth, "depth", 0, "pull `NUMBER` ancestors of each commit too; -1: all")
			fs.BoolVar(&noDeltas, "disable-static-deltas", false, "use no static deltas")
			fs.BoolVar(&onlyDeltas, "require-static-deltas", false, "fail if no static delta brings a commit")
			fs.BoolVar(&opts.KeepDeltas, "keep-deltas", false, "keep the remote's static deltas to the commits, for own clients; treewright publish lists them")
			fs.BoolVar(&opts.TimestampCheck, "timestamp-check", false, "refuse commits that are older than those they replace")
			return func(ctx context.Context, env *environment, args []string) error {
				if noDeltas && onlyDeltas {
					return usagef("--disable-static-deltas and --require-static-deltas exclude each other")
				}
				if verifySummary && len(keys) == 0 {
					return usagef("--verify-summary needs --key")
				}
				opts.Refs = args[2:]
				if len(opts.Refs) == 0 && !opts.Mirror {
					return usagef("name the refs to pull, or use --mirror for all")
				}
				remoteOpts, err := flags.options(env)
				if err != nil {
					return err
				}
				remoteOpts.Deltas = deltaUse(noDeltas, onlyDeltas)
				if len(keys) > 0 {
					if remoteOpts.Keyring, err = readKeyrings(keys); err != nil {
						return err
					}
					remoteOpts.GPGVerify, remoteOpts.GPGVerifySummary = true, verifySummary
				} else {
					env.warn("no --key is given: signatures are not checked")
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					return pull(ctx, env, repo, args[1], remoteOpts, opts)
				})
			}
		},
	}
}

func deltaUse(none, required bool) remote.DeltaUse {
	switch {
	case none:
		return remote.NoDeltas
	case required:
		return remote.RequireDeltas
	}
	return remote.UseDeltas
}

// checkOrigins refuses to pull over mirrored refs: mirror alone knows their
// upstream and its key. No refs stand for all that the remote has.
func checkOrigins(ctx context.Context, repo *archive.Repo, r *remote.Remote, refs []string) error {
	record, err := origin.Read(repo.Path())
	if err != nil || len(record.Refs) == 0 {
		return err
	}
	if len(refs) == 0 {
		summary, err := r.Summary(ctx)
		if err != nil {
			return err
		}
		for _, ref := range summary.Refs {
			refs = append(refs, ref.Name)
		}
	}
	return refuseMirrored(repo, refs)
}

// refuseMirrored refuses refs that a mirror keeps up to date.
func refuseMirrored(repo *archive.Repo, refs []string) error {
	if err := origin.CheckOwn(repo.Path(), refs...); err != nil {
		return fmt.Errorf("%w: treewright mirror updates it; name other refs", err)
	}
	return nil
}

func pull(ctx context.Context, env *environment, repo *archive.Repo, url string, remoteOpts remote.Options, opts remote.PullOptions) error {
	url, err := remoteAddress(url)
	if err != nil {
		return err
	}
	r, err := remote.Open(url, remoteOpts)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := checkOrigins(ctx, repo, r, opts.Refs); err != nil {
		return err
	}
	result, err := r.Pull(ctx, repo, opts)
	if err != nil {
		return err
	}
	for _, ref := range result.Refs {
		if ref.Old == ref.New {
			env.printf("%s is up to date\n", ref.Ref)
		} else {
			env.printf("%s %s\n", ref.Ref, ref.New)
		}
	}
	for _, name := range result.Deltas {
		env.printf("delta %s\n", name)
	}
	env.printf("%d objects, %d bytes\n", result.Objects, result.Bytes)
	return env.result(result)
}
