package rpmtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
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

// TestInteropSignatures has the real rpm check every kind of signature that it
// knows. It is not asked about subkeys: rpm 4.18 imports no key that signs with one.
func TestInteropSignatures(t *testing.T) {
	for name, c := range map[string]struct {
		key  rpmtest.KeyOptions
		sign rpmtest.Signature
		want string
	}{
		"header":  {rpmtest.KeyOptions{}, rpmtest.Signature{}, "Header V4 RSA/SHA256 Signature"},
		"payload": {rpmtest.KeyOptions{}, rpmtest.Signature{Payload: true}, "\n    V4 RSA/SHA256 Signature"},
		"v3":      {rpmtest.KeyOptions{}, rpmtest.Signature{V3: true}, "\n    V3 RSA/SHA256 Signature"},
		"EdDSA":   {rpmtest.KeyOptions{Algorithm: packet.PubKeyAlgoEdDSA}, rpmtest.Signature{}, "Header V4 EdDSA/SHA256 Signature"},
		"DSA":     {rpmtest.KeyOptions{Algorithm: packet.PubKeyAlgoDSA}, rpmtest.Signature{V3: true}, "\n    V3 DSA/SHA256 Signature"},
	} {
		key, err := rpmtest.NewKey(c.key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := key.Public()
		if err != nil {
			t.Fatal(err)
		}
		db := t.TempDir()
		keyFile := filepath.Join(db, "key.asc")
		if err := os.WriteFile(keyFile, public, 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, "rpm", "--dbpath", db, "--import", keyFile)
		c.sign.Key = key
		p := everything("tool")
		p.Sign = []rpmtest.Signature{c.sign}
		got := run(t, "rpm", "--dbpath", db, "--define", "_pkgverify_level all", "-Kv", write(t, p))
		if !strings.Contains(got, c.want) || strings.Contains(got, "BAD") || strings.Contains(got, "NOKEY") {
			t.Errorf("%s: got %s, want %q", name, got, c.want)
		}
		p.Damage = rpmtest.DamageSignature
		out, err := exec.Command("rpm", "--dbpath", db, "-Kv", write(t, p)).Output()
		if err == nil || !strings.Contains(string(out), "BAD") {
			t.Errorf("%s: rpm accepts a damaged signature: %s", name, out)
		}
	}
}

func TestSignedRepository(t *testing.T) {
	key, err := rpmtest.NewKey(rpmtest.KeyOptions{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	dir, home := t.TempDir(), t.TempDir()
	if err := rpmtest.WriteRepo(dir, rpmtest.RepoOptions{Key: key}, rpmtest.Package{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	repodata := filepath.Join(dir, "repodata")
	run(t, "gpg", "--homedir", home, "--batch", "-q", "--import", filepath.Join(repodata, "repomd.xml.key"))
	run(t, "gpg", "--homedir", home, "--batch", "-q", "--verify", filepath.Join(repodata, "repomd.xml.asc"), filepath.Join(repodata, "repomd.xml"))
}

func TestRepo(t *testing.T) {
	dir := rpmtest.Repo(t, rpmtest.Package{Name: "a"}, rpmtest.Package{Name: "b", Version: "2"})
	for _, name := range []string{"repodata/repomd.xml", "Packages/a-1-1.noarch.rpm", "Packages/b-2-1.noarch.rpm"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	again := rpmtest.Repo(t, rpmtest.Package{Name: "b", Version: "2"}, rpmtest.Package{Name: "a"})
	one, err := os.ReadFile(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(filepath.Join(again, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the order of the packages changes the repository")
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, p := range []rpmtest.Package{
		{Name: "a", Requires: []string{"a ~ b"}},
		{Name: "a", Compression: "bzip2"},
		{Name: "a", Files: []rpmtest.File{{Path: "/a", HardLink: "/b"}}},
		{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: "sometimes"}}},
		{Name: "a", Damage: rpmtest.DamageSignature},
	} {
		if _, err := p.Build(); err == nil || !strings.Contains(err.Error(), "building a-1-1.noarch.rpm") {
			t.Errorf("%+v: got %v, want an error", p, err)
		}
	}
}

func TestFeaturesBuild(t *testing.T) {
	for _, p := range rpmtest.Features() {
		if _, err := p.Build(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestHostPrograms(t *testing.T) {
	p, err := rpmtest.HostPrograms("host", "sh")
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, f := range p.Files {
		if !strings.HasPrefix(f.Path, "/usr/") && f.LinkTo == "" {
			t.Errorf("%s is not in /usr", f.Path)
		}
		if strings.HasSuffix(f.Path, "bin/sh") && f.Body != "" {
			programs = append(programs, f.Path)
		}
	}
	if len(programs) != 1 {
		t.Errorf("got the shells %q, want one", programs)
	}
}
