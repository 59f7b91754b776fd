package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// makeUpstream makes the repository that the demo mirrors, with a key of its own.
func (d *demo) makeUpstream(ctx context.Context) error {
	fmt.Println("\nAn upstream flatpak repository, as somebody else publishes it:")
	return d.steps(ctx, [][]string{
		{"key", "generate", "--uid", "Upstream", "--output", "upstream.key"},
		{"repo", "init", "upstream"},
		{"compose", "tree", "--repo=upstream", "--cachedir=cache", "--sign-key=upstream.key", "upstream-runtime.toml"},
		{"compose", "tree", "--repo=upstream", "--cachedir=cache", "--sign-key=upstream.key", "upstream-app.toml"},
		{"publish", "--sign-key=upstream.key", "upstream"},
	})
}

// build composes our trees, mirrors the upstream and publishes all of it.
func (d *demo) build(ctx context.Context) (err error) {
	fmt.Println("\nOur repository: an OS tree, a flatpak runtime and an application, all from RPMs:")
	if err := d.steps(ctx, [][]string{
		{"key", "generate", "--uid", "Demo trees", "--output", "trees.key"},
		{"repo", "init", "repo"},
		{"compose", "tree", "--repo=repo", "--cachedir=cache", "--sign-key=trees.key", "os.yaml"},
		{"compose", "tree", "--repo=repo", "--cachedir=cache", "--sign-key=trees.key", "runtime.yaml"},
		{"compose", "tree", "--repo=repo", "--cachedir=cache", "--sign-key=trees.key", "app.yaml"},
	}); err != nil {
		return err
	}
	fmt.Println("\nThe upstream's refs beside ours, verified against its key, our signature appended:")
	upstream, err := d.serve(ctx, d.path("upstream"), "127.0.0.1:0")
	if err != nil {
		return err
	}
	mirrored := d.do(ctx, "mirror", "--key=upstream.key.pub", "--sign-key=trees.key", "repo", upstream.url, "app/**", "runtime/**")
	if err := upstream.stop(); err != nil {
		return err
	}
	if mirrored != nil {
		return mirrored
	}
	fmt.Println("\nOne signed repository for ostree and flatpak clients:")
	return d.do(ctx, "publish", "--sign-key=trees.key", "--title=Demo", "repo")
}

func (d *demo) steps(ctx context.Context, steps [][]string) error {
	for _, args := range steps {
		if err := d.do(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// verify pulls every ref back over HTTP, checks every object and compares the
// refs of both repositories.
func (d *demo) verify(ctx context.Context, url string) error {
	fmt.Println("\nPulling everything back and checking it:")
	if err := d.steps(ctx, [][]string{
		{"repo", "init", "copy"},
		{"repo", "pull", "--mirror", "--key=trees.key.pub", "--verify-summary", "copy", url},
		{"repo", "fsck", "copy"},
		{"repo", "fsck", "repo"},
	}); err != nil {
		return err
	}
	want, err := d.refs(ctx, "repo")
	if err != nil {
		return err
	}
	got, err := d.refs(ctx, "copy")
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) || len(got) != 5 {
		return fmt.Errorf("the refs that came back differ: got %q, want %q", got, want)
	}
	fmt.Printf("\nAll %d refs came back, each signature and each object verified.\n", len(got))
	return nil
}

func (d *demo) refs(ctx context.Context, repo string) ([]string, error) {
	cmd := exec.CommandContext(ctx, d.treewright, "repo", "refs", "--revision", repo)
	cmd.Dir = d.dir
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("listing the refs of %s: %w", repo, err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), nil
}
