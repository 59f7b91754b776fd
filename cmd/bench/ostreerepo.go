package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"golang.org/x/sync/errgroup"
)

// serveNginx serves a folder on loopback until stop is called.
func serveNginx(ctx context.Context, dir, root string) (url string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := listener.Addr().String()
	if err := errors.Join(listener.Close(), writeNginxConfig(dir, root, address)); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "nginx", "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting nginx: %w: install the package nginx", err)
	}
	stop = func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return cmd.Wait()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return "http://" + address, stop, conn.Close()
		}
		if time.Now().After(deadline) {
			return "", nil, errors.Join(fmt.Errorf("waiting for nginx: %w: %s says more", err, filepath.Join(dir, "error.log")), stop())
		}
	}
}

// deltaSize is what a client fetches of the one delta of a kind: its files,
// and the objects that it lacks.
func deltaSize(ctx context.Context, dir string, scratch bool) (total int64, err error) {
	repo, err := archive.Open(dir, archive.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	names, err := delta.List(ctx, repo)
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		if n.From.IsZero() != scratch {
			continue
		}
		folder := delta.FolderOf(repo, n)
		s, err := folder.Superblock()
		if err != nil {
			return 0, err
		}
		files, err := treeSize(string(folder))
		if err != nil {
			return 0, err
		}
		total += files
		for _, f := range s.Fallbacks {
			total += f.Size
		}
	}
	if total == 0 {
		return 0, fmt.Errorf("%s has no such delta", dir)
	}
	return total, nil
}

// manyObjects makes a repository of about so many objects: half of them are of
// a commit that a ref shows, half of one that none does.
func manyObjects(ctx context.Context, dir string, count int) (err error) {
	repo, err := archive.Init(dir, archive.InitOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	if err := repo.SetConfig("core", "fsync", "false"); err != nil {
		return err
	}
	txn, err := repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	for _, ref := range []string{"kept", ""} {
		c, err := smallFiles(ctx, txn, ref, count/2)
		if err != nil {
			return err
		}
		if ref != "" {
			if err := txn.SetRef(ref, c); err != nil {
				return err
			}
		}
	}
	_, err = txn.Commit(ctx)
	return err
}

// smallFiles writes a commit with so many files that no other seed has, a
// thousand in a folder.
func smallFiles(ctx context.Context, txn *archive.Txn, seed string, count int) (none ostree.Checksum, err error) {
	dirMeta, err := ostree.DirMeta{Mode: ostree.ModeDir | 0o755}.Encode()
	if err != nil {
		return none, err
	}
	meta, err := txn.WriteMeta(ctx, ostree.ObjectDirMeta, dirMeta)
	if err != nil {
		return none, err
	}
	const inOne = 1000
	root := ostree.DirTree{Dirs: make([]ostree.TreeDir, (count+inOne-1)/inOne)}
	var g errgroup.Group
	g.SetLimit(4)
	for i := range root.Dirs {
		g.Go(func() error {
			tree, err := smallDir(ctx, txn, fmt.Sprint(seed, i), min(inOne, count-i*inOne))
			root.Dirs[i] = ostree.TreeDir{Name: fmt.Sprintf("%06d", i), Tree: tree, Meta: meta}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return none, err
	}
	data, err := root.Encode()
	if err != nil {
		return none, err
	}
	c := ostree.Commit{Timestamp: 1700000000, RootMeta: meta}
	if c.RootTree, err = txn.WriteMeta(ctx, ostree.ObjectDirTree, data); err != nil {
		return none, err
	}
	if data, err = c.Encode(); err != nil {
		return none, err
	}
	return txn.WriteMeta(ctx, ostree.ObjectCommit, data)
}

func smallDir(ctx context.Context, txn *archive.Txn, seed string, count int) (none ostree.Checksum, err error) {
	var list ostree.DirTree
	for i := range count {
		text := fmt.Sprint(seed, " ", i)
		res, err := txn.WriteFile(ctx, ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}, archive.Content{
			Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		})
		if err != nil {
			return none, err
		}
		list.Files = append(list.Files, ostree.TreeFile{Name: fmt.Sprintf("%06d", i), Checksum: res.Checksum})
	}
	data, err := list.Encode()
	if err != nil {
		return none, err
	}
	return txn.WriteMeta(ctx, ostree.ObjectDirTree, data)
}
