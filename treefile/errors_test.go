package treefile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestErrors holds one treefile per line of complaint. want is a part of the
// message and names file, line and key.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, main, want string
	}{
		{"a.yaml", "ref: x\npakages: [bash]", `a.yaml:2: pakages: unknown key; did you mean "packages"?`},
		{"a.yaml", "install_langs: [de]", `a.yaml:1: install_langs: unknown key; did you mean "install-langs"?`},
		{"a.toml", "ref = 'x'\n\n[flatpak]\nbrunch = 'x'", `a.toml:4: flatpak.brunch: unknown key; did you mean "branch"?`},
		{"a.yaml", "repo-packages:\n - repo: x\n   packages: [a]\n   extra: 1", "a.yaml:4: repo-packages.extra: unknown key"},
		{"a.yaml", "wholly-unlike: 1", "a.yaml:1: wholly-unlike: unknown key"},
		{"a.yaml", "mutate-os-release: 38", "a.yaml:1: mutate-os-release: wants a string, got the number 38: write it in quotes"},
		{"a.yaml", "edition: 2024", "write it in quotes"},
		{"a.json", "{\n\"selinux\":\n \"yes\"}", `a.json:3: selinux: wants true or false, got the string "yes"`},
		{"a.yaml", "selinux: yes", `wants true or false, got the string "yes"`},
		{"a.yaml", "packages: bash", "a.yaml:1: packages: wants a list, got the string"},
		{"a.yaml", "packages: [1]", "packages: wants a string, got the number 1"},
		{"a.yaml", "packages: [\"a 'b\"]", "a single quote is not closed"},
		{"a.yaml", "packages: [\"''\"]", "an empty package"},
		{"a.yaml", "packages-hal9000: true", "a.yaml:1: packages-hal9000: wants a list, got the boolean true"},
		{"a.yaml", "packages-hal9000: [12]", "packages-hal9000: wants a string"},
		{"a.yaml", "repos: [a, '']", "repos: an item is empty"},
		{"a.yaml", "boot-location: moduls", `"moduls" is none of new, modules, kernel-install; did you mean "modules"?`},
		{"a.yaml", "gpg-key: a\ngpg_key: b", "a.yaml:2: gpg_key: Cannot use new and legacy forms of gpg_key (the other is on line 1)"},
		{"a.yaml", "ref: a\nref: b", "a.yaml:2: ref: stands twice: the first is on line 1"},
		{"a.json", "{\"ref\": \"a\",\n\"ref\": \"b\"}", "a.json:2: ref: stands twice"},
		{"a.yaml", "metadata: {a: {b: 1, b: 2}}", "metadata.a.b: stands twice"},
		{"a.yaml", "variables: {basearch: x}", "cannot define reserved variable 'basearch'"},
		{"a.yaml", "variables:\n  releasever: 1", "a.yaml:2: variables.releasever: cannot define reserved variable 'releasever'"},
		{"a.yaml", "variables: {a: [1]}", "variables.a: wants a string, a whole number"},
		{"a.yaml", "variables: {a: -1}", "variables.a: wants a string, a whole number"},
		{"a.yaml", "variables: {a: 'b${c}'}", "cannot hold $"},
		{"a.yaml", "releasever: true", "releasever: wants a number or a string"},
		{"a.yaml", "basearch: s390x", "Invalid basearch s390x on x86_64"},
		{"a.yaml", "repovars: {releasever: '1'}", "repovars: \"releasever\" is the key releasever"},
		{"a.yaml", "repovars: {a/b: '1'}", "no name of a repository variable"},
		{"a.yaml", "base: ''", "a.yaml:1: base: names no ref"},
		{"a.yaml", "base: [a]", "base: wants a string, got a list"},
		{"a.yaml", "base: {repo: r}", "base: ref is missing"},
		{"a.yaml", "base: {ref: r, keyring: a.yaml}", "base.keyring: nothing is checked"},
		{"a.yaml", "base: {ref: r, repo: r, keyring: absent}", "base.keyring: looking for \"absent\""},
		{"a.yaml", "override-remove: [bash]", "a.yaml:1: override-remove: the following derivation fields are not supported"},
		{"a.json", `{"packages-local": {}}`, "packages-local: the following derivation fields are not supported"},
		{"a.yaml", "add-files: [[x, /var/lib/x]]", "Unsupported path in add-files: /var/lib/x"},
		{"a.yaml", "add-files: [[x, usr/local/x]]", "Unsupported path in add-files"},
		{"a.yaml", "add-files: [[x, usr/share/../../etc/x]]", "Unsupported path in add-files"},
		{"a.yaml", "add-files: [[x, usr/./local/x]]", "Unsupported path in add-files"},
		{"a.yaml", "add-files: [[x, etc/]]", "Unsupported path in add-files"},
		{"a.yaml", "add-files: [[x]]", "an item is a list of two"},
		{"a.yaml", "add-files: [{source: x}]", "destination is missing"},
		{"a.yaml", "add-files: [{source: a.yaml, destination: etc/x, mode: '0888'}]", "\"0888\" is no mode"},
		{"a.yaml", "add-files: [{source: a.yaml, destination: etc/x, owners: x}]", "owners"},
		{"a.yaml", "add-files: [[absent, etc/x]]", "a.yaml:1: add-files: looking for \"absent\""},
		{"a.yaml", "add-files: [[., etc/x]]", "is not a regular file"},
		{"a.yaml", "postprocess-script: a.yaml", "is not executable: chmod +x it"},
		{"a.yaml", "check-passwd: {type: file}", "check-passwd: filename is missing"},
		{"a.yaml", "check-passwd: {type: file, filename: no}", "check-passwd: looking for \"no\""},
		{"a.yaml", "check-groups: {type: data}", "entries is missing"},
		{"a.yaml", "check-groups: {type: data, entries: {a: [1]}}", "check-groups.entries.a: wants an id"},
		{"a.yaml", "check-passwd: {type: data, entries: {a: [1, 2, 3]}}", "wants ID, [ID] or [UID, GID]"},
		{"a.yaml", "check-passwd: {type: data, entries: {a: -1}}", "wants an id from 0"},
		{"a.yaml", "check-passwd: {type: other}", `check-passwd.type: "other" is none of`},
		{"a.yaml", "remove-files: [/usr/x]", "must be relative"},
		{"a.yaml", "remove-files: [usr/../etc]", "no path below the root"},
		{"a.yaml", "remove-from-packages: [[bash]]", "a package and one or more patterns"},
		{"a.yaml", "automatic-version-suffix: '::'", "exactly one ASCII character"},
		{"a.yaml", "automatic-version-suffix: 'é'", "exactly one ASCII character"},
		{"a.yaml", "selinux-label-version: 2", "wants 0 or 1"},
		{"a.yaml", "units: [../x.service]", "no name of a systemd unit"},
		{"a.yaml", "cliwrap-binaries: [rpm]", "only kernel-install"},
		{"a.yaml", "machineid-compat: false\nunits: [x.service]", "a.yaml:2: units: 'units' directive is incompatible with machineid-compat = false"},
		{"a.yaml", "rojig: {name: a}", "rojig: summary is missing"},
		{"a.yaml", "include: absent.yaml", "a.yaml:1: include: including absent.yaml: open absent.yaml: no such file"},
		{"a.yaml", "include: a.yaml", "include loop detected; a.yaml was already included"},
		{"a.yaml", "include: ['']", "is no file name"},
		{"a.yaml", "conditional-include: [{if: x}]", "an item has an if and an include"},
		{"a.yaml", "conditional-include: [{if: 5, include: x}]", "conditional-include.if: wants a string"},
		{"a.yaml", "conditional-include: [{if: garbage, include: x}]", `"garbage" is no condition`},
		{"a.yaml", "variables: {a: false}\nconditional-include: [{if: a == true, include: {pkgs: [x]}}]", "pkgs: unknown key"},
		{"a.yaml", "variables: {a: x}\nconditional-include: [{if: a == 'x', include: x}]", "is no condition"},
		{"a.yaml", "variables: {prod: x}\nconditional-include: [{if: pord == \"x\", include: x}]", `the variable pord is not defined here or in a file that includes this one; did you mean "prod"?`},
		{"a.yaml", "releasever: '35'\nconditional-include: [{if: releasever == 35, include: x}]", `releasever is the string "35" and cannot be compared with the number 35`},
		{"a.yaml", "variables: {a: x}\nconditional-include: [{if: a < \"y\", include: x}]", "< compares numbers only"},
		{"a.yaml", "variables: {a: 1}\nconditional-include: [{if: [a == 2, b == 1], include: x}]", "the variable b is not defined"},
		{"a.yaml", "a: b\n  c: d", "a.yaml:2: mapping values are not allowed"},
		{"a.yaml", "a: 1\n---\nb: 2", "a second YAML document"},
		{"a.yaml", "# nothing", "the file is empty"},
		{"a.yaml", "<<: {ref: x}", "YAML merge keys"},
		{"a.yaml", "metadata: {1: x}", "a key must be a string, got the number 1"},
		{"a.yaml", "metadata: {x: !odd y}", "YAML tag !odd"},
		{"a.yaml", "metadata: {x: .inf}", ""},
		{"a.yaml", "- a", "a treefile is a table"},
		{"a.json", "{\"ref\": \"x\",\n}", "a.json:2: invalid character '}'"},
		{"a.json", "{\"ref\": \n", "the file ends too early"},
		{"a.json", "{} {}", "text after the end"},
		{"a.json", "", "the file is empty"},
		{"a.json", "[]", "a treefile is a table"},
		{"a", "{\"ref\": 1}", "a:1: ref: wants a string"},
		{"a.toml", "ref = \"x\"\npackages = [\n 'a'\n 'b']", "a.toml:4: "},
		{"a.toml", "", "the file is empty"},
		{"a.toml", "ref = 2020-01-01", "a date is no value"},
		{"a.toml", "ref = 'x'\nref = 'y'", "a.toml:2: "},
		{"a.yaml", "ref: \"a\\nb\"", "more than one line"},
		{"a.yaml", "\xff: 1", "not UTF-8"},
	} {
		_, _, err := load(t, c.name, map[string]string{c.name: c.main, "x": "{}"})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: got %v, want no error", c.main, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q:\ngot  %v\nwant %s", c.main, err, c.want)
		}
	}
}

func TestAllErrorsOfAFileAtOnce(t *testing.T) {
	_, _, err := load(t, "a.yaml", map[string]string{"a.yaml": "refs: x\nselinux: 1\n\nunits: x"})
	want := "a.yaml:1: refs: unknown key; did you mean \"ref\"?\n" +
		"a.yaml:2: selinux: wants true or false, got the number 1\n" +
		"a.yaml:4: units: wants a list, got the string \"x\""
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDiamondsAreErrors(t *testing.T) {
	_, _, err := load(t, "a.yaml", map[string]string{
		"a.yaml": "include: [b.yaml, c.yaml]", "b.yaml": "include: d.yaml", "c.yaml": "ref: x\ninclude: sub/../d.yaml",
		"d.yaml": "selinux: true", "sub/x": "",
	})
	if want := "c.yaml:2: include: including d.yaml: include loop detected"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHardLinkIsTheSameFile(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.yaml": "include: [b.yaml, c.yaml]", "b.yaml": "{}"})
	if err := os.Link(filepath.Join(dir, "b.yaml"), filepath.Join(dir, "c.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "a.yaml"), Options{}); err == nil {
		t.Error("a hard link to an included file: got no error")
	}
}

// chain makes n files that include each other one by one.
func chain(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%d.yaml", i)] = fmt.Sprintf("include: %d.yaml", i+1)
	}
	files[fmt.Sprintf("%d.yaml", n)] = "packages: [end]"
	return files
}

func TestIncludeDepth(t *testing.T) {
	if tf := mustLoad(t, "0.yaml", chain(50)); !slices.Equal(tf.Packages, []string{"end"}) {
		t.Errorf("50 includes deep: got %q", tf.Packages)
	}
	_, _, err := load(t, "0.yaml", chain(51))
	if want := "50.yaml:1: include: Reached maximum include depth 50"; err == nil || err.Error() != want {
		t.Errorf("51 includes deep: got %v, want %s", err, want)
	}
}

func TestLimits(t *testing.T) {
	bomb := "metadata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		ref := fmt.Sprintf("*a%d", i-1)
		bomb += fmt.Sprintf("  a%d: &a%d [%s]\n", i, i, strings.Repeat(ref+", ", 9)+ref)
	}
	many := map[string]string{"a.yaml": "include:\n"}
	for i := range maxFiles {
		name := fmt.Sprintf("f%d.json", i)
		many["a.yaml"] += "  - " + name + "\n"
		many[name] = "{}"
	}
	for _, c := range []struct {
		name, want string
		files      map[string]string
	}{
		{"a.yaml", errTooMany.Error(), map[string]string{"a.yaml": bomb}},
		{"a.yaml", errTooDeep.Error(), map[string]string{"a.yaml": "metadata: {a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}"}},
		{"a.yaml", errTooDeep.Error(), map[string]string{"a.yaml": "metadata: &a {b: *a}"}},
		{"a.json", errTooDeep.Error(), map[string]string{"a.json": `{"metadata": {"a": ` + strings.Repeat("[", 100_000)}},
		{"a.json", errTooMany.Error(), map[string]string{"a.json": `{"metadata": {"a": [1` + strings.Repeat(",1", maxNodes) + "]}}"}},
		{"a.toml", errTooDeep.Error(), map[string]string{"a.toml": "a = " + strings.Repeat("[", 1_000_000)}},
		{"a.toml", errTooDeep.Error(), map[string]string{"a.toml": strings.Repeat("a.", 1_000_000) + "a = 1"}},
		{"a.toml", errTooDeep.Error(), map[string]string{"a.toml": "a = " + strings.Repeat("{a=", 1000)}},
		{"a.toml", errTooMany.Error(), map[string]string{"a.toml": "a = [1" + strings.Repeat(",1", maxNodes) + "]"}},
		{"a.yaml", "is larger than 4 MiB", map[string]string{"a.yaml": strings.Repeat("#", maxFileSize+1)}},
		{"a.yaml", "more than 1000 treefiles", many},
	} {
		_, _, err := load(t, c.name, c.files)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got  %.200v\nwant %s", err, c.want)
		}
	}
}

// Opening a FIFO would wait for a writer for ever.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo.yaml")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir} {
		if _, err := Load(path, Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v, want a refusal", path, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, main string
		want       []string
	}{
		{"a.json", "{\"pakages\": [],\n \"comment\": 1, \"comment\": 2, \"#x\": 1, \"//\": 1, \"_x\": 1, \"comment-packages-s390x\": 1}",
			[]string{`a.json:1: pakages: unknown key, ignored as rpm-ostree does in JSON; did you mean "packages"?`}},
		{"a.json", `{"bootstrap_packages": ["glibc"]}`,
			[]string{`a.json:1: bootstrap_packages: unknown key, ignored as rpm-ostree does in JSON; did you mean "bootstrap-packages"?`}},
		{"a.json", `{"check-passwd": {"type": "none", "typ": 1}}`,
			[]string{`a.json:1: check-passwd.typ: unknown key, ignored as rpm-ostree does in JSON; did you mean "type"?`}},
		{"a.yaml", "ref: x/${stream}/${stream}\nvariables: {straem: a}",
			[]string{`a.yaml:1: ref: ${stream} stays as it is: no such variable; did you mean "straem"?`}},
		{"a.yaml", "exclude-packages: [a b]", []string{`a.yaml:1: exclude-packages: "a b" excludes nothing: items of this key are not split at spaces, write one package per item`}},
		{"a.yaml", "boot-location: new\ninitramfs-args: [x]\ncliwrap: true", []string{
			"a.yaml:1: boot-location: deprecated: use boot-location: modules",
			"a.yaml:2: initramfs-args: deprecated: put a file into /etc/dracut.conf.d of the tree",
			"a.yaml:3: cliwrap: deprecated",
		}},
	} {
		_, got, err := load(t, c.name, map[string]string{c.name: c.main})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q, %v\nwant %q", c.main, got, err, c.want)
		}
	}
}
