package layout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// accountKind is what passwd and group differ in.
type accountKind struct {
	file   string // passwd
	shadow string // shadow
	noun   string // user
	fields int    // of a line
}

var (
	userKind  = accountKind{file: "passwd", shadow: "shadow", noun: "user", fields: 7}
	groupKind = accountKind{file: "group", shadow: "gshadow", noun: "group", fields: 4}
)

// account is a line of a passwd or group file.
type account struct {
	name string
	id   uint32
	gid  uint32 // of a user
	line string // as it is written, without the newline
	// other is set for a comment or a line of the NIS compatibility mode, which
	// is no account.
	other bool
}

// parseAccounts reads a passwd or group file. Blank lines are left out.
func (k accountKind) parseAccounts(name string, data []byte) ([]account, error) {
	var list []account
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case strings.ContainsAny(line[:1], "#+-"):
			list = append(list, account{line: line, other: true})
			continue
		}
		a, err := k.parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, number, err)
		}
		list = append(list, a)
	}
	return list, nil
}

func (k accountKind) parse(line string) (account, error) {
	fields := strings.Split(line, ":")
	if len(fields) != k.fields || fields[0] == "" || strings.ContainsRune(line, 0) {
		return account{}, fmt.Errorf("%q is no entry of a %s file: it needs %d fields", line, k.file, k.fields)
	}
	a := account{name: fields[0], line: line}
	var err error
	if a.id, err = parseID(fields[2]); err == nil && k.fields == userKind.fields {
		a.gid, err = parseID(fields[3])
	}
	return a, err
}

// byName returns the accounts of a list by their names; the first counts.
func byName(list []account) map[string]account {
	out := make(map[string]account, len(list))
	for _, a := range list {
		if _, known := out[a.name]; !known && !a.other {
			out[a.name] = a
		}
	}
	return out
}

// noID is the id that means "none" to the kernel.
const noID = 1<<32 - 1

func parseID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == noID || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("%q is no id: ids are numbers below %d", text, uint32(noID))
	}
	return uint32(n), nil
}

// ParseUsers reads passwd files and returns the ids of their users. The first
// entry of a name counts. Name is what messages call them.
func ParseUsers(name string, files ...[]byte) (map[string]IDs, error) {
	out := map[string]IDs{}
	for _, data := range files {
		list, err := userKind.parseAccounts(name, data)
		if err != nil {
			return nil, err
		}
		for name, a := range byName(list) {
			if _, known := out[name]; !known {
				out[name] = IDs{UID: a.id, GID: a.gid}
			}
		}
	}
	return out, nil
}

// ParseGroups reads group files and returns the ids of their groups, as
// ParseUsers does.
func ParseGroups(name string, files ...[]byte) (map[string]uint32, error) {
	out := map[string]uint32{}
	for _, data := range files {
		list, err := groupKind.parseAccounts(name, data)
		if err != nil {
			return nil, err
		}
		for name, a := range byName(list) {
			if _, known := out[name]; !known {
				out[name] = a.id
			}
		}
	}
	return out, nil
}

// accountDirs are where a tree has its passwd and group files, the first wins.
var accountDirs = [...]string{"etc", "usr/etc", "usr/lib"}

// names are the users and groups of a tree.
type names struct{ users, groups nameTable }

type nameTable struct {
	noun   string
	list   []account // in the order of the files
	byName map[string]account
	byID   map[uint32]string // the first name of an id
}

func readNames(tree *rootfs.Tree, read Reader) (*names, error) {
	u, err := readTable(tree, read, userKind)
	if err != nil {
		return nil, err
	}
	g, err := readTable(tree, read, groupKind)
	if err != nil {
		return nil, err
	}
	return &names{users: u, groups: g}, nil
}

func readTable(tree *rootfs.Tree, read Reader, kind accountKind) (nameTable, error) {
	t := nameTable{noun: kind.noun, byName: map[string]account{}, byID: map[uint32]string{0: "root"}}
	seen := map[*rootfs.Node]bool{}
	for _, dir := range accountDirs {
		place, err := tree.Follow(dir + "/" + kind.file)
		if err != nil {
			return t, err
		}
		n := tree.Lookup(place)
		if n == nil || seen[n] { // /usr/etc may lead to /etc
			continue
		}
		seen[n] = true
		_, data, err := readRegular(tree, read, place)
		if err != nil {
			return t, err
		}
		list, err := kind.parseAccounts("/"+place, data)
		if err != nil {
			return t, err
		}
		t.add(list)
	}
	return t, nil
}

func (t *nameTable) add(list []account) {
	for _, a := range list {
		if a.other {
			continue
		}
		if _, known := t.byName[a.name]; known {
			continue
		}
		t.list = append(t.list, a)
		t.byName[a.name] = a
		if _, known := t.byID[a.id]; !known {
			t.byID[a.id] = a.name
		}
	}
}

// find returns the account of a name or number that a person wrote.
func (t *nameTable) find(text string) (name string, id uint32, err error) {
	if a, ok := t.byName[text]; ok {
		return text, a.id, nil
	}
	if text == "root" {
		return text, 0, nil
	}
	id, err = parseID(text)
	if err != nil {
		return "", 0, fmt.Errorf("the tree has no %s %q", t.noun, text)
	}
	if name, ok := t.byID[id]; ok {
		return name, id, nil
	}
	return text, id, nil
}

// nameOf returns what a line of tmpfiles.d calls the owner of a node, which has
// a name from its package, and an id. A name that the tree does not have yet is
// kept: the machine may make the account when it boots.
func (t *nameTable) nameOf(name string, id uint32) string {
	if a, ok := t.byName[name]; plainName(name) && (ok && a.id == id || !ok && id == 0) {
		return name
	}
	if known, ok := t.byID[id]; ok && plainName(known) {
		return known
	}
	return strconv.FormatUint(uint64(id), 10)
}

// plainName tells whether a name needs no quotes in tmpfiles.d, and cannot be
// taken for a number.
func plainName(name string) bool {
	if name == "" || len(name) > 256 || strings.Trim(name, "0123456789") == "" || name == "-" {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !alnum(c) && !strings.ContainsRune("._-$", rune(c)) || i == 0 && (c == '-' || c == '$') {
			return false
		}
	}
	return true
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
