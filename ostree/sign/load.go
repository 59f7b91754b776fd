package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"time"
)

// LoadSigner reads a secret key of any engine, which the file's form tells: PEM
// with the label PRIVATE KEY (or its base64 or DER) is of spki, base64 of 64
// bytes of ed25519, and what else there is must be OpenPGP, the one kind that
// may have a passphrase. See LoadSecretKey for what now does.
func LoadSigner(r io.Reader, passphrase []byte, now func() time.Time) (Signer, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecretKey+1))
	if err != nil {
		return nil, fmt.Errorf("reading a secret key: %w", err)
	}
	if len(data) > maxSecretKey {
		return nil, fmt.Errorf("reading a secret key: it is longer than %d bytes", maxSecretKey)
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(data)))
	isBase64 := err == nil && len(raw) > 0
	switch {
	case isBase64 && len(raw) == ed25519.PrivateKeySize:
		return ReadEd25519Secret(data)
	case isBase64 && raw[0] == derSequence, len(data) > 0 && data[0] == derSequence,
		bytes.Contains(data, []byte(pemBegin)) && !bytes.Contains(data, []byte(pemBegin+"PGP ")):
		return ReadSPKISecret(data)
	}
	return LoadSecretKey(bytes.NewReader(data), passphrase, now)
}
