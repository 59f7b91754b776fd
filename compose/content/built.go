package content

import (
	"github.com/treewright/treewright/internal/fetch"
)

// Remember keeps what was built from the input whose digest is key, as if it
// were a package: Manifest(key) returns it, and Prune forgets it like one that
// was not used for long. Its contents are in the store already.
func (s *Store) Remember(key fetch.Checksum, m *Manifest) error { return s.writeManifest(key, m) }
