package sign

import (
	"bytes"
	"fmt"
	"io"
	"net/mail"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// A Key is a new OpenPGP key.
type Key struct {
	Fingerprint string // upper-case hexadecimal
	Secret      []byte // armored, without a passphrase: store it with mode 0600
	Public      []byte // armored
}

// Generate makes an ed25519 key that signs and does not expire. uid is
// "Name <address>" or a name. gpg from 2.1 on reads both parts, and so do all
// clients that flatpak and ostree support.
func Generate(random io.Reader, uid string, now time.Time) (*Key, error) {
	name, email := uid, ""
	if a, err := mail.ParseAddress(uid); err == nil && a.Name != "" {
		name, email = a.Name, a.Address
	}
	var plain bool
	c := &packet.Config{
		Rand:      random,
		Time:      func() time.Time { return now },
		Algorithm: packet.PubKeyAlgoEdDSA,
		Curve:     packet.Curve25519,

		NonDeterministicSignaturesViaNotation: &plain,
	}
	e, err := openpgp.NewEntity(name, "", email, c)
	if err != nil {
		return nil, fmt.Errorf("making a key for %q: %w", uid, err)
	}
	e.Subkeys = nil // one that encrypts would be of no use
	secret, err := armored(openpgp.PrivateKeyType, func(w io.Writer) error {
		return e.SerializePrivateWithoutSigning(w, c)
	})
	if err != nil {
		return nil, fmt.Errorf("writing the key for %q: %w", uid, err)
	}
	public, err := armored(openpgp.PublicKeyType, e.Serialize)
	if err != nil {
		return nil, fmt.Errorf("writing the key for %q: %w", uid, err)
	}
	return &Key{Fingerprint: fingerprint(e.PrimaryKey), Secret: secret, Public: public}, nil
}

// Signer returns a signer with the key. now dates its signatures.
func (k *Key) Signer(now func() time.Time) (*OpenPGPSigner, error) {
	return LoadSecretKey(bytes.NewReader(k.Secret), nil, now)
}

// armored returns what write writes, in ASCII armor.
func armored(kind string, write func(io.Writer) error) ([]byte, error) {
	var buf bytes.Buffer
	w, err := armor.Encode(&buf, kind, nil)
	if err != nil {
		return nil, err
	}
	if err := write(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}
