package selinux

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

// Runner runs a program in the tree.
type Runner interface {
	Run(ctx context.Context, cmd sandbox.Command) (*sandbox.Result, error)
}

// NeedsRebuild reports whether a policy must be built again from its module
// store; changed are the paths that scriptlets added, changed or removed. It must
// when there are modules, and
//
//   - there is no file_contexts or no policy.NN built from them; or
//   - scriptlets changed modules or local settings (*.local) of the store, and
//     have not built the policy; or
//   - a package brought modules, another one the file_contexts, and scriptlets
//     have not built the policy.
//
// A scriptlet has built it when file_contexts, policy.NN or the checksum of the
// modules that semodule keeps has changed: semodule builds with every change that
// it makes. As scriptlets run when all packages are unpacked, what one of them
// built has the modules of all packages.
func NeedsRebuild(tree *rootfs.Tree, policy string, changed []string) bool {
	if policy == "" || strings.Contains(policy, "/") {
		return false
	}
	s := store{tree: tree, policy: policy}
	modules := s.lookup("active/modules")
	if modules == nil || !modules.IsDir() {
		return false
	}
	contexts := s.lookup("contexts/files/file_contexts")
	if contexts == nil || !s.hasPolicy() {
		return true
	}
	input := false
	for _, path := range changed {
		name, ok := s.inside(path)
		switch {
		case !ok:
		case name == "contexts/files/file_contexts", name == "active/modules_checksum", strings.HasPrefix(name, "policy/policy."):
			return false
		case strings.HasPrefix(name, "active/modules/"):
			input = true
		case strings.HasPrefix(name, "active/") && strings.HasSuffix(name, ".local"):
			input = true
		}
	}
	return input || contexts.Package != rootfs.NoPackage && foreign(modules, contexts.Package)
}

// foreign reports whether a package other than owner brought a file below n.
func foreign(n *rootfs.Node, owner int) bool {
	for _, c := range n.Children() {
		if c.IsDir() && foreign(c, owner) || !c.IsDir() && c.Package != owner && c.Package != rootfs.NoPackage {
			return true
		}
	}
	return false
}

// store is the folders that hold a policy and the modules it is built from.
type store struct {
	tree   *rootfs.Tree
	policy string
}

// folders are where a policy is and has been.
func (s store) folders() []string {
	return []string{"etc/selinux/" + s.policy, "usr/etc/selinux/" + s.policy, "var/lib/selinux/" + s.policy}
}

func (s store) lookup(name string) *rootfs.Node {
	for _, dir := range s.folders() {
		if n := s.tree.Lookup(dir + "/" + name); n != nil {
			return n
		}
	}
	return nil
}

// inside returns what a path is called inside of the folders.
func (s store) inside(path string) (string, bool) {
	path = strings.Trim(path, "/")
	for _, dir := range s.folders() {
		if name, ok := strings.CutPrefix(path, dir+"/"); ok {
			return name, true
		}
	}
	return "", false
}

// hasPolicy reports whether there is a policy.NN.
func (s store) hasPolicy() bool {
	dir := s.lookup("policy")
	if dir == nil {
		return false
	}
	for _, c := range dir.Children() {
		if strings.HasPrefix(c.Name, "policy.") {
			return true
		}
	}
	return false
}

// Rebuild builds the policy from its store, without loading it anywhere. Run it
// while the tree has its etc at /etc.
func Rebuild(ctx context.Context, r Runner, policy string) error {
	cmd := sandbox.Command{Args: []string{"semodule", "-s", policy, "-nB"}}
	result, err := r.Run(ctx, cmd)
	if errors.Is(err, sandbox.ErrProgram) {
		return fmt.Errorf("rebuilding the SELinux policy %q: %w; add the package policycoreutils, or set selinux: false", policy, err)
	}
	if err != nil {
		return fmt.Errorf("rebuilding the SELinux policy %q: %w", policy, err)
	}
	if !result.OK() {
		return fmt.Errorf("rebuilding the SELinux policy %q: semodule: %s\n%s", policy, result.Failure(), result.Output)
	}
	return nil
}
