package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// SeedOptions for Seed. The zero value changes nothing.
type SeedOptions struct {
	// Passwd and Group are the files that a treefile names. They replace what
	// packages have. One is not given without the other.
	Passwd, Group []byte
	// Previous are the account files of the previous commit, where Passwd and
	// Group are not given.
	Previous Previous
}

// Previous are account files of a commit by their paths in it, such as
// "usr/lib/passwd". PreviousPaths lists those that Seed knows.
type Previous map[string][]byte

// PreviousPaths returns the paths of a commit that Seed and CheckAccounts want
// of the previous one.
func PreviousPaths() []string {
	return []string{
		"usr/etc/passwd", "usr/lib/passwd", "usr/etc/group", "usr/lib/group", "usr/etc/shadow", "usr/etc/gshadow",
	}
}

// Accounts returns the users and groups of the commit; nil where it has no file.
func (p Previous) Accounts() (users map[string]IDs, groups map[string]uint32, err error) {
	if p["usr/etc/passwd"] != nil || p["usr/lib/passwd"] != nil {
		if users, err = ParseUsers("passwd of the previous commit", p["usr/etc/passwd"], p["usr/lib/passwd"]); err != nil {
			return nil, nil, err
		}
	}
	if p["usr/etc/group"] != nil || p["usr/lib/group"] != nil {
		groups, err = ParseGroups("group of the previous commit", p["usr/etc/group"], p["usr/lib/group"])
	}
	return users, groups, err
}

// Seeded says what Seed did.
type Seeded struct {
	Users  int `json:"users"` // entries that the tree has now
	Groups int `json:"groups"`
	// DroppedUsers and DroppedGroups are those of packages that the given files
	// do not have.
	DroppedUsers  []string `json:"dropped-users,omitempty"`
	DroppedGroups []string `json:"dropped-groups,omitempty"`
}

// Seed writes the accounts that a tree shall start with into its /etc, before
// any scriptlet makes others: so they keep their ids. Given files replace those
// of packages, whose further accounts are reported; those of the previous
// commit come first, and accounts that only packages have follow. Shadow
// entries that are missing are made for locked accounts.
func Seed(tree *rootfs.Tree, read Reader, opts SeedOptions) (*Seeded, error) {
	report := &Seeded{}
	if (opts.Passwd == nil) != (opts.Group == nil) {
		return nil, errors.New("check-passwd and check-groups must both name a file, or neither")
	}
	for _, k := range []struct {
		kind    accountKind
		given   []byte
		total   *int
		dropped *[]string
	}{
		{userKind, opts.Passwd, &report.Users, &report.DroppedUsers},
		{groupKind, opts.Group, &report.Groups, &report.DroppedGroups},
	} {
		s := &seeder{tree: tree, read: read, kind: k.kind, previous: opts.Previous}
		if err := s.run(k.given); err != nil {
			return nil, fmt.Errorf("preparing the %ss: %w", k.kind.noun, err)
		}
		*k.total, *k.dropped = len(s.list), s.dropped
	}
	return report, nil
}

type seeder struct {
	tree     *rootfs.Tree
	read     Reader
	kind     accountKind
	previous Previous
	list     []account
	seen     map[string]bool
	dropped  []string
}

func (s *seeder) run(given []byte) error {
	usrEtc, usrLib := s.previous["usr/etc/"+s.kind.file], s.previous["usr/lib/"+s.kind.file]
	if given == nil && usrEtc == nil && usrLib == nil {
		return nil
	}
	s.seen = map[string]bool{}
	_, ours, err := readRegular(s.tree, s.read, "etc/"+s.kind.file)
	if err != nil {
		return err
	}
	sources := []struct {
		name string
		data []byte
	}{
		{"the given " + s.kind.file, given},
		{"/usr/etc/" + s.kind.file + " of the previous commit", usrEtc},
		{"/usr/lib/" + s.kind.file + " of the previous commit", usrLib},
		{"/etc/" + s.kind.file, ours},
	}
	if given != nil {
		sources = sources[:1]
	}
	for _, source := range sources {
		if err := s.add(source.name, source.data); err != nil {
			return err
		}
	}
	if given != nil {
		if err := s.noteDropped(ours); err != nil {
			return err
		}
	}
	if err := s.write("etc/"+s.kind.file, 0o644, s.lines()); err != nil {
		return err
	}
	return s.shadow(given != nil)
}

// add takes the accounts whose names are new.
func (s *seeder) add(name string, data []byte) error {
	list, err := s.kind.parseAccounts(name, data)
	if err != nil {
		return err
	}
	for _, a := range list {
		if !a.other && !s.seen[a.name] {
			s.seen[a.name] = true
			s.list = append(s.list, a)
		}
	}
	return nil
}

func (s *seeder) noteDropped(ours []byte) error {
	list, err := s.kind.parseAccounts("/etc/"+s.kind.file, ours)
	if err != nil {
		return err
	}
	for _, a := range list {
		if !a.other && !s.seen[a.name] {
			s.dropped = append(s.dropped, a.name)
		}
	}
	slices.Sort(s.dropped)
	s.dropped = slices.Compact(s.dropped)
	return nil
}

func (s *seeder) lines() []byte {
	var b strings.Builder
	for _, a := range s.list {
		b.WriteString(a.line + "\n")
	}
	return []byte(b.String())
}

// shadow writes the shadow file that goes with the accounts: the package's
// entries, or else those of the previous commit, or else a locked one each.
func (s *seeder) shadow(given bool) error {
	path := "etc/" + s.kind.shadow
	entries := map[string]string{}
	if !given {
		_, ours, err := readRegular(s.tree, s.read, path)
		if err != nil {
			return err
		}
		for _, data := range [][]byte{ours, s.previous["usr/etc/"+s.kind.shadow]} {
			for line := range strings.Lines(string(data)) {
				name, _, ok := strings.Cut(line, ":")
				if _, known := entries[name]; ok && !known {
					entries[name] = strings.TrimRight(line, "\r\n")
				}
			}
		}
	}
	var b strings.Builder
	for _, a := range s.list {
		line, ok := entries[a.name]
		switch {
		case ok:
		case s.kind.shadow == userKind.shadow:
			line = a.name + ":*::0:99999:7:::"
		default:
			line = a.name + ":::"
		}
		b.WriteString(line + "\n")
	}
	return s.write(path, 0, []byte(b.String()))
}

// write replaces the content of a file, or makes it.
func (s *seeder) write(path string, mode uint32, data []byte) error {
	n := s.tree.Lookup(path)
	if n == nil {
		return s.tree.Attach(path, rootfs.NewFile(mode, data))
	}
	if !n.IsRegular() {
		return fmt.Errorf("/%s of %s is no regular file", path, s.tree.PackageName(n))
	}
	n.SetData(data)
	if mode != 0 {
		n.Mode = ostree.ModeRegular | mode
	}
	return nil
}
