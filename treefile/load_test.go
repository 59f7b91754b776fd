package treefile

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// writeFiles writes files and returns their folder. Names that end in .sh are
// executable.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if filepath.Ext(name) == ".sh" {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads main of the given files for x86_64.
func load(t *testing.T, main string, files map[string]string) (*Treefile, []string, error) {
	t.Helper()
	dir := writeFiles(t, files)
	var warnings []string
	tf, err := Load(filepath.Join(dir, main), Options{Arch: "x86_64", Warn: func(w Warning) {
		warnings = append(warnings, strings.ReplaceAll(w.String(), dir+"/", ""))
	}})
	if err != nil {
		err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), dir+"/", ""))
	}
	return tf, warnings, err
}

func mustLoad(t *testing.T, main string, files map[string]string) *Treefile {
	t.Helper()
	tf, _, err := load(t, main, files)
	if err != nil {
		t.Fatal(err)
	}
	return tf
}

// printed returns the flattened treefile as decoded JSON.
func printed(t *testing.T, tf *Treefile) map[string]any {
	t.Helper()
	out, err := tf.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("JSON of %s: %v in %s", tf.Path, err, out)
	}
	return got
}

func TestMergeClasses(t *testing.T) {
	files := map[string]string{
		"main.yaml": `
include: [one.yaml, two.yaml]
ref: main
packages: [bash]
postprocess: [main]
exclude-packages: [m1, m2]
ignore-removed-users: [root]
repovars: {own: main, both: main}
add-commit-metadata: {own: main, both: main}
repo-packages:
  - {repo: base, packages: [a, b]}
`,
		"one.yaml": `
ref: one
selinux: false
mutate-os-release: "1"
packages: [coreutils, bash]
postprocess: [one]
exclude-packages: [o1]
ignore-removed-users: [bin]
initramfs-args: [--one]
repovars: {both: one, one: one}
add-commit-metadata: {both: one, one: [1, 2.5]}
repo-packages:
  - {repo: first, packages: [a, c]}
  - {repo: gone, packages: [b]}
`,
		"two.yaml": `
selinux: true
mutate-os-release: "2"
tmp-is-dir: true
packages: [zlib]
postprocess: [two]
exclude-packages: [t1]
ignore-removed-users: ["*"]
repovars: {one: two, two: two}
repo-packages:
  - {repo: second, packages: [c]}
`,
	}
	tf := mustLoad(t, "main.yaml", files)
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"basic, outer file first", tf.Ref, "main"},
		{"basic, first include before the second", tf.SELinux, false},
		{"basic, first include before the second", tf.MutateOSRelease, "1"},
		{"basic, from the last include", tf.TmpIsDir, true},
		{"set", tf.Packages, []string{"bash", "coreutils", "zlib"}},
		{"set", tf.IgnoreRemovedUsers, []string{"*", "bin", "root"}},
		{"vector, later includes come first", bodies(tf), []string{"two", "one", "main"}},
		{"vector", tf.ExcludePackages, []string{"t1", "o1", "m1", "m2"}},
		{"vector, from one include", tf.InitramfsArgs, []string{"--one"}},
		{"vector, from nobody", tf.Units, []string(nil)},
		{"mapping", tf.RepoVars, map[string]string{"own": "main", "both": "main", "one": "one", "two": "two"}},
		{"mapping of any", tf.AddCommitMetadata, map[string]any{"own": "main", "both": "main", "one": []any{int64(1), 2.5}}},
		{"repo-packages, the outer file wins", tf.RepoPackages, []RepoPackages{
			{"first", []string{"c"}}, {"base", []string{"a", "b"}},
		}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %#v, want %#v", c.what, c.got, c.want)
		}
	}
	if got := len(tf.Files); got != 3 {
		t.Errorf("files: got %d, want 3", got)
	}
}

func bodies(tf *Treefile) []string {
	var all []string
	for _, s := range tf.Postprocess {
		all = append(all, s.Body)
	}
	return all
}

func TestRepoPackagesOverrideEarlierOnes(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": `
repo-packages:
  - {repo: one, packages: [a b]}
  - {repo: two, packages: ["b 'c >= 1'"]}
`})
	want := []RepoPackages{{"one", []string{"a"}}, {"two", []string{"b", "c >= 1"}}}
	if !reflect.DeepEqual(tf.RepoPackages, want) {
		t.Errorf("got %v, want %v", tf.RepoPackages, want)
	}
}

func TestPackagesFold(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": `
packages: [foo bar, baz, "corge 'quuz >= 1.0'"]
bootstrap-packages: [glibc nss-altfiles]
packages-x86_64: [grub2 grub2-tools]
packages-s390x: [zipl]
`})
	want := []string{"bar", "baz", "corge", "foo", "glibc", "grub2", "grub2-tools", "nss-altfiles", "quuz >= 1.0"}
	if !slices.Equal(tf.Packages, want) {
		t.Errorf("got %q, want %q", tf.Packages, want)
	}
}

func TestIncludeKinds(t *testing.T) {
	files := map[string]string{
		"main.yaml": `
include: sub/list.yaml
arch-include: {x86_64: [x86.yaml], aarch64: absent.yaml}
conditional-include:
  - {if: basearch == "x86_64", include: cond.yaml}
  - {if: basearch != "x86_64", include: absent.yaml}
postprocess: [main]
`,
		"sub/list.yaml": "include: beside.json\npostprocess: [list]",
		// Relative to sub, not to the main file.
		"sub/beside.json": `{"postprocess": ["beside"]}`,
		"x86.yaml":        "postprocess: [x86]",
		"cond.yaml":       "include: deep.toml\npostprocess: [cond]",
		"deep.toml":       `postprocess = ["deep"]`,
	}
	want := []string{"deep", "cond", "x86", "beside", "list", "main"}
	if got := bodies(mustLoad(t, "main.yaml", files)); !slices.Equal(got, want) {
		t.Errorf("order of scripts: got %q, want %q", got, want)
	}
}

func TestVariablesAreSeenByLaterSiblings(t *testing.T) {
	files := map[string]string{
		"main.yaml": `
include: [defines.yaml, uses.yaml]
variables: {outer: 1, stream: main}
ref: x/${basearch}/${stream}/${late}/${outer}
`,
		"defines.yaml": "variables: {late: yes, stream: included}\nreleasever: 41",
		"uses.yaml": `
conditional-include:
  - if: [late == "yes", outer == 1, stream == "main", releasever >= 41]
    include: {packages: [found]}
`,
	}
	tf := mustLoad(t, "main.yaml", files)
	if want := "x/x86_64/main/yes/1"; tf.Ref != want {
		t.Errorf("ref: got %q, want %q", tf.Ref, want)
	}
	if want := []string{"found"}; !slices.Equal(tf.Packages, want) {
		t.Errorf("packages: got %q, want %q", tf.Packages, want)
	}
}

func TestVariablesOfTheCommandLineWin(t *testing.T) {
	dir := writeFiles(t, map[string]string{"main.yaml": `
variables: {stream: stable}
releasever: 40
ref: ${stream}/${releasever}
`})
	tf, err := Load(filepath.Join(dir, "main.yaml"), Options{Variables: map[string]Value{
		"stream": ParseValue("next"), "releasever": ParseValue("41"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "next/41"; tf.Ref != want || tf.ReleaseVer != "41" {
		t.Errorf("got %q and %q, want %q and 41", tf.Ref, tf.ReleaseVer, want)
	}
}

// An inline table is a treefile like any other.
func TestInlineTreefile(t *testing.T) {
	files := map[string]string{
		"main.yaml": `
variables: {on: true}
include: file.yaml
postprocess: [main]
conditional-include:
  - if: on == true
    include:
      packages: ["two words 'and >= 1'"]
      packages-x86_64: [native]
      packages-s390x: [foreign]
      variables: {inner: 7}
      postprocess: [inline]
      include: sub/inner.yaml
      default_target: inline.target
  - if: inner == 7
    include: {packages: [later]}
  - if: on == false
    include: {postprocess-script: absent.sh, packages: [never]}
`,
		"file.yaml":      "postprocess: [file]\ndefault-target: file.target",
		"sub/inner.yaml": "postprocess: [inner]\npackages: [inner]",
	}
	tf := mustLoad(t, "main.yaml", files)
	if want := []string{"and >= 1", "inner", "later", "native", "two", "words"}; !slices.Equal(tf.Packages, want) {
		t.Errorf("packages: got %q, want %q", tf.Packages, want)
	}
	if want := []string{"file", "inner", "inline", "main"}; !slices.Equal(bodies(tf), want) {
		t.Errorf("scripts: got %q, want %q", bodies(tf), want)
	}
	if want := "inline.target"; tf.DefaultTarget != want {
		t.Errorf("default-target: got %q, want %q: the inline table comes before files", tf.DefaultTarget, want)
	}
}

func TestLegacySpellings(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": `
gpg_key: K
boot_location: modules
default_target: t
automatic_version_prefix: "9"
`})
	got := []string{tf.GPGKey, string(tf.BootLocation), tf.DefaultTarget, tf.AutomaticVersionPrefix}
	if want := []string{"K", "modules", "t", "9"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := printed(t, tf)["gpg-key"]; !ok {
		t.Error("the printed key has the new spelling: got none")
	}
}

func TestContainerAndEdition(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": "container: true\nselinux: true\ncheck-passwd: {type: previous}"})
	if tf.BootLocation != BootModules || tf.SELinux || !tf.TmpIsDir || tf.PreservePasswd ||
		tf.CheckPasswd.Type != CheckNone || tf.CheckGroups.Type != CheckNone {
		t.Errorf("container: got %+v", printed(t, tf))
	}
	tf = mustLoad(t, "main.yaml", map[string]string{"main.yaml": "edition: '2024'\ntmp-is-dir: false"})
	if tf.BootLocation != BootModules || tf.TmpIsDir {
		t.Errorf("edition 2024: got %+v", printed(t, tf))
	}
	if use, _ := tf.Key("boot-location"); use.By != "edition" {
		t.Errorf("boot-location: got %+v, want it implied by edition", use)
	}
	// The defaults of an edition are those of the file that states it.
	tf = mustLoad(t, "main.yaml", map[string]string{
		"main.yaml": "edition: '2024'\ninclude: old.yaml", "old.yaml": "boot-location: new\nselinux: false",
	})
	if tf.BootLocation != BootModules || tf.SELinux {
		t.Errorf("edition in the outer file: got %v, selinux %v", tf.BootLocation, tf.SELinux)
	}
}

func TestDefaults(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": "packages: [bash]\nunits: ~"})
	want := Treefile{
		Path: tf.Path, Dir: tf.Dir, Arch: "x86_64", Files: tf.Files, layer: tf.layer,
		Variables: map[string]Value{"basearch": StringValue("x86_64")},
		Edition:   "2014", Packages: []string{"bash"}, Recommends: true, Documentation: true,
		BootLocation: BootNew, SELinux: true, IgnoreDevices: true, OptUsrLocal: OptVar,
		MachineIDCompat: true, RPMDB: RPMDBTarget, Sysusers: SysusersAuto, PreservePasswd: true,
		CheckPasswd: Check{Type: CheckPrevious}, CheckGroups: Check{Type: CheckPrevious},
		AutomaticVersionSuffix: ".", RepoMetadata: MetadataInline, AdvisoriesMetadata: MetadataInline,
	}
	if !reflect.DeepEqual(*tf, want) {
		t.Errorf("got  %+v\nwant %+v", *tf, want)
	}
	if got := slices.Collect(maps.Keys(printed(t, tf))); len(got) != 2 {
		t.Errorf("printed keys: got %v, want basearch and packages", got)
	}
}

func TestNotMerged(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": "include: other.yaml", "other.yaml": "platform-module: platform:f36"})
	if tf.PlatformModule != "" {
		t.Errorf("platform-module of an include: got %q, want none", tf.PlatformModule)
	}
}
