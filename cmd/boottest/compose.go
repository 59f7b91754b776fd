package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// nobody composes when the test runs as root.
const nobody = 65534

// A way is one of the ways in which the same tree can be composed. Each has a
// cache of its own.
type way struct {
	name   string
	root   bool // else as nobody
	umask  string
	env    []string
	noTime bool // without SOURCE_DATE_EPOCH: the commit's time differs, its content does not
}

var ordinary = way{name: "ordinary", umask: "0022"}

var otherWays = []way{
	{name: "root-1cpu", root: true, umask: "0077", env: []string{"GOMAXPROCS=1", "TZ=Pacific/Kiritimati", "LC_ALL=tr_TR.UTF-8"}},
	{name: "undated-2cpu", umask: "0002", env: []string{"GOMAXPROCS=2", "TZ=America/St_Johns"}, noTime: true},
}

// A composed is what --write-composejson-to says.
type composed struct {
	Commit  string `json:"ostree-commit"`
	Content string `json:"ostree-content-checksum"`
}

// dates are the times of the first commit and of the update.
var dates = []string{"1700000000", "1700086400"}

// compose makes a commit in the folder of the way.
func (t *bootTest) compose(ctx context.Context, w way, date string) (*composed, error) {
	dir := t.path(w.name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := t.newFolder(ctx, w, dir); err != nil {
			return nil, err
		}
	}
	if !w.noTime {
		w.env = append(w.env, "SOURCE_DATE_EPOCH="+date)
	}
	err := t.do(ctx, w, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "--sign-key=key",
		"--add-metadata-string=version="+date, "--write-composejson-to=compose.json", "--write-report-to=report.json", t.path("os.yaml"))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "compose.json"))
	if err != nil {
		return nil, err
	}
	c := &composed{}
	return c, json.Unmarshal(data, c)
}

// newFolder makes a folder of the way's user with a repository and the key.
func (t *bootTest) newFolder(ctx context.Context, w way, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	key := filepath.Join(dir, "key")
	if err := command(ctx, "cp", t.path("key"), key); err != nil {
		return err
	}
	if t.caches != "" && w.name == ordinary.name {
		if err := command(ctx, "cp", "-a", filepath.Join(t.caches, w.name, "cache"), dir); err != nil {
			return err
		}
	}
	if !w.root {
		for _, path := range []string{dir, key} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				return err
			}
		}
	}
	return t.do(ctx, w, "repo", "init", "repo")
}

// do runs the program in the folder of the way.
func (t *bootTest) do(ctx context.Context, w way, args ...string) error {
	shell := append([]string{"-c", `umask ` + w.umask + `; exec "$0" "$@"`, t.path("treewright")}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", shell...)
	cmd.Dir = t.path(w.name)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, w.env...)
	if !w.root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	_, err := output(cmd)
	return err
}

// composeFirst makes the commit that is deployed first.
func (t *bootTest) composeFirst(ctx context.Context) error {
	return t.composeNext(ctx, dates[0])
}

func (t *bootTest) composeNext(ctx context.Context, date string) error {
	c, err := t.compose(ctx, ordinary, date)
	if err != nil {
		return err
	}
	t.commits = append(t.commits, c.Commit)
	fmt.Println("  commit", c.Commit)
	return nil
}

// reproduceAll composes in all other ways and compares with the first.
func (t *bootTest) reproduceAll(ctx context.Context) error {
	if !t.reproduce {
		fmt.Println("  left out")
		return nil
	}
	data, err := os.ReadFile(filepath.Join(t.path(ordinary.name), "compose.json"))
	if err != nil {
		return err
	}
	var first composed
	if err := json.Unmarshal(data, &first); err != nil {
		return err
	}
	for _, w := range otherWays {
		c, err := t.compose(ctx, w, dates[0])
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if c.Content != first.Content {
			return fmt.Errorf("%s: the content is %s, not %s; compare with: treewright diff", w.name, c.Content, first.Content)
		}
		if !w.noTime && c.Commit != first.Commit {
			return fmt.Errorf("%s: the content agrees, but the commit is %s, not %s", w.name, c.Commit, first.Commit)
		}
		fmt.Printf("  %s: the same\n", w.name)
	}
	return nil
}

// composeUpdate makes the update: one of our packages changed. No initramfs may
// have been made for that.
func (t *bootTest) composeUpdate(ctx context.Context) error {
	if err := t.writeOwn("2"); err != nil {
		return err
	}
	if err := t.composeNext(ctx, dates[1]); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(t.path(ordinary.name), "report.json"))
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
		return fmt.Errorf("an initramfs was made although nothing of it changed: %s", strings.TrimSpace(r.Kernel.Why))
	}
	return nil
}
