package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// accountLeftovers are lock and backup files that the tools for accounts leave
// in /etc.
var accountLeftovers = [...]string{".pwd.lock", "passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"}

// leftovers takes lock and backup files away, and keeps the machine's identity
// out of the commit.
func (f *finisher) leftovers() error {
	const why = "a lock or backup file that a program left"
	for _, name := range accountLeftovers {
		f.remove("usr/etc/"+name, why)
	}
	if db := f.tree.Lookup(rpmdbPath); db != nil && db.IsDir() {
		for _, c := range slices.Clone(db.Children()) {
			if c.Name == ".dbenv.lock" || c.Name == ".rpm.lock" || strings.HasPrefix(c.Name, "__db.") {
				f.remove(rpmdbPath+"/"+c.Name, why)
			}
		}
	}
	policies := f.tree.Lookup("usr/etc/selinux")
	if policies == nil {
		return nil
	}
	var locks []string
	collectLocks("usr/etc/selinux", policies, &locks)
	for _, path := range locks {
		f.remove(path, why)
	}
	return nil
}

func collectLocks(path string, n *rootfs.Node, locks *[]string) {
	for _, c := range n.Children() {
		if c.IsRegular() && strings.HasSuffix(c.Name, ".LOCK") {
			*locks = append(*locks, path+"/"+c.Name)
		}
		collectLocks(path+"/"+c.Name, c, locks)
	}
}

// machineID keeps /etc/machine-id without an id: systemd makes one on the
// machine.
func (f *finisher) machineID() error {
	const path = "usr/etc/machine-id"
	n := f.tree.Lookup(path)
	if n != nil && (f.opts.NoMachineID || !n.IsRegular()) {
		f.remove(path, "every machine makes its own id")
		n = nil
	}
	switch {
	case n != nil && n.Size > 0:
		n.SetData(nil)
		f.edited(path)
	case n == nil && !f.opts.NoMachineID && !f.opts.Container:
		return f.tree.Attach(path, rootfs.NewFile(0o644, nil))
	}
	return nil
}

// edit replaces the content of the file at path by what change makes of it. A
// file that is absent, or that change leaves alone, stays so.
func (f *finisher) edit(path string, change func(text string) string) error {
	n, data, err := readRegular(f.tree, f.read, path)
	if n == nil || err != nil {
		return err
	}
	if text := change(string(data)); text != string(data) {
		n.SetData([]byte(text))
		f.edited(path)
	}
	return nil
}

// useradd lets new users have their home where it is.
func (f *finisher) useradd() error {
	return f.edit("usr/etc/default/useradd", func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "HOME=") {
				line = "HOME=/var/home\n"
			}
			b.WriteString(line)
		}
		return b.String()
	})
}

// integrationText are the lines that every deployment needs in /var.
const integrationText = `# What a deployment finds in an empty /var.
d /var/home 0755 root root -
d /var/srv 0755 root root -
d /var/roothome 0700 root root -
d /var/mnt 0755 root root -
d /run/media 0755 root root -
L /var/lib/rpm - - - - ../../usr/share/rpm
L /var/lib/selinux - - - - ../../etc/selinux
`

// Lines for /opt and /usr/local: the paths in /var are where they lie, or lead
// there.
const (
	optInVarText  = "# /opt and /usr/local lead here.\nd /var/opt 0755 root root -\nd /var/usrlocal 0755 root root -\n"
	optCompatText = "# /opt and /usr/local are not in /var; these are for what looks there.\n" +
		"L /var/usrlocal - - - - ../usr/local\nL /var/opt - - - - ../usr/lib/opt\n"
)

// integration writes the lines that do not come from packages.
func (f *finisher) integration() error {
	text := integrationText
	for _, name := range localDirs {
		text += fmt.Sprintf("d /usr/local/%s 0755 root root -\n", name)
	}
	if err := f.put(integrationConf, rootfs.NewFile(0o644, []byte(text))); err != nil {
		return err
	}
	name, text := optUsrLocalConf, optInVarText
	if f.opts.OptUsrLocal == OptStateOverlay {
		name, text = optCompatConf, optCompatText
	}
	return f.put(tmpfilesDir+"/"+name, rootfs.NewFile(0o644, []byte(text)))
}
