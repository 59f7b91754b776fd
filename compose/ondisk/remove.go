package ondisk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Remove removes what Write made, dir included. Directories without rights for
// their owner are no obstacle; files and what links point to are not touched.
// A dir that is absent is no error.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if errors.Is(err, fs.ErrPermission) {
		if err = openDirectories(dir); err == nil {
			err = os.RemoveAll(dir)
		}
	}
	if err != nil {
		return fmt.Errorf("removing the tree in %s: %w", dir, err)
	}
	return nil
}

// openDirectories gives the owner all rights in every directory.
func openDirectories(dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := openDirectories(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
