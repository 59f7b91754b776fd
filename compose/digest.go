package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo"
)

// formatVersion changes when the same input gives another tree.
const formatVersion = 2

// inputHash covers everything that decides what the tree holds: the treefile
// with the files it names, the choice and the keys of repositories, the
// packages in their order, what an application's runtime says, and how this
// program makes a tree of them. Where packages lie does not matter, nor does
// metadata that is only added to the commit.
func (p *Plan) inputHash(ctx context.Context) (string, error) {
	h := sha256.New()
	t := p.opts.Treefile
	files, err := t.InputDigest()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "treewright compose %d, manifests %d\n", formatVersion, content.FormatVersion)
	fmt.Fprintf(h, "arch %q\ntreefile %x\nscriptlets %s\n", t.Arch, files, p.opts.Scriptlets)
	if p.opts.DisableSELinux {
		fmt.Fprintln(h, "no selinux")
	}
	for _, r := range p.repos {
		if p.unusedForLocks(r.ID()) {
			continue
		}
		if err := hashRepo(ctx, h, r); err != nil {
			return "", err
		}
	}
	for _, pkg := range p.Packages {
		fmt.Fprintf(h, "package %q %q %s\n", pkg.NEVRA, pkg.Repo, pkg.Checksum)
	}
	if p.base != nil {
		fmt.Fprintf(h, "base %s\n", p.base.commit)
	}
	for _, l := range p.layers {
		fmt.Fprintf(h, "layer %q %t %s\n", l.ref, l.override, l.content)
	}
	if p.runtime != nil {
		fmt.Fprintf(h, "runtime %x %x\n", sha256.Sum256(p.runtime.metadata), sha256.Sum256(p.runtime.packages))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashRepo covers a repository's configuration but for its address and its
// metadata: of the latter the packages that were chosen count.
func hashRepo(ctx context.Context, h hash.Hash, r *rpmrepo.Repository) error {
	c := r.Config()
	fmt.Fprintf(h, "repo %q gpgcheck %t repo_gpgcheck %t priority %d cost %d excludes %q includes %q module_hotfixes %t\n",
		c.ID, c.GPGCheck, c.RepoGPGCheck, c.Priority, c.Cost, c.Excludes, c.Includes, c.ModuleHotfixes)
	if !c.GPGCheck && !c.RepoGPGCheck {
		return nil
	}
	keys, err := r.KeyDigest(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "keys %x\n", keys)
	return nil
}
