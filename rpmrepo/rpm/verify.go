package rpm

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

// ErrUnsigned means that a package has no signature that could be checked.
var ErrUnsigned = errors.New("the package is not signed")

// UnknownKeyError means that a package is signed, but by none of the keys that
// were given.
type UnknownKeyError struct {
	KeyIDs []string
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("it is signed with key %s, which is not among the known keys: add it to gpgkey if you trust it", strings.Join(e.KeyIDs, " and "))
}

// SignatureError means that a signature is wrong, or made by a key that was not
// valid.
type SignatureError struct {
	KeyID string
	Err   error
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("the signature by key %s is bad: %v", e.KeyID, e.Err)
}

func (e *SignatureError) Unwrap() error { return e.Err }

// VerifyOptions say what a Verifier asks of a package. The zero value checks
// digests alone.
type VerifyOptions struct {
	// Keys makes it ask for a signature by one of them.
	Keys *Keyring
	// Now makes it refuse signatures from later, or expired by then. Whether
	// a key was valid is judged at the time of the signature in any case.
	Now time.Time
}

// Verified says what was found to be right.
type Verified struct {
	Signatures []GoodSignature
	Digests    []string // for people: "header SHA256"
}

// GoodSignature is a signature by a known and valid key.
type GoodSignature struct {
	KeyID       string
	Fingerprint string // of the primary key
	UserID      string
	Created     time.Time
	Payload     bool // it covers the payload itself, not only its digest
}

// maxSignatures bounds the work that one package can ask for.
const maxSignatures = 64

// Verifier checks the digests and signatures of a package while its payload is
// written to it, all of it and as it is in the file: an io.TeeReader before
// Payload does that in one pass.
type Verifier struct {
	p       *Package
	o       VerifyOptions
	payload []payloadDigest
	sigs    []*signature
	passed  []error // why signatures were passed over
	found   bool    // some signature is there
	sinks   []io.Writer
	done    Verified
	covered bool // a digest covers the payload
}

// payloadDigest is a digest of the payload, perhaps with the header before it.
type payloadDigest struct {
	name string
	algo DigestAlgo
	want []byte
	hash hash.Hash
}

// NewVerifier checks the header's digests at once and returns a Verifier for
// the rest.
func (p *Package) NewVerifier(o VerifyOptions) (*Verifier, error) {
	v := &Verifier{p: p, o: o}
	if err := v.headerDigests(); err != nil {
		return nil, p.verifying(err)
	}
	if err := v.payloadDigests(); err != nil {
		return nil, p.verifying(err)
	}
	if o.Keys != nil {
		if err := v.signatures(); err != nil {
			return nil, p.verifying(err)
		}
	}
	return v, nil
}

func (p *Package) verifying(err error) error {
	return fmt.Errorf("verifying %s: %w", p.NEVRA(), err)
}

// legacy reports whether the tags from 1000 on mean anything: rpm 6 leaves them
// out and a reader must not believe them there.
func (p *Package) legacy() bool {
	return !p.Signature.Has(SigReserved) || !p.Signature.Has(SigSHA3)
}

func (v *Verifier) headerDigests() error {
	for _, d := range []struct {
		tag  Tag
		algo DigestAlgo
	}{{SigSHA1, SHA1}, {SigSHA256, SHA256}, {SigSHA3, SHA3_256}} {
		if !v.p.Signature.Has(d.tag) {
			continue
		}
		want, err := hexDigest(v.p.Signature.String(d.tag), d.algo)
		if err != nil {
			return fmt.Errorf("the header's digest: %w", err)
		}
		h := d.algo.New()
		h.Write(v.p.Header.Raw())
		if got := h.Sum(nil); !bytes.Equal(got, want) {
			return &DigestError{What: "the header", Algo: d.algo, Want: want, Got: got}
		}
		v.done.Digests = append(v.done.Digests, "header "+d.algo.String())
	}
	return nil
}

func (v *Verifier) payloadDigests() error {
	h := v.p.Header
	algo := SHA256
	if a, ok := h.Uint64(TagPayloadDigestAlgo); ok {
		if algo = DigestAlgo(a); a > 255 || algo.Size() == 0 {
			return fmt.Errorf("the payload's digest uses the unknown algorithm %d", a)
		}
	}
	for _, d := range []struct {
		tag  Tag
		algo DigestAlgo
	}{{TagPayloadDigest, algo}, {TagPayloadSHA512, SHA512}, {TagPayloadSHA3, SHA3_256}} {
		if !h.Has(d.tag) {
			continue
		}
		want, err := hexDigest(h.String(d.tag), d.algo)
		if err != nil {
			return fmt.Errorf("the payload's digest: %w", err)
		}
		v.addDigest("payload", d.algo, want)
	}
	if md5 := v.p.Signature.Bytes(SigMD5); md5 != nil && v.p.legacy() {
		if len(md5) != MD5.Size() {
			return fmt.Errorf("the MD5 digest has %d bytes", len(md5))
		}
		v.addDigest("header and payload", MD5, md5).Write(h.Raw())
	}
	return nil
}

func (v *Verifier) addDigest(name string, algo DigestAlgo, want []byte) io.Writer {
	d := payloadDigest{name: name, algo: algo, want: want, hash: algo.New()}
	v.payload = append(v.payload, d)
	v.sinks = append(v.sinks, d.hash)
	return d.hash
}

func hexDigest(s string, algo DigestAlgo) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != algo.Size() {
		return nil, fmt.Errorf("%q is no %s digest", s, algo)
	}
	return b, nil
}

// signatures collects the package's signatures. Those of rpm 6 hide the older
// ones, which are there for old readers.
func (v *Verifier) signatures() error {
	s := v.p.Signature
	for i, text := range s.Strings(SigOpenPGP) {
		if i == maxSignatures {
			return fmt.Errorf("more than %d signatures", maxSignatures)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("signature %d is not base64: %w", i+1, err)
		}
		if err := v.addSignature(SigOpenPGP, raw); err != nil {
			return err
		}
	}
	if len(v.sigs) == 0 {
		tags := []Tag{SigRSA, SigDSA}
		if v.p.legacy() {
			tags = append(tags, SigPGP, SigGPG, SigPGP5)
		}
		for _, tag := range tags {
			if raw := s.Bytes(tag); len(raw) > 0 {
				if err := v.addSignature(tag, raw); err != nil {
					return err
				}
			}
		}
	}
	if !v.found {
		return ErrUnsigned
	}
	return nil
}

// addSignature prepares one signature. One of an unsupported kind counts for
// nothing, a damaged one is an error.
func (v *Verifier) addSignature(tag Tag, raw []byte) error {
	v.found = true
	sig, err := parseSignature(tag, raw)
	if err != nil {
		err = fmt.Errorf("the signature of tag %s: %w", tag, err)
	}
	if errors.Is(err, errUnsupported) {
		v.passed = append(v.passed, err)
		return nil
	}
	if err != nil {
		return err
	}
	sig.hash.Write(v.p.Header.Raw())
	if sig.coversPayload() {
		v.sinks = append(v.sinks, sig.hash)
	}
	v.sigs = append(v.sigs, sig)
	return nil
}

// Write takes the next bytes of the payload. It never fails.
func (v *Verifier) Write(b []byte) (int, error) {
	for _, w := range v.sinks {
		_, _ = w.Write(b)
	}
	return len(b), nil
}

// Finish checks everything, now that the payload was written. Without an error
// every digest is right, and if keys were given, a valid one of them vouches
// for both header and payload.
func (v *Verifier) Finish() (*Verified, error) {
	if err := v.finish(); err != nil {
		return nil, v.p.verifying(err)
	}
	return &v.done, nil
}

func (v *Verifier) finish() error {
	inHeader := false
	for _, d := range v.payload {
		if got := d.hash.Sum(nil); !bytes.Equal(got, d.want) {
			return &DigestError{What: "the " + d.name, Algo: d.algo, Want: d.want, Got: got}
		}
		v.done.Digests = append(v.done.Digests, d.name+" "+d.algo.String())
		v.covered = true
		inHeader = inHeader || d.name == "payload"
	}
	if v.o.Keys == nil {
		if !v.covered {
			return errors.New("no digest covers the payload")
		}
		return nil
	}
	return v.checkSignatures(inHeader)
}

// checkSignatures asks for one good signature over the header, and for one over
// the payload unless the header holds its digest. Signatures by unknown keys
// are passed over, a bad one by a known key is not.
func (v *Verifier) checkSignatures(digestInHeader bool) error {
	var header, payload bool
	var unknown []string
	for _, s := range v.sigs {
		good, err := v.checkSignature(s)
		if err != nil {
			return err
		}
		if good == nil {
			if !slices.Contains(unknown, s.keyID()) {
				unknown = append(unknown, s.keyID())
			}
			continue
		}
		v.done.Signatures = append(v.done.Signatures, *good)
		header = true
		payload = payload || good.Payload || digestInHeader
	}
	switch {
	case payload:
		return nil
	case len(unknown) > 0:
		return &UnknownKeyError{KeyIDs: unknown}
	case header:
		return errors.Join(append([]error{errors.New("its signature covers the header alone, and the header has no digest of the payload")}, v.passed...)...)
	}
	return fmt.Errorf("no signature can be checked: %w", errors.Join(v.passed...))
}

// checkSignature returns nil and no error for a signature by an unknown key.
func (v *Verifier) checkSignature(s *signature) (*GoodSignature, error) {
	var good *GoodSignature
	var failed error
	for _, k := range v.o.Keys.find(s) {
		err := v.checkWithKey(s, k)
		if errors.Is(err, errRevoked) { // whatever an older copy of the key says
			return nil, &SignatureError{KeyID: s.keyID(), Err: err}
		}
		if err != nil {
			failed = errors.Join(failed, &SignatureError{KeyID: s.keyID(), Err: err})
		} else if good == nil {
			good = &GoodSignature{
				KeyID: s.keyID(), Fingerprint: hex.EncodeToString(k.entity.PrimaryKey.Fingerprint), UserID: k.uid(),
				Created: s.sig.CreationTime, Payload: s.coversPayload(),
			}
		}
	}
	if good != nil {
		return good, nil
	}
	return nil, failed
}

func (v *Verifier) checkWithKey(s *signature, k signingKey) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	h := s.hash
	if c, ok := h.(hash.Cloner); ok { // ids can collide: the next key needs it again
		if h, err = c.Clone(); err != nil {
			return err
		}
	}
	if err := k.key.VerifySignature(h, s.sig); err != nil {
		return err
	}
	if err := s.alive(v.o.Now); err != nil {
		return err
	}
	if err := k.validAt(s.sig.CreationTime); err != nil {
		return fmt.Errorf("key %s could not sign: %w", k, err)
	}
	return nil
}

// Verify checks a package whose payload is read from r, which must stand where
// Open left it.
func (p *Package) Verify(payload io.Reader, o VerifyOptions) (*Verified, error) {
	v, err := p.NewVerifier(o)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(v, payload); err != nil {
		return nil, p.verifying(err)
	}
	return v.Finish()
}

// VerifyDigests checks the package's digests alone.
func (p *Package) VerifyDigests(payload io.Reader) error {
	_, err := p.Verify(payload, VerifyOptions{})
	return err
}
