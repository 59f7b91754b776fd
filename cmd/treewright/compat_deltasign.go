package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/sign"
)

// signDelta wraps the superblock of a delta and signatures of it.
func signDelta(ctx context.Context, repo *archive.Repo, name delta.Name, file string, signers []sign.Signer) error {
	if len(signers) == 0 {
		return nil
	}
	if file == "" {
		file = filepath.Join(string(delta.FolderOf(repo, name)), "superblock")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if data, err = delta.Sign(ctx, data, signers...); err != nil {
		return err
	}
	return atomicfile.WriteFile(file, data, 0o644)
}

// verifyDelta checks the signatures of a superblock.
func (c *compat) verifyDelta(s *delta.Superblock, engine string, keys []string) error {
	e, err := c.engineOf(engine, keys)
	if err != nil {
		return err
	}
	if s.Signed == nil {
		return compatf("no signatures in static-delta")
	}
	if _, ok := s.Signatures.Get("ostree.sign." + engine); !ok {
		return compatf("no signature for 'ostree.sign.%s' in static-delta superblock", engine)
	}
	return e.verify(s.Signed, s.Signatures)
}

func compatDeltaVerify(fs *pflag.FlagSet) compatRun {
	var k compatKeys
	k.add(fs, "")
	return func(_ context.Context, c *compat, args []string) error {
		var s *delta.Superblock
		var err error
		if len(args) > 0 && strings.Contains(args[0], "/") {
			_, s, err = deltaAt(args[0])
		} else {
			repo, n, openErr := c.openDelta(args)
			if openErr != nil {
				return openErr
			}
			s, err = delta.FolderOf(repo, n).Superblock()
		}
		var keys []string
		if err == nil {
			keys, err = k.all(args[1:])
		}
		if err == nil {
			err = c.verifyDelta(s, k.engine, keys)
		}
		c.printf("Verification %s\n", map[bool]string{true: "OK", false: "fails"}[err == nil])
		return err
	}
}

func compatDeltaApply(fs *pflag.FlagSet) compatRun {
	var k compatKeys
	k.add(fs, "")
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) < 1 {
			return compatf("PATH must be specified")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		config, err := repo.Config()
		if err != nil {
			return err
		}
		keys, err := k.all(args[1:])
		if err != nil {
			return err
		}
		must, _ := config.Get("core", "sign-verify-deltas")
		if must == "true" && len(keys) == 0 {
			return compatf("Key is mandatory to check delta signature")
		}
		folder, s, err := deltaAt(args[0])
		if err != nil {
			return err
		}
		if len(keys) > 0 && (must == "true" || s.Signed != nil) {
			if err := c.verifyDelta(s, k.engine, keys); err != nil {
				return err
			}
		}
		_, err = delta.Apply(ctx, repo, s, folder, delta.ApplyOptions{})
		return err
	}
}
