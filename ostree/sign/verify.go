package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/treewright/treewright/ostree/gvariant"
)

// Verify checks the OpenPGP signatures of data that dict holds. One good
// signature by a key that is neither expired nor revoked at now is enough;
// otherwise the error is a *VerifyError.
func (k *Keyring) Verify(data []byte, dict gvariant.Dict, now time.Time) (*Verified, error) {
	if now.IsZero() {
		return nil, errors.New("verifying a signature: no time is given")
	}
	return k.verifyAny(data, dict, now)
}

// verifyAny is Verify; a zero now looks at no dates.
func (k *Keyring) verifyAny(data []byte, dict gvariant.Dict, now time.Time) (*Verified, error) {
	sigs, err := signatures(dict, KeyOpenPGP)
	if err != nil {
		return nil, err
	}
	failed := &VerifyError{}
	for _, raw := range sigs {
		for _, sig := range parseSignatures(raw, failed) {
			verified, reason := k.verify(data, sig, now)
			if reason == nil {
				return verified, nil
			}
			failed.Signatures = append(failed.Signatures, &SignatureError{KeyID: issuer(sig), Err: reason})
		}
	}
	return nil, failed
}

// parseSignatures reads the packets of one element: gpg writes several into
// one when several keys sign. What cannot be read goes to failed.
func parseSignatures(raw []byte, failed *VerifyError) []*packet.Signature {
	packets := packet.NewReader(bytes.NewReader(raw))
	var sigs []*packet.Signature
	for len(sigs) < maxSignatures {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			failed.Signatures = append(failed.Signatures, &SignatureError{Err: fmt.Errorf("%w: reading the signature: %w", ErrUnusable, err)})
			break
		}
		if sig, ok := p.(*packet.Signature); ok {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

// verify checks one signature against all keys that it may be of.
func (k *Keyring) verify(data []byte, sig *packet.Signature, now time.Time) (*Verified, error) {
	if err := checkSignature(sig, now); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	reason := ErrUnknownKey
	for _, e := range k.keys {
		key := findKey(e, sig)
		if key == nil {
			continue
		}
		if reason = checkKey(e, key, sig, now); reason != nil {
			continue
		}
		if reason = checkContent(key, sig, data); reason != nil {
			continue
		}
		verified := &Verified{Fingerprint: fingerprint(e.PrimaryKey), Created: sig.CreationTime}
		if _, id := e.PrimaryIdentity(now, config()); id != nil {
			verified.UID = id.Name
		}
		return verified, nil
	}
	return nil, reason
}

// config allows old keys that carry no key flags, as gpg does. Weak algorithms
// stay refused.
func config() *packet.Config {
	return &packet.Config{InsecureAllowAllKeyFlagsWhenMissing: true}
}

// checkSignature checks what the signature says of itself.
func checkSignature(sig *packet.Signature, now time.Time) error {
	switch {
	case sig.SigType != packet.SigTypeBinary:
		return fmt.Errorf("%w: it is a signature of type %#x, not one over a file", ErrUnusable, int(sig.SigType))
	case config().RejectMessageHashAlgorithm(sig.Hash) || config().RejectHashAlgorithm(sig.Hash):
		return fmt.Errorf("%w: it is made with the weak algorithm %v", ErrUnusable, sig.Hash)
	case !now.IsZero() && expired(sig, now):
		return fmt.Errorf("the signature of %s has %w", date(sig.CreationTime), ErrExpired)
	}
	for _, n := range sig.Notations {
		if n.IsCritical {
			return fmt.Errorf("%w: unknown critical notation %q", ErrUnusable, n.Name)
		}
	}
	return nil
}

// expired reports whether sig's own lifetime is over. A date in the future is
// no reason to refuse it: clocks differ by seconds.
func expired(sig *packet.Signature, now time.Time) bool {
	if sig.SigLifetimeSecs == nil || *sig.SigLifetimeSecs == 0 {
		return false
	}
	return now.After(sig.CreationTime.Add(time.Duration(*sig.SigLifetimeSecs) * time.Second))
}

// findKey returns the key of e that sig names, if any.
func findKey(e *openpgp.Entity, sig *packet.Signature) *packet.PublicKey {
	if sig.CheckKeyIdOrFingerprint(e.PrimaryKey) {
		return e.PrimaryKey
	}
	for i := range e.Subkeys {
		if key := e.Subkeys[i].PublicKey; sig.CheckKeyIdOrFingerprint(key) {
			return key
		}
	}
	return nil
}

// checkKey checks that key, of e, may sign and is valid at now.
func checkKey(e *openpgp.Entity, key *packet.PublicKey, sig *packet.Signature, now time.Time) error {
	if !now.IsZero() && key.CreationTime.After(now) {
		return fmt.Errorf("%w: the key was made on %s, which the clock (%s) has not reached", ErrUnusable, date(key.CreationTime), date(now))
	}
	self, err := e.VerifyPrimaryKey(now, config())
	if err != nil {
		return keyReason("the key", err)
	}
	if key != e.PrimaryKey {
		for i := range e.Subkeys {
			if e.Subkeys[i].PublicKey != key {
				continue
			}
			if self, err = e.Subkeys[i].Verify(now, config()); err != nil {
				return keyReason("the subkey", err)
			}
		}
	}
	switch {
	case self.FlagsValid && !self.FlagSign:
		return fmt.Errorf("%w: the key is not one for signing", ErrUnusable)
	case sig.CreationTime.Before(key.CreationTime):
		return fmt.Errorf("%w: the signature is older than its key", ErrUnusable)
	}
	return checkAlgorithm(key)
}

// checkAlgorithm refuses keys that are too weak.
func checkAlgorithm(key *packet.PublicKey) error {
	c := config()
	if !key.PubKeyAlgo.CanSign() || c.RejectPublicKeyAlgorithm(key.PubKeyAlgo) {
		return fmt.Errorf("%w: keys of OpenPGP algorithm %d are refused", ErrUnusable, key.PubKeyAlgo)
	}
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		if bits, err := key.BitLength(); err != nil || bits < c.MinimumRSABits() {
			return fmt.Errorf("%w: an RSA key of %d bits is too short, 2048 are needed", ErrUnusable, bits)
		}
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoECDSA:
		if curve, err := key.Curve(); err != nil || c.RejectCurve(curve) {
			return fmt.Errorf("%w: the curve %s is refused", ErrUnusable, curve)
		}
	}
	return nil
}

// checkContent checks that sig was made over data with key.
func checkContent(key *packet.PublicKey, sig *packet.Signature, data []byte) error {
	h, err := sig.PrepareVerify()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if _, err := h.Write(data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if err := key.VerifySignature(h, sig); err != nil {
		return ErrBad
	}
	return nil
}

// keyReason puts the library's word about a key into ours.
func keyReason(what string, err error) error {
	switch {
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return fmt.Errorf("%s is %w", what, ErrRevoked)
	case errors.Is(err, pgperrors.ErrKeyExpired), errors.Is(err, pgperrors.ErrSignatureExpired):
		return fmt.Errorf("%s has %w", what, ErrExpired)
	}
	return fmt.Errorf("%s is %w: %w", what, ErrUnusable, err)
}

// issuer returns the ID of the key that sig names.
func issuer(sig *packet.Signature) string {
	switch {
	case len(sig.IssuerFingerprint) >= 20 && sig.IssuerKeyId == nil:
		return fmt.Sprintf("%X", sig.IssuerFingerprint)
	case sig.IssuerKeyId != nil:
		return keyID(*sig.IssuerKeyId)
	}
	return ""
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }
