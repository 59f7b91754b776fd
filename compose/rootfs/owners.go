package rootfs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UnknownOwner is a user or group that packages name and the tree does not
// have. Its files belong to root, without setuid and setgid bits.
type UnknownOwner struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"` // "user" or "group"
	Paths []string `json:"paths"`
}

// ids maps names to ids.
type ids map[string]uint32

// ResolveOwners gives every node the ids that the tree's own passwd and group
// files have for its owner: those in etc, usr/etc and usr/lib, in this order. A
// node whose owner has no name keeps its ids. read returns the bytes of a file.
func (t *Tree) ResolveOwners(read func(*Node) ([]byte, error)) ([]UnknownOwner, error) {
	users, groups, err := t.Accounts(read)
	if err != nil {
		return nil, err
	}
	r := &resolver{users: users, groups: groups, unknown: map[[2]string]*UnknownOwner{}}
	if err := t.Walk(r.resolve); err != nil {
		return nil, err
	}
	list := make([]UnknownOwner, 0, len(r.unknown))
	for _, u := range r.unknown {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b UnknownOwner) int {
		return cmp.Or(-strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}

// Accounts returns the ids of the users and groups that the tree has.
func (t *Tree) Accounts(read func(*Node) ([]byte, error)) (users, groups map[string]uint32, err error) {
	if users, err = t.readIDs("passwd", read); err != nil {
		return nil, nil, err
	}
	groups, err = t.readIDs("group", read)
	return users, groups, err
}

type resolver struct {
	users, groups ids
	unknown       map[[2]string]*UnknownOwner
}

func (r *resolver) resolve(path string, n *Node) error {
	uid, userOK := n.UID, true
	if n.User != "" {
		uid, userOK = r.users[n.User]
	}
	gid, groupOK := n.GID, true
	if n.Group != "" {
		gid, groupOK = r.groups[n.Group]
	}
	if !userOK {
		r.note("user", n.User, path)
	}
	if !groupOK {
		r.note("group", n.Group, path)
	}
	n.UID, n.GID = uid, gid
	if !n.IsSymlink() && (!userOK || !groupOK) {
		n.Mode &^= 0o6000
	}
	return nil
}

func (r *resolver) note(kind, name, path string) {
	key := [2]string{kind, name}
	u := r.unknown[key]
	if u == nil {
		u = &UnknownOwner{Name: name, Kind: kind}
		r.unknown[key] = u
	}
	u.Paths = append(u.Paths, path)
}

// maxAccounts bounds a passwd or group file.
const maxAccounts = 16 << 20

// readIDs reads the files of the tree called name. The first entry of an
// account counts; root is always 0.
func (t *Tree) readIDs(name string, read func(*Node) ([]byte, error)) (ids, error) {
	out := ids{"root": 0}
	for _, dir := range [...]string{"etc", "usr/etc", "usr/lib"} {
		n := t.Lookup(dir + "/" + name)
		if n == nil || !n.IsRegular() {
			continue
		}
		if n.Size > maxAccounts {
			return nil, fmt.Errorf("reading /%s/%s of the tree: it has %d bytes; at most %d are read", dir, name, n.Size, maxAccounts)
		}
		data, err := read(n)
		if err != nil {
			return nil, fmt.Errorf("reading /%s/%s of the tree: %w", dir, name, err)
		}
		out.add(data)
	}
	return out, nil
}

func (m ids) add(data []byte) {
	for line := range strings.Lines(string(data)) {
		name, id, ok := parseAccount(line)
		if _, known := m[name]; ok && !known {
			m[name] = id
		}
	}
}

// parseAccount reads "name:password:id:…", which passwd and group share. Other
// lines, those of NIS for example, are no accounts.
func parseAccount(line string) (name string, id uint32, ok bool) {
	fields := strings.SplitN(line, ":", 4)
	if len(fields) < 4 || fields[0] == "" || strings.ContainsAny(fields[0][:1], "#+-") {
		return "", 0, false
	}
	n, err := strconv.ParseUint(fields[2], 10, 32)
	return fields[0], uint32(n), err == nil && n != 1<<32-1
}
