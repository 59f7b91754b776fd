package treefile

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestFlatpak(t *testing.T) {
	tf := mustLoad(t, "app.yaml", map[string]string{
		"app.yaml": `
include: common.yaml
variables: {stream: beta}
flatpak:
  id: org.example.Editor
  branch: ${stream}
  runtime: org.example.Platform
  command: editor
  tags: [alpha]
  finish-args: |
    --share=ipc      # for X11
    --env=A="b c"
`,
		"common.yaml": `
flatpak: {runtime: overridden.by.App, sdk: org.example.Sdk//1, branch: overridden}
`,
	})
	got := []string{
		tf.Ref, tf.Flatpak.Ref.String(), tf.Flatpak.Runtime.String(), tf.Flatpak.SDK.String(), tf.Flatpak.Command,
		strings.Join(tf.Flatpak.FinishArgs, "|"), strings.Join(tf.Flatpak.Tags, "|"),
	}
	want := []string{
		"app/org.example.Editor/x86_64/beta", "app/org.example.Editor/x86_64/beta", "org.example.Platform/x86_64/beta",
		"org.example.Sdk/x86_64/1", "editor", "--share=ipc|--env=A=b c", "alpha",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	wantPrinted := map[string]any{
		"id": "org.example.Editor", "branch": "beta", "runtime": "org.example.Platform", "sdk": "org.example.Sdk//1",
		"command": "editor", "tags": []any{"alpha"}, "finish-args": []any{"--share=ipc", "--env=A=b c"},
	}
	if got := printed(t, tf)["flatpak"]; !reflect.DeepEqual(got, wantPrinted) {
		t.Errorf("printed: got %v, want %v", got, wantPrinted)
	}
}

func TestFlatpakRuntime(t *testing.T) {
	tf := mustLoad(t, "rt.toml", map[string]string{"rt.toml": "ref = 'runtime/org.example.Platform/x86_64/stable'\n[flatpak]\nid = 'org.example.Platform'\nbuild-runtime = true\n"})
	f := tf.Flatpak
	if want := "org.example.Platform/x86_64/stable"; f.Ref.String() != "runtime/"+want || f.Runtime.String() != want || f.SDK.String() != want {
		t.Errorf("got %s, runtime %s, sdk %s, want %s", f.Ref, f.Runtime, f.SDK, want)
	}
}

func TestFlatpakErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                        "a.yaml:1: flatpak.id: is missing",
		"{id: a.b}":                 "a.yaml:1: flatpak.id: ID \"a.b\" has fewer than three elements",
		"{id: a.b.c":                "a.yaml:",
		"{id: a.b.c, runtime: x.y}": "flatpak.runtime: ID \"x.y\"",
		"{id: a.b.c}":               "flatpak.runtime: is missing",
		"{id: a.b.c, runtime: a.b.d, sdk: a/b/c/d}":                  "flatpak.sdk: ",
		"{id: a.b.c, runtime: a.b.d, branch: a/b}":                   "flatpak.branch: branch \"a/b\"",
		"{id: a.b.c, runtime: a.b.d, finish-args: [--sahre=ipc]}":    "flatpak.finish-args: ",
		"{id: a.b.c, runtime: a.b.d, finish-args: '\"--share=ipc'}":  "flatpak.finish-args: a quote is not closed",
		"{id: a.b.c, runtime: a.b.d, tags: [\"a\\nb\"]}":             "flatpak.tags: ",
		"{id: a.b.c, build-runtime: true, command: x}":               "flatpak.command: ",
		"{id: a.b.c, build-runtime: 'yes'}":                          "flatpak.build-runtime: wants true or false",
		"{id: a.b.c, runtime: a.b.d, branch: 1}":                     "flatpak.branch: wants a string, got the number 1: write it in quotes",
		"{id: a.b.c, runtime: a.b.d}\nref: app/a.b.c/x86_64/other":   "a.yaml:2: ref: is \"app/a.b.c/x86_64/other\", but the table flatpak says app/a.b.c/x86_64/stable",
		"{id: a.b.c, runtime: a.b.d, runtime-version: '1'}":          "flatpak.runtime-version: unknown key",
		"\n  id: a.b.c\n  runtime: a.b.d\n\n  branch: .x":            "a.yaml:5: flatpak.branch: ",
		"{id: a.b.c, runtime: a.b.d}\nbasearch: x86_64\nunits: [..]": "units",
	} {
		_, _, err := load(t, "a.yaml", map[string]string{"a.yaml": "flatpak: " + text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestFlatpakArchitectures(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.yaml": "flatpak: {id: a.b.c, runtime: a.b.d}"})
	for arch, want := range map[string]string{"armhfp": "app/a.b.c/arm/stable", "i386": "app/a.b.c/i386/stable"} {
		tf, err := Load(dir+"/a.yaml", Options{Arch: arch})
		if err != nil || tf.Ref != want {
			t.Errorf("%s: got %v, %v, want %s", arch, tf, err, want)
		}
	}
	if _, err := Load(dir+"/a.yaml", Options{Arch: "vax"}); err == nil || !strings.Contains(err.Error(), "a.yaml:1: flatpak.id: ") {
		t.Errorf("an architecture that flatpak has no name for: got %v", err)
	}
}
