package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// compatSigning are the options that say who signs.
type compatSigning struct {
	gpgKeys  []string
	home     string
	keys     []string
	signType string
}

func (s *compatSigning) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&s.gpgKeys, "gpg-sign", nil, "")
	fs.StringVar(&s.home, "gpg-homedir", "", "")
	fs.StringArrayVar(&s.keys, "sign", nil, "")
	fs.StringVar(&s.signType, "sign-type", "ed25519", "")
}

func (s *compatSigning) signers(c *compat) ([]sign.Signer, error) {
	var signers []sign.Signer
	for _, key := range s.gpgKeys {
		signers = append(signers, sign.NewGPG(s.home, key))
	}
	for _, key := range s.keys {
		signer, err := c.signerOf(s.signType, key)
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

func compatGPGSign(fs *pflag.FlagSet) compatRun {
	var home string
	var remove bool
	fs.StringVar(&home, "gpg-homedir", "", "")
	fs.BoolVarP(&remove, "delete", "d", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		switch {
		case len(args) < 1:
			return compatf("Need a COMMIT to sign or verify")
		case len(args) < 2:
			return compatf("Need at least one GPG KEY-ID to sign with")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		commit, err := c.resolve(ctx, repo, args[0])
		if err != nil {
			return err
		}
		if remove {
			deleted := 0
			err := repo.UpdateCommitMeta(ctx, commit, func(d gvariant.Dict) (gvariant.Dict, error) {
				d, n, err := c.withoutSignatures(ctx, d, home, args[1:])
				deleted = n
				return d, err
			})
			if err != nil {
				return err
			}
			c.printf("Signatures deleted: %d\n", deleted)
			return nil
		}
		data, err := repo.ReadMeta(ctx, ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommit})
		if err != nil {
			return err
		}
		return repo.UpdateCommitMeta(ctx, commit, func(d gvariant.Dict) (gvariant.Dict, error) {
			for _, key := range args[1:] {
				signer := sign.NewGPG(home, key)
				signed, err := signer.Signed(ctx, data, d)
				if err != nil {
					return nil, err
				}
				if signed {
					return nil, compatf("Commit is already signed with GPG key %s", key)
				}
				sig, err := signer.Sign(ctx, data)
				if err != nil {
					return nil, err
				}
				d = sign.Append(d, sig)
			}
			return d, nil
		})
	}
}

// withoutSignatures takes away the OpenPGP signatures that any of the keys made.
func (c *compat) withoutSignatures(ctx context.Context, d gvariant.Dict, home string, keys []string) (_ gvariant.Dict, deleted int, err error) {
	v, ok := d.Get(sign.KeyOpenPGP)
	if !ok || v.Type() != "aay" {
		return d, 0, nil
	}
	var names []string
	for _, key := range keys {
		public, err := sign.NewGPG(home, key).PublicKey(ctx)
		if err != nil {
			return d, 0, err
		}
		ring, err := sign.ReadKeyring(public)
		if err != nil {
			return d, 0, err
		}
		names = append(append(names, strings.ToUpper(key)), ring.Fingerprints()...)
	}
	var kept []gvariant.Value
	for _, s := range v.All() {
		one := gvariant.Dict{{Key: sign.KeyOpenPGP, Value: gvariant.Array("ay", s)}}
		if issuedBy(one, names, c.env.clock()) {
			deleted++
		} else {
			kept = append(kept, s)
		}
	}
	// Without any left the metadata stays, empty: those who pull drop theirs.
	d = append(gvariant.Dict{}, d...)
	if len(kept) == 0 {
		d.Delete(sign.KeyOpenPGP)
	} else {
		d.Set(sign.KeyOpenPGP, gvariant.Array("ay", kept...))
	}
	return d, deleted, nil
}

// issuedBy tells whether a signature names one of the keys as its issuer. An
// empty keyring refuses every signature, and says of which key it is.
func issuedBy(one gvariant.Dict, names []string, now time.Time) bool {
	var refused *sign.VerifyError
	_, err := (&sign.Keyring{}).Verify(nil, one, now)
	if !errors.As(err, &refused) {
		return false
	}
	for _, s := range refused.Signatures {
		for _, name := range names {
			if s.KeyID != "" && strings.HasSuffix(name, s.KeyID) {
				return true
			}
		}
	}
	return false
}

// keyringOf reads the keys that verify what a remote signed: its own, or those
// that the system trusts. It is nil when there are none.
func (c *compat) keyringOf(repo, remote, path string) (*sign.Keyring, error) {
	var data []byte
	files := []string{remoteKeysFile(repo, remote)}
	if path != "" {
		files = strings.Split(path, ",")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		data = append(data, text...)
	}
	if len(data) == 0 {
		home := c.env.getenv("OSTREE_GPG_HOME")
		if home == "" {
			home = "/usr/share/ostree/trusted.gpg.d"
		}
		found, err := filepath.Glob(filepath.Join(home, "*.gpg"))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			data = append(data, text...)
		}
	}
	if len(data) == 0 {
		return nil, nil
	}
	ring, err := sign.ReadKeyring(data)
	if err != nil {
		return nil, fmt.Errorf("the keys of remote %s: %w", remote, err)
	}
	return ring, nil
}
