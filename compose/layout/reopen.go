package layout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// Reopen gives a finished tree rpm's own paths again, so that packages can be
// put on top of it and their scriptlets find what they expect: /etc, all users
// in one file, the directories of /var, no links in the root. Finish makes the
// same of it again. It reports whether the tree was a finished one; others stay
// as they are.
func Reopen(tree *rootfs.Tree, read Reader) (bool, error) {
	if tree.Detach(integrationConf) == nil {
		return false, nil
	}
	r := &reopener{tree: tree, read: read}
	for _, step := range []func() error{r.links, r.etc, r.accounts, r.variable} {
		if err := step(); err != nil {
			return false, fmt.Errorf("opening a finished tree: %w", err)
		}
	}
	return true, nil
}

type reopener struct {
	tree *rootfs.Tree
	read Reader
}

// links takes away what Finish adds in any case.
func (r *reopener) links() error {
	for _, name := range [...]string{optUsrLocalConf, optCompatConf} {
		r.tree.Detach(tmpfilesDir + "/" + name)
	}
	for _, path := range [...]string{"root", "home", "srv", "mnt", "media", "opt", "tmp", "ostree", "usr/local"} {
		if n := r.tree.Lookup(path); n != nil && n.IsSymlink() {
			r.tree.Detach(path)
		}
	}
	return nil
}

func (r *reopener) etc() error {
	if n := r.tree.Detach("usr/etc"); n != nil {
		return merge(r.tree, "etc", n)
	}
	return nil
}

// accounts puts the users and groups of /usr/lib back into /etc.
func (r *reopener) accounts() error {
	for _, kind := range []accountKind{userKind, groupKind} {
		lib, libData, err := readRegular(r.tree, r.read, "usr/lib/"+kind.file)
		if lib == nil || err != nil {
			return err
		}
		inLib, err := kind.parseAccounts("/usr/lib/"+kind.file, libData)
		if err != nil {
			return err
		}
		etc, etcData, err := readRegular(r.tree, r.read, "etc/"+kind.file)
		if err != nil {
			return err
		}
		inEtc, err := kind.parseAccounts("/etc/"+kind.file, etcData)
		if err != nil {
			return err
		}
		data := together(inEtc, inLib)
		r.tree.Detach("usr/lib/" + kind.file)
		if etc == nil {
			if err := r.tree.Attach("etc/"+kind.file, rootfs.NewFile(0o644, data)); err != nil {
				return err
			}
			continue
		}
		etc.SetData(data)
	}
	return nil
}

// together returns the lines of a file that splits into etc and lib again.
func together(etc, lib []account) []byte {
	var b strings.Builder
	var later []string
	inLib := byName(lib)
	for _, a := range etc {
		if a.other || a.id == 0 {
			b.WriteString(a.line + "\n")
		} else if _, both := inLib[a.name]; !both {
			later = append(later, a.line+"\n")
		}
	}
	for _, a := range lib {
		b.WriteString(a.line + "\n")
	}
	b.WriteString(strings.Join(later, ""))
	return []byte(b.String())
}

// variable makes the directories and links of /var and /run that lines of
// tmpfiles.d make on a machine. Lines of the compose that it cannot make stay
// in their file, where Finish finds them.
func (r *reopener) variable() error {
	db, err := readNames(r.tree, r.read)
	if err != nil {
		return err
	}
	for _, c := range slices.Clone(r.tree.Lookup(tmpfilesDir).Children()) {
		if !strings.HasSuffix(c.Name, ".conf") || !c.IsRegular() {
			continue
		}
		data, err := readFile(r.read, tmpfilesDir+"/"+c.Name, c)
		if err != nil {
			return err
		}
		var kept strings.Builder
		for line := range strings.Lines(string(data)) {
			if !r.create(line, db) {
				kept.WriteString(line)
			}
		}
		if strings.HasSuffix(autovarConf, "/"+c.Name) {
			c.SetData([]byte(kept.String()))
		}
	}
	return nil
}

// create makes what a line makes, if it lies in /var or /run and is a directory
// or a link. Something that is there already stays.
func (r *reopener) create(line string, db *names) bool {
	path, ok := createdPath(line)
	if !ok || !strings.HasPrefix(path, "/var/") && !strings.HasPrefix(path, "/run/") {
		return false
	}
	fields := make([]string, 0, 6)
	rest := strings.TrimSpace(line)
	for range 6 {
		var field string
		if field, rest, ok = word(rest); !ok {
			return false
		}
		fields = append(fields, field)
	}
	if strings.Contains(strings.ReplaceAll(fields[1], "%%", ""), "%") { // a specifier
		return false
	}
	var n *rootfs.Node
	switch fields[0][0] {
	case 'd', 'D', 'v', 'q', 'Q':
		n = newOwned(fields, db)
	case 'L':
		if target, ok := unquoteTarget(strings.TrimSpace(rest)); ok {
			n = rootfs.NewSymlink(target)
		}
	}
	if n == nil {
		return false
	}
	if old := r.tree.Lookup(path); old != nil {
		if old.IsDir() && n.IsDir() && old.Package == rootfs.NoPackage {
			old.Mode, old.User, old.UID, old.Group, old.GID = n.Mode, n.User, n.UID, n.Group, n.GID
		}
		return old.IsDir() == n.IsDir()
	}
	return r.tree.Attach(path, n) == nil
}

// newOwned returns the directory of a line; nil when its mode cannot be read.
func newOwned(fields []string, db *names) *rootfs.Node {
	mode := uint64(0o755)
	if text := strings.TrimLeft(fields[2], ":~"); text != "-" && text != "" {
		var err error
		if mode, err = strconv.ParseUint(text, 8, 12); err != nil {
			return nil
		}
	}
	n := rootfs.NewDir(uint32(mode))
	n.Mode = ostree.ModeDir | uint32(mode)
	n.User, n.UID = db.users.owner(fields[3])
	n.Group, n.GID = db.groups.owner(fields[4])
	return n
}

// owner returns the account that a line names. One that the tree does not have
// keeps its name.
func (t *nameTable) owner(text string) (name string, id uint32) {
	text = strings.TrimLeft(text, ":")
	if text == "-" || text == "" {
		return "root", 0
	}
	if name, id, err := t.find(text); err == nil {
		return name, id
	}
	return text, 0
}
