package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"github.com/treewright/treewright/ostree/gvariant"
)

// A GPGSigner signs with the gpg program: keys that an agent or a smartcard
// holds never enter this process. It is safe for concurrent use.
type GPGSigner struct {
	Program string // "gpg" when empty

	homedir, keyID string

	mu     sync.Mutex
	public *Keyring // once it was exported
}

// NewGPG returns a signer for a key of gpg: a fingerprint, key ID or user ID.
// homedir is GnuPG's folder, its default one when empty.
func NewGPG(homedir, keyID string) *GPGSigner {
	return &GPGSigner{homedir: homedir, keyID: keyID}
}

// Sign makes a binary detached signature. gpg's agent may ask for a passphrase
// in a window or terminal of its own.
func (g *GPGSigner) Sign(ctx context.Context, data []byte) (Signature, error) {
	out, err := g.run(ctx, data, "--digest-algo=SHA256", "--local-user="+g.keyID, "--detach-sign", "--output=-")
	if err != nil {
		return Signature{}, fmt.Errorf("signing with gpg's key %s: %w", g.keyID, err)
	}
	if len(out) == 0 {
		return Signature{}, fmt.Errorf("signing with gpg's key %s: gpg wrote no signature", g.keyID)
	}
	return Signature{Key: KeyOpenPGP, Data: out}, nil
}

// PublicKey returns the key that verifies the signatures, in binary form.
func (g *GPGSigner) PublicKey(ctx context.Context) ([]byte, error) {
	out, err := g.run(ctx, nil, "--export", "--", g.keyID)
	if err != nil {
		return nil, fmt.Errorf("exporting gpg's key %s: %w", g.keyID, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("exporting gpg's key %s: gpg knows no such key", g.keyID)
	}
	return out, nil
}

// Signed reports whether dict holds a good signature of data by this key.
func (g *GPGSigner) Signed(ctx context.Context, data []byte, dict gvariant.Dict) (bool, error) {
	public, err := g.keyring(ctx)
	if err != nil {
		return false, err
	}
	return signedBy(public, data, dict)
}

func (g *GPGSigner) keyring(ctx context.Context) (*Keyring, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.public != nil {
		return g.public, nil
	}
	data, err := g.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	g.public, err = ReadKeyring(data)
	return g.public, err
}

// run executes gpg with data as its input. An error carries gpg's own words.
func (g *GPGSigner) run(ctx context.Context, data []byte, args ...string) ([]byte, error) {
	program := g.Program
	if program == "" {
		program = "gpg"
	}
	common := []string{"--batch", "--no-tty", "--quiet"}
	if g.homedir != "" {
		common = append(common, "--homedir="+g.homedir)
	}
	cmd := exec.CommandContext(ctx, program, append(common, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("the program %s is missing: install GnuPG (package gnupg, on Fedora gnupg2), or give the key as a file", program)
	}
	if words := strings.TrimSpace(stderr.String()); words != "" {
		return nil, fmt.Errorf("%w: %s", err, words)
	}
	return nil, err
}
