package solve

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unsafe"
)

// Restore fills a universe, to which the same repositories were added but no
// packages, from a snapshot. It keeps data. The error is ErrSnapshot when the
// snapshot is damaged or of something else: the universe is empty then, as
// before, and can be filled with packages. Its answers hold nothing of data.
func (u *Universe) Restore(data []byte, key SnapshotKey) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	parts, err := u.openSnapshot(data, key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	n := NewUniverse(u.opts)
	n.repos = u.repos
	n.index = &providerIndex{rules: &template{}}
	var t tables
	v := sections{parts: parts, reading: true}
	n.eachSection(&v, &t)
	if v.bad {
		return fmt.Errorf("%w: a section has an odd length", ErrSnapshot)
	}
	if what := n.unpack(&t); what != "" {
		return fmt.Errorf("%w: bad %s", ErrSnapshot, what)
	}
	for i, r := range u.repos {
		span, all := t.repos[i], n.pkgs
		if r.opts.Disabled {
			all = t.disabled
		}
		r.first = lit(span.first)
		r.pkgs = all[span.first : span.first+span.n : span.first+span.n]
	}
	u.in, u.rels, u.deps, u.files, u.facts, u.arch = n.in, n.rels, n.deps, n.files, n.facts, n.arch
	u.pkgs, u.index, u.extraFile, u.asked, u.askedFor = n.pkgs, n.index, n.extraFile, n.asked, n.askedFor
	u.seen, u.seenList, u.saved = nil, 0, true
	return nil
}

// openSnapshot checks what is around the sections, and cuts them out.
func (u *Universe) openSnapshot(data []byte, key SnapshotKey) ([][]byte, error) {
	full := u.fullKey(key)
	order := binary.NativeEndian
	switch {
	case len(data) < snapshotHeader || string(data[:16]) != snapshotMagic:
		return nil, fmt.Errorf("no snapshot at all")
	case order.Uint32(data[20:]) != snapshotOrder || order.Uint32(data[16:]) != snapshotVersion:
		return nil, fmt.Errorf("another version")
	case !bytes.Equal(data[24:56], full[:]):
		return nil, fmt.Errorf("of other packages or options")
	case order.Uint32(data[60:]) != numSections || len(data) < snapshotHeader+8*numSections:
		return nil, fmt.Errorf("truncated")
	case crc32.Checksum(data[snapshotSummed:], castagnoli()) != order.Uint32(data[56:]):
		return nil, fmt.Errorf("damaged")
	}
	if uintptr(unsafe.Pointer(&data[0]))%8 != 0 {
		data = append(make([]byte, 0, len(data)+8), data...)
	}
	parts := make([][]byte, numSections)
	rest := data[snapshotHeader+8*numSections:]
	for i := range parts {
		n := order.Uint64(data[snapshotHeader+8*i:])
		if n > uint64(len(rest)) || (n+7)&^7 > uint64(len(rest)) {
			return nil, fmt.Errorf("truncated")
		}
		parts[i], rest = rest[:n], rest[(n+7)&^7:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("too long")
	}
	return parts, nil
}

// unpack checks every section and completes the universe. It returns what is
// wrong, if anything.
func (u *Universe) unpack(t *tables) string {
	c := checkTables{
		u: u, strs: u.in.count(), rels: len(u.rels.rels), pkgs: len(u.pkgs),
		ids:    [2]uint32{uint32(u.in.count()), uint32(len(u.rels.rels))},
		starts: make([]uint64, len(u.index.lists)/64+1),
	}
	if c.pkgs < int(firstPkg) || c.rels < 1 || len(t.key) != 2 || len(t.repos) != len(u.repos) {
		return "counts"
	}
	if !c.strings() {
		return "strings"
	}
	copy(u.in.key[:], t.key)
	u.rels.key = u.in.key
	for _, part := range []struct {
		name string
		ok   func() bool
	}{
		{"relations", c.relations}, {"packages", func() bool { return c.packages(u.pkgs[firstPkg:]) && c.packages(t.disabled) && c.packageLists() }},
		{"lists", c.lists}, {"providers", c.providers}, {"names", c.names}, {"rules", c.rules}, {"origins", c.origins},
		{"repositories", func() bool { return c.repos(t) }},
	} {
		if !part.ok() {
			return part.name
		}
	}
	for i, id := range t.asked {
		if int64(id) >= int64(c.strs) {
			return "specs"
		}
		u.asked = true
		if i > 0 {
			u.askedFor = append(u.askedFor, u.in.str(strID(id)))
		}
	}
	u.arch = newArchPolicy(u.in, u.opts.Arch)
	return ""
}

// checkTables checks the tables of a snapshot: that every number which stands
// for a place is one, that tables end, and that nothing goes round in circles.
type checkTables struct {
	u                *Universe
	strs, rels, pkgs int
	ids              [2]uint32 // counts of strings and relations
	starts           []uint64  // bits: the places in the table of lists where one starts
}

func (c *checkTables) str(id strID) bool { return uint32(id) < uint32(c.strs) }

func (c *checkTables) pkg(p lit) bool { return uint32(p) < uint32(c.pkgs) }

func (c *checkTables) dep(d depID) bool {
	return uint32(d)&^uint32(relBit) < c.ids[uint32(d)>>30&1]
}

func (c *checkTables) strings() bool {
	starts := c.u.in.starts
	if c.strs < 1 || c.strs > int(relBit) || starts[0] != 0 || starts[1] != 0 || int64(starts[c.strs]) != int64(len(c.u.in.text)) {
		return false
	}
	for i, s := range starts[1:] {
		if s < starts[i] {
			return false
		}
	}
	return c.u.in.table.valid(c.strs) && c.u.rels.table.valid(c.rels)
}

// maxRelDepth bounds how deep relations nest: functions call themselves so
// often.
const maxRelDepth = 1 << 20

// relations checks that each relation is made of earlier ones.
func (c *checkTables) relations() bool {
	depths := make(map[depID]int32) // of those that nest
	for i, r := range c.u.rels.rels[1:] {
		own := depID(i+1) | relBit
		switch {
		case !c.dep(r.left) || !c.dep(r.right) || r.op > opNever:
			return false
		case r.op < opAnd || r.op == opNever:
			if r.left.isRel() || r.right.isRel() {
				return false
			}
			continue
		case r.left.isRel() && r.left >= own || r.right.isRel() && r.right >= own:
			return false
		}
		depth := max(depths[r.left], depths[r.right]) + 1
		if depth > maxRelDepth {
			return false
		}
		depths[own] = depth
	}
	return true
}

func (c *checkTables) packages(list []pkg) bool {
	u := c.u
	for i := range list {
		k := &list[i]
		if !c.str(k.name) || !c.str(k.evr) || !c.str(k.arch) || !c.str(k.vendor) || !c.str(k.source) ||
			uint32(k.repo) >= uint32(len(u.repos)) || uint32(k.fact) >= uint32(len(u.facts.at)) {
			return false
		}
		at := k.deps[0]
		for _, next := range k.deps[1:] {
			if next < at {
				return false
			}
			at = next
		}
		if k.deps[0] < 0 || int(at) > len(u.deps) || k.before < 0 || k.before > k.deps[requires+1]-k.deps[requires] ||
			k.files[0] < 0 || k.files[1] < k.files[0] || int(k.files[1]) > len(u.files) {
			return false
		}
	}
	return true
}

func (c *checkTables) packageLists() bool {
	u := c.u
	for _, d := range u.deps {
		if !c.dep(d) {
			return false
		}
	}
	for _, f := range u.files {
		if uint32(f) >= uint32(len(u.index.paths)) {
			return false
		}
	}
	return len(u.index.paths) <= c.strs
}

// lists goes through the table of lists: each is sorted, none overlap.
func (c *checkTables) lists() bool {
	t := c.u.index.lists
	if len(t) < 4 || t[1] != 0 || t[2] != 1 || t[3] != system {
		return false
	}
	for i := 1; i < len(t); {
		n := int(t[i])
		if n < 0 || n >= len(t)-i {
			return false
		}
		c.starts[i/64] |= 1 << (i % 64)
		last := noPkg
		for _, p := range t[i+1 : i+1+n] {
			if p <= last {
				return false
			}
			last = p
		}
		if !c.pkg(last) {
			return false
		}
		i += 1 + n
	}
	return true
}

// list reports whether a list starts at a place; zero is none.
func (c *checkTables) list(id listID) bool {
	return uint32(id) < uint32(len(c.u.index.lists)) && (id == noList || c.starts[id/64]&(1<<(id%64)) != 0)
}

func (c *checkTables) providers() bool {
	x := c.u.index
	for _, id := range x.byName {
		if !c.list(id) || id != noList && int(id)+1+int(x.lists[id]) > len(x.by) {
			return false
		}
	}
	for _, d := range x.by {
		if !c.dep(d) {
			return false
		}
	}
	for _, id := range x.byRel {
		if !c.list(id) {
			return false
		}
	}
	for _, f := range c.u.extraFile {
		if !c.str(f.path) || !c.pkg(f.p) || f.p < firstPkg {
			return false
		}
	}
	return len(x.byName) <= c.strs && len(x.byRel) <= c.rels
}

func (c *checkTables) names() bool {
	x := c.u.index
	if len(x.firstNamed) > c.strs || len(x.nextNamed) != c.pkgs {
		return false
	}
	for _, p := range x.firstNamed {
		if !c.pkg(p) || p == system {
			return false
		}
	}
	for p, next := range x.nextNamed {
		if !c.pkg(next) || next != noPkg && int(next) <= p {
			return false
		}
	}
	for _, list := range [][]lit{x.installed, x.weak, x.obsoleting} {
		for _, p := range list {
			if !c.pkg(p) || p < firstPkg {
				return false
			}
		}
	}
	return true
}

// rules checks the template but for its origins.
func (c *checkTables) rules() bool {
	t := c.u.index.rules
	if len(t.flags) != c.pkgs || !descending(t.groups, c.pkgs, len(t.rules)) || !descending(t.nextAt, c.pkgs, len(t.next)) {
		return false
	}
	for p := lit(c.pkgs) - 1; p >= firstPkg; p-- {
		for _, r := range t.rules[t.groups[p]:t.groups[p-1]] {
			// A rule never watches one literal twice.
			if !c.list(r.rest) || r.rest == emptyList || !c.pkg(max(r.second, -r.second)) || r.second == -p {
				return false
			}
		}
	}
	for _, p := range t.next {
		if !c.pkg(p) || p == noPkg {
			return false
		}
	}
	return true
}

// descending checks a list of places by package, of which the highest package
// comes first; n is how many places there are.
func descending(at []int32, pkgs, n int) bool {
	if len(at) != pkgs || at[pkgs-1] < 0 || int(at[system]) > n {
		return false
	}
	for p := pkgs - 1; p > int(system); p-- {
		if at[p-1] < at[p] {
			return false
		}
	}
	return true
}

// origins checks where the template's rules come from: each from something.
func (c *checkTables) origins() bool {
	t := c.u.index.rules
	if len(t.originAt) != len(t.rules)+1 || c.rels > int(relBit) || t.originAt[0] < 0 || int(t.originAt[len(t.rules)]) > len(t.origins) {
		return false
	}
	for i, at := range t.originAt[1:] {
		if at <= t.originAt[i] {
			return false
		}
	}
	for _, o := range t.origins {
		if o.kind < -ruleSameName || o.kind > ruleSameName || !c.dep(o.depID) {
			return false
		}
	}
	return true
}

func (c *checkTables) repos(t *tables) bool {
	for i, r := range c.u.repos {
		n := c.pkgs
		if r.opts.Disabled {
			n = len(t.disabled)
		}
		if s := t.repos[i]; s.first < 0 || s.n < 0 || int(s.first) > n || int(s.n) > n-int(s.first) {
			return false
		}
	}
	return true
}
