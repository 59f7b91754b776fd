package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// systemHelper is the program that installs for all users, on behalf of one
// who is not root.
const systemHelper = "/usr/libexec/flatpak-system-helper"

// installForAll lets an ordinary user install for all users. flatpak's helper
// believes nothing that the user's process pulled: it wants both verifications
// on, and commits that are bound to their refs.
func installForAll(t *testing.T, h *house, dir string) {
	if _, err := os.Stat(systemHelper); err != nil {
		t.Fatalf("flatpak is installed without its helper: %v", err)
	}
	m := newMachine(t, dir)
	m.env = append(m.env, "FLATPAK_SYSTEM_HELPER_ON_SESSION=1", "FLATPAK_DISABLE_REVOKEFS=1") // no FUSE: containers have none
	m.write("services/helper.service", "[D-BUS Service]\nName=org.freedesktop.Flatpak.SystemHelper\nExec="+systemHelper+" --session\n")
	m.write("system/keep", "")
	m.write("house.pub", h.output("cat", "house.key.pub"))
	script := `set -e
flatpak --system remote-add --gpg-import=house.pub house ` + h.url + `
flatpak --system install -y --noninteractive house ` + ourApp + ` ` + theirApp + ` >&2
flatpak --system run ` + ourApp + `
flatpak --system run ` + theirApp
	cmd := m.command(m.onBus("sh", "-c", script)...)
	var said strings.Builder
	cmd.Stderr = &said
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &said)
	}
	if got, want := string(out), "Hello from packages, one.\nHello from upstream, one.\n"; got != want {
		t.Errorf("programs that were installed for all users: got %q, want %q", got, want)
	}
}
