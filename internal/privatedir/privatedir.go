// Package privatedir keeps folders whose content is believed, caches for
// example, from other users.
package privatedir

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Make makes the folder dir for its owner alone. One that is there already, or a
// symbolic link to one, must belong to this user; nobody else can look into it
// or write to it from then on.
func Make(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var link, st unix.Stat_t
	if err := unix.Lstat(dir, &link); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if err := unix.Stat(dir, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	for _, owner := range []uint32{link.Uid, st.Uid} {
		if int(owner) != os.Geteuid() {
			return fmt.Errorf("it belongs to user %d: what another user can write is not trusted; choose another cache folder", owner)
		}
	}
	if st.Mode&0o077 == 0 {
		return nil
	}
	return os.Chmod(dir, 0o700)
}
