package treefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// flatten reads one file without what it includes or names.
func flatten(f format, data []byte, path string) (*Treefile, error) {
	root, err := parse(f, data, path)
	if err != nil {
		return nil, err
	}
	layer, err := readLayer(&reader{file: path, strict: f != formatJSON}, root, "x86_64")
	if err != nil {
		return nil, err
	}
	layer.overrideRepoPackages()
	t := &Treefile{Path: path, Arch: "x86_64", Variables: layer.variables, layer: &layer.layer}
	if err := t.substitute(nil); err != nil {
		return nil, err
	}
	t.fill()
	return t, errors.Join(t.fillFlatpak(), t.validate())
}

// fuzzFormat checks that a file is refused, or prints as JSON that reads back
// as the same treefile.
func fuzzFormat(f *testing.F, kind format, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tf, err := flatten(kind, data, filepath.Join(t.TempDir(), "a"))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		first, err := tf.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(first) {
			t.Fatalf("no JSON: %s", first)
		}
		tf.Keys()
		// Specs with blanks print without the quotes that hold them together,
		// as rpm-ostree prints them; and what is left of ${} is replaced again.
		if strings.ContainsAny(strings.Join(tf.Packages, ""), " \t\n'") || len(tf.RepoPackages) > 0 || bytes.Contains(first, []byte("${")) {
			return
		}
		again, err := flatten(formatJSON, first, "again.json")
		if err != nil {
			t.Fatalf("reading what was printed: %v in %s", err, first)
		}
		second, err := again.JSON()
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("printed twice: got %s, %v, want %s", second, err, first)
		}
	})
}

var fuzzKeys = "add-files: [[a, etc/b]]\nunits: [a.service]\ncheck-passwd: {type: data, entries: {a: [1, 2]}}\nflatpak: {id: a.b.c, runtime: a.b.d, finish-args: --share=ipc}\n"

func FuzzYAML(f *testing.F) {
	fuzzFormat(f, formatYAML, sameYAML, fuzzKeys, "a: &a [*a]", "{}", "metadata: {a: 1e400, b: 0x10, c: !!binary x}", "remove-from-packages: [[a, .*]]")
}

func FuzzJSON(f *testing.F) {
	fuzzFormat(f, formatJSON, sameJSON, `{"a": [`, `{"rojig": {"name": "a", "summary": "b", "license": "c"}}`, `{"metadata": {"\ud800": 1e5}}`)
}

func FuzzTOML(f *testing.F) {
	fuzzFormat(f, formatTOML, sameTOML, "a.b.c = {d = [1, 2]}", "metadata = {a = inf}", "x = '''", "[[repo-packages]]\nrepo='a'\npackages=[]")
}

func FuzzKickstart(f *testing.F) {
	fuzzFormat(f, formatKickstart, "%packages --exclude-weakdeps\na\n-b\n%end", "%include x", "# x\n\"")
}

func FuzzCondition(f *testing.F) {
	f.Add(`a == "b"`, "b")
	f.Add("a<=5", "5")
	f.Fuzz(func(t *testing.T, text, value string) {
		c, err := parseCondition(text)
		if err != nil {
			return
		}
		// Either it holds, or it does not, or it says why not.
		_, _ = c.holds(map[string]Value{c.variable: ParseValue(value)})
	})
}

func FuzzShellWords(f *testing.F) {
	f.Add(`--a "b c" 'd'\ e # f`)
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitShell(text)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		again, err := splitShell(strings.Join(quoted, " "))
		if err != nil || strings.Join(again, "\x00") != strings.Join(words, "\x00") {
			t.Errorf("%q: got %q, %v, want %q", text, again, err, words)
		}
	})
}
