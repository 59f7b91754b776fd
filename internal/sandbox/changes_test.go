package sandbox_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChanges(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		w.wantChanges("")
		w.script(
			"write /etc/new text", "chown 5 6 /etc/new", "mode 4755 /etc/new",
			"xattr security.capability 0100000200200000000000000000000000000000 /etc/new",
			"xattr user.note 00ff /etc/new",
			"rm /etc/gone", "write /etc/passwd other", "rename /etc/passwd /etc/passwd2",
			"rm /usr/share/doc/old", "mkdir /usr/share/doc/old", "write /usr/share/doc/old/c c",
			"ln /usr/lib/one /usr/lib/three", "mode 4711 /usr/lib/suid",
			"mkdir /var/lib/secret", "write /var/lib/secret/file x", "chown 9 9 /var/lib/secret/file",
			"mode 0 /var/lib/secret/file", "chown 9 9 /var/lib/secret", "mode 0 /var/lib/secret",
			"symlink /nowhere /var/lib/link", "lchown 7 8 /var/lib/link",
			"mkfifo /var/lib/fifo", "chown 3 4 /var/lib/fifo", "mksock /var/lib/sock",
			"write /tmp/x x", "write /run/x x", "chown 5 5 /tmp/x", "try rename /usr/share/doc /usr/share/moved",
		)
		w.wantChanges(`
5 etc 755 0:0
0 etc/new 4755 5:6 text SCHILY.xattr.security.capability=0100000200200000000000000000000000000000 SCHILY.xattr.user.note=00ff
0 etc/passwd2 644 0:0 other
5 usr 755 0:0
5 usr/lib 755 0:0
0 usr/lib/one 644 0:0 linked
0 usr/lib/suid 4711 0:0 suid
1 usr/lib/three 644 0:0 usr/lib/one
5 usr/share 755 0:0
5 usr/share/doc 755 0:0
5 usr/share/doc/old 755 0:0 TREEWRIGHT.opaque=79
0 usr/share/doc/old/c 644 0:0 c
5 var 755 0:0
5 var/lib 755 0:0
6 var/lib/fifo 600 3:4
2 var/lib/link 777 7:8 /nowhere
5 var/lib/secret 0 9:9
0 var/lib/secret/file 0 9:9 x
6 var/lib/sock 600 0:0 TREEWRIGHT.socket=79
gone etc/gone
gone etc/passwd
`)
	})
}

// TestGive gives files away in every way that there is.
func TestGive(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		out := w.script(
			"chown 1 2 /usr/share/doc/a", "chown -1 3 /usr/share/doc/a", "chown 4 -1 /usr/share/doc/a",
			"cd /usr/share", "chown 5 5 doc/old/../old/b", "fchown 6 6 /usr/lib/one", "at 7 7 /usr/share doc", "at 8 8 /usr/share/doc/old",
			"symlink /etc/passwd /var/p", "chown 9 9 /var/p", "lchown 10 10 /var/p", "at 11 11 / etc",
			"write /var/back x", "chown 12 12 /var/back", "chown 0 0 /var/back", "mode 6755 /var/back", "fchown 13 13 /var/back",
			"symlink a /var/l1", "lchown 14 14 /var/l1", "rename /var/l1 /var/l2", "symlink b /var/l1",
			"try chown 5 5 /nowhere", "try at 5 5 /etc passwd/x", "try chown 70000 0 /etc/gone", "write /tmp/t t", "chown 5 5 /tmp/t",
			"chown 15 15 /proc/self/fd/0",
			"mkdir /var/jail", "symlink /inner /var/jail/link", "write /var/jail/inner x", "cd /var/jail", "chroot .", "chown 16 16 link",
		)
		if want := "chown: chown /nowhere: no such file or directory\nat: not a directory\nchown: chown /etc/gone: invalid argument\n"; out != want {
			t.Errorf("got %q, want %q", out, want)
		}
		w.wantChanges(`
5 etc 755 11:11
0 etc/passwd 644 9:9 root
5 usr 755 0:0
5 usr/lib 755 0:0
0 usr/lib/one 644 6:6 linked
5 usr/share 755 0:0
5 usr/share/doc 755 7:7
0 usr/share/doc/a 644 4:3 a
5 usr/share/doc/old 755 8:8
0 usr/share/doc/old/b 644 5:5 b
5 var 755 0:0
0 var/back 755 13:13 x
5 var/jail 755 0:0
0 var/jail/inner 644 16:16 x
2 var/jail/link 777 0:0 /inner
2 var/l1 777 0:0 b
2 var/l2 777 14:14 a
2 var/p 777 10:10 /etc/passwd
`)
	})
}

// TestRemoveEverything removes all that a script can.
func TestRemoveEverything(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		w.script("rm /usr", "rm /etc", "mkdir /etc", "rm /bin")
		w.wantChanges("5 etc 755 0:0 TREEWRIGHT.opaque=79\ngone bin\ngone usr")
		if _, err := w.Run(t.Context(), scriptOf("echo x")); err == nil {
			t.Error("without /bin/sh: got no error")
		}
	})
}

// TestMountPoints changes the root folder only: what covers it is not a change.
func TestMountPoints(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		for _, dir := range []string{"/dev", "/proc", "/run", "/sys", "/tmp"} {
			w.script("try rm "+dir, "try write "+dir+"/x x", "ls "+dir)
		}
		w.wantChanges("")
		w.script("mode 700 /")
		w.wantChanges("5 . 700 0:0")
	})
}

func TestChangesStop(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		w.script("write /etc/a a", "fill16 /var")
		stop := errors.New("stop")
		if err := w.Changes(t.Context(), func(*tar.Header, io.Reader) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v, want %v", err, stop)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := w.Changes(ctx, func(*tar.Header, io.Reader) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if got := w.changes(); !strings.Contains(got, "etc/a 644") {
			t.Errorf("after two stops: got %q, want all changes", got)
		}
	})
}
