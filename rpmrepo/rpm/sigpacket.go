package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Tags of OpenPGP packets.
const (
	packetSignature = 2
	packetPublicKey = 6
)

// rawPacket is an OpenPGP packet before anything of it is believed.
type rawPacket struct {
	tag  int
	raw  []byte // header included
	body []byte
}

func (p rawPacket) startsKey() bool { return p.tag == packetPublicKey }

// isOldRevocation reports whether the packet revokes a key or subkey by a
// signature of version 3, which the OpenPGP library passes over.
func (p rawPacket) isOldRevocation() bool {
	return p.tag == packetSignature && len(p.body) > 2 && p.body[0] == 3 && (p.body[2] == 0x20 || p.body[2] == 0x28)
}

// splitPackets splits binary OpenPGP data. Packets of unknown length, which
// keys and signatures never are, are refused.
func splitPackets(data []byte) ([]rawPacket, error) {
	var list []rawPacket
	for len(data) > 0 {
		tag, head, size, err := packetHeader(data)
		if err != nil {
			return nil, err
		}
		if size > uint64(len(data)-head) {
			return nil, errors.New("an OpenPGP packet is cut off")
		}
		end := head + int(size)
		list = append(list, rawPacket{tag: tag, raw: data[:end], body: data[head:end]})
		data = data[end:]
	}
	return list, nil
}

// packetHeader returns a packet's tag and the sizes of its header and body.
//
//	old form: 10tttt ll   ll: 0, 1, 2 for a length of 1, 2, 4 bytes; 3 unknown
//	new form: 11tttttt    length of 1 byte below 192, 2 below 224, 5 at 255
func packetHeader(b []byte) (tag, head int, size uint64, err error) {
	bad := errors.New("this is not OpenPGP data")
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, 0, 0, bad
	}
	if b[0]&0x40 == 0 {
		width := 1 << (b[0] & 3)
		if width == 8 || len(b) < 1+width {
			return 0, 0, 0, bad
		}
		for _, c := range b[1 : 1+width] {
			size = size<<8 | uint64(c)
		}
		return int(b[0] >> 2 & 15), 1 + width, size, nil
	}
	tag = int(b[0] & 63)
	switch {
	case b[1] < 192:
		return tag, 2, uint64(b[1]), nil
	case b[1] < 224 && len(b) > 2:
		return tag, 3, uint64(b[1]-192)<<8 + uint64(b[2]) + 192, nil
	case b[1] == 255 && len(b) > 5:
		return tag, 6, uint64(binary.BigEndian.Uint32(b[2:])), nil
	}
	return 0, 0, 0, bad
}

// signature is one OpenPGP signature of a package, being checked.
type signature struct {
	tag  Tag
	sig  *packet.Signature
	hash hash.Hash // of what it covers
}

// errUnsupported marks a signature of a kind that nothing here can check.
var errUnsupported = errors.New("it is of an unsupported kind")

// parseSignature reads the only packet of a signature tag.
func parseSignature(tag Tag, data []byte) (s *signature, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("it is damaged: %v", p)
		}
	}()
	packets, err := splitPackets(data)
	if err != nil {
		return nil, err
	}
	if len(packets) != 1 || packets[0].tag != packetSignature {
		return nil, fmt.Errorf("it has %d OpenPGP packets where one signature should be", len(packets))
	}
	var sig *packet.Signature
	if body := packets[0].body; len(body) > 0 && body[0] == 3 {
		sig, err = parseSignatureV3(body)
	} else {
		sig, err = parseSignaturePacket(packets[0].raw)
	}
	if err != nil {
		return nil, err
	}
	if sig.SigType != packet.SigTypeBinary {
		return nil, fmt.Errorf("its type is %#x: it signs no data", sig.SigType)
	}
	if sig.IssuerKeyId == nil && len(sig.IssuerFingerprint) == 0 {
		return nil, errors.New("it does not name its key")
	}
	h, err := sig.PrepareVerify()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnsupported, err)
	}
	return &signature{tag: tag, sig: sig, hash: h}, nil
}

func parseSignaturePacket(raw []byte) (*packet.Signature, error) {
	r := bytes.NewReader(raw)
	p, err := packet.Read(r)
	var unsupported pgperrors.UnsupportedError
	if errors.As(err, &unsupported) {
		return nil, fmt.Errorf("%w: %w", errUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	sig, ok := p.(*packet.Signature)
	if !ok || r.Len() > 0 {
		return nil, errors.New("it is damaged")
	}
	return sig, nil
}

// parseSignatureV3 reads a signature of version 3, with which packages were
// signed until EL8 and which OpenPGP libraries have dropped since:
//
//	3  5  type  time[4]  key id[8]  key algorithm  hash algorithm  hash[2]  numbers
//
// Its hash ends with type and time alone. Everything else is as in version 4,
// so it is read as one whose subpackets say the same, and its tail is exchanged.
func parseSignatureV3(b []byte) (*packet.Signature, error) {
	if len(b) < 19 || b[1] != 5 {
		return nil, errors.New("it is damaged")
	}
	tail, keyID, rest := b[2:7], b[7:15], b[17:]
	v4 := []byte{4, b[2], b[15], b[16], 0, 6, 5, 2}
	v4 = append(v4, tail[1:]...)
	v4 = append(v4, 0, 10, 9, 16)
	v4 = append(v4, keyID...)
	v4 = append(v4, rest...)
	raw := append([]byte{0xc0 | packetSignature, 255}, binary.BigEndian.AppendUint32(nil, uint32(len(v4)))...)
	sig, err := parseSignaturePacket(append(raw, v4...))
	if err != nil {
		return nil, err
	}
	sig.HashSuffix = bytes.Clone(tail)
	return sig, nil
}

// keyID is the id of the key that made the signature, as 16 hex digits.
func (s *signature) keyID() string {
	if s.sig.IssuerKeyId != nil {
		return fmt.Sprintf("%016x", *s.sig.IssuerKeyId)
	}
	return fmt.Sprintf("%x", s.sig.IssuerFingerprint)
}

// coversPayload reports whether the signature is over header and payload.
func (s *signature) coversPayload() bool {
	return s.tag == SigPGP || s.tag == SigGPG || s.tag == SigPGP5
}

// alive returns nil when the signature holds at a time.
func (s *signature) alive(now time.Time) error {
	if now.IsZero() {
		return nil
	}
	if s.sig.CreationTime.After(now) {
		return fmt.Errorf("it is from the future: %s", s.sig.CreationTime.UTC().Format(time.RFC3339))
	}
	if s.sig.SigExpired(now) {
		return errors.New("it has expired")
	}
	return nil
}
