package solve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Find returns the places in an answer of the packages that text names, which is
// anything that a Spec's Text may be. req is the request that t answers.
func Find(ctx context.Context, u *Universe, req Request, t *Transaction, text string) ([]int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ready()
	text = strings.TrimSpace(text)
	probe := req.and(text)
	if u.fileListsLacking(&probe) {
		if err := u.loadFiles(ctx, &probe); err != nil {
			return nil, err
		}
	}
	type build struct{ repo, nevra, location string }
	place := make(map[build]int, len(t.Packages))
	for i, s := range t.Packages {
		place[build{s.Repo, s.Package.NEVRA.String(), s.Package.Location}] = i
	}
	for _, list := range u.readings(text) {
		var found []int
		for _, p := range list {
			m := u.metadata(p)
			if i, ok := place[build{u.repoOf(p).opts.ID, m.NEVRA.String(), m.Location}]; ok {
				found = append(found, i)
			}
		}
		if len(found) > 0 {
			slices.Sort(found)
			return slices.Compact(found), nil
		}
	}
	return nil, nil
}

// and returns the request with one more spec.
func (r Request) and(text string) Request {
	r.Install = append(slices.Clip(r.Install), Spec{Text: text})
	return r
}

// readings returns what a text may name: packages, what they provide, files.
func (u *Universe) readings(text string) [][]lit {
	binary := func(p lit) bool { return !u.isSource(p) }
	list, _ := u.matchNEVRA(text, binary)
	out := [][]lit{list}
	if !strings.HasPrefix(text, "(") {
		out = append(out, u.matchProvide(text, binary))
	}
	if isFilePattern(text) {
		out = append(out, u.matchFile(text, binary))
	}
	return out
}

// WhyNot says, in sentences, why the answer to a request does not hold what text
// names, as far as that can be told.
func WhyNot(ctx context.Context, u *Universe, req Request, text string) ([]string, error) {
	text = strings.TrimSpace(text)
	trial, err := tryWith(ctx, u, req.and(text))
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	s, solved, err := u.prepare(ctx, &req).solve()
	if err != nil || !solved {
		return nil, errors.Join(err, ctx.Err())
	}
	var list []lit
	for _, reading := range u.readings(text) {
		if list = reading; len(list) > 0 {
			break
		}
	}
	if len(list) == 0 {
		if near := s.nearSpec(Spec{Text: text}); len(near) > 0 {
			return near, nil
		}
		return []string{"no repository in use has it"}, nil
	}
	if there := keepOnly(list, u.installed); len(there) > 0 {
		return []string{fmt.Sprintf("%s is installed already, and stays", s.names(there))}, nil
	}
	able := keepOnly(list, s.installable)
	out := s.ruledOut(keepOnly(list, func(p lit) bool { return !s.installable(p) }))
	if len(able) == 0 {
		return out, nil
	}
	asked := s.asksFor(able)
	out = append(out, asked...)
	switch {
	case trial != nil:
		out = append(out, "asked for as well, it could not be installed: "+trial.Error())
	case len(asked) == 0:
		out = append(out, fmt.Sprintf("nothing asks for it: %s could be installed", s.names(able)))
	}
	return out, nil
}

// tryWith resolves a request, and returns its problems if it has some.
func tryWith(ctx context.Context, u *Universe, req Request) (*Problems, error) {
	_, err := Resolve(ctx, u, req)
	if problems := (*Problems)(nil); errors.As(err, &problems) {
		return problems, nil
	}
	return nil, err
}

// ruledOut says why packages cannot be chosen at all.
func (s *solver) ruledOut(list []lit) []string {
	var out []string
	for _, why := range s.exclusionsOf(list) {
		because := keepOnly(list, func(p lit) bool { return s.whyExcluded(p) == why })
		out = append(out, s.names(because)+": excluded by "+why)
	}
	foreign := keepOnly(list, func(p lit) bool { return s.excluded[p] == notExcluded && !s.u.runs(p) })
	if len(foreign) > 0 {
		out = append(out, s.names(foreign)+": for another architecture than "+s.u.opts.Arch)
	}
	return out
}

// asksFor says what in the answer could have brought one of these packages, and
// what it took instead.
func (s *solver) asksFor(able []lit) []string {
	var out []string
	for p := firstPkg; int(p) < len(s.u.pkgs) && len(out) < maxNames; p++ {
		if s.levels[p] <= 0 {
			continue
		}
		for _, kind := range []depKind{obsoletes, requires, recommends} {
			for _, d := range s.u.list(p, kind) {
				if text := s.asks(p, kind, d, able); text != "" && !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	for _, p := range able {
		for _, d := range s.u.list(p, supplements) {
			if !s.withWeak && s.fulfilled(d) {
				out = append(out, fmt.Sprintf("%s supplements %s, but weak dependencies are left out", s.u.nevra(p), s.u.depString(d)))
			}
		}
	}
	return out
}

// asks is a sentence about one dependency of p, if it involves one of able.
func (s *solver) asks(p lit, kind depKind, d depID, able []lit) string {
	u := s.u
	if kind == obsoletes {
		if slices.ContainsFunc(able, func(q lit) bool { return u.matchesName(q, d) }) {
			return fmt.Sprintf("%s obsoletes %s", u.nevra(p), u.depString(d))
		}
		return ""
	}
	involved := u.bringers(d)
	if !slices.ContainsFunc(involved, func(q lit) bool { return slices.Contains(able, q) }) {
		return ""
	}
	verb := map[depKind]string{requires: "requires", recommends: "recommends"}[kind]
	taken := keepOnly(involved, func(q lit) bool { return q == system || s.levels[q] > 0 })
	switch {
	case len(taken) > 0:
		return fmt.Sprintf("%s %s %s, which %s provides", u.nevra(p), verb, u.depString(d), s.names(taken))
	case kind == recommends && !s.withWeak:
		return fmt.Sprintf("%s recommends %s, but weak dependencies are left out", u.nevra(p), u.depString(d))
	}
	return fmt.Sprintf("%s %s %s", u.nevra(p), verb, u.depString(d))
}
