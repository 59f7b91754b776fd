package treefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{
		"main.yaml": "include: inc.yaml\nref: x\nselinux: true\nunits: []\nvariables: {a: 1}\nedition: '2024'\npostprocess: [a]",
		"inc.yaml":  "\nno-initramfs: true\npostprocess: [b]\nrpmdb: target\nadd-files: [[inc.yaml, etc/x]]",
		// Run by rpm-ostree although no key names it; the other is not.
		"finalize.d/10.sh": "", "finalize.d/README": "",
	})
	var got []string
	for _, use := range tf.Keys() {
		got = append(got, fmt.Sprintf("%s %s:%d %s %v", use.Key, filepath.Base(use.File), use.Line, use.By, use.Default))
	}
	want := []string{
		"add-files inc.yaml:5  false", "boot-location main.yaml:6 edition false", "finalize.d 10.sh:0  false",
		"no-initramfs inc.yaml:2  false", "packages main.yaml:1  true", "postprocess main.yaml:7  false", "ref main.yaml:2  false",
		"rpmdb inc.yaml:4  true", "selinux main.yaml:3  true", "tmp-is-dir main.yaml:6 edition false", "units main.yaml:4  true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, ok := tf.Key("ima"); ok {
		t.Error("ima: got a use, want none")
	}
}

func TestUnbuilt(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{"main.yaml": "include: inc.yaml\nref: x\nselinux: true", "inc.yaml": "ima: true\nedition: '2024'"})
	err := tf.Unbuilt(func(use KeyUse) bool { return use.Key == "ref" || use.Key == "tmp-is-dir" })
	var at *Error
	if !errors.As(err, &at) {
		t.Fatalf("got %v, want an *Error", err)
	}
	text := strings.ReplaceAll(err.Error(), tf.Dir+"/", "")
	for _, want := range []string{"inc.yaml:1: ima: treewright does not", "inc.yaml:2: boot-location: the key edition stands for this one"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwant %s", text, want)
		}
	}
	if n := strings.Count(text, "\n"); n != 1 {
		t.Errorf("lines: got %d, want 2: %s", n+1, text)
	}
	if err := tf.Unbuilt(func(KeyUse) bool { return true }); err != nil {
		t.Errorf("everything built: got %v", err)
	}
}

func TestExternalFilesAreResolvedWhereTheyAreNamed(t *testing.T) {
	tf := mustLoad(t, "main.yaml", map[string]string{
		"main.yaml":     "include: sub/inc.yaml\nadd-files: [[same, /usr/share/one]]",
		"same":          "outer",
		"sub/inc.yaml":  "add-files: [[same, usr/share/./two], [../same, etc/three]]\npostprocess-script: s.sh\ncheck-passwd: {type: file, filename: same}",
		"sub/same":      "inner",
		"sub/s.sh":      "#!/bin/sh",
		"sub/unrelated": "",
	})
	var got []string
	for _, f := range tf.AddFiles {
		rel, err := filepath.Rel(tf.Dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rel+" "+f.Dest)
	}
	if want := []string{"sub/same usr/share/two", "same etc/three", "same usr/share/one"}; !slices.Equal(got, want) {
		t.Errorf("add-files: got %q, want %q", got, want)
	}
	if want := filepath.Join(tf.Dir, "sub/s.sh"); tf.PostprocessScript.Path != want || tf.PostprocessScript.Mode != 0o755 {
		t.Errorf("postprocess-script: got %+v, want %s", tf.PostprocessScript, want)
	}
	if want := filepath.Join(tf.Dir, "sub/same"); tf.CheckPasswd.File.Path != want {
		t.Errorf("check-passwd: got %+v, want %s", tf.CheckPasswd.File, want)
	}
	// Printed as written.
	if got, want := fmt.Sprint(printed(t, tf)["add-files"]), "[[same usr/share/./two] [../same etc/three] [same /usr/share/one]]"; got != want {
		t.Errorf("printed: got %s, want %s", got, want)
	}
}

func TestInputDigest(t *testing.T) {
	files := map[string]string{
		"main.yaml": "add-files: [[data, etc/x]]\npostprocess-script: s.sh\nrepovars: {a: b}\nmetadata: {a: 1}\n", "data": "1", "s.sh": "#!/bin/sh",
	}
	digest := func(change string, edit func(dir string)) [32]byte {
		t.Helper()
		dir := writeFiles(t, files)
		edit(dir)
		tf, err := Load(filepath.Join(dir, "main.yaml"), Options{Arch: "x86_64"})
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		sum, err := tf.InputDigest()
		if err != nil {
			t.Fatalf("%s: %v", change, err)
		}
		return sum
	}
	replace := func(name, old, new string) func(string) {
		return func(dir string) {
			text := strings.ReplaceAll(files[name], old, new)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := digest("nothing", func(string) {})
	for _, c := range []struct {
		what string
		same bool
		edit func(dir string)
	}{
		{"another folder", true, func(string) {}},
		{"a comment", true, replace("main.yaml", "metadata", "# x\nmetadata")},
		{"metadata, which is for other tools", true, replace("main.yaml", "{a: 1}", "{a: 2}")},
		{"the order of keys", true, replace("main.yaml", "repovars: {a: b}\nmetadata: {a: 1}\n", "metadata: {a: 1}\nrepovars: {a: b}\n")},
		{"an added file", false, replace("data", "1", "2")},
		{"the script", false, replace("s.sh", "sh", "bash")},
		{"a repository variable", false, replace("main.yaml", "a: b", "a: c")},
		{"the mode of an added file", false, func(dir string) {
			if err := os.Chmod(filepath.Join(dir, "data"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file of finalize.d", false, func(dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "finalize.d"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "finalize.d/x"), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		if got := digest(c.what, c.edit) == first; got != c.same {
			t.Errorf("%s: same digest: got %v, want %v", c.what, got, c.same)
		}
	}
}
