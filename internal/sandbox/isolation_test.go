package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/sandbox"
)

// TestNothingOfTheHost looks for what a program of the tree must not see.
func TestNothingOfTheHost(t *testing.T) {
	t.Setenv("TREEWRIGHT_SECRET", "a secret")
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("a secret"), 0o644))
	// A descriptor that this process could have been started with.
	open, err := unix.Open(secret, unix.O_RDONLY, 0)
	must(t, err)
	defer unix.Close(open)
	eachMapping(t, func(t *testing.T, w *world) {
		listeners := map[string]string{}
		for network, address := range map[string]string{
			"tcp": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": filepath.Join(filepath.Dir(w.dir), "socket"), "unixpacket": "@" + word(t),
		} {
			l, err := net.Listen(network, address)
			if network == "tcp6" && err != nil {
				continue // a host without IPv6
			}
			must(t, err)
			defer l.Close()
			listeners[network] = l.Addr().String()
		}
		lines := []string{"env", "host", "id", "caps", "try cat " + secret, "try ls " + filepath.Dir(w.dir), "try ls /home", "ls /run", "ls /tmp",
			"try keyctl", "try cat /proc/keys", "fds", "try unmount /proc", "try mknod /var/null", "sync", "cat /proc/1/environ", "cat /proc/self/mountinfo", "try dial tcp 192.0.2.1:80"}
		for network, address := range listeners {
			lines = append(lines, "try dial "+network+" "+address)
		}
		out := w.script(lines...)
		for _, bad := range []string{"a secret", "TREEWRIGHT_SECRET", w.dir, "work/upper", ": <nil>"} {
			if strings.Contains(out, bad) {
				t.Errorf("the program saw %q:\n%s", bad, out)
			}
		}
		for _, want := range []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin\n", "\nlocalhost\n0 0\nCapEff:\t00000000800401fb\n", "\nostree-booted\ntreewright\n",
			"keyctl: operation not permitted\ncat: open /proc/keys: permission denied\nfds: 0 1 2\n", "unmount: operation not permitted", "mknod: operation not permitted"} {
			if !strings.Contains(out, want) {
				t.Errorf("got no %q in\n%s", want, out)
			}
		}
		refused := strings.Count(out, "connection refused") + strings.Count(out, "unreachable") + strings.Count(out, "no such file or directory\n")
		if strings.Count(out, "dial: ") != len(listeners)+1 || refused < len(listeners) {
			t.Errorf("got connections:\n%s", out)
		}
	})
}

// TestRunsBuildOnEachOther runs several programs: one reads
// what another has written into the tree, and nothing of /tmp is left.
func TestRunsBuildOnEachOther(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		for i := range 5 {
			w.script(fmt.Sprintf("write /var/%d text%d", i, i), "try cat /tmp/x", "write /tmp/x x")
		}
		if got, want := w.script("ls /var", "cat /var/4"), "0\n1\n2\n3\n4\nlib\ntext4"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestTwoSandboxes has two over one tree at the same time.
func TestTwoSandboxes(t *testing.T) {
	a := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	b, err := sandbox.Open(t.Context(), sandbox.Options{Lower: a.lower, Dir: filepath.Join(filepath.Dir(a.dir), "other")})
	must(t, err)
	defer func() { must(t, b.Close()) }()
	done := make(chan error)
	go func() {
		_, err := b.Run(t.Context(), scriptOf("write /var/b b", "chown 3 3 /var/b"))
		done <- err
	}()
	a.script("write /var/a a")
	must(t, <-done)
	a.wantChanges("5 var 755 0:0\n0 var/a 644 0:0 a")
}

func BenchmarkRun(b *testing.B) {
	dir := b.TempDir()
	lower := filepath.Join(dir, "tree")
	if err := os.MkdirAll(filepath.Join(lower, "bin"), 0o755); err != nil {
		b.Fatal(err)
	}
	for _, single := range []bool{false, true} {
		b.Run(fmt.Sprintf("single=%v", single), func(b *testing.B) {
			s, err := sandbox.Open(b.Context(), sandbox.Options{Lower: lower, Dir: filepath.Join(dir, "work"), Single: single})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			// A program that is not there needs all but the program itself.
			for b.Loop() {
				if _, err := s.Run(b.Context(), sandbox.Command{Args: []string{"/bin/true"}}); err == nil {
					b.Fatal("got no error")
				}
			}
		})
	}
}
