package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What Dir holds.
const (
	upperDir  = "upper"  // what programs changed
	workDir   = "work"   // of the kernel
	mergedDir = "merged" // where the overlay is mounted, in the helper's namespace
	belowDir  = "below"  // a layer below Lower: mount points that it lacks
	aboveDir  = "above"  // a layer above Lower: mount points that are no folders there
)

// mountPoints are the folders of the tree that are covered in the sandbox.
var mountPoints = [...]string{"dev", "proc", "run", "sys", "tmp"}

// mount prepares the namespace and mounts the overlay.
func (h *helper) mount(s setup) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w: %s", err, namespaceHelp)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc of a new process namespace: %w: in a container, let it see the whole of /proc "+
			"(podman and docker: --security-opt unmask=ALL or systempaths=unconfined)", err)
	}
	if err := os.Chdir(s.Dir); err != nil {
		return err
	}
	lower, err := unix.Open(s.Lower, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: s.Lower, Err: err}
	}
	defer unix.Close(lower)
	layers, err := prepareLayers(lower)
	if err != nil {
		return err
	}
	if err := keepsAttributes(upperDir); err != nil {
		return explainMount(s.Dir, err)
	}
	// Relative names and a descriptor: inside, mountinfo shows nothing of the host.
	// What is written is not worth to be synced to the disk: volatile.
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr,volatile", layers, upperDir, workDir)
	err = unix.Mount("overlay", mergedDir, "overlay", unix.MS_NODEV|unix.MS_NOSUID, options)
	if err != nil {
		return explainMount(s.Dir, err)
	}
	h.setup = s
	if s.Record {
		h.owners = newOwners(filepath.Join(s.Dir, upperDir))
	}
	h.disk.dir = filepath.Join(s.Dir, upperDir)
	h.filter = buildFilter(s.Record)
	return nil
}

// prepareLayers makes the folders of the overlay; the result is its lowerdir.
func prepareLayers(lower int) (string, error) {
	var root unix.Stat_t
	if err := unix.Fstat(lower, &root); err != nil {
		return "", fmt.Errorf("reading the tree's root: %w", err)
	}
	for _, name := range []string{upperDir, workDir, mergedDir, belowDir, aboveDir} {
		if err := makeDir(name, 0o755); err != nil {
			return "", err
		}
	}
	layers := fmt.Sprintf("/proc/self/fd/%d", lower)
	below, above := false, false
	for _, name := range mountPoints {
		var st unix.Stat_t
		layer := ""
		switch err := unix.Fstatat(lower, name, &st, unix.AT_SYMLINK_NOFOLLOW); {
		case errors.Is(err, unix.ENOENT):
			layer, below = belowDir, true
		case err != nil:
			return "", fmt.Errorf("reading /%s of the tree: %w", name, err)
		case st.Mode&unix.S_IFMT != unix.S_IFDIR:
			layer, above = aboveDir, true
		default:
			continue
		}
		if err := makeDir(filepath.Join(layer, name), 0o755); err != nil {
			return "", err
		}
	}
	if above {
		layers = aboveDir + ":" + layers
	}
	if below {
		layers += ":" + belowDir
	}
	// The topmost layer is what the root folder looks like.
	for _, name := range []string{upperDir, aboveDir} {
		if err := unix.Chmod(name, root.Mode&0o7777); err != nil {
			return "", &fs.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	return layers, nil
}

// checkMountPoints makes sure that bwrap will not follow a symbolic link. Programs
// cannot put one there, for these folders are in use while they run.
func checkMountPoints(root string) error {
	for _, name := range mountPoints {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			return fmt.Errorf("looking at the tree's /%s: %w", name, err)
		}
		if !info.IsDir() {
			return fmt.Errorf("the tree's /%s is not a folder any more", name)
		}
	}
	return nil
}

func makeDir(name string, mode fs.FileMode) error {
	if err := os.Mkdir(name, mode); err != nil {
		return fmt.Errorf("making the sandbox's folder: %w", err)
	}
	return nil
}

// keepsAttributes tries what the overlay needs: without it the mount succeeds,
// and loses folders that were removed and made again.
func keepsAttributes(dir string) error {
	const name = "user.treewright.probe"
	if err := unix.Setxattr(dir, name, []byte("y"), 0); err != nil {
		return err
	}
	return unix.Removexattr(dir, name)
}

// remove unmounts the overlay and removes all in dir.
func (h *helper) remove(dir string) error {
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if h.setup.Dir != "" {
		// Nothing uses it any more; what is left if it fails is the namespace's.
		_ = unix.Unmount(filepath.Join(h.setup.Dir, mergedDir), unix.MNT_DETACH)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
