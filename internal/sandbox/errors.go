package sandbox

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrProgram says that the tree lacks the program to run, or what it needs to start.
var ErrProgram = errors.New("the program cannot be started")

const namespaceHelp = "programs of the tree run in user namespaces, which this system forbids: allow them with " +
	"sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), " +
	"user.max_user_namespaces above 0; in a container, with a seccomp profile that lets unshare pass"

// explainNamespace says what to do when the helper could not be started.
func explainNamespace(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return fmt.Errorf("making a user namespace: %w: the limit of the sysctl user.max_user_namespaces is reached: raise it", err)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("making a user namespace: %w: %s", err, namespaceHelp)
	}
	return fmt.Errorf("starting the sandbox's helper: %w", err)
}

// explainMount says what to do when the overlay could not be mounted over dir.
func explainMount(dir string, err error) error {
	const fs = "choose a cache folder on ext4, xfs, btrfs or a tmpfs of Linux 6.6 or later, not on an overlay, NFS or FUSE; " +
		"and nothing may be mounted below the tree"
	switch {
	case errors.Is(err, syscall.ENODEV):
		return fmt.Errorf("mounting an overlay in %s: %w: the kernel has no overlay file system: load the module overlay", dir, err)
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("mounting an overlay in %s: %w: users may do that from Linux 5.11 on; %s", dir, err, namespaceHelp)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP):
		return fmt.Errorf("mounting an overlay in %s: %w: the file system of this folder cannot hold it: %s", dir, err, fs)
	}
	return fmt.Errorf("mounting an overlay in %s: %w", dir, err)
}

// fault is an error in a reply.
func (r reply) fault() error {
	switch {
	case r.Err == "":
		return nil
	case r.Errno != 0:
		return &remoteError{r.Err, r.Errno}
	}
	return errors.New(r.Err)
}

// A remoteError is an error of the helper, with the number of the system's error.
type remoteError struct {
	text  string
	errno syscall.Errno
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.errno }
