package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParseReport(t *testing.T) {
	r := parseReport("first", "noise\r\nbegin: boottest\r\nstatus: * os 12.0\r\nstatus:     Version: 1\nempty: \n")
	if got, want := r.values["status"], []string{"* os 12.0", "    Version: 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.values["empty"]; len(got) != 1 || got[0] != "" {
		t.Errorf("an empty value: got %q, want one empty line", got)
	}
	if r.ended {
		t.Error("a report without its last line counts as whole")
	}
	if r := parseReport("first", "end: boottest\n"); !r.ended {
		t.Error("a whole report does not count as one")
	}
}

func TestBootedCommit(t *testing.T) {
	for _, c := range []struct{ status, want string }{
		{"  os aa.0\n    origin refspec: b\n* os bb.1\n", "bb"},
		{"* os cc.0 (pending)\n", "cc"},
		{"  os aa.0\n", ""},
		{"error: no sysroot\n*\n", ""},
	} {
		if got := bootedCommit(strings.Split(c.status, "\n")); got != c.want {
			t.Errorf("%q: got %q, want %q", c.status, got, c.want)
		}
	}
}

func TestParseEntry(t *testing.T) {
	e, err := parseEntry("title X (ostree:0)\nversion 12\noptions root=/dev/vda ostree=/ostree/boot.1/x/0\nlinux /ostree/x/vmlinuz-1\ninitrd /ostree/x/initramfs-1.img\n")
	if err != nil {
		t.Fatal(err)
	}
	got := []any{e.version, e.options, e.linux, e.initrd}
	want := []any{12, "root=/dev/vda ostree=/ostree/boot.1/x/0", "/ostree/x/vmlinuz-1", "/ostree/x/initramfs-1.img"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, text := range []string{"", "version x\n", "options a\nlinux /b\n"} {
		if _, err := parseEntry(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// TestCheck says that each difference is found.
func TestCheck(t *testing.T) {
	whole := func() *report {
		r := &report{name: "first", values: expected("1"), ended: true}
		r.values["links"] = []string{"17 4"}
		r.values["status"] = []string{"* boottest c0ffee.0"}
		return r
	}
	b := &bootTest{}
	if err := b.check(whole(), "1", "c0ffee"); err != nil {
		t.Errorf("a good report: %v", err)
	}
	for name := range whole().values {
		r := whole()
		r.values[name] = []string{"something else", "and more"}
		if err := b.check(r, "1", "c0ffee"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is wrong: got the error %v, want one that names it", name, err)
		}
	}
	if err := b.check(whole(), "2", "c0ffee"); err == nil {
		t.Error("another version: got no error")
	}
	if err := b.check(whole(), "1", "beef"); err == nil {
		t.Error("another commit: got no error")
	}
}

func TestOwnPackagesBuild(t *testing.T) {
	b := &bootTest{options: options{work: t.TempDir()}, altfiles: []byte("library")}
	if err := b.writeOwn("2"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"boottest-unit-2-1.noarch.rpm", "boottest-altfiles-1-1.x86_64.rpm", "feature-useradd-1-1.noarch.rpm"} {
		if !exists(b.path("own/Packages/" + name)) {
			t.Errorf("%s is not there", name)
		}
	}
}
