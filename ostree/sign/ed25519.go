package sign

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/treewright/treewright/ostree/gvariant"
)

// An Ed25519Signer makes signatures of libostree's engine ed25519.
type Ed25519Signer struct{ key ed25519.PrivateKey }

// ReadEd25519Secret reads a secret key as libostree stores it: base64 of the
// 32 bytes of seed and the 32 of the public key.
func ReadEd25519Secret(text []byte) (*Ed25519Signer, error) {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("reading an ed25519 secret key: want base64 of 64 bytes: %w", err)
	}
	if len(raw) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("reading an ed25519 secret key: got %d bytes, want 64", len(raw))
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !bytes.Equal(key, raw) {
		return nil, fmt.Errorf("reading an ed25519 secret key: its public part does not belong to its seed")
	}
	return &Ed25519Signer{key}, nil
}

// PublicKey returns the public key in base64, as libostree stores it.
func (s *Ed25519Signer) PublicKey(context.Context) ([]byte, error) {
	public := s.key.Public().(ed25519.PublicKey)
	return []byte(base64.StdEncoding.EncodeToString(public)), nil
}

// Sign makes a raw signature.
func (s *Ed25519Signer) Sign(ctx context.Context, data []byte) (Signature, error) {
	if err := ctx.Err(); err != nil {
		return Signature{}, err
	}
	return Signature{Key: KeyEd25519, Data: ed25519.Sign(s.key, data)}, nil
}

// Signed reports whether dict holds a good signature of data by this key.
func (s *Ed25519Signer) Signed(_ context.Context, data []byte, dict gvariant.Dict) (bool, error) {
	_, err := Ed25519Keys{s.key.Public().(ed25519.PublicKey)}.Verify(data, dict)
	return verdict(err)
}

// Ed25519Keys are trusted public keys of the engine ed25519.
type Ed25519Keys []ed25519.PublicKey

// ReadEd25519Keys reads public keys in base64, one a line.
func ReadEd25519Keys(text []byte) (Ed25519Keys, error) {
	var keys Ed25519Keys
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("reading ed25519 public keys: line %d: want base64 of 32 bytes", i+1)
		}
		keys = append(keys, raw)
	}
	return keys, nil
}

// Verify checks the ed25519 signatures of data that dict holds: one good one
// is enough; otherwise the error is a *VerifyError.
func (k Ed25519Keys) Verify(data []byte, dict gvariant.Dict) (*Verified, error) {
	return verifyAny(k, KeyEd25519, dict,
		func(key ed25519.PublicKey, sig []byte) bool { return ed25519.Verify(key, data, sig) },
		func(key ed25519.PublicKey) string { return strings.ToUpper(fmt.Sprintf("%x", []byte(key))) })
}
