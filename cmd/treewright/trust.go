package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
)

// trustFlags say whose signatures count.
type trustFlags struct {
	keys, ed25519, spki []string
	verifySummary       bool
}

func (f *trustFlags) add(fs *pflag.FlagSet) {
	f.addKeys(fs)
	fs.BoolVar(&f.verifySummary, "verify-summary", false, "the summary must be signed too")
}

func (f *trustFlags) addKeys(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.keys, "key", nil, "commits must be signed by an OpenPGP key in `FILE`; may be given again")
	fs.StringArrayVar(&f.ed25519, "ed25519-key", nil, "commits must be signed by an ed25519 key in `FILE`, which has one in base64 a line; may be given again")
	fs.StringArrayVar(&f.spki, "spki-key", nil, "commits must be signed by a key in `FILE`, which has public keys in PEM (Ed25519, Ed448, RSA, ECDSA); may be given again")
}

// apply sets what a remote verifies. Without a key it warns.
func (f *trustFlags) apply(env *environment, opts *remote.Options) error {
	if !f.given() {
		if f.verifySummary {
			return usagef("--verify-summary needs --key, --ed25519-key or --spki-key")
		}
		env.warn("no --key is given: signatures are not checked")
		return nil
	}
	keys, err := f.read()
	if err != nil {
		return err
	}
	if keys.openPGP != nil {
		opts.Keyring, opts.GPGVerify, opts.GPGVerifySummary = keys.openPGP, true, f.verifySummary
	}
	if len(keys.ed25519)+len(keys.spki) > 0 {
		opts.Ed25519Keys, opts.SPKIKeys, opts.SignVerify, opts.SignVerifySummary = keys.ed25519, keys.spki, true, f.verifySummary
	}
	return nil
}

// given tells whether any key is.
func (f *trustFlags) given() bool { return len(f.keys)+len(f.ed25519)+len(f.spki) > 0 }

// trustedKeys are the keys of each engine, nil where none is given.
type trustedKeys struct {
	openPGP *sign.Keyring
	ed25519 sign.Ed25519Keys
	spki    sign.SPKIKeys
}

// verify checks that each engine with keys has a good signature of data in
// dict, and returns the fingerprints of the keys that made them.
func (k *trustedKeys) verify(data []byte, dict gvariant.Dict, now time.Time) (by []string, err error) {
	var checks []func() (*sign.Verified, error)
	if k.openPGP != nil {
		checks = append(checks, func() (*sign.Verified, error) { return k.openPGP.Verify(data, dict, now) })
	}
	if k.ed25519 != nil {
		checks = append(checks, func() (*sign.Verified, error) { return k.ed25519.Verify(data, dict) })
	}
	if k.spki != nil {
		checks = append(checks, func() (*sign.Verified, error) { return k.spki.Verify(data, dict) })
	}
	for _, check := range checks {
		verified, err := check()
		if err != nil {
			return nil, err
		}
		by = append(by, verified.Fingerprint)
	}
	return by, nil
}

// read reads the files of keys.
func (f *trustFlags) read() (keys trustedKeys, err error) {
	if len(f.keys) > 0 {
		if keys.openPGP, err = readKeyrings(f.keys); err != nil {
			return keys, err
		}
	}
	if keys.ed25519, err = readKeyFiles(f.ed25519, sign.ReadEd25519Keys); err != nil {
		return keys, err
	}
	keys.spki, err = readKeyFiles(f.spki, sign.ReadSPKIKeys)
	return keys, err
}

// readKeyFiles joins the keys of several files, each of which has one at least.
func readKeyFiles[T ~[]E, E any](files []string, read func([]byte) (T, error)) (keys T, err error) {
	for _, file := range files {
		data, err := readSmall(file)
		if err != nil {
			return nil, fmt.Errorf("reading the key: %w", err)
		}
		more, err := read(data)
		if err == nil && len(more) == 0 {
			err = errors.New("it holds no key")
		}
		if err != nil {
			return nil, fmt.Errorf("reading the key %s: %w", file, err)
		}
		keys = append(keys, more...)
	}
	return keys, nil
}
