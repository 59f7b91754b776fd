package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// splitAccounts leaves the users and groups with the id 0 in /usr/etc and moves
// the others to /usr/lib, where updates change them without a merge.
func (f *finisher) splitAccounts() error {
	if err := f.split(userKind, nil); err != nil {
		return err
	}
	if err := f.split(groupKind, f.opts.EtcGroupMembers); err != nil {
		return err
	}
	for _, name := range f.opts.EtcGroupMembers {
		if _, ok := f.names.groups.byName[name]; !ok {
			f.warn("etc-group-members: the tree has no group %s", name)
		}
	}
	return errors.Join(f.shadowFile(userKind.shadow, blankLastChange), f.shadowFile(groupKind.shadow, nil))
}

func (f *finisher) split(kind accountKind, both []string) error {
	etcPath, libPath := "usr/etc/"+kind.file, "usr/lib/"+kind.file
	etc, data, err := readRegular(f.tree, f.read, etcPath)
	if etc == nil || err != nil {
		return err
	}
	list, err := kind.parseAccounts("/"+etcPath, data)
	if err != nil {
		return err
	}
	lib, libData, err := readRegular(f.tree, f.read, libPath)
	if err != nil {
		return err
	}
	inLib, err := kind.parseAccounts("/"+libPath, libData)
	if err != nil {
		return err
	}
	before := byName(inLib)
	var stay, move strings.Builder
	if move.Write(libData); len(libData) > 0 && libData[len(libData)-1] != '\n' {
		move.WriteByte('\n')
	}
	for _, a := range list {
		if a.other || a.id == 0 || slices.Contains(both, a.name) {
			stay.WriteString(a.line + "\n")
		}
		if a.other || a.id == 0 {
			continue
		}
		known, err := kind.same(before, a)
		if err != nil {
			return err
		}
		if !known {
			move.WriteString(a.line + "\n")
		}
	}
	etc.SetData([]byte(stay.String()))
	etc.Mode = ostree.ModeRegular | 0o644
	f.edited(etcPath)
	if lib == nil {
		return f.tree.Attach(libPath, rootfs.NewFile(0o644, []byte(move.String())))
	}
	lib.SetData([]byte(move.String()))
	f.edited(libPath)
	return nil
}

// same tells whether accounts have one of the name of a; with other ids it is
// an error.
func (k accountKind) same(accounts map[string]account, a account) (bool, error) {
	other, ok := accounts[a.name]
	if ok && (other.id != a.id || other.gid != a.gid) {
		return false, fmt.Errorf("the %s %s is in /etc/%s and in /usr/lib/%s with different ids: %q and %q",
			k.noun, a.name, k.file, k.file, a.line, other.line)
	}
	return ok, nil
}

// shadowFile keeps a file of passwords from everybody's eyes, and the days of
// the compose out of it.
func (f *finisher) shadowFile(name string, change func(line string) string) error {
	path := "usr/etc/" + name
	n := f.tree.Lookup(path)
	if n == nil {
		return nil
	}
	if change != nil {
		if err := f.edit(path, func(text string) string { return eachLine(text, change) }); err != nil {
			return err
		}
	}
	// A package can let a group read it, for programs that check passwords;
	// who made the file otherwise is not known.
	mode := n.Mode & 0o640
	if n.Package == rootfs.NoPackage || n.Mode&0o007 != 0 {
		mode = 0
	}
	n.Mode = ostree.ModeRegular | mode
	return nil
}

func eachLine(text string, change func(line string) string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, newline := strings.CutSuffix(line, "\n")
		b.WriteString(change(body))
		if newline {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// shadowFields is how many fields a line of shadow has.
const shadowFields = 9

// blankLastChange takes the day of the last change off an account that has no
// password: it is the day of the compose.
func blankLastChange(line string) string {
	fields := strings.Split(line, ":")
	if len(fields) != shadowFields || fields[1] == "" || !strings.ContainsAny(fields[1][:1], "!*") {
		return line
	}
	fields[2] = ""
	return strings.Join(fields, ":")
}

// nsswitch makes the machine look for accounts in /usr/lib. A link is left to
// the program that manages it.
func (f *finisher) nsswitch() error {
	const path = "usr/etc/nsswitch.conf"
	if n := f.tree.Lookup(path); n != nil && n.IsSymlink() {
		f.warn("/etc/nsswitch.conf is a link: what it leads to must name altfiles for passwd and group")
		return nil
	}
	if err := f.edit(path, addAltfiles); err != nil {
		return err
	}
	if n := f.tree.Lookup("usr/lib/passwd"); n != nil && n.Size > 0 && !f.hasAltfiles() {
		f.warn("the tree has no libnss_altfiles.so.2: a machine does not find the users of /usr/lib/passwd; add nss-altfiles")
	}
	return nil
}

// addAltfiles adds the service altfiles after files. When a line has it
// already, nothing changes.
func addAltfiles(text string) string {
	already := false
	changed := eachLine(text, func(line string) string {
		database, services, ok := strings.Cut(line, ":")
		if !ok || database != "passwd" && database != "group" {
			return line
		}
		fields := strings.Fields(services)
		already = already || slices.Contains(fields, "altfiles")
		at := slices.Index(fields, "files") + 1
		if at == 0 {
			at = len(fields)
		}
		return database + ": " + strings.Join(slices.Insert(fields, at, "altfiles"), " ")
	})
	if already {
		return text
	}
	return changed
}

// hasAltfiles tells whether the C library of the tree can look into /usr/lib.
func (f *finisher) hasAltfiles() bool {
	const library = "libnss_altfiles.so.2"
	for _, dir := range [...]string{"usr/lib64", "usr/lib", "lib64", "lib"} {
		n := f.tree.Lookup(dir)
		if n == nil {
			continue
		}
		if n.Child(library) != nil {
			return true
		}
		for _, c := range n.Children() {
			if strings.Contains(c.Name, "-linux-") && c.Child(library) != nil {
				return true
			}
		}
	}
	return false
}
