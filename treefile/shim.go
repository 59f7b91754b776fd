package treefile

import (
	"crypto/sha256"
	"errors"
	"time"
)

type layer struct{}

func (l *layer) uses(*Treefile) []KeyUse { return nil }

type loader struct{ opts Options }

func (ld *loader) load(path string) (*Treefile, error) { return nil, errors.New("reading " + path) }

// JSON returns the flattened treefile as rpm-ostree's --print-only writes it.
func (t *Treefile) JSON() ([]byte, error) { return nil, nil }

// InputDigest covers the flattened treefile, metadata apart, and the bytes and
// modes of every file it names. .repo files and layers are the caller's.
func (t *Treefile) InputDigest() ([sha256.Size]byte, error) { return [sha256.Size]byte{}, nil }

// Unbuilt returns an error for each key that is set to something other than
// its default and that built refuses; it names the key, the file and the line.
func (t *Treefile) Unbuilt(built func(KeyUse) bool) error { return nil }

// NextVersion returns the version that follows last, the version of the
// previous commit (empty: none), for automatic-version-prefix and
// automatic-version-suffix (empty: "."). <date:FMT> in the prefix takes now.
func NextVersion(prefix, suffix, last string, now time.Time) (string, error) { return "", nil }
