package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/sign"
)

// maxKeyFile bounds what is read as a key or passphrase.
const maxKeyFile = 1 << 20

// signFlags choose the keys that sign.
type signFlags struct {
	keyFiles       []string
	passphraseFile string
	gpgKeys        []string
	gpgHomedir     string
}

func (f *signFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.keyFiles, "sign-key", nil, "sign with the secret key in `FILE`: OpenPGP, PKCS#8 in PEM (engine spki) or base64 (ed25519); may be given again, to sign with several keys")
	fs.StringVar(&f.passphraseFile, "sign-passphrase", "", "the OpenPGP secret keys' passphrase is the first line of `FILE`")
	fs.StringArrayVar(&f.gpgKeys, "gpg-sign", nil, "sign with key `ID` by the gpg program, for agents and smartcards; may be given again")
	fs.StringVar(&f.gpgHomedir, "gpg-homedir", "", "gpg's home `DIR`")
}

// signers are the chosen keys, none when none is chosen.
func (f *signFlags) signers(env *environment) ([]sign.Signer, error) {
	var passphrase []byte
	if f.passphraseFile != "" {
		line, err := firstLine(f.passphraseFile)
		if err != nil {
			return nil, err
		}
		passphrase = []byte(line)
	}
	var signers []sign.Signer
	for _, path := range f.keyFiles {
		signer, err := readSigner(env, path, passphrase)
		if err != nil {
			return nil, err
		}
		signers = append(signers, signer)
	}
	for _, id := range f.gpgKeys {
		signers = append(signers, sign.NewGPG(f.gpgHomedir, id))
	}
	return signers, nil
}

func readSigner(env *environment, path string, passphrase []byte) (sign.Signer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	defer file.Close()
	signer, err := sign.LoadSigner(file, passphrase, env.clock)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", path, err)
	}
	return signer, nil
}

// signer is the chosen key, nil when none is, for commands that take one.
func (f *signFlags) signer(env *environment) (sign.Signer, error) {
	signers, err := f.signers(env)
	switch {
	case err != nil || len(signers) == 0:
		return nil, err
	case len(signers) > 1:
		return nil, usagef("this command signs with one key: `treewright repo sign` adds the signatures of others")
	}
	return signers[0], nil
}

// readKeyrings joins the public keys of several files.
func readKeyrings(files []string) (*sign.Keyring, error) {
	var all []byte
	for _, file := range files {
		data, err := readSmall(file)
		if err != nil {
			return nil, fmt.Errorf("reading the key: %w", err)
		}
		if _, err := sign.ReadKeyring(data); err != nil {
			return nil, fmt.Errorf("reading the key %s: %w", file, err)
		}
		all = append(append(all, data...), '\n')
	}
	return sign.ReadKeyring(all)
}

// firstLine is the first line of a file that holds a secret.
func firstLine(path string) (string, error) {
	text, err := readSmall(path)
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(first, "\r"), nil
}

// readSmall reads a file that a person named and that cannot be large.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s has %d bytes: %d are the most", path, info.Size(), maxKeyFile)
	}
	return os.ReadFile(path)
}

func keyGenerateCommand() command {
	var uid, output string
	return command{
		path: "key generate", maxArgs: 0,
		short: "Make an OpenPGP key for signing",
		long: `Makes a new OpenPGP signing key without a passphrase. FILE gets the secret key, readable by its owner alone; FILE.pub gets the public
key that clients import. An existing file is never overwritten.`,
		example: "treewright key generate --uid 'Example Trees <trees@example.org>' --output trees.key",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&uid, "uid", "", "the key's user id, a `NAME` with an address")
			fs.StringVarP(&output, "output", "o", "", "`FILE` for the secret key")
			return func(_ context.Context, env *environment, _ []string) error {
				if uid == "" || output == "" {
					return usagef("key generate needs --uid and --output")
				}
				return generateKey(env, uid, output)
			}
		},
	}
}

func generateKey(env *environment, uid, output string) error {
	key, err := sign.Generate(rand.Reader, uid, env.clock())
	if err != nil {
		return fmt.Errorf("making a key for %q: %w", uid, err)
	}
	if err := writeNew(output, key.Secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(output+".pub", key.Public, 0o644); err != nil {
		return errors.Join(err, os.Remove(output))
	}
	env.printf("secret key  %s\npublic key  %s\n", output, output+".pub")
	return env.result(map[string]string{"secret": output, "public": output + ".pub", "fingerprint": key.Fingerprint})
}

// writeNew writes a file that must not exist yet.
func writeNew(path string, data []byte, perm os.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	return f.Sync()
}
