package selinux

import (
	"context"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

// Runner runs a program in the tree.
type Runner interface {
	Run(ctx context.Context, cmd sandbox.Command) (*sandbox.Result, error)
}

// NeedsRebuild reports whether the policy must be built again from its module
// store: when the store has modules and scriptlets have run, whose changed paths
// tell that a module was installed or removed, or when the store has modules but
// no file_contexts was built from them. An unchanged store needs nothing: the
// policy package brings what is built from it.
func NeedsRebuild(tree *rootfs.Tree, policy string, changed []string) bool {
	if policy == "" || strings.Contains(policy, "/") {
		return false
	}
	stores := []string{"var/lib/selinux/" + policy, "etc/selinux/" + policy, "usr/etc/selinux/" + policy}
	present := false
	for _, dir := range stores {
		modules := tree.Lookup(dir + "/active/modules")
		if modules == nil {
			continue
		}
		present = true
		for _, path := range changed {
			if strings.HasPrefix(strings.Trim(path, "/")+"/", dir+"/active/") {
				return true
			}
		}
	}
	if !present {
		return false
	}
	const text = "/contexts/files/file_contexts"
	return tree.Lookup("etc/selinux/"+policy+text) == nil && tree.Lookup("usr/etc/selinux/"+policy+text) == nil
}

// Rebuild builds the policy from its store, without loading it anywhere. Run it
// while the tree has its etc at /etc.
func Rebuild(ctx context.Context, r Runner, policy string) error {
	cmd := sandbox.Command{Args: []string{"semodule", "-s", policy, "-nB"}}
	result, err := r.Run(ctx, cmd)
	if err != nil {
		return fmt.Errorf("rebuilding the SELinux policy %q: %w", policy, err)
	}
	if !result.OK() {
		return fmt.Errorf("rebuilding the SELinux policy %q: semodule: %s\n%s\nadd the package policycoreutils, or set selinux: false",
			policy, result.Failure(), result.Output)
	}
	return nil
}
