package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

const policyStore = "var/lib/selinux"

// MoveSELinuxStore moves the stores of SELinux policies from /var/lib/selinux to
// the configuration in /etc, and tells semanage so. It works before scriptlets,
// which then use the new place, and Finish calls it in any case.
func MoveSELinuxStore(tree *rootfs.Tree, read Reader) ([]Moved, error) {
	store := tree.Lookup(policyStore)
	if store == nil || !store.IsDir() {
		return nil, nil
	}
	etc := "etc"
	if n := tree.Lookup(etc); n == nil || !n.IsDir() {
		etc = "usr/etc"
	}
	var moved []Moved
	for _, c := range slices.Clone(store.Children()) {
		if !c.IsDir() {
			continue
		}
		from, to := policyStore+"/"+c.Name, etc+"/selinux/"+c.Name
		if err := merge(tree, to, tree.Detach(from)); err != nil {
			return nil, fmt.Errorf("moving /%s to /%s: %w", from, to, err)
		}
		moved = append(moved, Moved{From: "/" + from, To: "/usr/etc/selinux/" + c.Name})
	}
	if len(moved) == 0 {
		return nil, nil
	}
	return moved, setStoreRoot(tree, read, etc+"/selinux/semanage.conf")
}

const storeRoot = "store-root=/etc/selinux"

func setStoreRoot(tree *rootfs.Tree, read Reader, path string) error {
	n, data, err := readRegular(tree, read, path)
	if n == nil || err != nil {
		return err
	}
	if slices.Contains(strings.Split(string(data), "\n"), storeRoot) {
		return nil
	}
	n.SetData([]byte(string(data) + "\n" + storeRoot + "\n"))
	return nil
}

func (f *finisher) selinuxStore() error {
	moved, err := MoveSELinuxStore(f.tree, f.read)
	if len(moved) > 0 {
		f.report.Moved = append(f.report.Moved, moved...)
		f.edited("usr/etc/selinux/semanage.conf")
	}
	return err
}

// selinuxSubs tells every policy of the tree which paths have the labels of
// others.
func (f *finisher) selinuxSubs() error {
	policies := f.tree.Lookup("usr/etc/selinux")
	if policies == nil {
		return nil
	}
	for _, c := range policies.Children() {
		path := "usr/etc/selinux/" + c.Name + "/contexts/files/file_contexts.subs_dist"
		if err := f.edit(path, substitutions); err != nil {
			return err
		}
	}
	return nil
}

// substitutions adds to file_contexts.subs_dist where a deployment has its
// directories: /home in /var/home, and /usr/etc beside /etc.
func substitutions(text string) string {
	var b, aliases strings.Builder
	known := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		known[line] = true
		if strings.HasPrefix(line, "/var/home ") {
			line = "# " + line
		}
		if strings.HasPrefix(line, "/usr/etc ") {
			known["/usr/etc /etc"] = true
		}
		if strings.HasPrefix(line, "/etc/") {
			aliases.WriteString("/usr" + line + "\n")
		}
		b.WriteString(line + "\n")
	}
	added := "/home /var/home\n/usr/etc /etc\n" + aliases.String() + "/usr/lib/opt /opt\n"
	first := true
	for line := range strings.Lines(added) {
		if known[strings.TrimSuffix(line, "\n")] {
			continue
		}
		if first {
			b.WriteString("# Where a deployment has its directories.\n")
			first = false
		}
		b.WriteString(line)
	}
	return b.String()
}
