package sign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/ostree/gvariant"
)

// How keys of the engine spki begin.
const (
	pemBegin    = "-----BEGIN "
	pemPublic   = "PUBLIC KEY"
	pemSecret   = "PRIVATE KEY"
	derSequence = 0x30 // in base64 an M
)

// An SPKISigner makes signatures of libostree's engine spki. The same content
// gets the same signature each time.
type SPKISigner struct {
	key    spkiSecret
	public SPKIKey
}

// ReadSPKISecret reads a secret key without a passphrase, as `openssl genpkey`
// makes it: PKCS#8 in PEM, in base64 without PEM's frame (what `ostree --sign`
// takes), or in DER. It is an Ed25519, Ed448, RSA or ECDSA key.
func ReadSPKISecret(data []byte) (*SPKISigner, error) {
	ders, err := derKeys(data, pemSecret)
	if err == nil && len(ders) != 1 {
		err = fmt.Errorf("got %d keys, want one", len(ders))
	}
	if err != nil {
		return nil, fmt.Errorf("reading an spki secret key: %w", err)
	}
	secret, err := parseSPKISecret(ders[0])
	if err != nil {
		return nil, fmt.Errorf("reading an spki secret key: %w", err)
	}
	der, err := secret.publicDER()
	if err != nil {
		return nil, fmt.Errorf("reading an spki secret key: its public part: %w", err)
	}
	public, err := parseSPKIKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading an spki secret key: its public part: %w", err)
	}
	return &SPKISigner{secret, public}, nil
}

// PublicKey returns the public key in PEM, as `openssl pkey -pubout` writes it.
func (s *SPKISigner) PublicKey(context.Context) ([]byte, error) {
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: []byte(s.public.der)}), nil
}

// Sign makes a signature in the form that the key's algorithm has in OpenSSL.
func (s *SPKISigner) Sign(ctx context.Context, data []byte) (Signature, error) {
	if err := ctx.Err(); err != nil {
		return Signature{}, err
	}
	sig, err := s.key.sign(data)
	if err != nil {
		return Signature{}, fmt.Errorf("signing with the spki key %s: %w", s.public.Fingerprint(), err)
	}
	return Signature{Key: KeySPKI, Data: sig}, nil
}

// Signed reports whether dict holds a good signature of data by this key.
func (s *SPKISigner) Signed(_ context.Context, data []byte, dict gvariant.Dict) (bool, error) {
	_, err := SPKIKeys{s.public}.Verify(data, dict)
	return verdict(err)
}

// An SPKIKey is a trusted public key of the engine spki.
type SPKIKey struct {
	der    string
	verify func(data, sig []byte) bool
}

// Fingerprint returns the SHA-256 of the key's DER in upper-case hexadecimal.
func (k SPKIKey) Fingerprint() string { return fmt.Sprintf("%X", sha256.Sum256([]byte(k.der))) }

// SPKIKeys are trusted public keys of the engine spki.
type SPKIKeys []SPKIKey

// ReadSPKIKeys reads public keys, each a SubjectPublicKeyInfo: any number in
// PEM (with other text around them), or in base64 without PEM's frame, one a
// line, or one in DER.
func ReadSPKIKeys(data []byte) (SPKIKeys, error) {
	ders, err := derKeys(data, pemPublic)
	if err != nil {
		return nil, fmt.Errorf("reading spki public keys: %w", err)
	}
	var keys SPKIKeys
	for i, der := range ders {
		key, err := parseSPKIKey(der)
		if err != nil {
			return nil, fmt.Errorf("reading spki public keys: number %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Verify checks the spki signatures of data that dict holds: one good one is
// enough; otherwise the error is a *VerifyError.
func (k SPKIKeys) Verify(data []byte, dict gvariant.Dict) (*Verified, error) {
	return verifyAny(k, KeySPKI, dict, func(key SPKIKey, sig []byte) bool { return key.verify(data, sig) }, SPKIKey.Fingerprint)
}

// derKeys takes keys out of a file: PEM blocks with the label, lines of base64,
// or the DER of one.
func derKeys(data []byte, label string) ([][]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte{derSequence}):
		return [][]byte{data}, nil
	case bytes.Contains(data, []byte(pemBegin)):
		return pemKeys(data, label)
	}
	var ders [][]byte
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: want PEM with the label %q, or its base64 in one line", i+1, label)
		}
		ders = append(ders, der)
	}
	return ders, nil
}

func pemKeys(data []byte, label string) ([][]byte, error) {
	wanted := bytes.Count(data, []byte(pemBegin))
	var ders [][]byte
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != label {
			return nil, pemLabelError(block.Type, label)
		}
		ders, data = append(ders, block.Bytes), rest
	}
	if len(ders) != wanted { // pem.Decode passes over what it cannot read
		return nil, fmt.Errorf("%d of %d PEM blocks are damaged", wanted-len(ders), wanted)
	}
	return ders, nil
}

func pemLabelError(got, want string) error {
	switch {
	case got == pemSecret && want == pemPublic:
		return errors.New("this is a secret key: give its public part (openssl pkey -pubout)")
	case got == "ENCRYPTED PRIVATE KEY":
		return errors.New("it has a passphrase: remove it (openssl pkey -in FILE -out NEW) and keep the file safe")
	case strings.HasSuffix(got, " PRIVATE KEY") && want == pemSecret, strings.HasSuffix(got, " PUBLIC KEY") && want == pemPublic:
		return fmt.Errorf("PEM label %q, want %q: convert it with openssl pkey", got, want)
	}
	return fmt.Errorf("PEM label %q, want %q", got, want)
}
