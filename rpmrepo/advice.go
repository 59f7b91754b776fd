package rpmrepo

import (
	"errors"
	"fmt"

	"github.com/treewright/treewright/internal/fetch"
)

// advise says what can be done about a file of a repository that is gone, or is
// not the one that the repository's metadata describe.
func advise(err error) error {
	var sum *fetch.ChecksumError
	var size *fetch.SizeError
	switch {
	case errors.As(err, &sum), errors.As(err, &size):
		return fmt.Errorf("%w (the file is damaged, or it was changed after the repository's metadata were made: "+
			"bring it anew, or make the metadata again)", err)
	case errors.Is(err, fetch.ErrNotFound):
		return fmt.Errorf("%w (the repository may have changed meanwhile: run again)", err)
	}
	return err
}

// adviseOpen is advise for repomd.xml.
func adviseOpen(err error) error {
	if errors.Is(err, fetch.ErrNotFound) {
		return fmt.Errorf("%w (is the address right? createrepo_c makes the metadata of a folder of packages)", err)
	}
	return err
}
