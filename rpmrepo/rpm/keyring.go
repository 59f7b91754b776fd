package rpm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Keyring holds the OpenPGP keys that packages may be signed with.
type Keyring struct {
	keys []signingKey
	// unusable says of each key of the input that cannot be used why not.
	unusable []error
}

// signingKey is a primary key or subkey.
type signingKey struct {
	entity *openpgp.Entity
	key    *packet.PublicKey
	subkey *openpgp.Subkey // nil for the primary key
}

// errRevoked marks a key that its owner took back.
var errRevoked = errors.New("was revoked")

// maxKeys bounds a keyring: it is a configuration, not a key server's dump.
const maxKeys = 10000

// ReadKeyring reads public keys, armored or binary, any number of them, as the
// files have them that a repository's gpgkey names. Keys of a kind that is not
// known are passed over as long as one is; Unusable tells of them.
func ReadKeyring(data []byte) (*Keyring, error) {
	k := &Keyring{}
	blocks, err := dearmor(data)
	if err != nil {
		return nil, fmt.Errorf("reading OpenPGP keys: %w", err)
	}
	for _, b := range blocks {
		if err := k.addBlock(b); err != nil {
			return nil, fmt.Errorf("reading OpenPGP keys: %w", err)
		}
	}
	if len(k.keys) == 0 && len(k.unusable) == 0 {
		return nil, errors.New("reading OpenPGP keys: there is no key: export it with gpg --export --armor")
	}
	if len(k.keys) == 0 {
		return nil, fmt.Errorf("reading OpenPGP keys: no key can be used: %w", errors.Join(k.unusable...))
	}
	return k, nil
}

// Unusable returns why keys of the input cannot be used, one error a key.
func (k *Keyring) Unusable() []error { return k.unusable }

// Merge returns a keyring with the keys of both.
func (k *Keyring) Merge(o *Keyring) *Keyring {
	return &Keyring{
		keys:     append(k.keys[:len(k.keys):len(k.keys)], o.keys...),
		unusable: append(k.unusable[:len(k.unusable):len(k.unusable)], o.unusable...),
	}
}

// Fingerprints returns those of the primary keys, in hex, in the input's order.
func (k *Keyring) Fingerprints() []string {
	var list []string
	for _, s := range k.keys {
		if s.subkey == nil {
			list = append(list, hex.EncodeToString(s.key.Fingerprint))
		}
	}
	return list
}

// dearmor returns the binary content of each armored block, or the data itself
// when it is not armored.
func dearmor(data []byte) ([][]byte, error) {
	begin := []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")
	if !bytes.Contains(data, begin) {
		if bytes.Contains(data, []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
			return nil, errors.New("this is a secret key: give its public half, as gpg --export --armor writes it")
		}
		return [][]byte{data}, nil
	}
	var blocks [][]byte
	for {
		i := bytes.Index(data, begin)
		if i < 0 {
			return blocks, nil
		}
		data = data[i:]
		next := bytes.Index(data[len(begin):], begin)
		block := data
		if next >= 0 {
			block = data[:len(begin)+next]
		}
		b, err := armor.Decode(bytes.NewReader(block))
		if err != nil {
			return nil, fmt.Errorf("the armor is damaged: %w", err)
		}
		raw, err := io.ReadAll(b.Body)
		if err != nil {
			return nil, fmt.Errorf("the armor is damaged: %w", err)
		}
		blocks = append(blocks, raw)
		data = data[len(block):]
	}
}

// addBlock adds the keys of one binary block, each apart: one that cannot be
// read must not hide the others.
func (k *Keyring) addBlock(data []byte) error {
	packets, err := splitPackets(data)
	if err != nil {
		return err
	}
	for len(packets) > 0 {
		n := 1
		for n < len(packets) && !packets[n].startsKey() {
			n++
		}
		if err := k.addKey(packets[:n]); err != nil {
			k.unusable = append(k.unusable, err)
		}
		if len(k.keys) > maxKeys {
			return fmt.Errorf("more than %d keys", maxKeys)
		}
		packets = packets[n:]
	}
	return nil
}

func (k *Keyring) addKey(packets []rawPacket) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a key is damaged: %v", p)
		}
	}()
	if !packets[0].startsKey() {
		return fmt.Errorf("a packet of type %d where a public key should start", packets[0].tag)
	}
	var raw []byte
	for _, p := range packets {
		if p.isOldRevocation() {
			return errors.New("a key is revoked by a signature of version 3")
		}
		raw = append(raw, p.raw...)
	}
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return fmt.Errorf("a key cannot be used: %w", err)
	}
	k.keys = append(k.keys, signingKey{entity: e, key: e.PrimaryKey})
	for i := range e.Subkeys {
		k.keys = append(k.keys, signingKey{entity: e, key: e.Subkeys[i].PublicKey, subkey: &e.Subkeys[i]})
	}
	return nil
}

// find returns the keys that may have made a signature. Key ids can collide, so
// there may be several.
func (k *Keyring) find(s *signature) []signingKey {
	var list []signingKey
	for _, key := range k.keys {
		if s.sig.CheckKeyIdOrFingerprint(key.key) {
			list = append(list, key)
		}
	}
	return list
}

// uid returns the user id that the key's owner put first.
func (s signingKey) uid() string {
	if id := s.entity.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return ""
}

func (s signingKey) String() string {
	text := hex.EncodeToString(s.entity.PrimaryKey.Fingerprint)
	if uid := s.uid(); uid != "" {
		text += " (" + uid + ")"
	}
	return text
}

// validAt returns nil when the key could sign at a time: it existed, had not
// expired and was not revoked. A revocation counts from its date only when it
// says that the key was replaced or retired; any other makes all signatures
// worthless, earlier ones too. rpm 6 has the same rules.
func (s signingKey) validAt(t time.Time) error {
	self, _ := s.entity.PrimarySelfSignature()
	if self == nil {
		return errors.New("it has no valid signature of its own")
	}
	if err := keyValidAt(s.entity.PrimaryKey, self, s.entity.Revocations, t); err != nil {
		return err
	}
	flags := self
	if s.subkey != nil {
		if err := keyValidAt(s.key, s.subkey.Sig, s.subkey.Revocations, t); err != nil {
			return fmt.Errorf("its subkey %s: %w", strings.ToLower(s.key.KeyIdString()), err)
		}
		flags = s.subkey.Sig
	}
	if flags.FlagsValid && !flags.FlagSign {
		return errors.New("it is not meant for signing")
	}
	return nil
}

func keyValidAt(key *packet.PublicKey, self *packet.Signature, revocations []*packet.Signature, t time.Time) error {
	for _, r := range revocations {
		soft := r.RevocationReason != nil && (*r.RevocationReason == packet.KeySuperseded || *r.RevocationReason == packet.KeyRetired)
		if !soft || !r.CreationTime.After(t) {
			return fmt.Errorf("it %w on %s", errRevoked, r.CreationTime.UTC().Format(time.DateOnly))
		}
	}
	if key.CreationTime.After(t) {
		return fmt.Errorf("it was made on %s, after the signature", key.CreationTime.UTC().Format(time.DateOnly))
	}
	if key.KeyExpired(self, t) {
		return fmt.Errorf("it expired before the signature was made on %s", t.UTC().Format(time.DateOnly))
	}
	return nil
}
