package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bootTest is one run: what it works with and what it has found out.
type bootTest struct {
	options
	altfiles []byte // the library of our own package; nil when the folder has nss-altfiles
	commits  []string
	reports  []*report // of the boots
}

func (t *bootTest) path(name string) string { return filepath.Join(t.work, name) }

// prepare brings the packages, the treefile, the program and a signing key into
// the work folder, where ordinary users can read them.
func (t *bootTest) prepare(ctx context.Context) error {
	if err := os.Mkdir(t.path("rpms"), 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(t.rpms, "*.rpm"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no *.rpm files", t.rpms)
	}
	for _, file := range files {
		if err := linkOrCopy(ctx, file, t.path("rpms")); err != nil {
			return err
		}
	}
	if err := command(ctx, "createrepo_c", "-q", t.path("rpms")); err != nil {
		return err
	}
	if !t.has("nss-altfiles") {
		if err := t.buildAltfiles(ctx); err != nil {
			return err
		}
	}
	if err := t.writeOwn("1"); err != nil {
		return err
	}
	if err := t.writeTreefile(); err != nil {
		return err
	}
	if err := command(ctx, "cp", t.treewright, t.path("treewright")); err != nil {
		return err
	}
	return command(ctx, t.path("treewright"), "key", "generate", "--uid", "Boot test", "--output", t.path("key"))
}

// has reports whether the folder has a package of that name.
func (t *bootTest) has(name string) bool {
	files, err := filepath.Glob(filepath.Join(t.rpms, name+"-[0-9]*.rpm"))
	return err == nil && len(files) > 0
}

func (t *bootTest) writeTreefile() error {
	packages := t.packages
	if len(packages) == 0 {
		packages = strings.Fields(bootable)
		for _, name := range strings.Fields(optional) {
			if t.has(name) {
				packages = append(packages, name)
			}
		}
	}
	for _, p := range ownPackages("1") {
		packages = append(packages, p.Name)
	}
	if t.altfiles != nil {
		packages = append(packages, "boottest-altfiles")
	} else {
		packages = append(packages, "nss-altfiles")
	}
	var repos strings.Builder
	for _, id := range []string{"rpms", "own"} {
		fmt.Fprintf(&repos, "[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n", id, id, t.path(id))
	}
	tree := fmt.Sprintf("ref: %s\nrepos: [rpms, own]\nselinux: false\nsysusers: compose-forced\nunits: [boottest.service]\npackages: [%s]\n",
		ref, strings.Join(packages, ", "))
	return errors.Join(
		os.WriteFile(t.path("boottest.repo"), []byte(repos.String()), 0o644),
		os.WriteFile(t.path("os.yaml"), []byte(tree), 0o644))
}

// linkOrCopy brings a file into dir, by a link where the filesystem allows and
// everybody can read it.
func linkOrCopy(ctx context.Context, file, dir string) error {
	to := filepath.Join(dir, filepath.Base(file))
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 && os.Link(file, to) == nil {
		return nil
	}
	if err := command(ctx, "cp", file, to); err != nil {
		return err
	}
	return os.Chmod(to, 0o644)
}

// command runs a program to its end.
func command(ctx context.Context, argv ...string) error {
	_, err := output(exec.CommandContext(ctx, argv[0], argv[1:]...))
	return err
}

// output runs a program and returns what it wrote to its standard output.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		const most = 4000
		said := append(stdout.Bytes(), stderr.Bytes()...)
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said[max(0, len(said)-most):])
	}
	return stdout.String(), nil
}
