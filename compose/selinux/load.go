package selinux

import (
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// NoPolicyError says that a tree cannot be labelled for want of a policy.
type NoPolicyError struct{ Reason string }

func (e *NoPolicyError) Error() string {
	return "loading the SELinux policy of the tree: " + e.Reason +
		"; add the package selinux-policy-targeted, or set selinux: false"
}

// Load reads the policy that etc/selinux/config of the tree names, of etc or of
// usr/etc. The content of a file is what read returns. A tree without a policy
// is a *NoPolicyError.
func Load(tree *rootfs.Tree, read func(*rootfs.Node) ([]byte, error)) (*Contexts, error) {
	dir, policy, err := findPolicy(tree, read)
	if err != nil {
		return nil, err
	}
	return loadPolicy(tree, dir+"/"+policy, policy, read)
}

// PolicyName returns the policy that Load would read, built or not.
func PolicyName(tree *rootfs.Tree, read func(*rootfs.Node) ([]byte, error)) (string, error) {
	_, policy, err := findPolicy(tree, read)
	return policy, err
}

// findPolicy returns the folder of the policies and the name of the tree's own.
func findPolicy(tree *rootfs.Tree, read func(*rootfs.Node) ([]byte, error)) (dir, policy string, err error) {
	for _, dir := range []string{"etc/selinux", "usr/etc/selinux"} {
		config := tree.Lookup(dir + "/config")
		if config == nil {
			continue
		}
		data, err := readFile(config, dir+"/config", read)
		if err != nil {
			return "", "", err
		}
		policy := policyOf(data)
		if policy == "" || policy == "." || policy == ".." || strings.Contains(policy, "/") {
			return "", "", fmt.Errorf("reading %s/config: SELINUXTYPE=%q names no policy", dir, policy)
		}
		return dir, policy, nil
	}
	return "", "", &NoPolicyError{"there is no usr/etc/selinux/config"}
}

// policyOf returns the last SELINUXTYPE of a config file.
func policyOf(config []byte) string {
	var policy string
	for line := range strings.SplitSeq(string(config), "\n") {
		if value, ok := strings.CutPrefix(line, "SELINUXTYPE="); ok {
			policy = strings.TrimSpace(value)
		}
	}
	return policy
}

func loadPolicy(tree *rootfs.Tree, dir, policy string, read func(*rootfs.Node) ([]byte, error)) (*Contexts, error) {
	base := dir + "/contexts/files/file_contexts"
	if tree.Lookup(base) == nil {
		if tree.Lookup(base+".bin") != nil {
			return nil, fmt.Errorf("reading %s: only its compiled form .bin is in the tree; add the text", base)
		}
		return nil, &NoPolicyError{"there is no " + base}
	}
	var files Files
	for suffix, text := range map[string]*[]byte{
		"": &files.Contexts, ".homedirs": &files.Homedirs, ".local": &files.Local,
		".subs": &files.Subs, ".subs_dist": &files.SubsDist,
	} {
		n := tree.Lookup(base + suffix)
		if n == nil {
			continue
		}
		data, err := readFile(n, base+suffix, read)
		if err != nil {
			return nil, err
		}
		*text = data
	}
	c, err := ParseContexts(files)
	if err != nil {
		return nil, fmt.Errorf("reading the policy in %s/contexts/files: %w", dir, err)
	}
	c.Policy = policy
	return c, nil
}

func readFile(n *rootfs.Node, path string, read func(*rootfs.Node) ([]byte, error)) ([]byte, error) {
	if !n.IsRegular() {
		return nil, fmt.Errorf("reading /%s: it is no regular file", path)
	}
	if n.Size > maxFile {
		return nil, fmt.Errorf("reading /%s: it is larger than %d MiB", path, maxFile>>20)
	}
	data, err := read(n)
	if err != nil {
		return nil, fmt.Errorf("reading /%s: %w", path, err)
	}
	return data, nil
}
