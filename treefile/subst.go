package treefile

import (
	"regexp"
	"slices"
	"strings"
)

var templated = regexp.MustCompile(`\$\{([^{}$]*)\}`)

// expandVariables replaces ${name}. What is not defined stays as it is, and
// is returned.
func expandVariables(text string, vars map[string]Value) (expanded string, undefined []string) {
	expanded = templated.ReplaceAllStringFunc(text, func(match string) string {
		name := match[2 : len(match)-1]
		if v, ok := vars[name]; ok {
			return v.String()
		}
		undefined = append(undefined, name)
		return match
	})
	return expanded, undefined
}

// substituted are the keys whose strings may hold variables, as rpm-ostree
// has them, the refs of bases and layers, and the table flatpak.
var substituted = []string{
	"ref", "rojig", "metadata", "add-commit-metadata", "automatic-version-prefix",
	"mutate-os-release", "platform-module", "flatpak", "base", "ostree-layers", "ostree-override-layers",
}

// substitute replaces variables in the values of the keys that allow it.
func (t *Treefile) substitute(warn func(Warning)) error {
	for _, v := range t.Variables {
		if strings.ContainsAny(v.text, "${}") {
			return errorAt(Position{}, keyVariables, "%q: values of variables cannot hold $, { or }", v.text)
		}
	}
	for _, key := range substituted {
		s, ok := t.layer.settings[key]
		if !ok {
			continue
		}
		replace := func(text string, at Position, key string) string {
			text, undefined := expandVariables(text, t.Variables)
			for _, name := range slices.Compact(undefined) {
				if warn != nil {
					warn(Warning{Position: at, Key: key, Text: "${" + name + "} stays as it is: no such variable" +
						didYouMean(name, mapKeys(t.Variables))})
				}
			}
			return text
		}
		switch v := s.value.(type) {
		case string:
			s.value = replace(v, s.at, key)
		case *Rojig:
			r := *v
			r.Name, r.Summary = replace(r.Name, s.at, key), replace(r.Summary, s.at, key)
			if r.Description != nil {
				d := replace(*r.Description, s.at, key)
				r.Description = &d
			}
			s.value = &r
		case *Base:
			b := *v
			b.Ref, b.Repo, b.repo = replace(b.Ref, b.Position, key), replace(b.Repo, b.Position, key), replace(b.repo, b.Position, key)
			s.value = &b
		case []any:
			list := slices.Clone(v)
			for i, item := range list {
				list[i] = replace(item.(string), s.at, key)
			}
			s.value = list
		case map[string]setting:
			s.value = substituteMap(v, key, replace)
		}
		t.layer.settings[key] = s
	}
	return nil
}

// substituteMap replaces variables in the strings that stand directly in a
// table.
func substituteMap(m map[string]setting, key string, replace func(text string, at Position, key string) string) map[string]setting {
	out := make(map[string]setting, len(m))
	for _, name := range mapKeys(m) {
		sub := m[name]
		if text, ok := sub.value.(string); ok {
			sub.value = replace(text, sub.at, key+"."+name)
		}
		out[name] = sub
	}
	return out
}
