//go:build interopdata

package rpm_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// rpmKeys makes a database for the real rpm that holds those of the key files
// that it accepts, and returns it with a keyring of the same.
func rpmKeys(t *testing.T, files []string) (db string, keys *rpm.Keyring) {
	t.Helper()
	db = t.TempDir()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		k, err := rpm.ReadKeyring(data)
		if _, ok := rpmTool(t, "--dbpath", db, "--import", file); !ok || err != nil {
			t.Logf("%s: rpm accepts it: %t; we say: %v", filepath.Base(file), ok, err)
			continue
		}
		if keys == nil {
			keys = k
		} else {
			keys = keys.Merge(k)
		}
	}
	if keys == nil {
		t.Fatal("no key")
	}
	return db, keys
}

// TestInteropDataEL7 verifies the packages of CentOS 7: signatures of version 3
// over the header, and over header and payload.
func TestInteropDataEL7(t *testing.T) {
	db, keys := rpmKeys(t, []string{filepath.Join(dataDir(t, "rpms"), "RPM-GPG-KEY-CentOS-7")})
	var unsigned []string
	good := 0
	for _, file := range packagesIn(t, dataDir(t, "rpms/el7")) {
		err := verify(t, file, keys)
		switch {
		case err == nil:
			good++
		case errors.Is(err, rpm.ErrUnsigned):
			unsigned = append(unsigned, filepath.Base(file))
		default:
			t.Errorf("%s: %v", file, err)
		}
		_, ok := rpmTool(t, "--dbpath", db, "--define", "_pkgverify_level all", "-K", file)
		if ok != (err == nil) {
			t.Errorf("%s: rpm -K accepts it: %t; we say: %v", file, ok, err)
		}
	}
	if good != 151 || len(unsigned) != 6 {
		t.Errorf("got %d good and %d unsigned packages %q, want 151 and 6", good, len(unsigned), unsigned)
	}
}

func verify(t *testing.T, file string, keys *rpm.Keyring) error {
	t.Helper()
	p, r, err := open(t, file)
	if err != nil {
		return err
	}
	_, err = p.Verify(r, rpm.VerifyOptions{Keys: keys})
	return err
}

// TestInteropDataVerify compares with rpm -K: digests alone, then signatures by
// those keys beside the packages that rpm accepts.
func TestInteropDataVerify(t *testing.T) {
	dir := dataDir(t, "rpm-features")
	var keyFiles []string
	for _, pattern := range []string{"rpm-upstream/keys/alice.asc", "rpm-upstream/keys/*.pub", "rpm-upstream/keys/rpm.org*.asc",
		"rpm-upstream/keys/unknown/*.asc", "rpm-rs/signing_keys/*/*.asc", "pulp-fixtures/common/GPG-KEY-*"} {
		list, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(list), err)
		}
		keyFiles = append(keyFiles, list...)
	}
	db, keys := rpmKeys(t, keyFiles)
	for _, file := range packagesIn(t, dir) {
		p, r, err := open(t, file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		err = p.VerifyDigests(r)
		if _, ok := rpmTool(t, "--dbpath", db, "-K", "--nosignature", file); ok != (err == nil) {
			t.Errorf("%s: rpm -K --nosignature accepts it: %t; we say: %v", file, ok, err)
		}
		err = verify(t, file, keys)
		_, ok := rpmTool(t, "--dbpath", db, "--define", "_pkgverify_level all", "-K", file)
		if ok != (err == nil) {
			t.Errorf("%s: rpm -K accepts it: %t; we say: %v", file, ok, err)
		}
	}
}

// TestInteropDataNewKinds verifies signatures that rpm 4.18 cannot: by subkeys,
// of OpenPGP version 6, post-quantum ones, and several on one package.
func TestInteropDataNewKinds(t *testing.T) {
	dir := dataDir(t, "rpm-features")
	for file, key := range map[string]string{
		"rpm-upstream/RPMS/hello-2.0-1.x86_64-signed-with-new-subkey.rpm":             "rpm-upstream/keys/rpm.org-rsa-2048-add-subkey.asc",
		"rpm-upstream/RPMS/hello-2.0-1.x86_64-signed-mldsa87.rpm":                     "rpm-upstream/keys/unknown/rpm.org-v6-mldsa87-test.asc",
		"rpm-rs/RPMS/v4/signed/rpm-basic-with-ecdsa-2.3.4-5.el9.noarch.rpm":           "rpm-rs/signing_keys/v4/rpm-testkey-v4-ecdsa-nistp256.asc",
		"rpm-rs/RPMS/v6/signed/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm":         "rpm-rs/signing_keys/v6/rpm-testkey-v6-ed25519.asc",
		"rpm-rs/RPMS/v6/signed/rpm-basic-with-rsa4k-2.3.4-5.el9.noarch.rpm":           "rpm-rs/signing_keys/v6/rpm-testkey-v6-rsa4k.asc",
		"rpm-rs/RPMS/v6/signed/rpm-basic-with-mldsa65-ed25519-2.3.4-5.el9.noarch.rpm": "rpm-rs/signing_keys/v6/rpm-testkey-v6-mldsa65-ed25519.asc",
		"rpm-rs/RPMS/v6/signed/rpm-basic-multiple-signatures-2.3.4-5.el9.noarch.rpm":  "rpm-rs/signing_keys/v6/rpm-testkey-v6-ed25519.asc",
	} {
		data, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := rpm.ReadKeyring(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, filepath.Join(dir, file), keys); err != nil {
			t.Error(err)
		}
	}
}

// TestInteropDataKeys tells apart keys that were valid when they signed from
// those that were not. Here rpm 4.18 is no judge: it did not look yet.
func TestInteropDataKeys(t *testing.T) {
	dir := dataDir(t, "rpm-features/rpm-upstream")
	file := filepath.Join(dir, "RPMS", "hello-2.0-1.x86_64-signed-with-subkey.rpm")
	for key, want := range map[string]string{
		"alice.asc":                 "",
		"alice-expired-subkey.asc":  "expired before the signature",
		"alice-revoked-subkey.asc":  "was revoked on 2022-04-11",
		"rpm.org-rsa-2048-test.pub": "signed with key 1f71177215217ee0",
	} {
		data, err := os.ReadFile(filepath.Join(dir, "keys", key))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := rpm.ReadKeyring(data)
		if err != nil {
			t.Fatal(err)
		}
		err = verify(t, file, keys)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", key, err, want)
		}
	}
}
