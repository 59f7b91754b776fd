package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// maxDetached bounds a detached signature: it may hold several packets.
const maxDetached = 1 << 20

// VerifyDetached checks a signature of data that lies in a file of its own,
// armored or binary, such as repomd.xml.asc. One good signature by a known key
// is asked for; a bad one by a known key is an error whatever the others say. A
// now that is not zero refuses signatures from later, or expired by then.
func (k *Keyring) VerifyDetached(data, signatures []byte, now time.Time) (*GoodSignature, error) {
	raw, err := dearmorSignature(signatures)
	if err != nil {
		return nil, err
	}
	packets, err := splitPackets(raw)
	if err != nil {
		return nil, err
	}
	if len(packets) > maxSignatures {
		return nil, fmt.Errorf("%d signatures, more than %d", len(packets), maxSignatures)
	}
	v := Verifier{o: VerifyOptions{Keys: k, Now: now}}
	var best *GoodSignature
	var unknown []string
	var passed []error
	for _, p := range packets {
		s, err := parseSignature(0, p.raw)
		if err != nil {
			passed = append(passed, err)
			continue
		}
		s.hash.Write(data)
		good, err := v.checkSignature(s)
		switch {
		case err != nil:
			return nil, err
		case good == nil:
			unknown = append(unknown, s.keyID())
		case best == nil:
			best = good
		}
	}
	switch {
	case best != nil:
		return best, nil
	case len(unknown) > 0:
		return nil, &UnknownKeyError{KeyIDs: unknown}
	}
	return nil, fmt.Errorf("no signature can be checked: %w", errors.Join(append(passed, ErrUnsigned)...))
}

// dearmorSignature returns the binary form of a signature file.
func dearmorSignature(data []byte) ([]byte, error) {
	if len(data) > maxDetached {
		return nil, fmt.Errorf("the signature is larger than %d bytes", maxDetached)
	}
	if !bytes.Contains(data, []byte("-----BEGIN PGP SIGNATURE-----")) {
		return data, nil
	}
	b, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the signature's armor is damaged: %w", err)
	}
	raw, err := io.ReadAll(b.Body)
	if err != nil {
		return nil, fmt.Errorf("the signature's armor is damaged: %w", err)
	}
	return raw, nil
}
