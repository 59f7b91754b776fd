// Package sign makes and checks the signatures of commits and summaries.
//
// A signature lies beside what it signs, never in it: a commit's in its
// detached metadata (objects/XX/….commitmeta), a summary's in summary.sig.
// Both files are one GVariant a{sv} in which each engine has a key that holds
// an array of signatures, aay, so that many keys can sign the same bytes and
// nothing that was signed changes:
//
//	'ostree.gpgsigs'       <[ay ...]>  binary detached OpenPGP signatures
//	'ostree.sign.ed25519'  <[ay ...]>  raw ed25519 signatures, 64 bytes each
//	'ostree.sign.spki'     <[ay ...]>  signatures as OpenSSL makes them, see below
//
// The signed bytes are those of the commit object or of the summary file, as
// they are stored. A reader accepts them when one signature verifies under one
// of its keys. Formats: RFC 4880 and 9580 for OpenPGP; libostree's
// ostree-sign(3) for ed25519.
//
// The engine spki, of libostree 2024.8 and newer, takes public keys in the form
// SubjectPublicKeyInfo (RFC 5280), in files as PEM with the label PUBLIC KEY
// and in a remote's verification-spki-key as base64 of the DER, and secret keys
// as PKCS#8 (RFC 5958). It hands both to OpenSSL's EVP_DigestSign and
// EVP_DigestVerify and names no digest (src/libostree/ostree-sign-spki.c,
// src/libotcore/otcore-spki-verify.c, src/libostree/ostree-sign.c). So the key
// decides what a signature is, and a digest is the key's default, which OpenSSL
// sets to SHA-256 for RSA and EC keys (providers/implementations/keymgmt,
// RSA_DEFAULT_MD and EC_DEFAULT_MD):
//
//	Ed25519  64 bytes, of the content itself (RFC 8032)
//	Ed448    114 bytes, of the content itself, with an empty context
//	RSA      PKCS #1 v1.5 over SHA-256
//	ECDSA    DER of (r, s) over SHA-256, whatever the curve
//
// Keys of other algorithms are refused by name.
package sign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/treewright/treewright/ostree/gvariant"
)

// The keys under which a dictionary of signatures holds those of an engine.
const (
	KeyOpenPGP = "ostree.gpgsigs"
	KeyEd25519 = "ostree.sign.ed25519"
	KeySPKI    = "ostree.sign.spki"
)

// Limits on what a server may send as signatures.
const (
	maxSignatures    = 256
	maxSignatureSize = 64 << 10
)

// A Signature is one signature and the dictionary key that it belongs under.
type Signature struct {
	Key  string
	Data []byte
}

// A Signer makes signatures with one secret key.
type Signer interface {
	// Sign signs data.
	Sign(ctx context.Context, data []byte) (Signature, error)
	// Signed reports whether dict already holds a good signature of data by
	// the signer's key.
	Signed(ctx context.Context, data []byte, dict gvariant.Dict) (bool, error)
}

// Verified says whose signature was accepted.
type Verified struct {
	Fingerprint string    // of the primary key, upper-case hexadecimal
	UID         string    // the primary user ID of an OpenPGP key
	Created     time.Time // when an OpenPGP signature was made
}

// Reasons why a signature does not count.
var (
	ErrUnsigned   = errors.New("there is no signature")
	ErrUnknownKey = errors.New("the key is not in the keyring")
	ErrBad        = errors.New("the signature does not belong to this content")
	ErrExpired    = errors.New("expired")
	ErrRevoked    = errors.New("revoked")
	ErrUnusable   = errors.New("unusable")
)

// A SignatureError says why one signature does not count. Err wraps one of the
// reasons above.
type SignatureError struct {
	KeyID string // as far as the signature names it, upper-case hexadecimal
	Err   error
}

func (e *SignatureError) Error() string {
	if e.KeyID == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("key %s: %v", e.KeyID, e.Err)
}

func (e *SignatureError) Unwrap() error { return e.Err }

// A VerifyError says why no signature was accepted: ErrUnsigned when there is
// none, else one reason per signature.
type VerifyError struct {
	Signatures []*SignatureError
}

func (e *VerifyError) Error() string {
	if len(e.Signatures) == 0 {
		return ErrUnsigned.Error()
	}
	reasons := make([]string, len(e.Signatures))
	for i, s := range e.Signatures {
		reasons[i] = s.Error()
	}
	return "no valid signature: " + strings.Join(reasons, "; ")
}

// Unwrap makes errors.Is work with the reasons.
func (e *VerifyError) Unwrap() []error {
	if len(e.Signatures) == 0 {
		return []error{ErrUnsigned}
	}
	errs := make([]error, len(e.Signatures))
	for i, s := range e.Signatures {
		errs[i] = s
	}
	return errs
}

// Append returns dict with sig after the signatures that it holds already; a
// signature that is there is not added again. dict itself does not change.
func Append(dict gvariant.Dict, sig Signature) gvariant.Dict {
	var elements []gvariant.Value
	if old, ok := dict.Get(sig.Key); ok && old.Type() == "aay" {
		for _, s := range old.All() {
			if bytes.Equal(s.Bytes(), sig.Data) {
				return dict
			}
			elements = append(elements, s)
		}
	}
	elements = append(elements, gvariant.Bytes(sig.Data))
	out := dict.Clone()
	out.Set(sig.Key, gvariant.Array("ay", elements...))
	return out
}

// Merge returns dict with the signatures of other that it lacks. Where the two
// differ in an entry that holds no signatures, other's counts: it is newer.
func Merge(dict, other gvariant.Dict) gvariant.Dict {
	out := dict.Clone()
	for _, entry := range other {
		if entry.Value.Type() != "aay" {
			out.Set(entry.Key, entry.Value)
			continue
		}
		for _, s := range entry.Value.All() {
			out = Append(out, Signature{Key: entry.Key, Data: s.Bytes()})
		}
	}
	return out
}

// Count returns how many signatures dict holds, of all engines.
func Count(dict gvariant.Dict) int {
	n := 0
	for _, key := range []string{KeyOpenPGP, KeyEd25519, KeySPKI} {
		if v, ok := dict.Get(key); ok && v.Type() == "aay" {
			n += v.Len()
		}
	}
	return n
}

// signatures returns those that dict holds under key.
func signatures(dict gvariant.Dict, key string) ([][]byte, error) {
	value, ok := dict.Get(key)
	if !ok {
		return nil, nil
	}
	if value.Type() != "aay" {
		return nil, fmt.Errorf("reading the signatures %s: got type %s, want aay", key, value.Type())
	}
	n := value.Len()
	if n > maxSignatures {
		return nil, fmt.Errorf("reading the signatures %s: got %d, at most %d are allowed", key, n, maxSignatures)
	}
	sigs := make([][]byte, n)
	for i := range sigs {
		sigs[i] = value.Index(i).Bytes()
		if len(sigs[i]) > maxSignatureSize {
			return nil, fmt.Errorf("reading the signatures %s: one is %d bytes long, at most %d are allowed", key, len(sigs[i]), maxSignatureSize)
		}
	}
	return sigs, nil
}

// verifyAny looks for a signature in dict that one of the keys has made: one
// is enough; otherwise the error is a *VerifyError. It is for engines whose
// signatures do not say by which key they are.
func verifyAny[K any](keys []K, engine string, dict gvariant.Dict, signed func(K, []byte) bool, fingerprint func(K) string) (*Verified, error) {
	sigs, err := signatures(dict, engine)
	if err != nil {
		return nil, err
	}
	failed := &VerifyError{}
	for _, sig := range sigs {
		for _, key := range keys {
			if signed(key, sig) {
				return &Verified{Fingerprint: fingerprint(key)}, nil
			}
		}
		failed.Signatures = append(failed.Signatures, &SignatureError{Err: fmt.Errorf("%w, or it is by none of the %d keys", ErrBad, len(keys))})
	}
	return nil, failed
}
