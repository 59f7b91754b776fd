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

// signFlags choose the key that signs.
type signFlags struct {
	keyFile        string
	passphraseFile string
	gpgKey         string
	gpgHomedir     string
}

func (f *signFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.keyFile, "sign-key", "", "sign with the OpenPGP secret key in `FILE`")
	fs.StringVar(&f.passphraseFile, "sign-passphrase", "", "the secret key's passphrase is the first line of `FILE`")
	fs.StringVar(&f.gpgKey, "gpg-sign", "", "sign with key `ID` by the gpg program, for agents and smartcards")
	fs.StringVar(&f.gpgHomedir, "gpg-homedir", "", "gpg's home `DIR`")
}

// signer is the chosen key, or nil when none is.
func (f *signFlags) signer(env *environment) (sign.Signer, error) {
	switch {
	case f.keyFile != "" && f.gpgKey != "":
		return nil, usagef("--sign-key and --gpg-sign exclude each other")
	case f.gpgKey != "":
		return sign.NewGPG(f.gpgHomedir, f.gpgKey), nil
	case f.keyFile == "":
		return nil, nil
	}
	var passphrase []byte
	if f.passphraseFile != "" {
		line, err := firstLine(f.passphraseFile)
		if err != nil {
			return nil, err
		}
		passphrase = []byte(line)
	}
	file, err := os.Open(f.keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	defer file.Close()
	signer, err := sign.LoadSecretKey(file, passphrase, env.clock)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key %s: %w", f.keyFile, err)
	}
	return signer, nil
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
