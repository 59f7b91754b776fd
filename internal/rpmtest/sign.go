package rpmtest

import (
	"bytes"
	"cmp"
	"crypto"
	//lint:ignore SA1019 packages until EL5 are signed with DSA
	"crypto/dsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Key is an OpenPGP key that signs packages and repositories.
type Key struct {
	entity  *openpgp.Entity
	signing *packet.PrivateKey // the primary key, or a subkey that signs
}

// KeyOptions says what key NewKey makes.
type KeyOptions struct {
	Name      string                    // "Test" when empty
	Algorithm packet.PublicKeyAlgorithm // RSA when zero; EdDSA, ECDSA and DSA of that package
	Created   time.Time                 // 2020-01-01 when zero
	Lifetime  time.Duration             // for ever when zero
	Subkey    bool                      // sign with a subkey
	Bits      int                       // of an RSA key; 2048 when zero
}

// NewKey makes a key pair. The key itself is random; everything else about it
// comes from the options.
func NewKey(o KeyOptions) (*Key, error) {
	if o.Created.IsZero() {
		o.Created = time.Unix(1577836800, 0)
	}
	c := &packet.Config{
		Algorithm:       cmp.Or(o.Algorithm, packet.PubKeyAlgoRSA),
		RSABits:         cmp.Or(o.Bits, 2048),
		Curve:           packet.Curve25519,
		DefaultHash:     crypto.SHA256,
		Time:            func() time.Time { return o.Created },
		KeyLifetimeSecs: uint32(o.Lifetime / time.Second),
	}
	if o.Algorithm == packet.PubKeyAlgoECDSA {
		c.Curve = packet.CurveNistP256
	}
	name := cmp.Or(o.Name, "Test")
	make := openpgp.NewEntity
	if c.Algorithm == packet.PubKeyAlgoDSA {
		make = newDSAEntity
	}
	e, err := make(name, "", "test@localhost", c)
	if err != nil {
		return nil, fmt.Errorf("making the key %s: %w", name, err)
	}
	e.Subkeys = nil
	k := &Key{entity: e, signing: e.PrivateKey}
	if o.Subkey {
		if err := e.AddSigningSubkey(c); err != nil {
			return nil, fmt.Errorf("making a subkey of %s: %w", name, err)
		}
		k.signing = e.Subkeys[0].PrivateKey
	}
	return k, nil
}

// newDSAEntity makes a key as those of EL5 were.
func newDSAEntity(name, comment, email string, c *packet.Config) (*openpgp.Entity, error) {
	var priv dsa.PrivateKey
	if err := dsa.GenerateParameters(&priv.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		return nil, err
	}
	if err := dsa.GenerateKey(&priv, rand.Reader); err != nil {
		return nil, err
	}
	k := packet.NewDSAPrivateKey(c.Now(), &priv)
	e := &openpgp.Entity{PrimaryKey: &k.PublicKey, PrivateKey: k, Identities: map[string]*openpgp.Identity{}}
	return e, e.AddUserId(name, comment, email, c)
}

// Public returns the armored public key.
func (k *Key) Public() ([]byte, error) {
	return k.armored(openpgp.PublicKeyType, func(w *bytes.Buffer) error { return k.entity.Serialize(w) })
}

// Secret returns the armored secret key, without a passphrase.
func (k *Key) Secret() ([]byte, error) {
	return k.armored(openpgp.PrivateKeyType, func(w *bytes.Buffer) error {
		return k.entity.SerializePrivateWithoutSigning(w, nil)
	})
}

func (k *Key) armored(kind string, write func(*bytes.Buffer) error) ([]byte, error) {
	var raw, out bytes.Buffer
	if err := write(&raw); err != nil {
		return nil, fmt.Errorf("exporting the key: %w", err)
	}
	w, err := armor.Encode(&out, kind, nil)
	if err == nil {
		_, err = w.Write(raw.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("exporting the key: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// ID is the id of the key that signs, 16 hex digits.
func (k *Key) ID() string { return fmt.Sprintf("%016x", k.signing.KeyId) }

// Entity is the key as go-crypto knows it.
func (k *Key) Entity() *openpgp.Entity { return k.entity }

// DetachSign returns a detached signature of data, not armored.
func (k *Key) DetachSign(data []byte, at time.Time) ([]byte, error) {
	no := false
	c := &packet.Config{DefaultHash: crypto.SHA256, Time: func() time.Time { return at }, NonDeterministicSignaturesViaNotation: &no}
	sig := &packet.Signature{
		Version: k.signing.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: k.signing.PubKeyAlgo, Hash: crypto.SHA256,
		CreationTime: at, IssuerKeyId: &k.signing.KeyId, IssuerFingerprint: k.signing.Fingerprint,
	}
	h, err := sig.PrepareSign(c)
	if err != nil {
		return nil, err
	}
	h.Write(data)
	if err := sig.Sign(h, k.signing, c); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := sig.Serialize(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// signV3 returns a version 3 signature packet, as gpg made for rpm until EL8.
func (k *Key) signV3(data []byte, at time.Time) ([]byte, error) {
	hashed := append([]byte{byte(packet.SigTypeBinary)}, binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))...)
	h := sha256.New()
	h.Write(data)
	h.Write(hashed)
	sum := h.Sum(nil)
	numbers, err := k.signNumbers(sum)
	if err != nil {
		return nil, err
	}
	body := append([]byte{3, 5}, hashed...)
	body = binary.BigEndian.AppendUint64(body, k.signing.KeyId)
	body = append(body, byte(k.signing.PubKeyAlgo), 8, sum[0], sum[1])
	for _, n := range numbers {
		body = binary.BigEndian.AppendUint16(body, uint16(n.BitLen()))
		body = append(body, n.Bytes()...)
	}
	return append([]byte{0x89, byte(len(body) >> 8), byte(len(body))}, body...), nil
}

// signNumbers signs a SHA-256 digest and returns the numbers of the signature.
func (k *Key) signNumbers(sum []byte) ([]*big.Int, error) {
	switch priv := k.signing.PrivateKey.(type) {
	case *rsa.PrivateKey:
		s, err := rsa.SignPKCS1v15(nil, priv, crypto.SHA256, sum)
		return []*big.Int{new(big.Int).SetBytes(s)}, err
	case *dsa.PrivateKey:
		r, s, err := dsa.Sign(rand.Reader, priv, sum[:(priv.Q.BitLen()+7)/8])
		return []*big.Int{r, s}, err
	}
	return nil, errors.New("version 3 signatures are made with RSA and DSA keys only")
}

// Signature is a signature to be put on a package.
type Signature struct {
	Key *Key
	At  time.Time // 2023-11-14 when zero
	// V3 makes version 3 packets, over the header and over header and payload.
	V3 bool
	// Payload adds a signature over header and payload to that of the header.
	Payload bool
	// OpenPGP puts it into the tag of rpm 6, where several have their place.
	OpenPGP bool
}

func (s Signature) sign(p *parts) error {
	at := s.At
	if at.IsZero() {
		at = time.Unix(1700000000, 0)
	}
	make := s.Key.DetachSign
	if s.V3 {
		make = s.Key.signV3
	}
	sig, err := make(p.header, at)
	if err != nil {
		return err
	}
	if s.OpenPGP {
		return addOpenPGP(p.signature, sig)
	}
	headerTag, bothTag := rpm.SigRSA, rpm.SigPGP
	if s.Key.signing.PubKeyAlgo != packet.PubKeyAlgoRSA {
		headerTag, bothTag = rpm.SigDSA, rpm.SigGPG
	}
	p.signature.bin(headerTag, sig)
	if !s.Payload && !s.V3 {
		return nil
	}
	sig, err = make(append(p.header[:len(p.header):len(p.header)], p.payload...), at)
	if err != nil {
		return err
	}
	p.signature.bin(bothTag, sig)
	return nil
}

func addOpenPGP(h header, sig []byte) error {
	var list []string
	for s := range bytes.SplitSeq(bytes.TrimSuffix(h[rpm.SigOpenPGP].data, []byte{0}), []byte{0}) {
		if len(s) > 0 {
			list = append(list, string(s))
		}
	}
	h.strs(rpm.SigOpenPGP, append(list, base64.StdEncoding.EncodeToString(sig)))
	return nil
}
