package sign

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/gvariant"
)

var (
	madeAt = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	later  = madeAt.AddDate(0, 6, 0)
)

func clock(t time.Time) func() time.Time { return func() time.Time { return t } }

// newKey makes a key and what signs with it and verifies it.
func newKey(t *testing.T, uid string) (*Key, *OpenPGPSigner, *Keyring) {
	t.Helper()
	key, err := Generate(rand.Reader, uid, madeAt)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := key.Signer(clock(later))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := ReadKeyring(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	return key, signer, keyring
}

func mustSign(t *testing.T, s Signer, data string, dict gvariant.Dict) gvariant.Dict {
	t.Helper()
	sig, err := s.Sign(t.Context(), []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return Append(dict, sig)
}

func TestSignAndVerify(t *testing.T) {
	key, signer, keyring := newKey(t, "Release Key <release@example.org>")
	dict := mustSign(t, signer, "content", nil)
	got, err := keyring.Verify([]byte("content"), dict, later)
	if err != nil {
		t.Fatal(err)
	}
	want := Verified{Fingerprint: key.Fingerprint, UID: `"Release Key" <release@example.org>`, Created: later}
	if want.UID = "Release Key <release@example.org>"; got.Fingerprint != want.Fingerprint || got.UID != want.UID || !got.Created.Equal(want.Created) {
		t.Errorf("verified: got %+v, want %+v", *got, want)
	}
	if fp := keyring.Fingerprints(); len(fp) != 1 || fp[0] != signer.Fingerprint() {
		t.Errorf("fingerprints: got %v, want %s", fp, signer.Fingerprint())
	}
}

func TestSignIsDeterministic(t *testing.T) {
	_, signer, _ := newKey(t, "k")
	a, b := mustSign(t, signer, "content", nil), mustSign(t, signer, "content", nil)
	if !bytes.Equal(a.Encode().Data(), b.Encode().Data()) {
		t.Error("two signatures of the same content at the same time differ")
	}
}

func TestVerifyRefuses(t *testing.T) {
	_, signer, keyring := newKey(t, "ours")
	_, _, other := newKey(t, "other")
	good := mustSign(t, signer, "content", nil)
	sig, _ := good.Get(KeyOpenPGP)
	flipped := bytes.Clone(sig.Index(0).Bytes())
	flipped[len(flipped)-1] ^= 1
	id := signer.Fingerprint()[24:]
	for _, tc := range []struct {
		name    string
		keyring *Keyring
		content string
		dict    gvariant.Dict
		now     time.Time
		reason  error
		text    string
	}{
		{"no signature", keyring, "content", nil, later, ErrUnsigned, "there is no signature"},
		{"an engine that is not asked", keyring, "content", gvariant.Dict{{Key: "ostree.sign.dummy", Value: gvariant.Array("ay")}}, later, ErrUnsigned, ""},
		{"unknown key", other, "content", good, later, ErrUnknownKey, "key " + id + ": the key is not in the keyring"},
		{"other content", keyring, "Content", good, later, ErrBad, id},
		{"altered signature", keyring, "content", Append(nil, Signature{KeyOpenPGP, flipped}), later, ErrBad, ""},
		{"garbage", keyring, "content", Append(nil, Signature{KeyOpenPGP, []byte("garbage")}), later, ErrUnusable, "reading the signature"},
		{"a clock before the key", keyring, "content", good, madeAt.AddDate(-1, 0, 0), ErrUnusable, "which the clock (2023-01-01) has not reached"},
	} {
		_, err := tc.keyring.Verify([]byte(tc.content), tc.dict, tc.now)
		var failed *VerifyError
		if !errors.As(err, &failed) || !errors.Is(err, tc.reason) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got %v, want a VerifyError with %q and %q", tc.name, err, tc.reason, tc.text)
		}
	}
	if _, err := keyring.Verify([]byte("content"), good, time.Time{}); err == nil {
		t.Error("no time: got nil, want an error")
	}
}

func TestVerifyRefusesHostileDictionaries(t *testing.T) {
	_, _, keyring := newKey(t, "k")
	many := make([]gvariant.Value, maxSignatures+1)
	for i := range many {
		many[i] = gvariant.Bytes([]byte{byte(i)})
	}
	for name, value := range map[string]gvariant.Value{
		"wrong type":     gvariant.String("signed, honestly"),
		"too many":       gvariant.Array("ay", many...),
		"one is too big": gvariant.Array("ay", gvariant.Bytes(make([]byte, maxSignatureSize+1))),
	} {
		if _, err := keyring.Verify(nil, gvariant.Dict{{Key: KeyOpenPGP, Value: value}}, later); err == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
	}
}

func TestVerifyFindsTheGoodSignatureAmongOthers(t *testing.T) {
	_, first, _ := newKey(t, "first")
	_, second, keyring := newKey(t, "second")
	dict := mustSign(t, first, "content", nil)
	dict = Append(dict, Signature{KeyOpenPGP, []byte("garbage")})
	dict = mustSign(t, second, "content", dict)
	got, err := keyring.Verify([]byte("content"), dict, later)
	if err != nil || got.Fingerprint != second.Fingerprint() {
		t.Errorf("verified: got %v, %v, want %s", got, err, second.Fingerprint())
	}
}

func TestSigned(t *testing.T) {
	_, ours, _ := newKey(t, "ours")
	_, theirs, _ := newKey(t, "theirs")
	dict := mustSign(t, theirs, "content", nil)
	for _, tc := range []struct {
		name    string
		content string
		want    bool
	}{{"before", "content", false}, {"after", "content", true}, {"other content", "Content", false}} {
		if tc.name == "after" {
			dict = mustSign(t, ours, "content", dict)
		}
		got, err := ours.Signed(t.Context(), []byte(tc.content), dict)
		if err != nil || got != tc.want {
			t.Errorf("%s: got %v, %v, want %v", tc.name, got, err, tc.want)
		}
	}
}

func TestAppendAndMerge(t *testing.T) {
	base := gvariant.Dict{{Key: "note", Value: gvariant.String("kept")}}
	a := Append(base, Signature{KeyOpenPGP, []byte("a")})
	ab := Append(a, Signature{KeyOpenPGP, []byte("b")})
	if len(base) != 1 {
		t.Errorf("Append changed its argument: got %d entries, want 1", len(base))
	}
	if again := Append(ab, Signature{KeyOpenPGP, []byte("a")}); !bytes.Equal(again.Encode().Data(), ab.Encode().Data()) {
		t.Error("appending a signature twice changed the dictionary")
	}
	upstream := gvariant.Dict{
		{Key: KeyOpenPGP, Value: gvariant.Array("ay", gvariant.Bytes([]byte("c")), gvariant.Bytes([]byte("a")))},
		{Key: "note", Value: gvariant.String("newer")},
	}
	merged := Merge(ab, upstream)
	sigs, _ := merged.Get(KeyOpenPGP)
	var got []string
	for _, s := range sigs.All() {
		got = append(got, string(s.Bytes()))
	}
	if strings.Join(got, "") != "abc" || merged.Str("note") != "newer" {
		t.Errorf("merged: got signatures %v, note %q, want a b c, newer", got, merged.Str("note"))
	}
}

func FuzzVerify(f *testing.F) {
	key, err := Generate(rand.Reader, "fuzz", madeAt)
	if err != nil {
		f.Fatal(err)
	}
	keyring, err := ReadKeyring(key.Public)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := key.Signer(clock(later))
	if err != nil {
		f.Fatal(err)
	}
	sig, err := signer.Sign(f.Context(), []byte("content"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("other"), sig.Data)
	f.Add([]byte("other"), []byte{0xc2, 0x00})
	f.Fuzz(func(t *testing.T, content, data []byte) {
		if _, err := keyring.Verify(content, Append(nil, Signature{KeyOpenPGP, data}), later); err == nil && string(content) != "content" {
			t.Errorf("content %q passed with signature %x", content, data)
		}
	})
}

func FuzzReadKeyring(f *testing.F) {
	key, err := Generate(rand.Reader, "fuzz", madeAt)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key.Public)
	f.Add(key.Secret)
	f.Add([]byte{0x99, 0x00, 0x01, 0x04})
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := ReadKeyring(data); err == nil && len(k.Fingerprints()) == 0 {
			t.Error("a keyring without keys passed")
		}
	})
}
