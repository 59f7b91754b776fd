package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var commands = map[string]func(a []string) error{
	"echo":    func(a []string) error { fmt.Println(strings.TrimSpace(strings.Join(a, " "))); return nil },
	"args":    func(a []string) error { fmt.Printf("%q\n", os.Args); return nil },
	"write":   func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) },
	"mkdir":   func(a []string) error { return os.Mkdir(a[0], 0o755) },
	"rm":      func(a []string) error { return os.RemoveAll(a[0]) },
	"cd":      func(a []string) error { return os.Chdir(a[0]) },
	"chroot":  func(a []string) error { return unix.Chroot(a[0]) },
	"mode":    func(a []string) error { return unix.Chmod(a[1], uint32(number(a[0], 8))) },
	"chown":   func(a []string) error { return os.Chown(a[2], number(a[0], 10), number(a[1], 10)) },
	"lchown":  func(a []string) error { return os.Lchown(a[2], number(a[0], 10), number(a[1], 10)) },
	"fchown":  fchown,
	"at":      at,
	"ln":      func(a []string) error { return os.Link(a[0], a[1]) },
	"symlink": func(a []string) error { return os.Symlink(a[0], a[1]) },
	"rename":  func(a []string) error { return os.Rename(a[0], a[1]) },
	"xattr":   xattr,
	"mkfifo":  func(a []string) error { return unix.Mkfifo(a[0], 0o600) },
	"mksock":  func(a []string) error { return unix.Mknod(a[0], unix.S_IFSOCK|0o600, 0) },
	"mknod":   func(a []string) error { return unix.Mknod(a[0], unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) },
	"setid":   setid,
	"cat":     cat,
	"ls":      ls,
	"env":     func(a []string) error { fmt.Println(strings.Join(os.Environ(), "\n")); return nil },
	"caps":    func(a []string) error { return grep("/proc/self/status", "CapEff") },
	"id":      func(a []string) error { fmt.Println(os.Getuid(), os.Getgid()); return nil },
	"host":    func(a []string) error { name, err := os.Hostname(); fmt.Println(name); return err },
	"exit":    func(a []string) error { os.Exit(number(a[0], 10)); return nil },
	"signal":  func(a []string) error { return signal(number(a[0], 10)) },
	"hang":    func(a []string) error { time.Sleep(time.Hour); return nil },
	"daemon":  daemon,
	"bomb":    bomb,
	"fill":    fill,
	"fill16":  fill16,
	"spam":    spam,
	"dial":    dial,
	"keyctl":  keyctl,
	"fds":     fds,
	"sync":    func(a []string) error { unix.Sync(); return nil },
	"unmount": func(a []string) error { return unix.Unmount(a[0], 0) },
}

func number(s string, base int) int {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		fail("%q: %v", s, err)
	}
	return int(n)
}

func fchown(a []string) error {
	f, err := os.Open(a[2])
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chown(number(a[0], 10), number(a[1], 10))
}

// at gives the file a[3] in the folder a[2] away: fchownat with a descriptor.
func at(a []string) error {
	dir, err := os.Open(a[2])
	if err != nil {
		return err
	}
	defer dir.Close()
	flags := unix.AT_SYMLINK_NOFOLLOW
	if a[3] == "" {
		flags = unix.AT_EMPTY_PATH
	}
	return unix.Fchownat(int(dir.Fd()), a[3], number(a[0], 10), number(a[1], 10), flags)
}

func xattr(a []string) error {
	value, err := hex.DecodeString(a[1])
	if err != nil {
		return err
	}
	return unix.Lsetxattr(a[2], a[0], value, 0)
}

func setid(a []string) error {
	id := number(a[0], 10)
	if err := unix.Setgroups([]int{id}); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(id); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	return syscall.Setuid(id)
}

func cat(a []string) error {
	in := os.Stdin
	if a[0] != "" {
		f, err := os.Open(a[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	_, err := io.Copy(os.Stdout, in)
	return err
}

func ls(a []string) error {
	entries, err := os.ReadDir(a[0])
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	return err
}

func grep(path, what string) error {
	data, err := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, what) {
			fmt.Print(line)
		}
	}
	return err
}

func signal(n int) error {
	if err := unix.Kill(os.Getpid(), unix.Signal(n)); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
}

// daemon leaves a process of its own session behind, which says a word first.
func daemon(a []string) error {
	cmd := exec.Command("/bin/tool", "hang", a[0])
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

func bomb(a []string) error {
	for {
		if err := exec.Command("/bin/tool", "hang").Start(); err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// fill16 writes 16 files of 64 KiB, more than a pipe holds.
func fill16(a []string) (err error) {
	for i := 0; i < 16 && err == nil; i++ {
		err = os.WriteFile(filepath.Join(a[0], strconv.Itoa(i)), make([]byte, 64<<10), 0o644)
	}
	return err
}

// fill writes files of 1 MiB into a folder, or one file without end.
func fill(a []string) error {
	block := make([]byte, 1<<20)
	for i := 0; ; i++ {
		f, err := os.OpenFile(filepath.Join(a[0], strconv.Itoa(i)), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if a[1] == "one" {
			for err == nil {
				_, err = f.Write(block)
			}
		}
		if _, err := f.Write(block); err != nil {
			return err
		}
		f.Close()
	}
}

func spam(a []string) error {
	for i := range number(a[0], 10) {
		fmt.Printf("line %d\n", i)
	}
	return nil
}

func dial(a []string) error {
	conn, err := net.DialTimeout(a[0], a[1], 5*time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

func keyctl(a []string) error {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	return err
}

// fds prints the descriptors that are open, apart from those that Go opens.
func fds([]string) error {
	fmt.Print("fds:")
	for fd := range 1024 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			fmt.Print(" ", fd)
		}
	}
	fmt.Println()
	return nil
}
