package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed layout.sh
var layoutScript string

// bootable measures trees that boot: scriptlets, an initramfs, the layout that
// OSTree deploys, the package database. dracut's own part is the same for both,
// so the rest has rows of its own.
func (b *bench) bootable(ctx context.Context) ([]sample, error) {
	peer, dracut, err := b.bootablePeer(ctx)
	if err != nil {
		return nil, err
	}
	var rest []sample
	for _, s := range peer {
		if s.name != dracut {
			rest = append(rest, s)
		}
	}
	total, without := sum("peer: all", peer...), sum("peer: all but dracut", rest...)
	ours, err := b.ours(ctx, "bootable")
	if err != nil {
		return nil, err
	}
	if err := b.initramfsWasKept(); err != nil {
		return nil, err
	}
	bare, err := b.repeat(ctx, "treewright: cold, no-initramfs", "nodracut", b.fresh(ctx, "nodracut"))
	if err != nil {
		return nil, err
	}
	samples := beside(total, append(append(peer, total), ours...)...)
	return append(samples, beside(without, without, bare)...), nil
}

// bootablePeer measures what treewright replaces, and names the sample that is
// dracut's.
func (b *bench) bootablePeer(ctx context.Context) (samples []sample, dracut string, err error) {
	root := b.path("root")
	if err := command(ctx, "ostree", "init", "--mode=archive", "--repo="+b.path("peer-bootable")); err != nil {
		return nil, "", err
	}
	step := func(name string, argv ...string) {
		if err != nil {
			return
		}
		var s sample
		if s, err = measure(ctx, name, argv...); err == nil {
			samples = append(samples, s)
		}
	}
	step("peer: dnf --installroot, with scriptlets", b.dnf(root)...)
	if err != nil {
		return nil, "", err
	}
	kernel, err := kernelVersion(root)
	if err != nil {
		return nil, "", err
	}
	dracut = "peer: dracut"
	step("peer: depmod", inRoot(root, "depmod", "-a", kernel)...)
	step(dracut, inRoot(root, "dracut", "--reproducible", "-v", "--add", "ostree", "--tmpdir=/tmp",
		"-f", "/usr/lib/modules/"+kernel+"/initramfs.img", "--no-hostonly", "--kver", kernel)...)
	step("peer: layout", "sh", "-c", layoutScript, "layout", root, kernel)
	step("peer: ostree commit", "ostree", "commit", "--repo="+b.path("peer-bootable"), "--branch=bench", "--bootable", "--tree=dir="+root)
	if err != nil {
		return nil, "", err
	}
	return samples, dracut, os.RemoveAll(root)
}

// inRoot is the command that runs a program of the root in it.
func inRoot(root string, argv ...string) []string {
	return append([]string{"bwrap", "--bind", root, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run",
		"--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "DRACUT_NO_MKNOD", "1", "--setenv", "DRACUT_NO_XATTR", "1"}, argv...)
}

// kernelVersion finds the one kernel of the root.
func kernelVersion(root string) (string, error) {
	found, err := filepath.Glob(root + "/usr/lib/modules/*/kernel")
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("the packages have %d kernels, want one", len(found))
	}
	return filepath.Base(filepath.Dir(found[0])), nil
}

// initramfsWasKept wants the compose of the update to have made no initramfs.
func (b *bench) initramfsWasKept() error {
	data, err := os.ReadFile(b.path("bootable.report"))
	if err != nil {
		return err
	}
	var r struct {
		Kernel struct {
			Restored bool   `json:"restored"`
			Why      string `json:"why"`
		} `json:"kernel"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	if !r.Kernel.Restored {
		return fmt.Errorf("updating %s made a new initramfs: %s", b.update, strings.TrimSpace(r.Kernel.Why))
	}
	return nil
}
