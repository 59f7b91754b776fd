package rpm_test

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// kitchenSink uses everything that a header says of files and dependencies.
func kitchenSink() rpmtest.Package {
	return rpmtest.Package{
		Name: "sink", Epoch: 2, Version: "1.5~rc1", Release: "3^git", Arch: "x86_64", Vendor: "treewright", Summary: "everything",
		Requires:    []string{"libc >= 2.1", "(foo if bar else baz)"},
		PreRequires: []string{"/bin/sh"},
		Provides:    []string{"virtual = 7"},
		Conflicts:   []string{"enemy < 3"},
		Obsoletes:   []string{"old <= 1:2-3"},
		Recommends:  []string{"nice"}, Suggests: []string{"maybe"}, Supplements: []string{"host"}, Enhances: []string{"other > 1"},
		Files: []rpmtest.File{
			{Path: "/etc/sink.conf", Body: "a=1\n", Flags: rpm.FileConfig | rpm.FileNoReplace, User: "sink", Group: "adm"},
			{Path: "/usr/bin/alias", LinkTo: "sink"},
			{Path: "/usr/bin/one", Body: "linked content\n"},
			{Path: "/usr/bin/sink", Mode: 0o4755, Body: strings.Repeat("sink\n", 30000), Color: 2, Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/two", HardLink: "/usr/bin/one"},
			{Path: "/usr/bin/zwei", HardLink: "/usr/bin/one"},
			{Path: "/usr/lib/empty"},
			{Path: "/usr/share/doc/sink/", Mode: 0o2755},
			{Path: "/usr/share/doc/sink/README", Body: "read", Flags: rpm.FileDoc},
			{Path: "/usr/share/locale/de/sink.mo", Body: "hallo", Lang: "de", MTime: 42},
			{Path: "/var/log/sink.log", Flags: rpm.FileGhost, Mode: 0o600},
		},
	}
}

// contentsOf returns what Payload must give, hard links once, by path.
func contentsOf(p rpmtest.Package) map[string]string {
	m := map[string]string{}
	for _, f := range p.Files {
		if f.LinkTo == "" && f.HardLink == "" && f.Flags&rpm.FileGhost == 0 && !strings.HasSuffix(f.Path, "/") {
			m[f.Path] = f.Body
		}
	}
	return m
}

// readContents reads a whole payload. A hard link's content goes by the path of
// its first link.
func readContents(p *rpm.Package, r io.Reader) (map[string]string, error) {
	payload, err := p.Payload(r)
	if err != nil {
		return nil, err
	}
	defer payload.Close()
	m := map[string]string{}
	for {
		_, _, err := payload.Next()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		data, err := io.ReadAll(payload)
		if err != nil {
			return m, err
		}
		path := payload.Files()[payload.Links()[0]].Path
		if _, twice := m[path]; twice {
			return m, fmt.Errorf("%s comes twice", path)
		}
		m[path] = string(data)
	}
}

func TestMetadata(t *testing.T) {
	p, _ := openBytes(t, build(t, kitchenSink()))
	got, err := p.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	want := &rpm.Metadata{
		NEVRA:       rpm.NEVRA{Name: "sink", EVR: rpm.EVR{Epoch: 2, Version: "1.5~rc1", Release: "3^git"}, Arch: "x86_64"},
		Requires:    []rpm.Dep{{Name: "/bin/sh", Pre: true}, {Name: "libc", Flags: rpm.GT | rpm.EQ, EVR: "2.1"}, {Name: "(foo if bar else baz)"}},
		Provides:    []rpm.Dep{{Name: "virtual", Flags: rpm.EQ, EVR: "7"}, {Name: "sink", Flags: rpm.EQ, EVR: "2:1.5~rc1-3^git"}},
		Conflicts:   []rpm.Dep{{Name: "enemy", Flags: rpm.LT, EVR: "3"}},
		Obsoletes:   []rpm.Dep{{Name: "old", Flags: rpm.LT | rpm.EQ, EVR: "1:2-3"}},
		Recommends:  []rpm.Dep{{Name: "nice"}},
		Suggests:    []rpm.Dep{{Name: "maybe"}},
		Supplements: []rpm.Dep{{Name: "host"}},
		Enhances:    []rpm.Dep{{Name: "other", Flags: rpm.GT, EVR: "1"}},
		HeaderStart: p.HeaderStart, HeaderEnd: p.HeaderEnd,
		InstalledSize: int64(4 + 15 + 150000 + 4 + 5), BuildTime: 1700000000, Vendor: "treewright", SourceRPM: "sink-1.5~rc1-3^git.src.rpm", Summary: "everything",
	}
	for _, f := range kitchenSink().Files {
		path := f.Path
		if path != "/" {
			path = strings.TrimSuffix(path, "/")
		}
		want.Files = append(want.Files, path)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got := p.Features(); !slices.Contains(got, "FileCaps") || !slices.Contains(got, "RichDependencies") {
		t.Errorf("got features %q", got)
	}
	if got := p.UnknownFeatures(); len(got) > 0 {
		t.Errorf("got unknown features %q", got)
	}
	p, _ = openBytes(t, build(t, rpmtest.Package{Name: "a", Requires: []string{"rpmlib(Teleport) <= 9-1"}}))
	if got := p.UnknownFeatures(); !slices.Equal(got, []string{"Teleport"}) {
		t.Errorf("got unknown features %q, want Teleport", got)
	}
}

func TestFiles(t *testing.T) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV4Large, rpmtest.FormatV6} {
		pkg := kitchenSink()
		pkg.Format = format
		p, _ := openBytes(t, build(t, pkg))
		files, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, f := range files {
			fmt.Fprintf(&got, "%s %o %d %s:%s %q flags=%d color=%d caps=%q lang=%q links=%d mtime=%d digest=%d\n",
				f.Path, f.Mode, f.Size, f.User, f.Group, f.LinkTo, f.Flags, f.Color, f.Caps, f.Lang, f.Nlink, f.MTime, len(f.Digest))
		}
		want := `/etc/sink.conf 100644 4 sink:adm "" flags=17 color=0 caps="" lang="" links=1 mtime=1700000000 digest=32
/usr/bin/alias 120777 4 root:root "sink" flags=0 color=0 caps="" lang="" links=1 mtime=1700000000 digest=0
/usr/bin/one 100644 15 root:root "" flags=0 color=0 caps="" lang="" links=3 mtime=1700000000 digest=32
/usr/bin/sink 104755 150000 root:root "" flags=0 color=2 caps="cap_net_raw=ep" lang="" links=1 mtime=1700000000 digest=32
/usr/bin/two 100644 15 root:root "" flags=0 color=0 caps="" lang="" links=3 mtime=1700000000 digest=32
/usr/bin/zwei 100644 15 root:root "" flags=0 color=0 caps="" lang="" links=3 mtime=1700000000 digest=32
/usr/lib/empty 100644 0 root:root "" flags=0 color=0 caps="" lang="" links=1 mtime=1700000000 digest=32
/usr/share/doc/sink 42755 4096 root:root "" flags=0 color=0 caps="" lang="" links=1 mtime=1700000000 digest=0
/usr/share/doc/sink/README 100644 4 root:root "" flags=2 color=0 caps="" lang="" links=1 mtime=1700000000 digest=32
/usr/share/locale/de/sink.mo 100644 5 root:root "" flags=0 color=0 caps="" lang="de" links=1 mtime=42 digest=32
/var/log/sink.log 100600 0 root:root "" flags=64 color=0 caps="" lang="" links=1 mtime=1700000000 digest=0
`
		if got.String() != want {
			t.Errorf("format %d: got\n%s\nwant\n%s", format, got.String(), want)
		}
	}
}

func TestFilesRefusesPaths(t *testing.T) {
	for _, path := range []string{"/usr/../etc/passwd", "relative", "/usr//bin", "/./x", "/usr/..", "/" + strings.Repeat("x", 5000)} {
		p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: path}}}))
		if files, err := p.Files(); err == nil || !strings.Contains(err.Error(), "not absolute and clean") {
			t.Errorf("%.30q: got %v, %v", path, files, err)
		}
		if _, err := p.Metadata(); err == nil {
			t.Errorf("%.30q: Metadata accepts it", path)
		}
	}
	p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/x"}, {Path: "/x"}}}))
	if _, err := p.Files(); err == nil || !strings.Contains(err.Error(), "/x is there twice") {
		t.Errorf("got %v, want one about /x", err)
	}
	p, _ = openBytes(t, build(t, rpmtest.Package{Name: "root", Files: []rpmtest.File{{Path: "/"}, {Path: "/etc/"}}}))
	if files, err := p.Files(); err != nil || files[0].Path != "/" || files[1].Path != "/etc" {
		t.Errorf("got %v, %v, want / and /etc", files, err)
	}
}

// filesPackage is a package of count files, all in one directory.
func filesPackage(dir string, count int) []byte {
	data, entries := identity()
	data = append(data, make([]byte, -len(data)&3)...)
	add := func(tag, typ uint32, values []byte, n int) {
		entries = append(entries, rawEntry{tag, typ, uint32(len(data)), uint32(n)})
		data = append(data, values...)
	}
	add(1028, 4, make([]byte, 4*count), count) // sizes
	add(1116, 4, make([]byte, 4*count), count) // directory indexes
	add(1030, 3, make([]byte, 2*count), count) // modes
	add(1118, 8, []byte(dir+"\x00"), 1)
	var names []byte
	for i := range count {
		names = fmt.Appendf(names, "%x\x00", i)
	}
	add(1117, 8, names, count)
	return rawPackage(rawHeader(data, entries...))
}

// TestFilesRefusesBombs has headers of some MB whose file lists would take GB.
func TestFilesRefusesBombs(t *testing.T) {
	for what, tc := range map[string]struct {
		dir   string
		count int
		want  string
	}{
		"long paths": {"/" + strings.Repeat(strings.Repeat("d", 200)+"/", 15), 100_000, "its paths have more than"},
		"many files": {"/", 1<<20 + 1, "1048577 entries"},
	} {
		p, _ := openBytes(t, filesPackage(tc.dir, tc.count))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := p.Files(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want a mention of %q", what, err, tc.want)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<30 {
			t.Errorf("%s: got %d bytes allocated", what, got)
		}
	}
	p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/x", LinkTo: strings.Repeat("y/", 2048)}}}))
	if _, err := p.Files(); err == nil || !strings.Contains(err.Error(), "target has 4096 bytes") {
		t.Errorf("a long target: got %v", err)
	}
}

func TestSourcePackage(t *testing.T) {
	p, r := openBytes(t, build(t, rpmtest.Package{Name: "a", Arch: "src", Files: []rpmtest.File{{Path: "a.spec", Body: "Name: a\n", Flags: rpm.FileSpec}}}))
	if !p.Source || p.NEVRA().String() != "a-1-1.src" {
		t.Errorf("got %s, source %t", p.NEVRA(), p.Source)
	}
	got, err := readContents(p, r)
	if err != nil || got["a.spec"] != "Name: a\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestScriptlets(t *testing.T) {
	want := []rpm.Scriptlet{
		{Kind: rpm.PreTrans, Interpreter: []string{"<lua>"}, Body: "print(1)", Flags: rpm.ScriptletCritical},
		{Kind: rpm.PreIn, Interpreter: []string{"/bin/sh"}, Body: "echo pre", Flags: rpm.ScriptletCritical},
		{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}},
		{Kind: rpm.PreUn, Interpreter: []string{"/bin/sh"}, Body: "echo preun", Flags: rpm.ScriptletCritical | rpm.ScriptletQFormat},
		{Kind: rpm.PostUn, Interpreter: []string{"/bin/sh"}, Body: "echo postun"},
		{Kind: rpm.PostTrans, Interpreter: []string{"/bin/bash", "-e", "-x"}, Body: "true", Flags: rpm.ScriptletExpand},
		{Kind: rpm.PreUnTrans, Interpreter: []string{"/bin/sh"}, Body: "a", Flags: rpm.ScriptletCritical},
		{Kind: rpm.PostUnTrans, Interpreter: []string{"/bin/sh"}, Body: "b"},
		{Kind: rpm.VerifyScript, Interpreter: []string{"/bin/sh"}, Body: "c", Flags: rpm.ScriptletCritical},
		{Kind: rpm.TriggerPreIn, Interpreter: []string{"/bin/sh"}, Body: "t1", Flags: rpm.ScriptletCritical, Triggers: []rpm.Dep{{Name: "x"}}},
		{Kind: rpm.TriggerIn, Interpreter: []string{"<lua>"}, Body: "t2", Triggers: []rpm.Dep{{Name: "glibc", Flags: rpm.LT, EVR: "3"}, {Name: "musl"}}},
		{Kind: rpm.TriggerUn, Interpreter: []string{"/bin/sh"}, Body: "t3", Flags: rpm.ScriptletCritical, Triggers: []rpm.Dep{{Name: "x"}}},
		{Kind: rpm.TriggerPostUn, Interpreter: []string{"/bin/sh"}, Body: "t4", Triggers: []rpm.Dep{{Name: "x"}}},
		{Kind: rpm.FileTriggerIn, Interpreter: []string{"/bin/sh"}, Body: "cat", Paths: []string{"/usr/lib", "/lib"}, Priority: 2000},
		{Kind: rpm.FileTriggerPostUn, Interpreter: []string{"/bin/sh"}, Body: "cat", Paths: []string{"/etc"}, Priority: 1000000},
		{Kind: rpm.TransFileTriggerUn, Interpreter: []string{"/bin/sh"}, Body: "x", Paths: []string{"/a"}, Priority: 7},
	}
	p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Scriptlets: want}))
	got, err := p.Scriptlets()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("got %d scriptlets, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got\n%+v\nwant\n%+v", got[i], want[i])
		}
	}
	p, _ = openBytes(t, build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.TriggerIn, Body: "x"}}}))
	if got, err := p.Scriptlets(); err == nil || !strings.Contains(err.Error(), "script 0 has no condition") {
		t.Errorf("a trigger that nothing runs: got %v, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, format := range []rpmtest.Format{rpmtest.FormatV4, rpmtest.FormatV6, rpmtest.FormatEL7} {
		p := kitchenSink()
		p.Format, p.Compression = format, "none"
		p.Files[3].Body = "short"
		p.Scriptlets = []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "x"}, {Kind: rpm.FileTriggerIn, Body: "y", Paths: []string{"/"}}}
		f.Add(build(f, p))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		p, err := rpm.Open(r)
		if err != nil {
			return
		}
		_, _ = p.Metadata()
		_, _ = p.Scriptlets()
		_ = p.VerifyDigests(bytes.NewReader(data[p.HeaderEnd:]))
		_, _ = readContents(p, r)
	})
}
