package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
)

func repoVerifyCommand() command {
	var flags trustFlags
	return command{
		path: "repo verify", args: "REPO [REV...]", minArgs: 1, maxArgs: -1,
		short: "Check the signatures of commits",
		long: `Checks that each commit REV, those of all refs without one, carries a good signature by a key in one of the files; with keys of several
kinds, a good one of each. It looks at no tree: repo fsck does.`,
		example: "treewright repo verify --key trees.key.pub repo\ntreewright repo verify --key trees.key.pub repo example/x86_64/os",
		exits:   []exit{{exitFailed, "a commit has no good signature; standard output names each"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			flags.addKeys(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				if !flags.given() {
					return usagef("repo verify needs --key, --ed25519-key or --spki-key")
				}
				keys, err := flags.read()
				if err != nil {
					return err
				}
				v := verifier{env: env, keys: keys}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					v.repo = repo
					return v.verify(ctx, args[1:])
				})
			}
		},
	}
}

// verifier checks the signatures of commits in a repository.
type verifier struct {
	env  *environment
	repo *archive.Repo
	keys trustedKeys
}

func (v *verifier) verify(ctx context.Context, revs []string) error {
	if len(revs) == 0 {
		refs, err := v.repo.Refs(ctx, "")
		if err != nil {
			return err
		}
		for _, ref := range refs {
			revs = append(revs, ref.Name)
		}
	}
	bad := 0
	for _, rev := range revs {
		c, err := v.repo.ResolveRev(ctx, rev)
		if err != nil {
			return err
		}
		by, err := v.commit(ctx, c)
		var refused *sign.VerifyError
		switch {
		case errors.As(err, &refused):
			bad++
			v.env.printf("%s %s: %v\n", rev, c, err)
			err = v.env.result(map[string]any{"rev": rev, "commit": c.String(), "ok": false, "reason": refused.Error()})
		case err == nil:
			v.env.printf("%s %s: good signature of %s\n", rev, c, by[0])
			err = v.env.result(map[string]any{"rev": rev, "commit": c.String(), "ok": true, "keys": by})
		}
		if err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d commits have no good signature", bad, len(revs))
	}
	return nil
}

// commit returns the fingerprints of the keys whose signatures are good, one of
// each engine that has keys.
func (v *verifier) commit(ctx context.Context, c ostree.Checksum) (by []string, err error) {
	data, err := v.repo.ReadMeta(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil {
		return nil, err
	}
	meta, err := v.repo.CommitMeta(c)
	if err != nil {
		return nil, err
	}
	return v.keys.verify(data, meta, v.env.clock())
}
