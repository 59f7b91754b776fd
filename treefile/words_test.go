package treefile

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitSpecs(t *testing.T) {
	for text, want := range map[string][]string{
		"foobar": {"foobar"}, "  foo  bar\tbaz\n": {"foo", "bar", "baz"}, "'foobar >= 1.0'": {"foobar >= 1.0"},
		"corge 'quuz >= 1.0'": {"corge", "quuz >= 1.0"}, "a'b c'd": {"a", "b c", "d"}, "": nil, "'a' 'b'": {"a", "b"},
	} {
		if got, err := splitSpecs(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"'", "a 'b", "'a' 'b"} {
		if got, err := splitSpecs(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestSplitShell(t *testing.T) {
	for text, want := range map[string][]string{
		"--share=network --socket=x11":  {"--share=network", "--socket=x11"},
		"\n  --a # comment 'x\n\t--b\n": {"--a", "--b"},
		`--env=A="b c"'d e' f\ g`:       {"--env=A=b cd e", "f g"},
		`"a\"b\$\c" '\' a#b`:            {`a"b$\c`, `\`, "a#b"},
		"a\\\nb \"c\\\nd\" ''":          {"ab", "cd", ""},
		"":                              nil,
	} {
		if got, err := splitShell(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"'", `"a`, `a\`} {
		if got, err := splitShell(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestConditions(t *testing.T) {
	vars := map[string]Value{"n": NumberValue(5), "s": StringValue("x"), "b": BoolValue(true), "e": StringValue("")}
	for text, want := range map[string]bool{
		"n == 5": true, "n != 5": false, "n < 6": true, "n <= 5": true, "n > 5": false, "n >= 5": true, " n>=5 ": true,
		`s == "x"`: true, `s != "x"`: false, "b == true": true, "b != true": false, "b == false": false, `e == ""`: true,
		`s == "a " == "`: false,
	} {
		c, err := parseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.holds(vars); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"n = 5", "n == x", "n ==", "== 5", "n === 5", "n == -5", "a-b == 5", "n == 99999999999999999999", "n < 5 and b == true"} {
		if c, err := parseCondition(text); err == nil {
			t.Errorf("%s: got %+v, want an error", text, c)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"packges": "packages", "exclude-package": "exclude-packages", "opt-usrlocl": "opt-usrlocal", "install_langs": "install-langs",
		"conditional-includes": "conditional-include", "rfe": "ref", "SELinux": "selinux", "frobnicate": "", "x": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := nearest(word, knownKeys()); got != want {
			t.Errorf("%.20s: got %q, want %q", word, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestParseValue(t *testing.T) {
	for text, want := range map[string]Value{
		"true": BoolValue(true), "false": BoolValue(false), "35": NumberValue(35), `"35"`: StringValue("35"),
		"": StringValue(""), "x y": StringValue("x y"), "-1": StringValue("-1"), `"`: StringValue(`"`),
	} {
		if got := ParseValue(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got.describe(), want.describe())
		}
	}
}

func TestKickstart(t *testing.T) {
	tf, _, err := load(t, "main.yaml", map[string]string{
		"main.yaml": "include: ks/base.ks\npackages: [bash]\nexclude-packages: [own]",
		"ks/base.ks": `# comment
%include more/l10n.ks
%packages --exclude-weakdeps
systemd
# one
-firewalld

podman >= 4
%end
`,
		"ks/more/l10n.ks": "%packages\nglibc-langpack-de\n%end\n%include 'other file.ks'",
		// Relative to the file that includes it.
		"ks/more/other file.ks": "%packages\nhunspell-de\n-cowsay\n%end",
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"bash", "glibc-langpack-de", "hunspell-de", "podman >= 4", "systemd"}; !slices.Equal(tf.Packages, want) {
		t.Errorf("packages: got %q, want %q", tf.Packages, want)
	}
	if want := []string{"firewalld", "cowsay", "own"}; !slices.Equal(tf.ExcludePackages, want) {
		t.Errorf("excludes: got %q, want %q", tf.ExcludePackages, want)
	}
	if tf.Recommends {
		t.Error("recommends: got true, want false from --exclude-weakdeps")
	}
}

func TestKickstartErrors(t *testing.T) {
	for text, want := range map[string]string{
		"%packages\nbash":             "a.ks:2: %end of %packages is missing",
		"%packages --nocore\n%end":    "a.ks:1: %packages --nocore is not understood: only --exclude-weakdeps is",
		"\ntimezone Europe/Berlin":    "a.ks:2: timezone is not understood: of a kickstart file only %packages and %include are",
		"%packages\n@core\n%end":      "a.ks:2: @core: package groups are not supported, name the packages",
		"%include":                    "a.ks:1: %include takes one file",
		"%include 'x":                 "a.ks:1: a quote is not closed",
		"%include a.ks\n":             "the file was already included",
		"%include b.ks\n":             "line 3: part is not understood",
		"%packages\nit's\n%end":       "a single quote is not closed",
		"%packages\n-\n%end":          "exclude-packages: an item is empty",
		"%include /does/not/exist.ks": "no such file",
	} {
		_, _, err := load(t, "a.ks", map[string]string{"a.ks": text, "b.ks": "\n\npart /"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
