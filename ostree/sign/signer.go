package sign

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/treewright/treewright/ostree/gvariant"
)

// maxSecretKey bounds a secret key file.
const maxSecretKey = 1 << 20

// An OpenPGPSigner signs in process with a secret key from a file. It is safe
// for concurrent use.
type OpenPGPSigner struct {
	now    func() time.Time
	public *Keyring

	mu     sync.Mutex
	entity *openpgp.Entity
}

// LoadSecretKey reads one secret key, as gpg --export-secret-keys or Generate
// give it, armored or binary. passphrase may be nil when the key has none. now
// dates the signatures. A key whose primary part is absent (gpg
// --export-secret-subkeys) signs with its subkey.
func LoadSecretKey(r io.Reader, passphrase []byte, now func() time.Time) (*OpenPGPSigner, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecretKey+1))
	if err != nil {
		return nil, fmt.Errorf("reading a secret key: %w", err)
	}
	if len(data) > maxSecretKey {
		return nil, fmt.Errorf("reading a secret key: it is longer than %d bytes", maxSecretKey)
	}
	entities, err := readEntities(data)
	if err != nil {
		return nil, fmt.Errorf("reading a secret key: %w", err)
	}
	var secret *openpgp.Entity
	for _, e := range entities {
		if e.PrivateKey == nil {
			continue
		}
		if secret != nil {
			return nil, fmt.Errorf("reading a secret key: the file holds several (%s, %s); export the one that signs",
				fingerprint(secret.PrimaryKey), fingerprint(e.PrimaryKey))
		}
		secret = e
	}
	if secret == nil {
		return nil, errors.New("reading a secret key: the file holds public keys alone; export the secret key (gpg --export-secret-keys)")
	}
	if err := unlock(secret, passphrase); err != nil {
		return nil, fmt.Errorf("reading the secret key %s: %w", fingerprint(secret.PrimaryKey), err)
	}
	return newSigner(secret, now)
}

func newSigner(e *openpgp.Entity, now func() time.Time) (*OpenPGPSigner, error) {
	var public bytes.Buffer
	if err := e.Serialize(&public); err != nil {
		return nil, fmt.Errorf("writing the public part of key %s: %w", fingerprint(e.PrimaryKey), err)
	}
	keyring, err := ReadKeyring(public.Bytes())
	if err != nil {
		return nil, err
	}
	return &OpenPGPSigner{now: now, public: keyring, entity: e}, nil
}

// unlock decrypts the parts of e that are locked with a passphrase.
func unlock(e *openpgp.Entity, passphrase []byte) error {
	locked := e.PrivateKey.Encrypted
	for _, sub := range e.Subkeys {
		locked = locked || sub.PrivateKey != nil && sub.PrivateKey.Encrypted
	}
	switch {
	case !locked:
		return nil
	case len(passphrase) == 0:
		return errors.New("it is locked with a passphrase, and none is given")
	}
	if err := e.DecryptPrivateKeys(passphrase); err != nil {
		return fmt.Errorf("unlocking it with the passphrase: %w", err)
	}
	return nil
}

// Fingerprint returns that of the primary key, in upper-case hexadecimal.
func (s *OpenPGPSigner) Fingerprint() string { return s.public.Fingerprints()[0] }

// PublicKey returns the key that verifies the signatures, in binary form.
func (s *OpenPGPSigner) PublicKey(context.Context) ([]byte, error) { return s.public.Binary() }

// Sign makes a binary detached signature. It fails when the key is expired,
// revoked or not one for signing.
func (s *OpenPGPSigner) Sign(ctx context.Context, data []byte) (Signature, error) {
	if err := ctx.Err(); err != nil {
		return Signature{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	id, err := s.signingKey(now)
	if err != nil {
		return Signature{}, fmt.Errorf("signing with key %s: %w", s.Fingerprint(), err)
	}
	c := config()
	c.Time = func() time.Time { return now }
	c.SigningKeyId = id
	c.DefaultHash = crypto.SHA256
	var plain bool // the same key, content and time give the same signature
	c.NonDeterministicSignaturesViaNotation = &plain
	var buf bytes.Buffer
	if err := openpgp.DetachSign(&buf, []*openpgp.Entity{s.entity}, bytes.NewReader(data), c); err != nil {
		return Signature{}, fmt.Errorf("signing with key %s: %w", s.Fingerprint(), err)
	}
	return Signature{Key: KeyOpenPGP, Data: buf.Bytes()}, nil
}

// signingKey returns the ID of the newest key that can sign and whose secret
// part is there.
func (s *OpenPGPSigner) signingKey(now time.Time) (uint64, error) {
	if made := s.entity.PrimaryKey.CreationTime; made.After(now) {
		return 0, fmt.Errorf("the key was made on %s, which the clock (%s) has not reached", date(made), date(now))
	}
	if _, err := s.entity.VerifyPrimaryKey(now, config()); err != nil {
		return 0, keyReason("the key", err)
	}
	var best *packet.PrivateKey
	for i := range s.entity.Subkeys {
		sub := &s.entity.Subkeys[i]
		if !present(sub.PrivateKey) || best != nil && !sub.PublicKey.CreationTime.After(best.CreationTime) {
			continue
		}
		if _, ok := s.entity.SigningKeyById(now, sub.PublicKey.KeyId, config()); ok {
			best = sub.PrivateKey
		}
	}
	if best == nil && present(s.entity.PrivateKey) {
		best = s.entity.PrivateKey
	}
	if best == nil {
		return 0, fmt.Errorf("%w: the file holds the secret part of no valid signing key", ErrUnusable)
	}
	if _, ok := s.entity.SigningKeyById(now, best.KeyId, config()); !ok {
		return 0, fmt.Errorf("%w: the key is not one for signing", ErrUnusable)
	}
	return best.KeyId, nil
}

func present(key *packet.PrivateKey) bool { return key != nil && !key.Dummy() && !key.Encrypted }

// Signed reports whether dict holds a good signature of data by this key.
func (s *OpenPGPSigner) Signed(_ context.Context, data []byte, dict gvariant.Dict) (bool, error) {
	return signedBy(s.public, data, dict)
}

// signedBy reports whether one of k's keys signed data, at any time.
func signedBy(k *Keyring, data []byte, dict gvariant.Dict) (bool, error) {
	_, err := k.verifyAny(data, dict, time.Time{})
	return verdict(err)
}

// verdict turns a failed verification into false.
func verdict(err error) (bool, error) {
	var failed *VerifyError
	if errors.As(err, &failed) {
		return false, nil
	}
	return err == nil, err
}
