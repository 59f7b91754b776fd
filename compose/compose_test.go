package compose_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestCompose(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	r := w.compose()
	if !r.Changed || r.Ref != "test/x86_64/os" || w.ref(r.Ref) != r.Commit.String() || r.Timestamp != uint64(now.Unix()) {
		t.Errorf("got %+v and the ref %s", r, w.ref(r.Ref))
	}
	w.ostree("fsck", "--verify-bindings")
	lines := strings.Split(strings.TrimSpace(w.ostree("ls", "-R", r.Ref)), "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	want := []string{
		"d00755 0 0 0 /", "l00777 0 0 0 /bin -> usr/bin", "l00777 0 0 0 /home -> var/home", "l00777 0 0 0 /lib64 -> usr/lib64",
		"l00777 0 0 0 /media -> run/media", "l00777 0 0 0 /mnt -> var/mnt", "l00777 0 0 0 /opt -> var/opt", "l00777 0 0 0 /ostree -> sysroot/ostree",
		"l00777 0 0 0 /root -> var/roothome", "l00777 0 0 0 /srv -> var/srv",
		"d00755 0 0 0 /dev", "d00755 0 0 0 /proc", "d00755 0 0 0 /run", "d00755 0 0 0 /sys", "d00755 0 0 0 /sysroot", "d01777 0 0 0 /tmp",
		"d00755 0 0 0 /usr", "l00777 0 0 0 /usr/local -> ../var/usrlocal", "d00755 0 0 0 /usr/bin",
		"-00755 0 0 6 /usr/bin/g1", "-00755 0 0 6 /usr/bin/g2", "-00755 0 0 4 /usr/bin/ping",
		"-04755 0 0 2 /usr/bin/su", "-02755 0 5 5 /usr/bin/write",
		"d00755 0 0 0 /usr/etc", "-00644 0 0 10 /usr/etc/group", "-00644 0 0 26 /usr/etc/passwd", "-00400 0 0 9 /usr/etc/shadow",
		"d00755 0 0 0 /usr/lib", "-00644 0 0 20 /usr/lib/group", "-00644 0 0 26 /usr/lib/passwd",
		"d00755 0 0 0 /usr/lib64", "l00777 0 0 0 /usr/lib64/libx.so -> libx.so.1", "-00755 0 0 200000 /usr/lib64/libx.so.1",
		"d00755 0 0 0 /usr/share", "d00755 0 0 0 /var",
	}
	// What the layout adds is tested by its room.
	ours := regexp.MustCompile(` /usr/(lib/rpm|lib/sysimage|lib/tmpfiles.d|share/rpm|share/rpm-ostree)(/| |$)`)
	lines = slices.DeleteFunc(lines, ours.MatchString)
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got, line := w.ostree("cat", r.Ref, "/usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"), "d /var/spool/mail 0775 mail mail - -\n"; !strings.Contains(got, line) {
		t.Errorf("got the lines\n%s\nwant %s", got, line)
	}
	xattrs := w.ostree("ls", "-X", r.Ref, "/usr/bin/ping")
	if !strings.Contains(xattrs, "security.capability") {
		t.Errorf("the capabilities are lost: %s", xattrs)
	}
	checkout := filepath.Join(t.TempDir(), "out")
	w.ostree("checkout", "-U", r.Ref, checkout)
	if data, err := os.ReadFile(filepath.Join(checkout, "usr/lib64/libx.so.1")); err != nil || len(data) != 200_000 {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
}

func TestCommitKeys(t *testing.T) {
	w := newWorkshop(t, osTree+`
automatic-version-prefix: "9.<date:%Y>"
add-commit-metadata: {from: treefile, which: treefile, number: 7, real: 1.5, list: [a, 1], table: {yes: true}}
container-cmd: [/usr/bin/bash, -l]
`, base()...)
	w.write("meta.json", `{"which": "file", "file": {"deep": [null]}}`)
	r := w.compose(func(o *compose.Options) {
		o.MetadataFiles = []string{filepath.Join(w.dir, "meta.json")}
		o.MetadataStrings = []string{"which=string", "string=a=b"}
	})
	for key, want := range map[string]string{
		"from":                    "'treefile'",
		"which":                   "'string'",
		"string":                  "'a=b'",
		"number":                  "int64 7", // the client turns big-endian numbers
		"real":                    "1.5",
		"list":                    "[<'a'>, <int64 1>]",
		"table":                   "{'yes': <true>}",
		"file":                    "{'deep': <[<@mv nothing>]>}",
		"version":                 "'9.2025.0'",
		"ostree.container-cmd":    "['/usr/bin/bash', '-l']",
		"ostree.ref-binding":      "['test/x86_64/os']",
		"rpmostree.inputhash":     "'" + r.InputHash + "'",
		"rpmostree.rpmdb.pkglist": "[('filesystem', '0', '1', '1', 'noarch'), ('setup', '0', '1', '1', 'noarch'), ('tools', '1', '2', '1', 'x86_64')]",
		"rpmostree.rpmmd-repos":   "[{'id': <'test'>, 'timestamp': <uint64 1700000000>}]",
	} {
		got := strings.TrimSpace(w.ostree("show", "--print-metadata-key="+key, r.Ref))
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	next := w.compose(force)
	if next.Version != "9.2025.1" || next.Parent != r.Commit {
		t.Errorf("the second commit: got the version %s and the parent %s", next.Version, next.Parent)
	}
}

func TestMetadataIsRefused(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	w.write("bad.json", `{"a": 1} {}`)
	w.write("big.json", `{"a": 99999999999999999999}`)
	for _, tc := range []struct {
		adjust func(*compose.Options)
		want   []string
	}{
		{func(o *compose.Options) { o.MetadataStrings = []string{"novalue"} }, []string{"novalue", "KEY=VALUE"}},
		{func(o *compose.Options) { o.MetadataStrings = []string{"ostree.ref-binding=x"} }, []string{"ostree.ref-binding", "writes this key itself"}},
		{func(o *compose.Options) { o.MetadataFiles = []string{filepath.Join(w.dir, "absent.json")} }, []string{"absent.json"}},
		{func(o *compose.Options) { o.MetadataFiles = []string{filepath.Join(w.dir, "bad.json")} }, []string{"bad.json", "follows"}},
		{func(o *compose.Options) { o.MetadataFiles = []string{filepath.Join(w.dir, "big.json")} }, []string{"big.json", "too large"}},
	} {
		_, err := w.try(tc.adjust)
		wantError(t, err, tc.want...)
		if w.ref("test/x86_64/os") != "" {
			t.Error("a failed compose wrote the ref")
		}
	}
}

func TestChangeDetection(t *testing.T) {
	packages := base()
	w := newWorkshop(t, osTree, packages...)
	first := w.compose()
	same := func(what string, adjust ...func(*compose.Options)) {
		t.Helper()
		r := w.compose(adjust...)
		if r.Changed || !r.Commit.IsZero() || w.ref(first.Ref) != first.Commit.String() {
			t.Errorf("%s: a commit was made: %+v", what, r)
		}
	}
	same("nothing changed")
	same("another cache", func(o *compose.Options) { o.CacheDir = t.TempDir() })
	same("metadata of the commit alone", func(o *compose.Options) { o.MetadataStrings = []string{"version=2"} })
	same("another previous commit", func(o *compose.Options) { o.PreviousCommit = first.Commit.String() })

	w.write("key", publicKey(t, newKey(t)))
	repo := "[test]\nname=test\nbaseurl=" + w.rpms + "\n"
	w.write("test.repo", "# a comment\n"+repo+"name=renamed\ngpgcheck=0\n")
	same("the name of the repository")
	changed := func(what string) {
		t.Helper()
		p, err := w.plan()
		w.must(err)
		if !p.Changed() {
			t.Errorf("%s: the input hash is the same", what)
		}
	}
	w.write("test.repo", repo+"gpgcheck=1\ngpgkey="+filepath.Join(w.dir, "key")+"\n")
	changed("gpgcheck")
	w.write("test.repo", repo+"gpgcheck=0\npriority=5\n")
	changed("the priority of the repository")
	w.write("test.repo", repo+"gpgcheck=0\n")
	packages[2].Release = "2"
	w.setPackages(packages...)
	changed("a package")
	packages[2].Release = "1"
	packages[2].Files[0].Body = "another build"
	w.setPackages(packages...)
	changed("a package with the same name and other bytes")
	r := w.compose()
	if !r.Changed || r.Parent != first.Commit {
		t.Errorf("got %+v, want a commit upon %s", r, first.Commit)
	}
}

func TestForcedComposeReadsNothing(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	first := w.compose()
	r := w.compose(force)
	if r.Stats.BytesRead != 0 || r.Stats.FilesNew != 0 || r.Content != first.Content || r.CacheHits == 0 {
		t.Errorf("got %+v", r)
	}
}

func TestParents(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	first := w.compose()
	if r := w.compose(force, func(o *compose.Options) { o.NoParent = true }); !r.Parent.IsZero() {
		t.Errorf("no-parent: got %s", r.Parent)
	}
	elsewhere := strings.Repeat("ab", 32)
	if r := w.compose(force, func(o *compose.Options) { o.Parent = elsewhere }); r.Parent.String() != elsewhere {
		t.Errorf("a parent that is not here: got %s", r.Parent)
	}
	if r := w.compose(force, func(o *compose.Options) { o.Parent = first.Ref }); r.Parent.IsZero() {
		t.Error("a ref as parent: got none")
	}
	_, err := w.try(force, func(o *compose.Options) { o.Parent = "no/such/ref" })
	wantError(t, err, "no/such/ref", "parent")
	_, err = w.try(func(o *compose.Options) { o.PreviousCommit = "no/such/ref" })
	wantError(t, err, "no/such/ref", "previous")
}

func TestWithoutRef(t *testing.T) {
	w := newWorkshop(t, "container: true\n", base()...)
	r := w.compose()
	if r.Ref != "" || r.Commit.IsZero() {
		t.Errorf("got %+v", r)
	}
	if got := w.ostree("refs"); got != "" {
		t.Errorf("got the refs %s", got)
	}
}

func TestScriptlets(t *testing.T) {
	sh := []string{"/bin/sh"}
	scripted := pkg("scripted", file("/usr/x", ""))
	scripted.Scriptlets = []rpm.Scriptlet{
		{Kind: rpm.PostIn, Interpreter: sh, Body: "true"}, {Kind: rpm.PostUn, Interpreter: sh, Body: "true"}}
	triggered := pkg("triggered", file("/usr/y", ""))
	triggered.Scriptlets = []rpm.Scriptlet{{Kind: rpm.TransFileTriggerIn, Interpreter: sh, Body: "true", Paths: []string{"/usr/lib"}, Priority: 5}}
	removing := pkg("removing", file("/usr/z", ""))
	removing.Scriptlets = []rpm.Scriptlet{{Kind: rpm.PreUn, Interpreter: sh, Body: "true"}}
	w := newWorkshop(t, osTree, scripted, triggered, removing)
	_, err := w.try(func(o *compose.Options) { o.Scriptlets = compose.RefuseScriptlets })
	wantError(t, err, "scripted-1-1.noarch: %post", "triggered-1-1.noarch: %transfiletriggerin", "--scriptlets=skip")
	if strings.Contains(err.Error(), "removing") || strings.Contains(err.Error(), "postun") {
		t.Errorf("scriptlets that no installation runs are in the way: %v", err)
	}
	r := w.compose(skipScriptlets)
	want := []compose.SkippedScriptlet{
		{Package: "scripted-1-1.noarch", Kind: "post", Interpreter: "/bin/sh"},
		{Package: "triggered-1-1.noarch", Kind: "transfiletriggerin", Interpreter: "/bin/sh"}}
	if !slices.Equal(r.Report.Skipped, want) {
		t.Errorf("got %+v, want %+v", r.Report.Skipped, want)
	}
}

func TestReport(t *testing.T) {
	w := newWorkshop(t, osTree+"documentation: false\ninstall-langs: [de]\n",
		append(base(), pkg("odd", rpmtest.File{Path: "/usr/odd", User: "nobody-knows", Mode: 0o4755},
			rpmtest.File{Path: "/usr/share/doc/odd", Flags: rpm.FileDoc}, rpmtest.File{Path: "/usr/fr", Lang: "fr"},
			rpmtest.File{Path: "/var/log/odd", Flags: rpm.FileGhost}, rpmtest.File{Path: "/dev/null", Mode: rpm.ModeChar | 0o666, RDev: 259}))...)
	r := w.compose().Report
	if r.Assembly.Documentation != 1 || r.Assembly.Languages != 1 || r.Assembly.Ghosts != 1 || len(r.Assembly.Devices) != 1 {
		t.Errorf("got %+v", r.Assembly)
	}
	if len(r.UnknownOwners) != 1 || r.UnknownOwners[0].Name != "nobody-knows" {
		t.Errorf("got the unknown owners %+v", r.UnknownOwners)
	}
	if len(r.Packages) != 4 || r.Packages[3].NEVRA != "tools-1:2-1.x86_64" || r.Packages[3].Repo != "test" || r.Tree.Files == 0 {
		t.Errorf("got the packages %+v", r.Packages)
	}
}
