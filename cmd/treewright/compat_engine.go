package main

import (
	"bytes"
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// dummy tells whether the engine "dummy", which proves nothing, is allowed:
// ostree's tests need it.
func (c *compat) dummy() bool { return c.env.getenv("OSTREE_DUMMY_SIGN_ENABLED") != "" }

const keyDummy = "ostree.sign.dummy"

// dummySigner is the engine "dummy": the key itself is the signature.
type dummySigner string

// Sign returns the key.
func (d dummySigner) Sign(context.Context, []byte) (sign.Signature, error) {
	return sign.Signature{Key: keyDummy, Data: []byte(d)}, nil
}

// Signed reports whether the key is among the signatures.
func (d dummySigner) Signed(_ context.Context, _ []byte, dict gvariant.Dict) (bool, error) {
	v, ok := dict.Get(keyDummy)
	if !ok || v.Type() != "aay" {
		return false, nil
	}
	for _, s := range v.All() {
		if bytes.Equal(s.Bytes(), []byte(d)) {
			return true, nil
		}
	}
	return false, nil
}

// compatEngine verifies signatures of another kind than OpenPGP.
type compatEngine struct {
	name   string
	verify func(data []byte, dict gvariant.Dict) error
}

// checkEngine refuses kinds of signatures that are not known.
func checkEngine(name string) error {
	if name == "ed25519" || name == "spki" || name == "dummy" {
		return nil
	}
	return compatf("Requested signature type is not implemented")
}

// needDummy refuses the engine that proves nothing where nobody asked for it.
func (c *compat) needDummy() error {
	if c.dummy() {
		return nil
	}
	return compatf("dummy signature type is only for ostree testing")
}

// signerOf signs with a secret key that a command line says.
func (c *compat) signerOf(name, key string) (sign.Signer, error) {
	if err := checkEngine(name); err != nil {
		return nil, err
	}
	switch name {
	case "ed25519":
		return sign.ReadEd25519Secret([]byte(key))
	case "spki":
		return sign.ReadSPKISecret([]byte(key))
	}
	return dummySigner(key), c.needDummy()
}

// engineOf makes the verifier of an engine with the public keys of some texts.
func (c *compat) engineOf(name string, sources []string) (*compatEngine, error) {
	if err := checkEngine(name); err != nil {
		return nil, err
	}
	switch name {
	case "ed25519":
		return engineWith(name, sources, sign.ReadEd25519Keys)
	case "spki":
		return engineWith(name, sources, sign.ReadSPKIKeys)
	}
	return &compatEngine{name, func(_ []byte, dict gvariant.Dict) error { return verifyDummy(sources, dict) }}, c.needDummy()
}

// verifyDummy looks for one of the keys among the signatures.
func verifyDummy(keys []string, dict gvariant.Dict) error {
	for _, key := range keys {
		for line := range strings.SplitSeq(key, "\n") {
			if ok, err := dummySigner(strings.TrimSpace(line)).Signed(context.Background(), nil, dict); ok || err != nil {
				return err
			}
		}
	}
	v, ok := dict.Get(keyDummy)
	if !ok {
		return compatf("signature: dummy: commit have no signatures of my type")
	}
	return compatf("signature: dummy: incorrect signatures found: %d", v.Len())
}

// engineWith makes the verifier of an engine whose keys read understands.
func engineWith[T interface {
	~[]E
	Verify([]byte, gvariant.Dict) (*sign.Verified, error)
}, E any](name string, sources []string, read func([]byte) (T, error)) (*compatEngine, error) {
	var keys T
	for _, text := range sources {
		more, err := read([]byte(text))
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
	return &compatEngine{name, func(data []byte, dict gvariant.Dict) error {
		if _, err := keys.Verify(data, dict); err != nil {
			return compatf("%s: Signature couldn't be verified with: key: %v", name, err)
		}
		return nil
	}}, nil
}

func compatSign(fs *pflag.FlagSet) compatRun {
	var k compatKeys
	k.add(fs, "s")
	verify := fs.Bool("verify", false, "")
	fs.StringVar(&k.dir, "keys-dir", "", "")
	return func(ctx context.Context, c *compat, args []string) error {
		switch {
		case len(args) < 1:
			return compatf("Need a COMMIT to sign or verify")
		case len(args) < 2 && !*verify && k.file == "":
			return compatf("Need at least one KEY-ID to sign with")
		}
		repo, commit, err := c.openRev(ctx, args[0])
		if err != nil {
			return err
		}
		if err := checkEngine(k.engine); err != nil {
			return err
		}
		keys, err := k.all(args[1:])
		if err != nil {
			return err
		}
		data, err := repo.ReadMeta(ctx, ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommit})
		if err != nil {
			return err
		}
		if *verify {
			return c.verifySigned(repo, commit, data, k, keys)
		}
		return repo.UpdateCommitMeta(ctx, commit, func(d gvariant.Dict) (gvariant.Dict, error) {
			for _, key := range keys {
				signer, err := c.signerOf(k.engine, key)
				if err != nil {
					return nil, err
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

// verifySigned says which kind of signature of a commit is good. One key that
// cannot be read does not keep the others from being tried.
func (c *compat) verifySigned(repo *archive.Repo, commit ostree.Checksum, data []byte, k compatKeys, keys []string) error {
	meta, err := repo.CommitMeta(commit)
	if err != nil {
		return err
	}
	for _, key := range keys {
		e, err := c.engineOf(k.engine, []string{key})
		if err == nil && e.verify(data, meta) == nil {
			c.printf("%s: Signature verified%s\n", k.engine, map[bool]string{true: "", false: " successfully with key '" + key + "'"}[k.engine == "dummy"])
			return nil
		}
	}
	if k.file != "" && len(keys) > 3 {
		return compatf("%s: Signature couldn't be verified; tried %d keys", k.engine, len(keys))
	}
	return compatf("No valid signatures found")
}
