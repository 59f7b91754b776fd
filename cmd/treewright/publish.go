package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/publish"
)

func publishCommand() command {
	var signing signFlags
	var url, repoFile string
	var announce, clientKeys []string
	settings := map[string]*string{}
	return command{
		path: "publish", args: "REPO", minArgs: 1, maxArgs: 1,
		short: "Make a repository's refs visible to clients",
		long: `Writes the summary, its index and their signatures from the refs in refs/heads, last and together: a client sees the old state or the
new one. When nothing changed, no file is touched. With --flatpakrepo it also writes the file that flatpak users open to add the
repository, with the public keys of --client-key in it.`,
		example: "treewright publish --sign-key trees.key --title 'Example Trees' repo\ntreewright publish --sign-key trees.key --url https://example.org/repo/ --client-key trees.key.pub --flatpakrepo example.flatpakrepo repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			signing.add(fs)
			for _, name := range publish.SettingNames() {
				settings[name] = fs.String(name, "", fmt.Sprintf("set the repository's %s to `TEXT`; empty takes it away", strings.ReplaceAll(name, "-", " ")))
			}
			fs.StringArrayVar(&announce, "announce-key", nil, "flatpak clients import the public key in `FILE` with the summary: for changing keys")
			fs.StringVar(&repoFile, "flatpakrepo", "", "write a .flatpakrepo `FILE`; needs --url and --client-key")
			fs.StringVar(&url, "url", "", "the `URL` where clients find the repository")
			fs.StringArrayVar(&clientKeys, "client-key", nil, "public key `FILE` of all that sign here, for the .flatpakrepo")
			return func(ctx context.Context, env *environment, args []string) error {
				o := publish.Options{Progress: env.drawer().update, Clock: env.clock, Settings: map[string]string{}}
				for name, value := range settings {
					if fs.Changed(name) {
						o.Settings[name] = *value
					}
				}
				if repoFile != "" && (url == "" || len(clientKeys) == 0) {
					return usagef("--flatpakrepo needs --url and --client-key")
				}
				var err error
				if o.Signers, err = signing.signers(env); err != nil {
					return err
				}
				if len(o.Signers) == 0 {
					env.warn("no --sign-key is given: clients that verify will refuse the summary")
				}
				if o.GPGKeys, err = readKeyData(announce); err != nil {
					return err
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					o.Repo = repo
					if err := runPublish(ctx, env, o); err != nil {
						return err
					}
					if repoFile == "" {
						return nil
					}
					return writeRepoFile(repo, repoFile, url, clientKeys)
				})
			}
		},
	}
}

func runPublish(ctx context.Context, env *environment, o publish.Options) error {
	result, err := publish.Publish(ctx, o)
	if err != nil {
		return err
	}
	for _, w := range result.Warnings {
		env.warn("%s", w)
	}
	for _, c := range result.Changes {
		switch {
		case c.Old.IsZero():
			env.printf("added    %s\n", c.Name)
		case c.New.IsZero():
			env.printf("removed  %s\n", c.Name)
		default:
			env.printf("updated  %s\n", c.Name)
		}
	}
	if len(result.Written) == 0 {
		env.printf("%d refs, nothing changed\n", result.Refs)
	} else {
		env.printf("%d refs published\n", result.Refs)
	}
	return env.result(result)
}

// readKeyData joins the public keys of several files, nil when there are none.
func readKeyData(files []string) ([]byte, error) {
	if len(files) == 0 {
		return nil, nil
	}
	ring, err := readKeyrings(files)
	if err != nil {
		return nil, err
	}
	return ring.Binary()
}

func writeRepoFile(repo *archive.Repo, path, url string, keys []string) error {
	file, err := publish.DescribeRepo(repo)
	if err != nil {
		return err
	}
	file.URL = url
	if file.Keys, err = readKeyData(keys); err != nil {
		return err
	}
	data, err := file.Encode()
	if err != nil {
		return errors.Join(fmt.Errorf("the repository is published, but %s is not written", path), err)
	}
	return atomicfile.WriteFile(path, data, 0o644)
}
