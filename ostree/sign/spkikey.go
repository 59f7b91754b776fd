package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/ed448"
)

// Bounds of RSA keys: crypto/rsa refuses shorter ones, OpenSSL longer ones.
const (
	minRSABits = 1024
	maxRSABits = 16384
)

// spkiSecret is a secret key and its algorithm.
type spkiSecret struct {
	sign      func(data []byte) ([]byte, error)
	publicDER func() ([]byte, error)
}

// The structures of RFC 5280 and RFC 5958, as far as crypto/x509 does not read
// what is in them.
type (
	publicKeyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	privateKeyInfo struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte // attributes and the public key may follow
	}
)

// oidEd448 is id-Ed448 of RFC 8410.
func oidEd448() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 101, 113} }

// algorithmName names what an object identifier stands for, where people meet
// keys of it.
func algorithmName(oid asn1.ObjectIdentifier) string {
	switch oid.String() {
	case "1.2.840.113549.1.1.1":
		return "RSA"
	case "1.2.840.113549.1.1.10":
		return "RSA-PSS"
	case "1.2.840.10040.4.1":
		return "DSA"
	case "1.2.840.10045.2.1":
		return "ECDSA"
	case "1.3.101.110":
		return "X25519"
	case "1.3.101.111":
		return "X448"
	case "1.3.101.112":
		return "Ed25519"
	case "1.3.101.113":
		return "Ed448"
	}
	return "of the algorithm " + oid.String()
}

// errAlgorithm refuses a kind of key by its name.
func errAlgorithm(name string) error {
	return fmt.Errorf("the key is %s: want Ed25519, Ed448, RSA or ECDSA", name)
}

// parseSPKIKey reads a SubjectPublicKeyInfo in DER.
func parseSPKIKey(der []byte) (SPKIKey, error) {
	var info publicKeyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return SPKIKey{}, fmt.Errorf("it is no SubjectPublicKeyInfo in DER: %w", errors.Join(err, trailing(rest)))
	}
	key := SPKIKey{der: string(der)}
	if info.Algorithm.Algorithm.Equal(oidEd448()) {
		if len(info.Key.Bytes) != ed448.PublicKeySize {
			return SPKIKey{}, fmt.Errorf("an Ed448 key of %d bytes, want %d", len(info.Key.Bytes), ed448.PublicKeySize)
		}
		public := &ed448.PublicKey{Point: info.Key.Bytes}
		key.verify = func(data, sig []byte) bool {
			return len(sig) == ed448.SignatureSize && ed448.Verify(public, data, sig)
		}
		return key, nil
	}
	name := algorithmName(info.Algorithm.Algorithm)
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return SPKIKey{}, unreadable(name, err)
	}
	key.verify, err = verifier(public, name)
	return key, err
}

func trailing(rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	return fmt.Errorf("%d bytes follow it", len(rest))
}

// unreadable says why the standard library does not take a key: those that
// nobody signs with are refused by name.
func unreadable(name string, err error) error {
	switch name {
	case "RSA", "ECDSA", "Ed25519":
		return fmt.Errorf("the %s key: %w", name, err)
	}
	return errAlgorithm(name)
}

// verifier returns what EVP_DigestVerify does without a named digest.
func verifier(key crypto.PublicKey, name string) (func(data, sig []byte) bool, error) {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return func(data, sig []byte) bool { return ed25519.Verify(key, data, sig) }, nil
	case *rsa.PublicKey:
		if err := checkRSA(key); err != nil {
			return nil, err
		}
		return func(data, sig []byte) bool {
			digest := sha256.Sum256(data)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil
		}, nil
	case *ecdsa.PublicKey:
		return func(data, sig []byte) bool {
			digest := sha256.Sum256(data)
			return ecdsa.VerifyASN1(key, digest[:], sig)
		}, nil
	}
	return nil, errAlgorithm(name)
}

func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("an RSA key of %d bits: want %d to %d", bits, minRSABits, maxRSABits)
	}
	return nil
}

// parseSPKISecret reads PKCS#8 in DER.
func parseSPKISecret(der []byte) (spkiSecret, error) {
	var info privateKeyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return spkiSecret{}, fmt.Errorf("it is no PKCS#8 (openssl pkcs8 -topk8 -nocrypt makes it): %w", errors.Join(err, trailing(rest)))
	}
	if info.Algorithm.Algorithm.Equal(oidEd448()) {
		return parseEd448Secret(info.Key)
	}
	name := algorithmName(info.Algorithm.Algorithm)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return spkiSecret{}, unreadable(name, err)
	}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return secretOf(key, func(data []byte) ([]byte, error) { return ed25519.Sign(key, data), nil }), nil
	case *rsa.PrivateKey:
		if err := checkRSA(&key.PublicKey); err != nil {
			return spkiSecret{}, err
		}
		return secretOf(key, func(data []byte) ([]byte, error) { return signDigest(key, data) }), nil
	case *ecdsa.PrivateKey:
		return secretOf(key, func(data []byte) ([]byte, error) { return signDigest(key, data) }), nil
	}
	return spkiSecret{}, errAlgorithm(name)
}

func secretOf(key crypto.Signer, sign func([]byte) ([]byte, error)) spkiSecret {
	return spkiSecret{sign, func() ([]byte, error) {
		return x509.MarshalPKIXPublicKey(key.Public())
	}}
}

// signDigest signs a SHA-256: RSA as PKCS #1 v1.5, ECDSA as RFC 6979 wants it,
// neither of which takes chance.
func signDigest(key crypto.Signer, data []byte) ([]byte, error) {
	digest := sha256.Sum256(data)
	return key.Sign(nil, digest[:], crypto.SHA256)
}

// parseEd448Secret reads a CurvePrivateKey of RFC 8410.
func parseEd448Secret(der []byte) (spkiSecret, error) {
	var seed []byte
	if rest, err := asn1.Unmarshal(der, &seed); err != nil || len(rest) > 0 || len(seed) != ed448.SeedSize {
		return spkiSecret{}, fmt.Errorf("the Ed448 key: want a seed of %d bytes", ed448.SeedSize)
	}
	secret := &ed448.PrivateKey{}
	if err := secret.UnmarshalByteSecret(seed); err != nil {
		return spkiSecret{}, fmt.Errorf("the Ed448 key: %w", err)
	}
	secret.Point = secret.Key[ed448.SeedSize:]
	return spkiSecret{
		func(data []byte) ([]byte, error) { return ed448.Sign(secret, data) },
		func() ([]byte, error) {
			info := publicKeyInfo{pkix.AlgorithmIdentifier{Algorithm: oidEd448()}, asn1.BitString{Bytes: secret.Point, BitLength: 8 * len(secret.Point)}}
			return asn1.Marshal(info)
		},
	}, nil
}
