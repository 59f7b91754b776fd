package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
	"github.com/treewright/treewright/publish/mirror"
)

func mirrorCommand() command {
	var connection remoteFlags
	var signing signFlags
	var keys []string
	var o mirror.Options
	return command{
		path: "mirror", args: "REPO UPSTREAM REF...", minArgs: 3, maxArgs: -1,
		short: "Bring verified refs of an upstream beside our own",
		long: `Brings the refs REF of UPSTREAM into REPO, beside our own: their commits are verified against the pinned key before anything is visible,
and all of them become visible together. UPSTREAM is a URL, a path or a .flatpakrepo file; REF may be a pattern. With --sign-key our signature is
added to the upstream's, so that clients need our key alone. A ref of our own, or of another upstream, is never overwritten; catalogues
(appstream) and the upstream's own metadata are never taken. Run publish afterwards.`,
		example: "treewright mirror --sign-key trees.key repo flathub.flatpakrepo app/org.gnome.Maps/x86_64/stable\ntreewright mirror --key upstream.pub --sign-key trees.key repo https://example.org/repo 'app/*' 'runtime/*'",
		setup: func(fs *pflag.FlagSet) runFunc {
			connection.add(fs)
			signing.add(fs)
			fs.StringArrayVar(&keys, "key", nil, "the upstream's public key in `FILE`; may be given again")
			fs.StringVar(&o.Name, "name", "", "`NAME` of the upstream in the record of origins (default: its URL)")
			fs.StringArrayVar(&o.Arches, "arch", nil, "leave out app and runtime refs of other architectures than `ARCH`; may be given again")
			fs.BoolVar(&o.AllowUnsigned, "allow-unsigned", false, "mirror an upstream without a key; our signature is then not added")
			fs.BoolVar(&o.AllowUnsignedSummary, "allow-unsigned-summary", false, "the upstream signs commits alone")
			fs.BoolVar(&o.AllowRollback, "allow-rollback", false, "accept commits that are older than those mirrored before")
			fs.BoolVar(&o.KeepDeltas, "keep-deltas", false, "keep the upstream's static deltas too, with our signature in them")
			fs.BoolVar(&o.DryRun, "dry-run", false, "show what would be brought, and change nothing")
			return func(ctx context.Context, env *environment, args []string) error {
				if err := mirrorOptions(env, &o, &connection, &signing, keys, args); err != nil {
					return err
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					o.Repo = repo
					return runMirror(ctx, env, o)
				})
			}
		},
	}
}

// mirrorOptions fills in what the flags and the upstream's .flatpakrepo say.
func mirrorOptions(env *environment, o *mirror.Options, connection *remoteFlags, signing *signFlags, keys, args []string) (err error) {
	o.URL, o.Refs = args[1], args[2:]
	if strings.HasSuffix(o.URL, ".flatpakrepo") {
		if strings.Contains(o.URL, "://") {
			return usagef("download %s first, from where you trust it, and name the file: the key in it is the one that is verified against", o.URL)
		}
		data, err := readSmall(o.URL)
		if err != nil {
			return err
		}
		file, err := mirror.ReadRepoFile(data)
		if err != nil {
			return err
		}
		o.URL, o.Keyring = file.URL, file.Keyring
		if o.Name == "" {
			o.Name = strings.TrimSuffix(args[1][strings.LastIndexByte(args[1], '/')+1:], ".flatpakrepo")
		}
	}
	if o.URL, err = remoteAddress(o.URL); err != nil {
		return err
	}
	if len(keys) > 0 {
		if o.Keyring, err = readKeyrings(keys); err != nil {
			return err
		}
	}
	var signer sign.Signer
	if signer, err = signing.signer(env); err != nil {
		return err
	}
	r, err := connection.options(env)
	if err != nil {
		return err
	}
	o.Signer, o.Clock, o.Progress, o.CollectionID = signer, env.clock, env.drawer().update, r.CollectionID
	o.MaxRequests, o.UserAgent, o.Proxy, o.ProxyFor = r.MaxRequests, r.UserAgent, r.Proxy, r.ProxyFor
	o.Username, o.Password, o.CAFile, o.CertFile, o.KeyFile = r.Username, r.Password, r.CAFile, r.CertFile, r.KeyFile
	return nil
}

func runMirror(ctx context.Context, env *environment, o mirror.Options) error {
	result, err := mirror.Mirror(ctx, o)
	if err != nil {
		return err
	}
	for _, text := range result.Warnings {
		env.warn("%s", text)
	}
	for _, ref := range result.Refs {
		env.printf("%-9s  %s\n", ref.Status, ref.Ref)
	}
	for _, name := range result.Deltas {
		env.printf("delta %s\n", name)
	}
	env.printf("%d refs of %s, %d objects, %d bytes\n", len(result.Refs), result.Name, result.Objects, result.Bytes)
	return env.result(result)
}
