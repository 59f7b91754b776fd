package solve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// nearSpec says what comes near a spec that matches nothing.
func (s *solver) nearSpec(spec Spec) []string {
	u, text := s.u, strings.TrimSpace(spec.Text)
	binary := func(p lit) bool { return !u.isSource(p) }
	list, _ := u.matchNEVRA(text, binary)
	if len(list) == 0 {
		list = u.matchProvide(text, binary)
	}
	var near []string
	if why := s.exclusionsOf(list); len(why) > 0 {
		near = append(near, "excluded by "+strings.Join(why, "; "))
	}
	if repos := u.reposOf(keepOnly(list, s.anyRepo)); spec.Repo != "" && len(repos) > 0 {
		near = append(near, fmt.Sprintf("not in repository %s, but in %s", spec.Repo, strings.Join(repos, ", ")))
	}
	if repos := u.disabledWith(text); len(repos) > 0 {
		near = append(near, "only in a disabled repository: "+strings.Join(repos, ", "))
	}
	if len(near) == 0 {
		if names := u.similarNames(text); len(names) > 0 {
			near = append(near, "did you mean "+strings.Join(names, ", ")+"?")
		}
	}
	return near
}

// nearDep says what comes near a dependency that nothing provides.
func (s *solver) nearDep(d depID) []string {
	u := s.u
	name := u.nameOf(d)
	var near []string
	if u.isComplex(d) {
		return nil
	}
	if d.isRel() {
		if list := u.providers(depID(name)); len(list) > 0 && list[0] != system {
			near = append(near, fmt.Sprintf("%s is there in other versions only: %s", u.in.str(name), s.names(list)))
		}
	}
	var foreign []lit
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if !u.runs(p) && !u.isSource(p) && u.providesName(&u.pkgs[p], name) {
			foreign = append(foreign, p)
		}
	}
	if len(foreign) > 0 {
		near = append(near, fmt.Sprintf("%s is there for other architectures only: %s", u.in.str(name), s.names(foreign)))
	}
	if repos := u.disabledProviding(name); len(repos) > 0 {
		near = append(near, fmt.Sprintf("%s is in a disabled repository: %s", u.in.str(name), strings.Join(repos, ", ")))
	}
	return near
}

func (u *Universe) providesName(k *pkg, name strID) bool {
	return slices.ContainsFunc(u.listOf(k, provides), func(d depID) bool { return u.nameOf(d) == name })
}

// exclusionsOf returns the reasons why packages are excluded, each once.
func (s *solver) exclusionsOf(list []lit) []string {
	var out []string
	for _, p := range list {
		if why := s.whyExcluded(p); why != "" && !slices.Contains(out, why) {
			out = append(out, why)
		}
	}
	return out
}

func (u *Universe) reposOf(list []lit) []string {
	var out []string
	for _, p := range list {
		if id := u.repoOf(p).opts.ID; !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// disabledRepos returns the disabled repositories with a package for which has
// is true.
func (u *Universe) disabledRepos(has func(*pkg) bool) []string {
	var out []string
	for _, r := range u.repos {
		if r.opts.Disabled && slices.ContainsFunc(r.pkgs, func(k pkg) bool { return has(&k) }) {
			out = append(out, r.opts.ID)
		}
	}
	return out
}

func (u *Universe) disabledProviding(name strID) []string {
	return u.disabledRepos(func(k *pkg) bool { return u.providesName(k, name) })
}

// disabledWith returns the disabled repositories that have what a spec names.
func (u *Universe) disabledWith(text string) []string {
	patterns := nevraPatterns(text)
	id, known := u.in.find(text)
	return u.disabledRepos(func(k *pkg) bool {
		if known && u.providesName(k, id) {
			return true
		}
		return slices.ContainsFunc(patterns, func(n nevraPattern) bool {
			return globMatch(n.name, u.in.str(k.name)) && u.matchesParts(n, k)
		})
	})
}

// maxSimilar is how many similar names are worth showing.
const maxSimilar = 3

// similarNames returns the names of packages that text may be a slip of.
func (u *Universe) similarNames(text string) []string {
	limit := min(2, len(text)/3)
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	lower := strings.ToLower(text)
	for id, p := range u.index.firstNamed {
		name := u.in.str(strID(id))
		if p == noPkg || len(name)-len(text) > limit || len(text)-len(name) > limit {
			continue
		}
		if d := editDistance(lower, strings.ToLower(name), limit); d <= limit {
			found = append(found, candidate{name, d})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, c := range found[:min(len(found), maxSimilar)] {
		out = append(out, strings.Clone(c.name))
	}
	return out
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b; it stops above limit.
func editDistance(a, b string, limit int) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		low := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
			low = min(low, next[j])
		}
		if low > limit {
			return low
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
