package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// prepareTrees makes the two versions: those of the data, or what dnf installs
// and the same as after an update.
func (o *ostreeBench) prepareTrees(ctx context.Context) error {
	if hasTrees(o.repo) {
		o.old, o.new = filepath.Join(o.repo, "old"), filepath.Join(o.repo, "new")
		return nil
	}
	o.old, o.new = o.path("old"), o.path("new")
	if err := command(ctx, o.dnf(o.old, "--setopt=tsflags=noscripts")...); err != nil {
		return err
	}
	if err := command(ctx, "cp", "-a", o.old, o.new); err != nil {
		return err
	}
	return updateTree(o.new)
}

// updateTree rebuilds the regular files in one of eight folders, as updates of
// some packages do.
func updateTree(root string) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		below, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		sum := fnv.New32a()
		sum.Write([]byte(below))
		if sum.Sum32()%8 != 0 {
			return nil
		}
		return rebuildFile(path)
	})
}

// rebuildFile changes a file as a compiler does when a little of the source
// changed: something is longer in the middle, and numbers that point across it
// are others. Of a compressed file nothing stays from the middle on.
func rebuildFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const every = 4000
	middle := len(data) / 2
	step := every
	switch filepath.Ext(path) {
	case ".gz", ".xz", ".zst", ".bz2":
		step = 1
	}
	for i := middle; i < len(data); i += step {
		data[i] ^= 0x15
	}
	for i := every; i < middle; i += every {
		data[i] += 0x20
	}
	added := bytes.Repeat([]byte("rebuilt\n"), 1+min(len(data)/20_000, 16))
	data = append(data[:middle:middle], append(added, data[middle:]...)...)
	// A new file: the old one may have other names.
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return os.Chmod(path, info.Mode())
}

// treeSize adds up the sizes of the regular files below a folder.
func treeSize(root string) (total int64, err error) {
	err = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// hasTrees reports whether a folder has two versions of a tree, "old" and
// "new", for this part alone.
func hasTrees(dir string) bool {
	for _, name := range []string{"old", "new"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// nginxConfig serves a folder, with the settings of a plain installation.
const nginxConfig = `daemon off;
worker_processes 1;
user root;
pid DIR/pid;
error_log DIR/error.log;
events { worker_connections 1024; }
http {
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000;
  access_log off;
  client_body_temp_path DIR/body;
  proxy_temp_path DIR/proxy;
  fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi;
  scgi_temp_path DIR/scgi;
  server {
    listen ADDRESS;
    root ROOT;
  }
}
`

func writeNginxConfig(dir, root, address string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := strings.NewReplacer("DIR", dir, "ROOT", root, "ADDRESS", address).Replace(nginxConfig)
	if os.Geteuid() != 0 {
		text = strings.Replace(text, "user root;\n", "", 1)
	}
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("configuring nginx: %w", err)
	}
	return nil
}
