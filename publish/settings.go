package publish

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// Names of settings: keys of the [flatpak] group of the repository's config.
const (
	SettingTitle         = "title"
	SettingComment       = "comment"
	SettingDescription   = "description"
	SettingHomepage      = "homepage"
	SettingIcon          = "icon"
	SettingDefaultBranch = "default-branch"
	// SettingRedirectURL moves every client of the repository to another
	// address, for good.
	SettingRedirectURL = "redirect-url"
	// SettingSummaryArches restricts the legacy summary to some architectures,
	// a list: old clients then load less.
	SettingSummaryArches = "summary-arches"
	// SettingHistoryLength is how many old states a client can update its
	// index from by a difference alone; 16 when it is not set.
	SettingHistoryLength = "summary-history-length"
)

const (
	groupCore    = "core"
	groupFlatpak = "flatpak"

	keyGPGKeys       = "gpg-keys"
	keyIndexedDeltas = "indexed-deltas"

	historyLength    = 16
	maxHistoryLength = 1000
)

// xaSettings are the settings that clients see, in the order of the summary.
var xaSettings = []string{SettingTitle, SettingComment, SettingDescription, SettingHomepage, SettingIcon,
	SettingRedirectURL, SettingDefaultBranch}

// SettingNames are the settings that Options.Settings may hold.
func SettingNames() []string {
	return append(slices.Clone(xaSettings), SettingSummaryArches, SettingHistoryLength)
}

// settings is the repository's config as this run leaves it.
type settings struct {
	config  *keyfile.File
	changes []configChange
}

type configChange struct{ group, key, value string }

// loadSettings reads the config and lays the options over it.
func (p *publication) loadSettings(context.Context) error {
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	s := &settings{config: config}
	p.settings = s
	for _, name := range slices.Sorted(maps.Keys(p.o.Settings)) {
		if !slices.Contains(SettingNames(), name) {
			return fmt.Errorf("no setting %q; there are %s", name, strings.Join(SettingNames(), ", "))
		}
		s.change(groupFlatpak, name, p.o.Settings[name])
	}
	if p.o.GPGKeys != nil {
		encoded, err := encodeKeys(p.o.GPGKeys)
		if err != nil {
			return fmt.Errorf("keys for clients: %w", err)
		}
		s.change(groupFlatpak, keyGPGKeys, encoded)
	}
	s.change(groupCore, keyIndexedDeltas, "true")
	if s.bool(groupFlatpak, "deploy-collection-id") || s.bool(groupFlatpak, "deploy-sideload-collection-id") {
		p.warn("", "the config asks clients to adopt the collection ID, which is left out: they would refuse every ref of another origin")
	}
	return s.validate()
}

// change records that a key gets another value; "" takes it away.
func (s *settings) change(group, key, value string) {
	if s.get(group, key) != value {
		s.changes = append(s.changes, configChange{group, key, value})
	}
}

// prepareSettings stages what changed in the repository's config.
func (p *publication) prepareSettings(context.Context) error {
	for _, c := range p.settings.changes {
		p.staging.do("config", func() error { return p.repo.SetConfig(c.group, c.key, c.value) })
	}
	return nil
}

// get is the value that a key has after this run, or "".
func (s *settings) get(group, key string) string {
	for _, c := range s.changes {
		if c.group == group && c.key == key {
			return c.value
		}
	}
	value, _ := s.config.Get(group, key)
	return value
}

func (s *settings) bool(group, key string) bool {
	v := s.get(group, key)
	return v == "true" || v == "1"
}

func (s *settings) validate() error {
	for _, name := range xaSettings {
		if v := s.get(groupFlatpak, name); !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return fmt.Errorf("[%s] %s=%q is not UTF-8 text", groupFlatpak, name, v)
		}
	}
	if b := s.get(groupFlatpak, SettingDefaultBranch); b != "" {
		if err := flatpak.ValidateBranch(b); err != nil {
			return fmt.Errorf("[%s] %s: %w", groupFlatpak, SettingDefaultBranch, err)
		}
	}
	if _, err := s.historyLength(); err != nil {
		return err
	}
	_, err := s.gpgKeys()
	return err
}

func (s *settings) historyLength() (int, error) {
	v := s.get(groupFlatpak, SettingHistoryLength)
	if v == "" {
		return historyLength, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxHistoryLength {
		return 0, fmt.Errorf("[%s] %s=%q is no number from 0 to %d", groupFlatpak, SettingHistoryLength, v, maxHistoryLength)
	}
	return n, nil
}

// summaryArches are the architectures of the legacy summary; none means all.
func (s *settings) summaryArches() []string {
	var arches []string
	for _, a := range strings.FieldsFunc(s.get(groupFlatpak, SettingSummaryArches), func(r rune) bool { return r == ';' }) {
		arches = append(arches, strings.TrimSpace(a))
	}
	return arches
}

func (s *settings) gpgKeys() ([]byte, error) {
	v := strings.Join(strings.Fields(s.get(groupFlatpak, keyGPGKeys)), "")
	keys, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return nil, fmt.Errorf("[%s] %s is not base64: %w", groupFlatpak, keyGPGKeys, err)
	}
	return keys, nil
}

// encodeKeys is the base64 of public keys, which may be armored.
func encodeKeys(keys []byte) (string, error) {
	if len(keys) == 0 {
		return "", nil
	}
	ring, err := sign.ReadKeyring(keys)
	if err != nil {
		return "", err
	}
	binary, err := ring.Binary()
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(binary), nil
}

// global is the metadata about the repository that the index and the legacy
// summary share. It says nothing that came from an upstream, and never asks a
// client to adopt a collection ID.
func (s *settings) global() gvariant.Dict {
	mode := s.get(groupCore, "mode")
	if mode == "" || mode == "archive" {
		mode = "archive-z2"
	}
	var d gvariant.Dict
	d.Set(ostree.KeySummaryMode, gvariant.String(mode))
	d.Set(ostree.KeySummaryTombstones, gvariant.Bool(s.bool(groupCore, "tombstone-commits")))
	d.Set(ostree.KeySummaryIndexedDeltas, gvariant.Bool(true))
	d.Set(ostree.KeySummaryLastModified, gvariant.Uint64(0))
	if id := s.get(groupCore, "collection-id"); id != "" {
		d.Set(ostree.KeySummaryCollectionID, gvariant.String(id))
	}
	for _, name := range xaSettings {
		if v := s.get(groupFlatpak, name); v != "" {
			d.Set("xa."+name, gvariant.String(v))
		}
	}
	if v := s.get(groupFlatpak, "authenticator-name"); v != "" {
		d.Set("xa.authenticator-name", gvariant.String(v))
	}
	if s.get(groupFlatpak, "authenticator-install") != "" {
		d.Set("xa.authenticator-install", gvariant.Bool(s.bool(groupFlatpak, "authenticator-install")))
	}
	d.Set(keyCacheVersion, gvariant.Uint32(cacheVersion))
	for _, key := range s.config.Keys(groupFlatpak) {
		if strings.HasPrefix(key, "authenticator-options.") {
			d.Set("xa."+key, gvariant.String(s.get(groupFlatpak, key)))
		}
	}
	if keys, err := s.gpgKeys(); err == nil && len(keys) > 0 { // validated before
		d.Set("xa.gpg-keys", gvariant.Bytes(keys))
	}
	return d
}
