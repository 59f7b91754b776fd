package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/sandbox"
)

// gone waits until no process has the word in its command line.
func gone(t *testing.T, word string) {
	t.Helper()
	for {
		left := ""
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		must(t, err)
		for _, file := range files {
			if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte(word)) && !strings.Contains(file, fmt.Sprintf("/%d/", os.Getpid())) {
				left = file
			}
		}
		if left == "" {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s is still there", left)
		}
	}
}

// word is one that no other process has.
func word(t *testing.T) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid())
}

func TestTimeout(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		c := scriptOf("echo before", "daemon "+word(t), "hang")
		c.Timeout = 200 * time.Millisecond
		res := w.run(c)
		if !res.TimedOut || res.OK() || res.Signal != "SIGKILL" || string(res.Output) != "before\n" {
			t.Errorf("got %+v %q, want a timeout", res, res.Output)
		}
		gone(t, word(t))
		w.script("write /etc/after x") // it can be used still
	})
}

func TestDaemon(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		res := w.run(scriptOf("daemon "+word(t), "echo done"))
		if !res.OK() || fmt.Sprint(res.Leftover) != "[tool]" || string(res.Output) != "done\n" {
			t.Errorf("got %+v %q, want success and a process left over", res, res.Output)
		}
		gone(t, word(t))
	})
}

func TestDiskFull(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		for _, line := range []string{"fill /var", "fill /var one", "fill /etc"} {
			c := scriptOf(line)
			c.MaxDisk = 64 << 20
			if res := w.run(c); !res.DiskFull || res.OK() {
				t.Errorf("%s: got %+v, want that the disk is full", line, res)
			}
		}
		w.script("rm /var/0")
		// Folders in memory are full by themselves.
		for _, dir := range []string{"/tmp", "/run", "/dev/shm"} {
			c := scriptOf("try fill " + dir)
			c.MaxDisk = 8 << 20
			w.emptyVar()
			if res := w.run(c); !strings.Contains(string(res.Output), "no space left on device") {
				t.Errorf("%s: got %+v %s, want no space", dir, res, res.Output)
			}
		}
	})
}

// emptyVar removes what fills the disk.
func (w *world) emptyVar() {
	w.t.Helper()
	w.script("rm /var", "mkdir /var", "rm /etc", "mkdir /etc")
}

func TestTooMany(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		c := scriptOf("bomb " + word(t))
		c.MaxProcesses, c.Timeout = 20, time.Minute
		if res := w.run(c); !res.TooMany || res.OK() {
			t.Errorf("got %+v, want that there are too many processes", res)
		}
		w.script("id")
	})
}

func TestCancel(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		c := scriptOf("daemon "+word(t), "echo now", "hang")
		c.Output = func([]byte) { cancel() }
		if res, err := w.Run(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v, %v, want %v", res, err, context.Canceled)
		}
		gone(t, word(t))
		for range 10 { // at about the time of its start
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			if res, err := w.Run(ctx, scriptOf("hang "+word(t))); !errors.Is(err, context.Canceled) {
				t.Errorf("at the start: got %+v, %v, want %v", res, err, context.Canceled)
			}
		}
		gone(t, word(t))
		if _, err := w.Run(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("before it starts: got %v, want %v", err, context.Canceled)
		}
		w.script("id")
	})
}

// hang is the process that TestKilled kills: nobody closes its sandbox.
func hang(dir string) error {
	s, err := sandbox.Open(context.Background(), sandbox.Options{Lower: filepath.Join(dir, "tree"), Dir: filepath.Join(dir, "work")})
	if err != nil {
		return err
	}
	c := scriptOf("write /secret x", "mode 0 /secret", "daemon "+filepath.Base(dir), "echo ready", "hang")
	c.Output = func(line []byte) { fmt.Println(string(line)) }
	_, err = s.Run(context.Background(), c)
	return err
}

// TestKilled kills the process that uses a sandbox: all of it must go.
func TestKilled(t *testing.T) {
	w := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	dir := filepath.Join(t.TempDir(), word(t))
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Rename(w.lower, filepath.Join(dir, "tree")))
	defer func() { must(t, os.Rename(filepath.Join(dir, "tree"), w.lower)) }()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), envHang+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if got := make([]byte, 6); true {
		if n, err := out.Read(got); string(got[:n]) != "ready\n" {
			t.Errorf("got %q, %v, want ready", got[:n], err)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	gone(t, word(t))
	for {
		if _, err := os.Lstat(filepath.Join(dir, "work")); os.IsNotExist(err) || t.Context().Err() != nil {
			break
		}
	}
}

// TestRemove removes what a killed helper has left.
func TestRemove(t *testing.T) {
	w := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	w.script("mkdir /a", "write /a/b x", "chown 5 5 /a/b", "chown 5 5 /a", "mode 0 /a")
	left := filepath.Join(t.TempDir(), "left")
	must(t, os.Rename(w.dir, left))
	must(t, sandbox.Remove(t.Context(), sandbox.Options{Dir: left}))
	if _, err := os.Lstat(left); !os.IsNotExist(err) {
		t.Errorf("got %v, want that %s is gone", err, left)
	}
	must(t, sandbox.Remove(t.Context(), sandbox.Options{Dir: left}))
	must(t, os.MkdirAll(w.dir, 0o700))
}
