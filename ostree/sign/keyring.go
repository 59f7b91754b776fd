package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxKeyring bounds a keyring file. Debian's whole archive keyring is 60 KB.
const maxKeyring = 16 << 20

// A Keyring is a set of trusted OpenPGP public keys. It is safe for concurrent
// use.
type Keyring struct {
	mu   sync.Mutex        // the keys keep the outcome of their own checks
	keys []*openpgp.Entity // one for each primary key
}

// ReadKeyring reads public keys: armored or binary, one or many, several files
// one after the other. Copies of one key are merged, so that a revocation in
// any of them counts. Keys of unknown kinds are left out as long as another
// remains.
func ReadKeyring(data []byte) (*Keyring, error) {
	entities, err := readEntities(data)
	if err != nil {
		return nil, fmt.Errorf("reading a keyring: %w", err)
	}
	k := &Keyring{}
	for _, e := range entities {
		k.add(e)
	}
	return k, nil
}

// Fingerprints returns those of the primary keys, in upper-case hexadecimal, in
// the keyring's order.
func (k *Keyring) Fingerprints() []string {
	out := make([]string, len(k.keys))
	for i, e := range k.keys {
		out[i] = fingerprint(e.PrimaryKey)
	}
	return out
}

// Binary returns the public keys in OpenPGP's binary form, as clients' remotes
// and .flatpakrepo files (there in base64) want them.
func (k *Keyring) Binary() ([]byte, error) {
	var buf bytes.Buffer
	for _, e := range k.keys {
		if err := e.Serialize(&buf); err != nil {
			return nil, fmt.Errorf("writing key %s: %w", fingerprint(e.PrimaryKey), err)
		}
	}
	return buf.Bytes(), nil
}

// add merges e into the copy of its primary key that is there.
func (k *Keyring) add(e *openpgp.Entity) {
	for _, old := range k.keys {
		if !bytes.Equal(old.PrimaryKey.Fingerprint, e.PrimaryKey.Fingerprint) {
			continue
		}
		old.Revocations = append(old.Revocations, e.Revocations...)
		old.DirectSignatures = append(old.DirectSignatures, e.DirectSignatures...)
		for name, id := range e.Identities {
			mergeIdentity(old, name, id)
		}
		for _, sub := range e.Subkeys {
			mergeSubkey(old, sub)
		}
		return
	}
	k.keys = append(k.keys, e)
}

func mergeIdentity(old *openpgp.Entity, name string, id *openpgp.Identity) {
	have, ok := old.Identities[name]
	if !ok {
		id.Primary = old
		old.Identities[name] = id
		return
	}
	have.SelfCertifications = append(have.SelfCertifications, id.SelfCertifications...)
	have.Revocations = append(have.Revocations, id.Revocations...)
}

func mergeSubkey(old *openpgp.Entity, sub openpgp.Subkey) {
	for i := range old.Subkeys {
		have := &old.Subkeys[i]
		if bytes.Equal(have.PublicKey.Fingerprint, sub.PublicKey.Fingerprint) {
			have.Bindings = append(have.Bindings, sub.Bindings...)
			have.Revocations = append(have.Revocations, sub.Revocations...)
			return
		}
	}
	sub.Primary = old
	old.Subkeys = append(old.Subkeys, sub)
}

// readEntities reads all keys of data, secret parts included.
func readEntities(data []byte) ([]*openpgp.Entity, error) {
	if len(data) > maxKeyring {
		return nil, fmt.Errorf("it is %d bytes long, at most %d are allowed", len(data), maxKeyring)
	}
	if len(data) > 12 && string(data[8:12]) == "KBXf" {
		return nil, errors.New("it is a keybox of GnuPG; export its keys with gpg --export")
	}
	var entities []*openpgp.Entity
	var unreadable error
	for {
		binary, rest, err := nextKeyBlock(data)
		if err != nil {
			return nil, err
		}
		if binary == nil {
			break
		}
		found, err := readBinaryKeys(binary)
		if err != nil {
			unreadable = err
		}
		entities, data = append(entities, found...), rest
	}
	switch {
	case len(entities) > 0:
		return entities, nil
	case unreadable != nil:
		return nil, fmt.Errorf("it holds no usable key: %w", unreadable)
	}
	return nil, errors.New("it holds no OpenPGP key, neither armored (-----BEGIN PGP PUBLIC KEY BLOCK-----) nor binary")
}

// The lines that begin and end an armored block.
var (
	armorStart = []byte("-----BEGIN PGP ")
	armorEnd   = []byte("-----END PGP ")
)

// nextKeyBlock cuts the first run of binary packets or the first armored block
// off data. It returns nil when no key follows.
func nextKeyBlock(data []byte) (binary, rest []byte, err error) {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) > 0 && data[0]&0x80 != 0 { // the first byte of every packet
		n := packetRun(data)
		return data[:n], data[n:], nil
	}
	start := bytes.Index(data, armorStart)
	if start < 0 {
		return nil, nil, nil
	}
	data = data[start:]
	end := bytes.Index(data, armorEnd)
	if end < 0 {
		return nil, nil, errors.New("reading an armored block: its end is missing")
	}
	if line := bytes.IndexByte(data[end:], '\n'); line >= 0 {
		end += line + 1
	} else {
		end = len(data)
	}
	block, err := armor.Decode(bytes.NewReader(data[:end]))
	if err != nil {
		return nil, nil, fmt.Errorf("reading an armored block: %w", err)
	}
	if block.Type != openpgp.PublicKeyType && block.Type != openpgp.PrivateKeyType {
		return nil, nil, fmt.Errorf("reading an armored block: it is a %s, not a key", block.Type)
	}
	binary, err = io.ReadAll(block.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("reading an armored block: %w", err)
	}
	if len(binary) == 0 {
		return nil, nil, errors.New("reading an armored block: it is empty")
	}
	return binary, data[end:], nil
}

// packetRun returns the length of the packets that data starts with, or all of
// it when their framing is not plain: the parser finds out what is wrong.
func packetRun(data []byte) int {
	n := 0
	for n < len(data) && data[n]&0x80 != 0 {
		size, ok := packetSize(data[n:])
		if !ok || size > len(data)-n {
			return len(data)
		}
		n += size
	}
	return n
}

// packetSize returns the length of the packet at the start of data, with its
// header (RFC 9580, section 4.2).
func packetSize(data []byte) (size int, ok bool) {
	var header, width int // bytes before the length, and of the length
	switch {
	case len(data) < 2:
		return 0, false
	case data[0]&0x40 == 0: // legacy format
		if data[0]&3 == 3 {
			return 0, false // without a length
		}
		header, width = 1, 1<<(data[0]&3)
	case data[1] < 192:
		return 2 + int(data[1]), true
	case data[1] < 224:
		return 3 + (int(data[1])-192)<<8 + 192 + int(at(data, 2)), len(data) > 2
	case data[1] == 255:
		header, width = 2, 4
	default:
		return 0, false // in parts
	}
	length := 0
	for i := range width {
		length = length<<8 | int(at(data, header+i))
	}
	return header + width + length, len(data) >= header+width
}

// at returns a byte of data, zero after its end.
func at(data []byte, i int) byte {
	if i < len(data) {
		return data[i]
	}
	return 0
}

// readBinaryKeys reads the keys of one block. The error is about the last one
// that cannot be used; the others are returned all the same.
func readBinaryKeys(data []byte) ([]*openpgp.Entity, error) {
	packets := packet.NewReader(bytes.NewReader(data))
	var entities []*openpgp.Entity
	var unreadable error
	for {
		e, err := openpgp.ReadEntity(packets)
		switch {
		case err == nil:
			entities = append(entities, e)
			continue
		case errors.Is(err, io.EOF):
			return entities, unreadable
		}
		unreadable = err
		if !skipToKey(packets) {
			return entities, unreadable
		}
	}
}

// skipToKey moves to the next primary key, if there is one.
func skipToKey(packets *packet.Reader) bool {
	for {
		p, err := packets.Next()
		var unsupported pgperrors.UnsupportedError
		if errors.As(err, &unsupported) {
			continue
		}
		if err != nil {
			return false
		}
		switch key := p.(type) {
		case *packet.PublicKey:
			if !key.IsSubkey {
				packets.Unread(p)
				return true
			}
		case *packet.PrivateKey:
			if !key.IsSubkey {
				packets.Unread(p)
				return true
			}
		}
	}
}

func fingerprint(key *packet.PublicKey) string {
	return strings.ToUpper(fmt.Sprintf("%x", key.Fingerprint))
}

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }
