package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// consoleArgs are what the kernel is told beside its deployment.
var consoleArgs = []string{"root=/dev/disk/by-label/ROOT", "rw", "console=ttyS0", "systemd.journald.forward_to_console=1", "loglevel=4"}

// deploy makes the disk of a machine that has the first commit deployed. The
// remote is one that the machine finds below /run when there is an update.
func (t *bootTest) deploy(ctx context.Context) error {
	sysroot := t.path("sysroot")
	if err := os.Mkdir(sysroot, 0o755); err != nil {
		return err
	}
	repo := "--repo=" + sysroot + "/ostree/repo"
	deploy := []string{"ostree", "admin", "deploy", "--sysroot=" + sysroot, "--os=" + remote}
	for _, arg := range consoleArgs {
		deploy = append(deploy, "--karg="+arg)
	}
	for _, argv := range [][]string{
		{"ostree", "admin", "init-fs", sysroot},
		{"ostree", "admin", "os-init", "--sysroot=" + sysroot, remote},
		{"ostree", repo, "remote", "add", "--set=gpg-verify=true", "--gpg-import=" + t.path("key.pub"), remote, "file:///run/boottest/repo"},
		{"ostree", repo, "pull", "--url=file://" + t.path(ordinary.name) + "/repo", remote, ref},
		append(deploy, remote+":"+ref),
		makeDisk(t.path("root.img"), "ROOT", sysroot, 3<<30),
	} {
		if err := command(ctx, argv...); err != nil {
			return err
		}
	}
	return removeSysroot(ctx, sysroot)
}

// removeSysroot removes a folder with deployments, whose roots are immutable.
func removeSysroot(ctx context.Context, sysroot string) error {
	roots, err := filepath.Glob(sysroot + "/ostree/deploy/*/deploy/*.0")
	if err != nil {
		return err
	}
	if err := command(ctx, append([]string{"chattr", "-i"}, roots...)...); err != nil {
		return err
	}
	return os.RemoveAll(sysroot)
}

// makeDisk is the command that makes an image with a filesystem that holds the
// folder.
func makeDisk(image, label, folder string, size int64) []string {
	return []string{"mkfs.ext4", "-q", "-L", label, "-d", folder, image, strconv.FormatInt(size>>10, 10) + "k"}
}

// makeUpdateDisk makes the disk with the repository that has the update.
func (t *bootTest) makeUpdateDisk(ctx context.Context) error {
	dir := t.path("update")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := command(ctx, "cp", "-a", "--reflink=auto", t.path(ordinary.name)+"/repo", dir); err != nil {
		return err
	}
	if err := command(ctx, makeDisk(t.path("update.img"), "UPDATE", dir, 2<<30)...); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// An entry is a deployment in the menu of a boot loader.
type entry struct {
	version               int
	options               string
	linux, initrd, config string
}

// entries reads the menu on the disk as a boot loader does: the newest first.
func (t *bootTest) entries(ctx context.Context) ([]entry, error) {
	listing, err := t.debugfs(ctx, "ls -p /boot/loader/entries")
	if err != nil {
		return nil, err
	}
	var list []entry
	for line := range strings.Lines(listing) {
		// /inode/mode/uid/gid/name/size/
		fields := strings.Split(strings.TrimSpace(line), "/")
		if len(fields) < 6 || !strings.HasSuffix(fields[5], ".conf") {
			continue
		}
		text, err := t.debugfs(ctx, "cat /boot/loader/entries/"+fields[5])
		if err != nil {
			return nil, err
		}
		e, err := parseEntry(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fields[5], err)
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, errors.New("the disk has no boot entry")
	}
	slices.SortFunc(list, func(a, b entry) int { return b.version - a.version })
	return list, nil
}

func parseEntry(text string) (entry, error) {
	e := entry{config: text}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "version":
			n, err := strconv.Atoi(value)
			if err != nil {
				return e, err
			}
			e.version = n
		case "options":
			e.options = value
		case "linux":
			e.linux = value
		case "initrd":
			e.initrd = value
		}
	}
	if e.options == "" || e.linux == "" || e.initrd == "" {
		return e, fmt.Errorf("it lacks options, a kernel or an initramfs:\n%s", text)
	}
	return e, nil
}

// fetch copies the kernel and the initramfs of the entry from the disk. The
// entry's paths start at /boot, which is on the root filesystem here.
func (t *bootTest) fetch(ctx context.Context, e entry) (kernel, initrd string, err error) {
	kernel, initrd = t.path("vmlinuz"), t.path("initramfs")
	for from, to := range map[string]string{e.linux: kernel, e.initrd: initrd} {
		if _, err := t.debugfs(ctx, "dump "+path.Join("/boot", from)+" "+to); err != nil {
			return "", "", err
		}
		info, err := os.Stat(to)
		if err != nil {
			return "", "", err
		}
		if info.Size() == 0 {
			return "", "", fmt.Errorf("%s is empty on the disk", from)
		}
	}
	return kernel, initrd, nil
}

// debugfs runs a request on the disk, without mounting it.
func (t *bootTest) debugfs(ctx context.Context, request string) (string, error) {
	return output(exec.CommandContext(ctx, "debugfs", "-R", request, t.path("root.img")))
}
