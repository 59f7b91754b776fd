package treefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sameYAML = `ref: x/${basearch}
releasever: 41
selinux: false
packages:
  - bash
  - "zlib 'podman >= 4.1'"
repo-packages:
  - repo: base
    packages: [kernel]
metadata: {float: 1.0, big: 18446744073709551615, neg: -3, text: "0755", "null": ~, list: [1, two, {three: 3}], date: "2020-01-01"}
check-passwd:
  type: data
  entries: {root: 0, bin: [1], daemon: [2, 3]}
postprocess:
  - |
    #!/bin/sh
    echo "a # b" <&2
conditional-include:
  - if: releasever >= 41
    include: {units: [a.service]}
`

const sameJSON = `{
  "ref": "x/${basearch}", "releasever": 41, "selinux": false,
  "comment": "ignored",
  "packages": ["bash", "zlib 'podman >= 4.1'"],
  "repo-packages": [{"repo": "base", "packages": ["kernel"]}],
  "metadata": {"float": 1.0, "big": 18446744073709551615, "neg": -3, "text": "0755", "null": null,
    "list": [1, "two", {"three": 3}], "date": "2020-01-01"},
  "check-passwd": {"type": "data", "entries": {"root": 0, "bin": [1], "daemon": [2, 3]}},
  "postprocess": ["#!/bin/sh\necho \"a # b\" <&2\n"],
  "conditional-include": [{"if": "releasever >= 41", "include": {"units": ["a.service"]}}]
}`

// TOML has neither null nor numbers beyond 63 bits.
const sameTOML = `ref = "x/${basearch}" # comment = [
releasever = 41
selinux = false
packages = [
  "bash", # ]
  "zlib 'podman >= 4.1'",
]
postprocess = ["""
#!/bin/sh
echo "a # b" <&2
"""]

[[repo-packages]]
repo = 'base'
packages = ["kernel"]

[metadata]
float = 1.0
neg = -3
text = '0755'
list = [1, "two", {three = 3}]
date = "2020-01-01"

[check-passwd]
type = "data"
entries = {root = 0, bin = [1], daemon = [2, 3]}

[[conditional-include]]
if = "releasever >= 41"
[conditional-include.include]
units = ["a.service"]
`

const sameWant = `{
  "packages": ["bash", "podman >= 4.1", "zlib"],
  "repo-packages": [{"repo": "base", "packages": ["kernel"]}],
  "ref": "x/x86_64",
  "metadata": {"big": 18446744073709551615, "date": "2020-01-01", "float": 1.0, "list": [1, "two", {"three": 3}], "neg": -3, "null": null, "text": "0755"},
  "basearch": "x86_64",
  "selinux": false,
  "units": ["a.service"],
  "releasever": 41,
  "check-passwd": {"type": "data", "entries": {"bin": [1], "daemon": [2, 3], "root": 0}},
  "postprocess": ["#!/bin/sh\necho \"a # b\" <&2\n"]
}`

func TestFormatsAgree(t *testing.T) {
	for name, text := range map[string]string{"a.yaml": sameYAML, "a.yml": sameYAML, "a.json": sameJSON, "a.conf": sameJSON, "a.toml": sameTOML} {
		tf := mustLoad(t, name, map[string]string{name: text})
		got, err := tf.JSON()
		if err != nil {
			t.Fatal(err)
		}
		want := sameWant
		if name == "a.toml" {
			want = strings.NewReplacer(`"big": 18446744073709551615, `, "", `"null": null, `, "").Replace(want)
		}
		var wantIndented bytes.Buffer
		if err := json.Indent(&wantIndented, []byte(want), "", "  "); err != nil {
			t.Fatal(err)
		}
		// Indent breaks every list into lines, the printer's too.
		if string(got) != wantIndented.String() {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, wantIndented.String())
		}
	}
}

// nodeLines lists "path:line" of every value.
func nodeLines(n *node, path string) []string {
	out := []string{fmt.Sprintf("%s:%d", path, n.line)}
	for _, e := range n.entries {
		out = append(out, nodeLines(e.value, path+"."+e.key)...)
	}
	for i, item := range n.items {
		out = append(out, nodeLines(item, fmt.Sprintf("%s[%d]", path, i))...)
	}
	return out
}

func TestTOMLLines(t *testing.T) {
	root, err := parseTOML([]byte(`# comment
a = 1
"b.c" = """
x""" # two lines
d.e = [ # list
  'one', 'two', # [
  { f = 2,
    g = "]" },
]

[h]
i = '''
"""
''''

[[j]]
k = 1
[[j]]
k = 2
  [j.l]
  m = "\" ] \\"
  [[j.n]]
  o = 3.5
  [[j.n]]
  o = 1_000
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		":1", ".a:2", ".b.c:3", ".d:5", ".d.e:5", ".d.e[0]:6", ".d.e[1]:6", ".d.e[2]:7", ".d.e[2].f:7", ".d.e[2].g:8",
		".h:11", ".h.i:12", ".j:16", ".j[0]:16", ".j[0].k:17", ".j[1]:18", ".j[1].k:19", ".j[1].l:20", ".j[1].l.m:21",
		".j[1].n:22", ".j[1].n[0]:22", ".j[1].n[0].o:23", ".j[1].n[1]:24", ".j[1].n[1].o:25",
	}
	if got := nodeLines(root, ""); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestYAMLScalars(t *testing.T) {
	for text, want := range map[string]any{
		"1": int64(1), "+1": int64(1), "-1": int64(-1), "0x1f": int64(31), "0o17": int64(15), "1.5": 1.5, "1e3": 1000.0,
		"18446744073709551615": uint64(18446744073709551615),
		"0755":                 "0755", "1_000": "1_000", "2020-01-01": "2020-01-01", "yes": "yes", "no": "no", "on": "on",
		"true": true, "False": false, "~": nil, "null": nil, "'1'": "1", "!!str 1": "1", ".5": 0.5, "12:30": "12:30", ".nan": ".nan",
		"=": "=",
	} {
		root, err := parseYAML([]byte("a: " + text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := root.entries[0].value.plain(); got != want {
			t.Errorf("%s: got %#v, want %#v", text, got, want)
		}
	}
}

func TestAliasesExpand(t *testing.T) {
	tf := mustLoad(t, "a.yaml", map[string]string{"a.yaml": "metadata: {x: &x [bash, zsh]}\npackages: *x"})
	if want := []string{"bash", "zsh"}; !slices.Equal(tf.Packages, want) {
		t.Errorf("got %q, want %q", tf.Packages, want)
	}
}
