package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Open makes a sandbox over opts.Lower. Close it.
func Open(ctx context.Context, opts Options) (*Sandbox, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	p, m, err := startPeer(opts)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{opts: opts, mapping: m.Mapping, peer: p}
	answer, err := p.call(ctx, request{Op: opSetup, Setup: &setup{
		Lower: opts.Lower, Dir: opts.Dir, Bubblewrap: opts.Bubblewrap, Record: !m.Full,
	}})
	if err == nil {
		err = errors.Join(answer.fault(), ctx.Err())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing a sandbox for %s: %w", opts.Lower, err), s.Close())
	}
	return s, nil
}

// check makes the paths absolute, and finds what is needed.
func (o *Options) check() error {
	var err error
	for _, path := range []*string{&o.Lower, &o.Dir} {
		if *path == "" {
			return errors.New("opening a sandbox: Lower and Dir are needed")
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	info, err := os.Stat(o.Lower)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "opening the tree", Path: o.Lower, Err: errors.New("it is not a folder")}
	}
	if err != nil {
		return fmt.Errorf("opening a sandbox: %w", err)
	}
	name := o.Bubblewrap
	if name == "" {
		name = "bwrap"
	}
	if o.Bubblewrap, err = exec.LookPath(name); err != nil {
		return fmt.Errorf("programs of the tree run in bwrap: %w: install the package bubblewrap", err)
	}
	if o.Bubblewrap, err = filepath.Abs(o.Bubblewrap); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("making the sandbox's folder: %w", err)
	}
	entries, err := os.ReadDir(o.Dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty: it has %s", o.Dir, entries[0].Name())
	}
	if err != nil {
		return fmt.Errorf("opening a sandbox: %w", err)
	}
	return nil
}

// Close ends everything and removes Dir. Later calls do nothing.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer == nil {
		return nil
	}
	p := s.peer
	s.peer = nil
	if p.seq > 0 {
		answer, err := p.call(context.Background(), request{Op: opRemove, Dir: s.opts.Dir})
		if err == nil && answer.Err == "" {
			p.kill()
			return os.Remove(s.opts.Dir)
		}
	}
	p.end()
	return Remove(context.Background(), s.opts)
}

// Remove removes opts.Dir with all that programs have put there, files of other
// users included: Close does it, this is for what a killed process has left.
func Remove(ctx context.Context, opts Options) error {
	if os.RemoveAll(opts.Dir) == nil {
		return nil
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return err
	}
	p, _, err := startPeer(opts)
	if err != nil {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	answer, err := p.call(ctx, request{Op: opRemove, Dir: dir})
	p.kill()
	if err == nil {
		err = answer.fault()
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return fmt.Errorf("removing the sandbox's folder: %w", err)
	}
	return nil
}
