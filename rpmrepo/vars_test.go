package rpmrepo

import (
	"strings"
	"testing"
)

func TestSubstitute(t *testing.T) {
	vars := Vars{"a": "VA", "e": "", "basearch": "x86_64", "a_1": "U"}
	for in, want := range map[string]string{
		"$a": "VA", "${a}": "VA", "$a-b": "VA-b", "$$a": "$VA", "$a_1": "U", "$basearch.repo": "x86_64.repo",
		"${a:-dd}": "VA", "${b:-dd}": "dd", "${e:-dd}": "dd", "${b:+x}": "", "${e:+x}": "", "${a:+x}": "x",
		"${b:-${a}}": "VA", "${b:-${c:-$a}z}": "VAz", "$": "$", "a$": "a$", "$-x": "$-x", "${": "${", "${a": "${a",
		"${}": "${}", "${a:?x}": "${a:?x}", "100%$a$e.": "100%VA.",
	} {
		if got, unset := vars.Substitute(in); got != want || len(unset) > 0 {
			t.Errorf("%s: got %q, unset %q, want %q", in, got, unset, want)
		}
	}
	for in, want := range map[string]string{"$b": "b", "${b}": "b", "$a$b/$c": "b c", "${x:-$b}": "b", "${a:+$b}": "b"} {
		if got, unset := vars.Substitute(in); strings.Join(unset, " ") != want || !strings.Contains(got, "$") && !strings.Contains(in, ":") {
			t.Errorf("%s: got %q, unset %q, want unset %q", in, got, unset, want)
		}
	}
	deep := strings.Repeat("${b:-", 1000) + strings.Repeat("}", 1000)
	if got, _ := vars.Substitute(deep); len(got) > len(deep) {
		t.Errorf("deep nesting: got %d bytes", len(got))
	}
}
