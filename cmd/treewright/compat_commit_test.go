package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompatCommitMetadata gives both tools metadata: the same values in the
// same order make the same commit.
func TestCompatCommitMetadata(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/usr/lib/modules/6.1.0/vmlinuz", "kernel\n", 0o644)
	p.write("two/usr/lib/modules/6.1.0/vmlinuz", "kernel\n", 0o644)
	p.write("two/usr/lib/modules/6.2.0/vmlinuz", "kernel\n", 0o644)
	p.write("none/usr/lib/modules/6.1.0/README", "no kernel\n", 0o644)
	many := ""
	for i := range 23 {
		many += fmt.Sprintf(" --add-metadata-string=key%d=%d", i*i, i)
	}
	p.both("= --repo=REPO init --mode=archive --collection-id=org.example.Os")
	for _, line := range []string{
		`= commit --add-metadata='n=uint64 42' --add-metadata-string=s=t --add-metadata='d={"a": <1>, "b": <@as []>}' --add-metadata=f=1.5 DIR/tree`,
		"! commit --add-metadata=n=oops DIR/tree : Parsing n=oops",
		"! commit --add-metadata=n DIR/tree : Missing '=' in KEY=VALUE metadata 'n'",
		"= commit --add-metadata-string=ostree.collection-binding=org.example.Other DIR/tree",
		"! commit --add-metadata-string== DIR/tree : Empty metadata key",
		"= commit --bootable DIR/tree",
		"= commit --bootable --add-metadata-string=version=1" + many + " DIR/tree",
		"= commit --bootable --add-metadata-string=version=1 --add-metadata-string=version=2 DIR/tree",
		"! commit --bootable DIR/none",
		"! commit --bootable DIR/two",
	} {
		p.both(strings.Replace(line, "commit", "commit --repo=REPO -b main --canonical-permissions", 1))
	}
	for n := range 23 {
		words := strings.SplitN(many, " ", n+2)
		p.both("= commit --repo=REPO -b n --canonical-permissions --bootable " + strings.Join(words[:n+1], " ") + " DIR/tree")
	}
}

// TestCompatCommitSource gives both tools tar files with a filter, a policy, and
// hard links of objects.
func TestCompatCommitSource(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/usr/bin/tool", "tool\n", 0o755)
	p.write("tree/etc/passwd", "root\n", 0o644)
	p.write("tree/var/lib/data", "data\n", 0o644)
	p.write("tree/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n", 0o644)
	p.write("tree/etc/selinux/targeted/contexts/files/file_contexts", "/.* system_u:object_r:default_t:s0\n/usr/bin/.* -- system_u:object_r:bin_t:s0\n/var/.* <<none>>\n", 0o644)
	p.write("tree/etc/selinux/targeted/policy/policy.33", "policy\n", 0o644)
	p.write("nopolicy/file", "f\n", 0o644)
	if err := os.Link(filepath.Join(p.dir, "tree/usr/bin/tool"), filepath.Join(p.dir, "tree/usr/bin/same")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("tool", filepath.Join(p.dir, "tree/usr/bin/link")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "--sort=name", "--owner=0", "--group=0", "-C", filepath.Join(p.dir, "tree"), "-cf", filepath.Join(p.dir, "t.tar"), ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	p.write("statoverride", "2048 /usr/bin/tool\n", 0o644)
	p.write("skip", "/var\n", 0o644)
	p.write("skipfile", "/usr/bin/tool\n", 0o644)
	p.both("= --repo=REPO init --mode=archive")
	for _, line := range []string{
		"= commit --tree=tar=DIR/t.tar",
		"= commit --tar-autocreate-parents --tar-pathname-filter='^etc/,usr/etc/' --tree=tar=DIR/t.tar",
		"= commit --tar-autocreate-parents --tar-pathname-filter='^(usr)/(bin)/,\\2-\\1$/\\0' --tree=tar=DIR/t.tar",
		"= commit --tar-autocreate-parents --tar-pathname-filter='^,foo/' --tree=tar=DIR/t.tar",
		"= commit --tar-pathname-filter='^nothing/,else/' --tree=tar=DIR/t.tar",
		"! commit --tar-pathname-filter='no comma' --tree=tar=DIR/t.tar : Missing ',' in --tar-pathname-filter",
		"! commit --tar-pathname-filter='(,x' --tree=tar=DIR/t.tar : --tar-pathname-filter: ",
		"= commit --selinux-policy=DIR/tree --owner-uid=0 --owner-gid=0 DIR/tree",
		"= commit --selinux-policy=DIR/tree --canonical-permissions --tree=tar=DIR/t.tar --statoverride=DIR/statoverride",
		"= commit --selinux-policy=DIR/nopolicy --canonical-permissions DIR/tree",
		"= commit -P --owner-uid=0 --owner-gid=0 DIR/tree",
		"= commit -P --canonical-permissions --tree=ref=main --tree=dir=DIR/nopolicy",
		"= commit --tar-autocreate-parents --tar-pathname-filter='^etc/,usr/etc/' --tree=tar=DIR/t.tar",
		"= commit -P --canonical-permissions --tree=ref=main --tree=dir=DIR/nopolicy",
		"= commit -P --canonical-permissions --base=main --tree=dir=DIR/nopolicy",
		"! commit -P --tree=tar=DIR/t.tar : Cannot use --selinux-policy-from-base with tar",
		"! commit -P --selinux-policy=/ DIR/tree : Cannot specify both --selinux-policy and --selinux-policy-from-base",
		"! commit --selinux-policy=DIR/none DIR/tree : No such file or directory",
		"= commit --canonical-permissions --skip-list=DIR/skip DIR/tree",
		"= commit --canonical-permissions --skip-list=DIR/skipfile --tree=tar=DIR/t.tar",
		"= commit --canonical-permissions --skip-list=DIR/skipfile --tree=dir=DIR/tree",
		"! commit --skip-list=DIR/statoverride DIR/tree : Unmatched skip-list path",
		"! commit --statoverride=DIR/statoverride DIR/nopolicy : Unmatched statoverride paths",
	} {
		p.both(strings.Replace(line, "commit", "commit --repo=REPO --parent=none -b main", 1))
	}
	p.both("= --repo=REPO ls -R -X main")
	if text, err := exec.Command("ostree", "checkout", "-U", "--repo="+p.theirs, "main", filepath.Join(p.dir, "linked")).CombinedOutput(); err != nil {
		t.Fatalf("ostree checkout: %v: %s", err, text)
	}
	for _, option := range []string{"-I", "--devino-canonical --owner-uid=7", "--link-checkout-speedup --owner-uid=7"} {
		p.both("= commit --repo=REPO -b linked " + option + " DIR/linked")
	}
}

// TestCompatCommitEditor takes the message from an editor.
func TestCompatCommitEditor(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("editor", "#!/bin/sh\n{ echo; echo '  subject  '; echo; echo one; echo '# note'; echo; echo two; echo; } >\"$1\"\n", 0o755)
	p.write("empty", "#!/bin/sh\n: >\"$1\"\n", 0o755)
	p.both("= --repo=REPO init --mode=archive")
	p.both("! commit --repo=REPO -b main -e --canonical-permissions DIR/tree : Terminal is dumb, but EDITOR unset")
	p.getenv["EDITOR"] = "false"
	p.both("! commit --repo=REPO -b main -e --canonical-permissions DIR/tree : There was a problem with the editor 'false'")
	p.getenv["EDITOR"] = filepath.Join(p.dir, "empty")
	p.both("! commit --repo=REPO -b main -e --canonical-permissions DIR/tree : Aborting commit due to empty commit subject.")
	p.getenv["OSTREE_EDITOR"] = filepath.Join(p.dir, "editor")
	p.both("= commit --repo=REPO -b main -e -s old -m text --canonical-permissions DIR/tree")
	p.both("= --repo=REPO log main")
	if text := p.ok("--repo=REPO log main"); !strings.Contains(text, "\n      subject\n") {
		t.Errorf("got %q, want the subject of the editor", text)
	}
}

func TestCompatTarFilter(t *testing.T) {
	rename, err := compatTarFilter(`^(a)(?P<rest>.*),\g<rest>$\1\\`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rename("abc"), `bc$a\`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var none bytes.Buffer
	if err := (&compatEdit{skip: map[string]bool{"/x": true}}).unused(&none); err == nil || none.String() != "Unmatched skip-list path: /x\n" {
		t.Errorf("got %v, %q", err, none.String())
	}
}
