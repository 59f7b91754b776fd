package mirror

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/sign"
)

func TestReadRepoFile(t *testing.T) {
	key, err := sign.Generate(rand.Reader, "up", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := sign.ReadKeyring(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := keyring.Binary()
	if err != nil {
		t.Fatal(err)
	}
	text := "[Flatpak Repo]\nTitle=Up\nUrl=https://up.example.org/repo/\nCollectionID=org.up.Stable\nGPGKey=" +
		base64.StdEncoding.EncodeToString(binary) + "\n"
	got, err := ReadRepoFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "Up" || got.URL != "https://up.example.org/repo/" || got.CollectionID != "org.up.Stable" ||
		got.Keyring == nil || got.Keyring.Fingerprints()[0] != key.Fingerprint {
		t.Errorf("got %+v", *got)
	}
	if got, err := ReadRepoFile([]byte("[Flatpak Repo]\nUrl=https://up.example.org\n")); err != nil || got.Keyring != nil {
		t.Errorf("without a key: got %+v, %v, want no keyring", got, err)
	}
	for name, tc := range map[string]struct{ text, mention string }{
		"fingerprint": {"[Flatpak Repo]\nUrl=https://x.org\nGPGKey=5544907F31DF39950A1A576F48F295379AF3AC1E\n", "get the key itself"},
		"no base64":   {"[Flatpak Repo]\nUrl=https://x.org\nGPGKey=?\n", "base64"},
		"no url":      {"[Flatpak Repo]\nTitle=x\n", "no Url"},
		"other file":  {"[Flatpak Ref]\nUrl=https://x.org\n", "Flatpak Repo"},
	} {
		if _, err := ReadRepoFile([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.mention) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.mention)
		}
	}
}
