package rpmtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// everything uses each thing that rpmtest can write and that rpm 4.18 reads.
func everything(name string) rpmtest.Package {
	return rpmtest.Package{
		Name: name, Epoch: 2, Version: "1.5~rc1", Release: "3^git", Arch: "x86_64", Vendor: "treewright",
		Requires:    []string{"libc >= 2.1", "(foo if bar else baz)"},
		PreRequires: []string{"/bin/sh"},
		Provides:    []string{"virtual = 7", "plain"},
		Conflicts:   []string{"enemy < 3"},
		Obsoletes:   []string{"old <= 1:2-3"},
		Recommends:  []string{"nice"}, Suggests: []string{"maybe"}, Supplements: []string{"host"}, Enhances: []string{"other > 1"},
		Files: []rpmtest.File{
			{Path: "/usr/bin/tool", Mode: 0o4755, Body: "tool\n", Color: 2, Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/link1", Body: "linked content\n"},
			{Path: "/usr/bin/link2", HardLink: "/usr/bin/link1"},
			{Path: "/usr/bin/alias", LinkTo: "tool"},
			{Path: "/etc/tool.conf", Body: "a=1\n", Flags: rpm.FileConfig | rpm.FileNoReplace, User: "tool", Group: "tool"},
			{Path: "/usr/share/doc/tool/", Mode: 0o2755},
			{Path: "/usr/share/doc/tool/README", Body: "read", Flags: rpm.FileDoc},
			{Path: "/usr/share/locale/de/tool.mo", Body: "hallo", Lang: "de"},
			{Path: "/var/log/tool.log", Flags: rpm.FileGhost, Mode: 0o600},
			{Path: "/usr/lib/empty"},
		},
		Scriptlets: []rpm.Scriptlet{
			{Kind: rpm.PreIn, Body: "echo pre"},
			{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}},
			{Kind: rpm.PreTrans, Interpreter: []string{"<lua>"}, Body: "print(1)"},
			{Kind: rpm.PostTrans, Interpreter: []string{"/bin/sh", "-e", "-x"}, Body: "true", Flags: rpm.ScriptletExpand},
			{Kind: rpm.TriggerIn, Body: "echo trigger", Triggers: []rpm.Dep{{Name: "glibc", Flags: rpm.LT, EVR: "3"}}},
			{Kind: rpm.FileTriggerIn, Body: "cat", Paths: []string{"/usr/lib", "/lib"}, Priority: 2000},
			{Kind: rpm.TransFileTriggerPostUn, Body: "true", Paths: []string{"/etc"}},
		},
	}
}

// run executes a client that a test needs and returns what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: install the package that has it: make test does", err)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, p rpmtest.Package) string {
	t.Helper()
	data, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), p.FileName())
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBuildIsDeterministic(t *testing.T) {
	a, err := everything("tool").Build()
	if err != nil {
		t.Fatal(err)
	}
	b, err := everything("tool").Build()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two builds of one package differ")
	}
}

// TestInteropRPMReads builds in every format and compression and has the real
// rpm check digests and extract the payload.
func TestInteropRPMReads(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV4Large, rpmtest.FormatEL7} {
		for _, compression := range []string{"gzip", "zstd", "xz", "lzma", "none"} {
			p := everything("tool")
			p.Format, p.Compression = format, compression
			file := write(t, p)
			if got := run(t, "rpm", "-K", file); !strings.HasSuffix(got, ": digests OK\n") {
				t.Errorf("format %d, %s: got %q, want digests OK", format, compression, got)
			}
			run(t, "rpm2archive", "-n", file)
			tar, err := os.ReadFile(file + ".tar")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(tar, []byte("linked content\n")) {
				t.Errorf("format %d, %s: rpm2archive does not give the content", format, compression)
			}
		}
	}
	got := run(t, "rpm", "-qp", "--qf", "%{NEVRA}\n[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME} %{FILENLINKS} %{FILECAPS}\n]", write(t, everything("tool")))
	want := `tool-2:1.5~rc1-3^git.x86_64
/etc/tool.conf 100644 tool 1 
/usr/bin/alias 120777 root 1 
/usr/bin/link1 100644 root 2 
/usr/bin/link2 100644 root 2 
/usr/bin/tool 104755 root 1 cap_net_raw=ep
/usr/lib/empty 100644 root 1 
/usr/share/doc/tool 42755 root 1 
/usr/share/doc/tool/README 100644 root 1 
/usr/share/locale/de/tool.mo 100644 root 1 
/var/log/tool.log 100600 root 1 
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestInteropDNFReads(t *testing.T) {
	for _, compression := range []string{"gzip", "zstd", "xz"} {
		dir := t.TempDir()
		if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{Compression: compression}, everything("tool"), rpmtest.Package{Name: "other"}); err != nil {
			t.Fatal(err)
		}
		got := run(t, "dnf", "-q", "--disablerepo=*", "--repofrompath=r,"+dir, "--enablerepo=r", "--setopt=cachedir="+t.TempDir(),
			"--forcearch=x86_64", "repoquery", "--requires", "tool")
		for _, want := range []string{"(foo if bar else baz)", "/bin/sh", "libc >= 2.1"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want it to hold %q", compression, got, want)
			}
		}
	}
}
