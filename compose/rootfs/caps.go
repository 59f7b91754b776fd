package rootfs

import (
	"encoding/hex"
	"fmt"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// capabilityXattr returns the extended attribute that gives a file the
// capabilities of a package's text; none for an empty text.
func capabilityXattr(text string) ([]ostree.Xattr, error) {
	if text == "" {
		return nil, nil
	}
	value, err := rpm.ParseCaps(text)
	if err != nil || value == nil {
		return nil, err
	}
	return []ostree.Xattr{{Name: "security.capability", Value: value}}, nil
}

// addIMA adds the signature of a file, hexadecimal digits in its package.
func (n *Node) addIMA(digits string) error {
	value, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("its IMA signature: %w", err)
	}
	n.Xattrs = append(n.Xattrs, ostree.Xattr{Name: "security.ima", Value: value})
	return nil
}
