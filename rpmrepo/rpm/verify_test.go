package rpm_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// testKeys are made once: RSA keys take their time.
var testKeys = sync.OnceValue(func() map[string]*rpmtest.Key {
	keys := map[string]*rpmtest.Key{}
	for name, o := range map[string]rpmtest.KeyOptions{
		"rsa":     {Name: "RSA"},
		"rsa2":    {Name: "Other"},
		"eddsa":   {Name: "EdDSA", Algorithm: packet.PubKeyAlgoEdDSA},
		"ecdsa":   {Name: "ECDSA", Algorithm: packet.PubKeyAlgoECDSA},
		"subkey":  {Name: "Subkey", Subkey: true},
		"expired": {Name: "Expired", Algorithm: packet.PubKeyAlgoEdDSA, Lifetime: 24 * time.Hour},
		"later":   {Name: "Later", Algorithm: packet.PubKeyAlgoEdDSA, Created: time.Unix(1800000000, 0)},
		"dsa":     {Name: "DSA", Algorithm: packet.PubKeyAlgoDSA},
	} {
		k, err := rpmtest.NewKey(o)
		if err != nil {
			panic(err)
		}
		keys[name] = k
	}
	return keys
})

func key(name string) *rpmtest.Key { return testKeys()[name] }

// keyring reads the named keys back from their export.
func keyring(t *testing.T, names ...string) *rpm.Keyring {
	t.Helper()
	var all []byte
	for _, name := range names {
		public, err := key(name).Public()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, public...)
	}
	k, err := rpm.ReadKeyring(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVerifySignatures(t *testing.T) {
	for name, c := range map[string]struct {
		format rpmtest.Format
		sign   []rpmtest.Signature
		keys   []string
		want   int // good signatures
	}{
		"RSA over the header":      {0, []rpmtest.Signature{{Key: key("rsa")}}, []string{"rsa2", "rsa"}, 1},
		"RSA over both":            {0, []rpmtest.Signature{{Key: key("rsa"), Payload: true}}, []string{"rsa"}, 2},
		"RSA over both, no digest": {rpmtest.FormatEL7, []rpmtest.Signature{{Key: key("rsa"), Payload: true}}, []string{"rsa"}, 2},
		"version 3":                {rpmtest.FormatEL7, []rpmtest.Signature{{Key: key("rsa"), V3: true}}, []string{"rsa"}, 2},
		"version 3 by DSA":         {rpmtest.FormatEL7, []rpmtest.Signature{{Key: key("dsa"), V3: true}}, []string{"dsa"}, 2},
		"DSA":                      {0, []rpmtest.Signature{{Key: key("dsa")}}, []string{"dsa"}, 1},
		"EdDSA":                    {0, []rpmtest.Signature{{Key: key("eddsa")}}, []string{"eddsa"}, 1},
		"ECDSA":                    {0, []rpmtest.Signature{{Key: key("ecdsa")}}, []string{"ecdsa"}, 1},
		"subkey":                   {0, []rpmtest.Signature{{Key: key("subkey")}}, []string{"subkey"}, 1},
		"rpm 6":                    {rpmtest.FormatV6, []rpmtest.Signature{{Key: key("eddsa"), OpenPGP: true}}, []string{"eddsa"}, 1},
		"rpm 6, several":           {rpmtest.FormatV6, []rpmtest.Signature{{Key: key("eddsa"), OpenPGP: true}, {Key: key("rsa"), OpenPGP: true}}, []string{"rsa", "eddsa"}, 2},
		"rpm 6, one key known":     {rpmtest.FormatV6, []rpmtest.Signature{{Key: key("eddsa"), OpenPGP: true}, {Key: key("rsa"), OpenPGP: true}}, []string{"rsa"}, 1},
		"rpm 6 hides the older":    {rpmtest.FormatV6, []rpmtest.Signature{{Key: key("rsa")}, {Key: key("eddsa"), OpenPGP: true}}, []string{"rsa", "eddsa"}, 1},
		"before the key expired":   {0, []rpmtest.Signature{{Key: key("expired"), At: time.Unix(1577836800+3600, 0)}}, []string{"expired"}, 1},
	} {
		pkg := kitchenSink()
		pkg.Format, pkg.Sign = c.format, c.sign
		p, r := openBytes(t, build(t, pkg))
		v, err := p.Verify(r, rpm.VerifyOptions{Keys: keyring(t, c.keys...), Now: time.Unix(1900000000, 0)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(v.Signatures) != c.want {
			t.Errorf("%s: got %d signatures, want %d", name, len(v.Signatures), c.want)
		}
		for _, s := range v.Signatures {
			if s.UserID == "" || len(s.Fingerprint) < 40 || s.Created.IsZero() {
				t.Errorf("%s: got %+v", name, s)
			}
		}
	}
}

func TestVerifyRefusals(t *testing.T) {
	rsa := []rpmtest.Signature{{Key: key("rsa")}}
	now := time.Unix(1900000000, 0)
	for name, c := range map[string]struct {
		pkg  rpmtest.Package
		keys []string
		now  time.Time
		want string
	}{
		"unsigned":             {rpmtest.Package{}, []string{"rsa"}, now, "not signed"},
		"unknown key":          {rpmtest.Package{Sign: rsa}, []string{"rsa2", "eddsa"}, now, "signed with key " + key("rsa").ID() + ", which is not among"},
		"two unknown keys":     {rpmtest.Package{Format: rpmtest.FormatV6, Sign: []rpmtest.Signature{{Key: key("eddsa"), OpenPGP: true}, {Key: key("ecdsa"), OpenPGP: true}}}, []string{"rsa"}, now, key("eddsa").ID() + " and " + key("ecdsa").ID()},
		"bad signature":        {rpmtest.Package{Sign: rsa, Damage: rpmtest.DamageSignature}, []string{"rsa"}, now, "the signature by key " + key("rsa").ID() + " is bad"},
		"damaged header":       {rpmtest.Package{Sign: rsa, Damage: rpmtest.DamageHeader}, []string{"rsa"}, now, "digest of the header"},
		"damaged payload":      {rpmtest.Package{Sign: rsa, Damage: rpmtest.DamagePayload}, []string{"rsa"}, now, "digest of the payload"},
		"truncated":            {rpmtest.Package{Sign: rsa, Damage: rpmtest.DamageTruncated}, []string{"rsa"}, now, "digest of the payload"},
		"trailing":             {rpmtest.Package{Sign: rsa, Damage: rpmtest.DamageTrailing}, []string{"rsa"}, now, "digest of the payload"},
		"header alone":         {rpmtest.Package{Format: rpmtest.FormatEL7, Sign: rsa}, []string{"rsa"}, now, "covers the header alone"},
		"MD5 and payload":      {rpmtest.Package{Format: rpmtest.FormatEL7, Sign: []rpmtest.Signature{{Key: key("rsa"), V3: true}}, Damage: rpmtest.DamagePayload}, []string{"rsa"}, now, "MD5 digest of the header and payload"},
		"expired key":          {rpmtest.Package{Sign: []rpmtest.Signature{{Key: key("expired")}}}, []string{"expired"}, now, "expired before the signature"},
		"key made afterwards":  {rpmtest.Package{Sign: []rpmtest.Signature{{Key: key("later")}}}, []string{"later"}, now, "after the signature"},
		"from the future":      {rpmtest.Package{Sign: rsa}, []string{"rsa"}, time.Unix(1600000000, 0), "from the future"},
		"rpm 6, known one bad": {rpmtest.Package{Format: rpmtest.FormatV6, Sign: []rpmtest.Signature{{Key: key("rsa"), OpenPGP: true}, {Key: key("expired"), OpenPGP: true}}}, []string{"rsa", "expired"}, now, "expired before the signature"},
	} {
		c.pkg.Name = "a"
		c.pkg.Files = []rpmtest.File{{Path: "/a", Body: "body"}}
		p, r := openBytes(t, build(t, c.pkg))
		_, err := p.Verify(r, rpm.VerifyOptions{Keys: keyring(t, c.keys...), Now: c.now})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "verifying a-1-1.noarch") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestVerifyErrorTypes(t *testing.T) {
	open := func(p rpmtest.Package) error {
		p.Name = "a"
		pkg, r := openBytes(t, build(t, p))
		_, err := pkg.Verify(r, rpm.VerifyOptions{Keys: keyring(t, "rsa")})
		return err
	}
	if err := open(rpmtest.Package{}); !errors.Is(err, rpm.ErrUnsigned) {
		t.Errorf("got %v, want ErrUnsigned", err)
	}
	var unknown *rpm.UnknownKeyError
	if err := open(rpmtest.Package{Sign: []rpmtest.Signature{{Key: key("rsa2")}}}); !errors.As(err, &unknown) || unknown.KeyIDs[0] != key("rsa2").ID() {
		t.Errorf("got %v, want an UnknownKeyError", err)
	}
	var bad *rpm.SignatureError
	if err := open(rpmtest.Package{Sign: []rpmtest.Signature{{Key: key("rsa")}}, Damage: rpmtest.DamageSignature}); !errors.As(err, &bad) || bad.KeyID != key("rsa").ID() {
		t.Errorf("got %v, want a SignatureError", err)
	}
	var digest *rpm.DigestError
	if err := open(rpmtest.Package{Damage: rpmtest.DamageHeader}); !errors.As(err, &digest) {
		t.Errorf("got %v, want a DigestError", err)
	}
}

// TestVerifyRevoked: a revoked key vouches for nothing, not even when an older
// copy of it, from before, is among the keys.
func TestVerifyRevoked(t *testing.T) {
	for reason, want := range map[packet.ReasonForRevocation]string{packet.KeyCompromised: "was revoked on", packet.NoReason: "was revoked on", packet.KeyRetired: ""} {
		k, err := rpmtest.NewKey(rpmtest.KeyOptions{Algorithm: packet.PubKeyAlgoEdDSA})
		if err != nil {
			t.Fatal(err)
		}
		before, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		late := time.Unix(1850000000, 0)
		if err := k.Entity().RevokeKey(reason, "test", &packet.Config{Time: func() time.Time { return late }}); err != nil {
			t.Fatal(err)
		}
		after, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		keys, err := rpm.ReadKeyring(append(before, after...))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{late.Add(-time.Hour), late.Add(time.Hour)} {
			p, r := openBytes(t, build(t, rpmtest.Package{Name: "a", Sign: []rpmtest.Signature{{Key: k, At: at}}}))
			_, err = p.Verify(r, rpm.VerifyOptions{Keys: keys})
			if at.After(late) {
				want = "was revoked on"
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("reason %d, signed %s: got %v, want %q", reason, at, err, want)
			}
		}
	}
}

// TestVerifyWhileReading verifies and reads the payload in one pass.
func TestVerifyWhileReading(t *testing.T) {
	pkg := kitchenSink()
	pkg.Sign = []rpmtest.Signature{{Key: key("rsa")}}
	p, r := openBytes(t, build(t, pkg))
	v, err := p.NewVerifier(rpm.VerifyOptions{Keys: keyring(t, "rsa")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readContents(p, io.TeeReader(r, v)); err != nil || len(got) != len(contentsOf(pkg)) {
		t.Fatalf("got %d files, %v", len(got), err)
	}
	done, err := v.Finish()
	if err != nil || len(done.Signatures) != 1 || len(done.Digests) != 4 {
		t.Errorf("got %+v, %v, want a signature and 4 digests", done, err)
	}
}

func TestVerifyDigests(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV4Large, rpmtest.FormatV6, rpmtest.FormatEL7} {
		for damage, want := range map[rpmtest.Damage]string{
			rpmtest.NoDamage: "", rpmtest.DamagePayload: "payload", rpmtest.DamageHeader: "the header", rpmtest.DamageTruncated: "payload",
		} {
			pkg := kitchenSink()
			pkg.Format, pkg.Damage = format, damage
			p, r := openBytes(t, build(t, pkg))
			err := p.VerifyDigests(r)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("format %d, damage %d: got %v, want %q", format, damage, err, want)
			}
		}
	}
	// Nothing but a header: no digest at all.
	p, r := openBytes(t, rawPackage(func() []byte { data, ids := identity(); return rawHeader(data, ids...) }()))
	if err := p.VerifyDigests(r); err == nil || !strings.Contains(err.Error(), "no digest covers the payload") {
		t.Errorf("got %v, want one about the missing digest", err)
	}
}

func TestReadKeyring(t *testing.T) {
	one, err := key("rsa").Public()
	if err != nil {
		t.Fatal(err)
	}
	two, err := key("eddsa").Public()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key("rsa").Secret()
	if err != nil {
		t.Fatal(err)
	}
	var binary bytes.Buffer
	for _, k := range []*rpmtest.Key{key("rsa"), key("eddsa")} {
		if err := k.Entity().Serialize(&binary); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		keys int
		want string
	}{
		"armored":        {one, 1, ""},
		"two armored":    {append(append([]byte("pub  one\n\n"), one...), append([]byte("\nand another\n"), two...)...), 2, ""},
		"binary":         {binary.Bytes(), 2, ""},
		"secret":         {secret, 0, "secret key"},
		"nothing":        {nil, 0, "there is no key"},
		"text":           {[]byte("<html>not found</html>"), 0, "not OpenPGP data"},
		"cut off":        {binary.Bytes()[:100], 0, "cut off"},
		"damaged armor":  {bytes.Replace(one, []byte("\n\n"), []byte("\n\n!!!!\n"), 1), 0, "armor is damaged"},
		"no key":         {[]byte{0xc0 | 13, 1, 'x'}, 0, "where a public key should start"},
		"unknown length": {[]byte{0x9b, 1, 2, 3}, 0, "not OpenPGP data"},
	} {
		k, err := rpm.ReadKeyring(c.data)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
			continue
		}
		if err != nil || len(k.Fingerprints()) != c.keys || len(k.Unusable()) != 0 {
			t.Errorf("%s: got %v, %v, want %d keys", name, k, err, c.keys)
		}
	}
	// A key that cannot be read does not hide the next one.
	damaged := bytes.Clone(binary.Bytes())
	i := bytes.Index(damaged, []byte("RSA <test@localhost>"))
	damaged[i]++
	k, err := rpm.ReadKeyring(damaged)
	if err != nil || len(k.Fingerprints()) != 1 || len(k.Unusable()) != 1 {
		t.Errorf("got %v, %v, want one key and one that cannot be used", k, err)
	}
	if m := k.Merge(keyring(t, "rsa")); len(m.Fingerprints()) != 2 {
		t.Errorf("got %d keys after merging, want 2", len(m.Fingerprints()))
	}
}

func FuzzReadKeyring(f *testing.F) {
	for _, name := range []string{"eddsa", "subkey", "dsa"} {
		var b bytes.Buffer
		if err := key(name).Entity().Serialize(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := rpm.ReadKeyring(data)
		if err == nil && len(k.Fingerprints()) == 0 {
			t.Error("a keyring without keys")
		}
	})
}
