package flatpak

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// flatpakCommand runs the real flatpak with an installation of its own below home.
func flatpakCommand(t *testing.T, home string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("flatpak")
	if err != nil {
		t.Fatalf("flatpak is missing: make clients installs it (%v)", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "FLATPAK_USER_DIR="+filepath.Join(home, "user"),
		"FLATPAK_SYSTEM_DIR="+filepath.Join(home, "system"), "XDG_RUNTIME_DIR="+filepath.Join(home, "run"),
		"XDG_DATA_HOME="+filepath.Join(home, "data"), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("flatpak %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

const platform = "org.example.Platform/x86_64/1"

// platformMetadata is what applications of the tests run on.
const platformMetadata = "[Runtime]\nname=org.example.Platform\nruntime=" + platform + "\nsdk=" + platform + "\n"

// installPlatform builds a runtime with flatpak and installs it below home.
func installPlatform(t *testing.T, home, metadata string) {
	t.Helper()
	write := func(name, content string) {
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("run/keep", "")
	write("platform/metadata", metadata)
	write("platform/usr/bin/tool", "x")
	write("platform/files/keep", "")
	dir := func(name string) string { return filepath.Join(home, name) }
	flatpakCommand(t, home, "build-export", "--disable-sandbox", "--runtime", "--arch=x86_64", dir("repo"), dir("platform"), "1")
	flatpakCommand(t, home, "--user", "remote-add", "--no-gpg-verify", "test", dir("repo"))
	flatpakCommand(t, home, "--user", "install", "-y", "--noninteractive", "--arch=x86_64", "test", "org.example.Platform")
}

var app = Ref{App, "org.example.App", "x86_64", "stable"}

// finishCases hold at most one member of each list that flatpak keeps in a
// hash table, so that the order is flatpak's own.
var finishCases = []struct {
	name string
	tags []string
	args []string
}{
	{name: "nothing"},
	{name: "tags", tags: []string{"beta", "staff"}},
	{name: "command", args: []string{"--command=editor"}},
	{name: "separate values", args: []string{"--command", "editor", "--share", "ipc"}},
	{name: "flags", args: []string{"--share=ipc", "--share=network", "--unshare=ipc", "--socket=pulseaudio", "--socket=fallback-x11",
		"--nosocket=wayland", "--device=kvm", "--device=dri", "--nodevice=all", "--allow=multiarch", "--disallow=devel"}},
	{name: "filesystem", args: []string{"--filesystem=home/notes//./x/:create"}},
	{name: "filesystem ro", args: []string{"--filesystem=xdg-run/pipe-0:ro"}},
	{name: "filesystem escape", args: []string{`--filesystem=/srv/a\:b\\c:rw`}},
	{name: "filesystem tilde", args: []string{"--filesystem=~"}},
	{name: "filesystem negated", args: []string{"--nofilesystem=xdg-documents/"}},
	{name: "filesystem with semicolon", args: []string{"--filesystem=/srv/a;b"}},
	{name: "environment", args: []string{"--env=A= b\tc\\d;e=f\n"}},
	{name: "unset", args: []string{"--unset-env=B"}},
	{name: "buses", args: []string{"--own-name=org.example.App.*", "--system-talk-name=org.a.B", "--talk-name=org.example.App.*"}},
	{name: "no talk", args: []string{"--no-talk-name=org.a.B", "--system-no-talk-name=org.a.C"}},
	{name: "system own", args: []string{"--system-own-name=org.a.B"}},
	{name: "persist", args: []string{"--persist=.app data"}},
	{name: "policy", args: []string{"--add-policy=sub.key=a", "--add-policy=sub.key=b", "--remove-policy=sub.key=a"}},
	{name: "extensions", args: []string{"--extension=org.example.App.Plugin=directory=lib/plugins", "--extension=org.example.App.Plugin=no-autodownload",
		"--extension=org.example.App.Data=directory=share/data", "--remove-extension=org.example.App.Data", "--extension-priority=5"}},
	{name: "generic", args: []string{"--metadata=Build=built-extensions=a;b;", "--metadata=X=flag", "--metadata=Application=required=a b=c"}},
	{name: "version", args: []string{"--require-version=1.2.3"}},
	{name: "platform", args: []string{"--sdk=org.example.Sdk//2", "--runtime=org.example.Other/i386"}},
	{name: "extra data", args: []string{"--extra-data=a.deb:" + strings.Repeat("0a", 32) + ":100:200:https://example.org/a.deb",
		"--extra-data=:" + strings.Repeat("0b", 32) + ":7::http://example.org/b"}},
	{name: "no desktop", args: []string{"--no-desktop"}},
	{name: "everything", tags: []string{"t"}, args: []string{"--command=c", "--share=network", "--socket=x11", "--filesystem=host", "--env=E=1",
		"--talk-name=a.b", "--system-talk-name=c.d", "--add-policy=s.k=v", "--persist=p", "--metadata=M=k=v", "--extension=a.b.C=version=1"}},
}

func TestMetadataAsFlatpakWritesIt(t *testing.T) {
	home := t.TempDir()
	installPlatform(t, home, platformMetadata)
	for _, c := range finishCases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "app")
			init := []string{"build-init", "--arch=x86_64"}
			for _, tag := range c.tags {
				init = append(init, "--tag="+tag)
			}
			flatpakCommand(t, home, append(init, dir, app.ID, "org.example.Platform", "org.example.Platform", "1")...)
			flatpakCommand(t, home, slices.Concat([]string{"build-finish"}, c.args, []string{dir})...)
			want, err := os.ReadFile(filepath.Join(dir, "metadata"))
			if err != nil {
				t.Fatal(err)
			}
			m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, SDK: platform, Tags: c.tags, FinishArgs: c.args})
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Bytes(); !bytes.Equal(got, want) {
				t.Errorf("metadata: got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestMetadataInheritsPermissions(t *testing.T) {
	home := t.TempDir()
	text := platformMetadata + "\n[Context]\nshared=network;new-word;\nsockets=x11;!wayland;\nfilesystems=!host:reset;xdg-data:ro;\npersistent=.p;\nunset-environment=U;\n\n" +
		"[Session Bus Policy]\na.b=talk\n\n[System Bus Policy]\nc.d=own\n\n[Environment]\nE=1\nU=\n\n[Policy s]\nk=v;!w;\n"
	installPlatform(t, home, text)
	runtime, err := ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--unshare=network", "--remove-policy=s.k=v"}, {"--nofilesystem=host:reset", "--filesystem=/srv"}, {"--no-inherit-permissions"}} {
		dir := filepath.Join(t.TempDir(), "app")
		flatpakCommand(t, home, "build-init", "--arch=x86_64", dir, app.ID, "org.example.Platform", "org.example.Platform", "1")
		flatpakCommand(t, home, slices.Concat([]string{"build-finish", "--command=c"}, args, []string{dir})...)
		want, err := os.ReadFile(filepath.Join(dir, "metadata"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, Command: "c", FinishArgs: args, Inherit: runtime})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sortLists(m.Bytes()), sortLists(want); !slices.Equal(got, want) {
			t.Errorf("metadata with %v: got\n%s\nwant\n%s", args, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sortLists makes the order of hash tables irrelevant: that of the filesystems
// list, and that of whole lines.
func sortLists(metadata []byte) []string {
	lines := strings.Split(string(metadata), "\n")
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "filesystems="); ok {
			list := strings.Split(strings.TrimSuffix(rest, ";"), ";")
			slices.Sort(list)
			lines[i] = "filesystems=" + strings.Join(list, ";")
		}
	}
	slices.Sort(lines)
	return lines
}

func TestMetadataOfRuntime(t *testing.T) {
	ref := Ref{Runtime, "org.example.Platform", "x86_64", "1"}
	m, err := NewMetadata(MetadataOptions{Ref: ref, FinishArgs: []string{"--env=A=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(m.Bytes()), platformMetadata+"\n[Environment]\nA=1\n"; got != want {
		t.Errorf("metadata: got\n%s\nwant\n%s", got, want)
	}
	if m.Kind() != Runtime || m.ID() != ref.ID || m.Runtime() != platform || m.SDK() != platform || m.Command() != "" {
		t.Errorf("read back: got %v %s %s %s %q", m.Kind(), m.ID(), m.Runtime(), m.SDK(), m.Command())
	}
	if _, err := NewMetadata(MetadataOptions{Ref: ref, Command: "x"}); err == nil {
		t.Error("a runtime with a command: got no error")
	}
}

func TestMetadataCommandFromExecutables(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{{nil, ""}, {[]string{"one"}, "one"}, {[]string{"one", "two"}, ""}} {
		m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, Executables: c.names})
		if err != nil || m.Command() != c.want {
			t.Errorf("command of %v: got %q, %v, want %q", c.names, m.Command(), err, c.want)
		}
	}
}

func TestFinishArgsRefused(t *testing.T) {
	for _, c := range []struct{ arg, says string }{
		{"--nonsense", "--nonsense"},
		{"--nonsense=1", "--nonsense"},
		{"positional", "positional"},
		{"--", "no option"},
		{"--share", "needs a value"},
		{"--no-exports=yes", "takes no value"},
		{"--share=nework", "network, ipc"},
		{"--socket=x12", "x11"},
		{"--device=cam", "dri"},
		{"--allow=fly", "multiarch"},
		{"--filesystem=/", "host"},
		{"--filesystem=/a/../b", ".."},
		{"--filesystem=bogus", "bogus"},
		{"--filesystem=home:rx", "rx"},
		{"--filesystem=host:reset", "reset"},
		{"--filesystem=host-reset", "taken away"},
		{"--nofilesystem=home:ro", "suffix"},
		{"--filesystem=xdg-run", "xdg-run"},
		{"--filesystem=/a\x01", "unprintable"},
		{"--filesystem=/a\xff", "UTF-8"},
		{"--persist=a\nb", "unprintable"},
		{"--env=novalue", "NAME=VALUE"},
		{"--env==1", "name for a key"},
		{"--env=A=\xff", "UTF-8"},
		{"--unset-env=A=B", "name for a key"},
		{"--talk-name=single", "single"},
		{"--talk-name=:1.5", ":1.5"},
		{"--own-name=a.9b", "digit"},
		{"--add-policy=nodot=x", "SUBSYSTEM.KEY=VALUE"},
		{"--add-policy=a.b=!c", "SUBSYSTEM.KEY=VALUE"},
		{"--metadata=onlygroup", "GROUP=KEY"},
		{"--metadata=a]b=k=v", "group"},
		{"--extension=bad=k=v", "three elements"},
		{"--extension=org.a.B", "NAME=VARIABLE"},
		{"--extension-priority=high", "number"},
		{"--require-version=1.2", "MAJOR.MINOR.MICRO"},
		{"--extra-data=a:b:c", "NAME:SHA256"},
		{"--extra-data=a:b:1:2:http://x/y", "SHA-256"},
		{"--extra-data=a:" + strings.Repeat("0a", 32) + ":1:2:ftp://x/y", "http"},
		{"--extra-data=a/b:" + strings.Repeat("0a", 32) + ":1:2:http://x/y", "file name"},
		{"--extra-data=a:" + strings.Repeat("0a", 32) + ":0:2:http://x/y", "positive"},
		{"--env-fd=3", "--env"},
		{"--usb=vnd:12", "USB"},
		{"--sdk=bad", "sdk"},
	} {
		_, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, FinishArgs: []string{c.arg}})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that says %q", c.arg, err, c.says)
		}
	}
}

func TestNewerOptions(t *testing.T) {
	m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, FinishArgs: []string{"--usb=vnd:0fd9+dev:0063", "--nousb=cls:06:*", "--usb=all",
		"--device=input", "--a11y-own-name=org.example.App"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"devices=input;\n", "[USB Devices]\nenumerable-devices=all;vnd:0fd9+dev:0063;\nhidden-devices=cls:06:*;\n",
		"[Accessibility Bus Policy]\norg.example.App=own\n"} {
		if !strings.Contains(string(m.Bytes()), want) {
			t.Errorf("metadata: got\n%s\nwant %q in it", m.Bytes(), want)
		}
	}
}

func TestExtraData(t *testing.T) {
	m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, FinishArgs: finishCases[slices.IndexFunc(finishCases,
		func(c struct {
			name string
			tags []string
			args []string
		}) bool {
			return c.name == "extra data"
		})].args})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.ExtraData()
	if err != nil || len(got) != 2 {
		t.Fatalf("extra data: got %+v, %v, want two", got, err)
	}
	if got[0].Name != "a.deb" || got[0].Size != 100 || got[0].InstalledSize != 200 || got[0].SHA256[0] != 0x0a {
		t.Errorf("first: got %+v", got[0])
	}
	if got[1].Name != "b" || got[1].Size != 7 || got[1].InstalledSize != 0 || got[1].URI != "http://example.org/b" {
		t.Errorf("second: got %+v", got[1])
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(platformMetadata))
	f.Add([]byte("[Application]\nname=a.b.C\n\n[Context]\nfilesystems=!host:reset;~/x:ro;\n\n[Extra Data]\nuri=http://x/y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMetadata(data)
		if err != nil {
			return
		}
		again, err := ParseMetadata(m.Bytes())
		if err != nil || again.ID() != m.ID() || again.Kind() != m.Kind() {
			t.Errorf("read again: got %v, want the same name", err)
		}
		m.permissions()
		m.Exports([]string{"share/applications/a.desktop"})
		_, _ = m.ExtraData()
	})
}
