package rpmrepo

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// GroupSpec asks for groups.
type GroupSpec struct {
	Text            string // as it was written
	Pattern         string // an ID or a name, or a pattern of them
	Kinds           PackageKind
	OnlyEnvironment bool // no group is meant
}

// IsGroupSpec reports whether a package spec asks for groups.
func IsGroupSpec(text string) bool { return strings.HasPrefix(text, "@") }

// ParseGroupSpec reads "@ID" or "@NAME", both of which may be patterns;
// "@^ID" for an environment; and "@ID/KIND,KIND" for other packages of a group
// than DefaultKinds.
func ParseGroupSpec(text string) (GroupSpec, error) {
	s := GroupSpec{Text: text, Kinds: DefaultKinds}
	rest, ok := strings.CutPrefix(text, "@")
	if !ok {
		return s, fmt.Errorf("%q is no group: one starts with @", text)
	}
	rest, s.OnlyEnvironment = strings.CutPrefix(rest, "^")
	pattern, kinds, hasKinds := strings.Cut(rest, "/")
	if len(pattern) > 1 && pattern[0] == '"' && pattern[len(pattern)-1] == '"' {
		pattern = pattern[1 : len(pattern)-1]
	}
	s.Pattern = pattern
	if pattern == "" {
		return s, fmt.Errorf("%q names no group", text)
	}
	if !hasKinds {
		return s, nil
	}
	s.Kinds = 0
	for name := range strings.SplitSeq(kinds, ",") {
		names := kindNames()
		i := slices.Index(names[:], name)
		if i < 0 {
			return s, fmt.Errorf("%q: %q is no kind of packages: %s are", text, name, strings.Join(names[:], ", "))
		}
		s.Kinds |= 1 << i
	}
	return s, nil
}

// GroupMember is a package that a group spec asks for.
type GroupMember struct {
	Group string // ID
	GroupPackage
}

// Members returns the packages that a spec asks for, and notes what the
// environments among its matches name that is not there. Optional groups of an
// environment are not installed with it. It reports false when nothing matches.
func (c *Comps) Members(s GroupSpec) (members []GroupMember, notes []string, found bool) {
	seen := make(map[GroupMember]bool)
	add := func(g *Group) {
		for _, p := range g.Packages {
			m := GroupMember{Group: g.ID, GroupPackage: p}
			if p.Kind&s.Kinds != 0 && !seen[m] {
				seen[m] = true
				members = append(members, m)
			}
		}
	}
	if !s.OnlyEnvironment {
		for _, i := range matchLabels(s.Pattern, len(c.Groups), func(i int) (id, name string) { return c.Groups[i].ID, c.Groups[i].Name }) {
			add(&c.Groups[i])
			found = true
		}
	}
	for _, i := range matchLabels(s.Pattern, len(c.Environments), func(i int) (id, name string) { return c.Environments[i].ID, c.Environments[i].Name }) {
		e := &c.Environments[i]
		found = true
		for _, id := range e.Groups {
			if g := c.group(id); g != nil {
				add(g)
				continue
			}
			notes = append(notes, fmt.Sprintf("environment %s names the group %s, which no repository has", e.ID, id))
		}
	}
	return members, notes, found
}

// matchLabels returns the entries whose ID or name is the pattern. Only when
// there is none, wildcards count, and letters are the same in both cases.
func matchLabels(pattern string, n int, label func(int) (id, name string)) []int {
	var exact, similar []int
	like := fnmatch(pattern)
	for i := range n {
		id, name := label(i)
		switch {
		case id == pattern || name == pattern:
			exact = append(exact, i)
		case like.MatchString(id) || name != "" && like.MatchString(name):
			similar = append(similar, i)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return similar
}

// fnmatch turns a pattern with *, ? and [ ] into an expression that ignores
// case.
func fnmatch(pattern string) *regexp.Regexp {
	pattern = strings.ToValidUTF8(pattern, "\ufffd")
	var b strings.Builder
	b.WriteString(`(?is)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteString(`.`)
		case '[':
			if set, n := bracket(pattern[i:]); n > 0 {
				b.WriteString(set)
				i += n - 1
				continue
			}
			b.WriteString(`\[`)
		default:
			_, n := utf8.DecodeRuneInString(pattern[i:])
			b.WriteString(regexp.QuoteMeta(pattern[i : i+n]))
			i += n - 1
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil { // such as a range that runs backwards: it means itself
		return regexp.MustCompile(`\A` + regexp.QuoteMeta(pattern) + `\z`)
	}
	return re
}

// bracket reads [seq] or [!seq] at the start of a pattern; length zero when it
// is not closed.
func bracket(p string) (set string, n int) {
	start := 1
	if strings.HasPrefix(p[1:], "!") {
		start = 2
	}
	if len(p) <= start {
		return "", 0
	}
	end := strings.IndexByte(p[start+1:], ']') // a ] at the start means itself
	if end < 0 {
		return "", 0
	}
	end += start + 1
	body := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `&`, `\&`, `~`, `\~`).Replace(p[start:end])
	if start == 2 {
		return "[^" + body + "]", end + 1
	}
	return "[" + body + "]", end + 1
}

func (c *Comps) group(id string) *Group {
	for i := range c.Groups {
		if c.Groups[i].ID == id {
			return &c.Groups[i]
		}
	}
	return nil
}

// Near returns the IDs that resemble a spec, for messages.
func (c *Comps) Near(s GroupSpec) []string {
	type near struct {
		id       string
		distance int
	}
	var found []near
	want := strings.ToLower(s.Pattern)
	consider := func(id string) {
		if len(want) <= 100 && len(id) <= 100 {
			if d := editDistance(want, strings.ToLower(id)); d <= len(want)/3+1 {
				found = append(found, near{id, d})
			}
		}
	}
	if !s.OnlyEnvironment {
		for i := range c.Groups {
			consider(c.Groups[i].ID)
		}
	}
	for i := range c.Environments {
		consider(c.Environments[i].ID)
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	var ids []string
	for _, f := range found[:min(len(found), 3)] {
		ids = append(ids, f.id)
	}
	return ids
}

// Merge adds the groups of another repository as dnf does: what both have is
// one, the later one's name counts, and a package of both is what the later one
// says of it.
func (c *Comps) Merge(o *Comps) {
	groups := make(map[string]int, len(c.Groups))
	for i := range c.Groups {
		groups[c.Groups[i].ID] = i
	}
	for _, g := range o.Groups {
		i, ok := groups[g.ID]
		if !ok {
			groups[g.ID] = len(c.Groups)
			g.Packages = slices.Clone(g.Packages)
			c.Groups = append(c.Groups, g)
			continue
		}
		c.Groups[i].merge(&g)
	}
	environments := make(map[string]int, len(c.Environments))
	for i := range c.Environments {
		environments[c.Environments[i].ID] = i
	}
	for _, e := range o.Environments {
		i, ok := environments[e.ID]
		if !ok {
			environments[e.ID] = len(c.Environments)
			e.Groups, e.Optional = slices.Clone(e.Groups), slices.Clone(e.Optional)
			c.Environments = append(c.Environments, e)
			continue
		}
		to := &c.Environments[i]
		if e.Name != "" {
			to.Name = e.Name
		}
		to.Groups = joinIDs(to.Groups, e.Groups)
		to.Optional = joinIDs(to.Optional, e.Optional)
	}
}

func (g *Group) merge(o *Group) {
	if o.Name != "" {
		g.Name = o.Name
	}
	first := make(map[string]int, len(g.Packages))
	for i, p := range slices.Backward(g.Packages) {
		first[p.Name] = i
	}
	for _, p := range o.Packages {
		if i, ok := first[p.Name]; ok {
			g.Packages[i] = p
			continue
		}
		first[p.Name] = len(g.Packages)
		g.Packages = append(g.Packages, p)
	}
}

func joinIDs(to, more []string) []string {
	known := make(map[string]bool, len(to)+len(more))
	for _, id := range to {
		known[id] = true
	}
	for _, id := range more {
		if !known[id] {
			known[id] = true
			to = append(to, id)
		}
	}
	return to
}
