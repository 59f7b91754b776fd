package treefile

import (
	"maps"
	"slices"
)

// merge merges an included layer into l, which includes it.
func (l *layer) merge(included *layer) {
	for key, theirs := range included.settings {
		s, _ := specOf(key)
		ours, have := l.settings[key]
		switch {
		case s.class == notMerged:
		case !have:
			l.settings[key] = theirs
		case s.class == vector || s.class == repoPackages:
			ours.value = slices.Concat(theirs.value.([]any), ours.value.([]any))
			l.settings[key] = ours
		case s.class == set:
			ours.value = sortedSet(slices.Concat(theirs.value.([]string), ours.value.([]string)))
			l.settings[key] = ours
		case s.class == mapping:
			all := maps.Clone(theirs.value.(map[string]setting))
			maps.Copy(all, ours.value.(map[string]setting))
			ours.value = all
			l.settings[key] = ours
		}
	}
}

// overrideRepoPackages leaves each spec of repo-packages to the last entry
// that names it, and drops the entries that have none left.
func (l *layer) overrideRepoPackages() {
	s, ok := l.settings["repo-packages"]
	if !ok {
		return
	}
	seen := map[string]bool{}
	var kept []any
	for _, item := range slices.Backward(s.value.([]any)) {
		rp := item.(RepoPackages)
		var left []string
		for _, spec := range rp.Packages {
			if !seen[spec] {
				left = append(left, spec)
			}
		}
		for _, spec := range left {
			seen[spec] = true
		}
		if len(left) > 0 {
			kept = append(kept, RepoPackages{Repo: rp.Repo, Packages: left})
		}
	}
	slices.Reverse(kept)
	s.value = kept
	l.settings["repo-packages"] = s
}
