package mirror

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree/sign"
)

// RepoFile is what an upstream's .flatpakrepo file says.
type RepoFile struct {
	Title        string
	URL          string
	CollectionID string
	Keyring      *sign.Keyring // nil when the file holds no key
}

// ReadRepoFile reads a .flatpakrepo file:
//
//	[Flatpak Repo]
//	Title=Flathub
//	Url=https://dl.flathub.org/repo/
//	GPGKey=mQINBFlD2sAB…       public keys, binary, in base64
//
// Whoever gives the file gives the key: take it from where you trust it.
func ReadRepoFile(data []byte) (*RepoFile, error) {
	file, err := keyfile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading a .flatpakrepo file: %w", err)
	}
	const group = "Flatpak Repo"
	if !file.Has(group) {
		return nil, errors.New("reading a .flatpakrepo file: it has no group [Flatpak Repo]")
	}
	get := func(key string) string {
		value, _ := file.Get(group, key)
		return strings.TrimSpace(value)
	}
	r := &RepoFile{Title: get("Title"), URL: get("Url"), CollectionID: get("CollectionID")}
	if r.URL == "" {
		return nil, errors.New("reading a .flatpakrepo file: it has no Url")
	}
	text := get("GPGKey")
	if text == "" {
		return r, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("reading a .flatpakrepo file: GPGKey is no base64: %w", err)
	}
	if r.Keyring, err = sign.ReadKeyring(raw); err != nil {
		return nil, fmt.Errorf("reading a .flatpakrepo file: GPGKey holds no public key (a fingerprint, perhaps): %w; "+
			"get the key itself from the upstream", err)
	}
	return r, nil
}
