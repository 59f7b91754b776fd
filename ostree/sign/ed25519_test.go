package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"testing"
)

func TestEd25519(t *testing.T) {
	secret := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	text := base64.StdEncoding.EncodeToString(secret) + "\n"
	signer, err := ReadEd25519Secret([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	public, err := signer.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ReadEd25519Keys(append(public, '\n', '\n'))
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys: got %d, %v, want 1", len(keys), err)
	}
	dict := mustSign(t, signer, "content", nil)
	if _, err := keys.Verify([]byte("content"), dict); err != nil {
		t.Errorf("verifying: got %v, want nil", err)
	}
	if _, err := keys.Verify([]byte("Content"), dict); !errors.Is(err, ErrBad) {
		t.Errorf("other content: got %v, want %v", err, ErrBad)
	}
	if _, err := keys.Verify([]byte("content"), nil); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no signature: got %v, want %v", err, ErrUnsigned)
	}
	if ok, err := signer.Signed(t.Context(), []byte("content"), dict); !ok || err != nil {
		t.Errorf("signed: got %v, %v, want true", ok, err)
	}
}

func TestEd25519KeysRefuse(t *testing.T) {
	mixed := append(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)...)
	for name, text := range map[string]string{
		"not base64":      "!",
		"too short":       base64.StdEncoding.EncodeToString([]byte("short")),
		"parts of two":    base64.StdEncoding.EncodeToString(mixed),
		"a secret as two": "AAAA AAAA",
	} {
		if _, err := ReadEd25519Secret([]byte(text)); err == nil {
			t.Errorf("secret, %s: got nil, want an error", name)
		}
		if name == "parts of two" {
			continue
		}
		if _, err := ReadEd25519Keys([]byte(text)); err == nil {
			t.Errorf("public, %s: got nil, want an error", name)
		}
	}
}
