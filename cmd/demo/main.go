// Command demo shows treewright at work on inputs that it makes itself: small
// RPM repositories and a small upstream flatpak repository. It composes an OS
// tree, a flatpak runtime and an application, mirrors the upstream, signs,
// publishes and serves on localhost, and prints the ostree and flatpak commands
// that use the result. With --once it pulls everything back, verifies it and
// exits. It needs no root, no client and no network.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

type demo struct {
	treewright string
	dir        string
	arch       string
}

func main() {
	once := flag.Bool("once", false, "pull everything back, verify it and exit")
	treewright := flag.String("treewright", "./treewright", "the binary to show")
	listen := flag.String("listen", "127.0.0.1:8080", "where to serve; another port is taken when this one is busy")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *treewright, *listen, *once); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, treewright, listen string, once bool) (err error) {
	treewright, err = filepath.Abs(treewright)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "treewright-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	arch, err := basearch()
	if err != nil {
		return err
	}
	d := &demo{treewright: treewright, dir: dir, arch: arch}
	if err := d.makeInputs(ctx); err != nil {
		return err
	}
	if err := d.makeUpstream(ctx); err != nil {
		return err
	}
	if err := d.build(ctx); err != nil {
		return err
	}
	if once {
		listen = "127.0.0.1:0"
	}
	server, err := d.serve(ctx, d.path("repo"), listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if once {
		return d.verify(ctx, server.url)
	}
	d.printCommands(server.url)
	<-ctx.Done()
	fmt.Println("\nThe demo's folder is gone, as if it had never been.")
	return nil
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// do shows a command as a person would type it, and runs it.
func (d *demo) do(ctx context.Context, args ...string) error {
	shown := strings.ReplaceAll(strings.Join(args, " "), d.dir+"/", "")
	fmt.Printf("$ treewright %s\n", shown)
	cmd := exec.CommandContext(ctx, d.treewright, args...)
	cmd.Dir = d.dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("treewright %s: %w", shown, err)
	}
	return nil
}

// A served repository; stop it.
type served struct {
	url string
	cmd *exec.Cmd
}

// serve starts `treewright serve` and waits until it says where it listens.
func (d *demo) serve(ctx context.Context, repo, listen string) (*served, error) {
	s, err := d.tryServe(ctx, repo, listen)
	if err != nil && !strings.HasSuffix(listen, ":0") {
		return d.tryServe(ctx, repo, "127.0.0.1:0")
	}
	return s, err
}

func (d *demo) tryServe(ctx context.Context, repo, listen string) (*served, error) {
	cmd := exec.CommandContext(ctx, d.treewright, "serve", "--json", "--listen", listen, repo)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said struct{ URL string }
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		return nil, fmt.Errorf("serving %s on %s: %w", repo, listen, errors.Join(err, cmd.Wait()))
	}
	return &served{url: said.URL, cmd: cmd}, nil
}

func (s *served) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// printCommands says how clients use what is served.
func (d *demo) printCommands(url string) {
	fmt.Printf(`
Served at %[1]s until you press Ctrl-C. In another terminal:

  # any ostree client
  ostree init --repo=/tmp/demo-client --mode=bare-user
  ostree remote add --repo=/tmp/demo-client --set=gpg-verify-summary=true --gpg-import=%[2]s demo %[1]s
  ostree pull --repo=/tmp/demo-client demo demo/%[3]s/os
  ostree ls --repo=/tmp/demo-client -R demo:demo/%[3]s/os /usr/bin

  # any flatpak client
  flatpak --user remote-add --gpg-import=%[2]s demo %[1]s
  flatpak --user remote-ls demo
  flatpak --user install -y demo org.example.Hello org.upstream.Hello
  flatpak --user run org.example.Hello
  flatpak --user run org.upstream.Hello

  # leave nothing behind
  flatpak --user uninstall -y org.example.Hello org.upstream.Hello org.example.Platform org.upstream.Platform
  flatpak --user remote-delete demo
  rm -rf /tmp/demo-client
`, url, d.path("trees.key.pub"), d.arch)
}
