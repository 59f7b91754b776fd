package solve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func (r *testRepo) parseTags(t testing.TB, lines []string) {
	t.Helper()
	block := ""
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, " ")
		switch {
		case block != "" && line == "-"+block+":":
			block = ""
			continue
		case block != "":
			tag, value = "="+block+":", line
		case strings.HasPrefix(line, "+"):
			block = strings.Trim(line, "+:")
			continue
		}
		if tag == "=Ver:" {
			r.noSelfProvides = strings.HasPrefix(value, "3") && !strings.Contains(value, "addselfprovides")
			continue
		}
		if tag == "=Pkg:" {
			f := strings.Fields(value)
			m := &rpm.Metadata{NEVRA: rpm.NEVRA{Name: f[0], EVR: rpm.ParseEVR(f[1] + "-" + f[2]), Arch: f[3]}}
			r.pkgs = append(r.pkgs, m)
			continue
		}
		r.pkgs[len(r.pkgs)-1] = addTag(t, r.pkgs[len(r.pkgs)-1], tag, value)
	}
}

func addTag(t testing.TB, m *rpm.Metadata, tag, value string) *rpm.Metadata {
	t.Helper()
	lists := map[string]*[]rpm.Dep{
		"=Req:": &m.Requires, "=Prq:": &m.Requires, "=Prv:": &m.Provides, "=Con:": &m.Conflicts, "=Obs:": &m.Obsoletes,
		"=Rec:": &m.Recommends, "=Sug:": &m.Suggests, "=Sup:": &m.Supplements, "=Enh:": &m.Enhances,
	}
	if tag == "=Fls:" {
		m.Files = append(m.Files, value)
		return m
	}
	list := lists[tag]
	if list == nil {
		t.Fatalf("unknown tag %q", tag)
	}
	d, err := parseTagDep(value)
	if err != nil {
		t.Fatal(err)
	}
	d.Pre = tag == "=Prq:"
	*list = append(*list, d)
	return m
}

var tagOps = []struct {
	op  rpm.RichOp
	tag string
}{{rpm.RichAnd, "&"}, {rpm.RichOr, "|"}, {rpm.RichIf, "<IF>"}, {rpm.RichUnless, "<UNLESS>"}, {rpm.RichWith, "+"}, {rpm.RichWithout, "-"}}

// parseTagDep reads a dependency as testtags write it.
func parseTagDep(s string) (rpm.Dep, error) {
	r, rest, err := parseTagRich(tagWords(s))
	if err != nil || len(rest) > 0 {
		return rpm.Dep{}, fmt.Errorf("dependency %q: %v, %q follows", s, err, rest)
	}
	if r.Op == rpm.RichDep {
		return r.Dep, nil
	}
	return rpm.Dep{Name: r.String()}, nil
}

// tagWords splits a dependency into words and grouping parentheses.
func tagWords(s string) []string {
	var words []string
	for i := 0; i < len(s); {
		start, open := i, 0
		for ; i < len(s) && s[i] != ' ' && (s[i] != ')' || open > 0); i++ {
			if s[i] == '(' {
				open++
			} else if s[i] == ')' {
				open--
			}
			if s[start] == '(' {
				break
			}
		}
		if i == start || s[start] == '(' {
			i = start + 1
		}
		if word := strings.TrimSpace(s[start:i]); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// tagElse marks "condition else other" while parsing.
const tagElse = rpm.RichOp(255)

func parseTagRich(words []string) (*rpm.Rich, []string, error) {
	if len(words) == 0 {
		return nil, nil, fmt.Errorf("an operand is missing")
	}
	var left *rpm.Rich
	if words[0] == "(" {
		var err error
		if left, words, err = parseTagRich(words[1:]); err != nil || len(words) == 0 || words[0] != ")" {
			return nil, nil, fmt.Errorf("no closing parenthesis: %v", err)
		}
		words = words[1:]
	} else {
		left = &rpm.Rich{Dep: rpm.Dep{Name: words[0]}}
		words = words[1:]
		if len(words) > 1 {
			if d, err := rpm.ParseDep("x " + words[0] + " " + words[1]); err == nil {
				left.Dep.Flags, left.Dep.EVR = d.Flags, d.EVR
				words = words[2:]
			}
		}
	}
	if len(words) == 0 || words[0] == ")" {
		return left, words, nil
	}
	tag := words[0]
	right, words, err := parseTagRich(words[1:])
	if err != nil {
		return nil, nil, err
	}
	if tag == "<ELSE>" {
		return &rpm.Rich{Op: tagElse, Args: []*rpm.Rich{left, right}}, words, nil
	}
	for _, o := range tagOps {
		if o.tag == tag {
			args := []*rpm.Rich{left, right}
			if right.Op == tagElse {
				args = append(args[:1], right.Args...)
			}
			return &rpm.Rich{Op: o.op, Args: args}, words, nil
		}
	}
	return nil, nil, fmt.Errorf("unknown operator %q", tag)
}

// tagDep writes a dependency as testtags do.
func tagDep(d rpm.Dep) string {
	if !d.IsRich() {
		return d.String()
	}
	r, err := rpm.ParseRich(d.Name)
	if err != nil {
		panic(err)
	}
	return tagRich(r)
}

func tagRich(r *rpm.Rich) string {
	if r.Op == rpm.RichDep {
		return r.Dep.String()
	}
	op := ""
	for _, o := range tagOps {
		if o.op == r.Op {
			op = o.tag
		}
	}
	right := tagRich(r.Args[len(r.Args)-1])
	switch {
	case (r.Op == rpm.RichIf || r.Op == rpm.RichUnless) && len(r.Args) == 3:
		right = "(" + tagRich(r.Args[1]) + " <ELSE> " + right + ")"
	default:
		for _, a := range slices.Backward(r.Args[1 : len(r.Args)-1]) {
			right = "(" + tagRich(a) + " " + op + " " + right + ")"
		}
	}
	return "(" + tagRich(r.Args[0]) + " " + op + " " + right + ")"
}
