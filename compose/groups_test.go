package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
)

// groupPackages are there for the groups of the tests.
func groupPackages() []rpmtest.Package {
	list := []rpmtest.Package{
		{Name: "bash", Requires: []string{"libc"}}, {Name: "newer", Obsoletes: []string{"older"}}, {Name: "broken", Requires: []string{"nothing"}},
		{Name: "provider", Provides: []string{"virtual"}}, {Name: "multi", Arch: "x86_64"}, {Name: "multi", Arch: "i686"},
		{Name: "narrow", Arch: "i686"}, {Name: "weak", Recommends: []string{"nice"}},
	}
	for _, name := range []string{"libc", "older", "less", "zsh", "gtk", "gtk-help", "nano", "nice"} {
		list = append(list, rpmtest.Package{Name: name})
	}
	return list
}

const someComps = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group><id>core</id><name>Core</name><description>c</description><packagelist>
    <packagereq type="mandatory">bash</packagereq><packagereq type="default">less</packagereq><packagereq type="optional">zsh</packagereq>
    <packagereq type="mandatory">absent</packagereq><packagereq type="conditional" requires="gtk">gtk-help</packagereq></packagelist></group>
  <group><id>odd</id><name>Odd Ones</name><description>o</description><packagelist>
    <packagereq>older</packagereq><packagereq>virtual</packagereq><packagereq basearchonly="true">multi</packagereq>
    <packagereq basearchonly="true">narrow</packagereq><packagereq type="mandatory" requires="zsh">nano</packagereq>
    <packagereq type="conditional">weak</packagereq></packagelist></group>
  <group><id>desk</id><name>Desk</name><description>d</description><packagelist><packagereq>gtk</packagereq></packagelist></group>
  <group><id>bad</id><name>Bad</name><description>b</description><packagelist><packagereq>bash</packagereq><packagereq>broken</packagereq></packagelist></group>
  <environment><id>server</id><name>Server</name><description>s</description><display_order>1</display_order>
    <grouplist><groupid>core</groupid><groupid>gone</groupid></grouplist>
    <optionlist><groupid default="true">desk</groupid></optionlist></environment>
</comps>
`

// moreComps change and add groups.
const moreComps = `<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group><id>core</id><name>Heart</name><description>c</description><packagelist>
    <packagereq type="optional">less</packagereq><packagereq type="mandatory">nano</packagereq></packagelist></group>
  <environment><id>server</id><name>Server</name><description>s</description><display_order>1</display_order>
    <grouplist><groupid>desk</groupid></grouplist></environment>
</comps>
`

// addMetadata adds a file to a repository's metadata by the real tool.
func addMetadata(t testing.TB, dir, kind, name, data string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "modifyrepo_c", "--mdtype="+kind, file, filepath.Join(dir, "repodata"))
}

// groupShop is a workshop with two repositories that have groups.
func groupShop(t testing.TB) (w *workshop, repos []string) {
	t.Helper()
	w = newWorkshop(t, osTree+"packages: [bash]\n", groupPackages()...)
	addMetadata(t, w.rpms, "group", "comps.xml", someComps)
	second := rpmtest.Repo(t, rpmtest.Package{Name: "second"})
	addMetadata(t, second, "group", "comps.xml", moreComps)
	w.write("two.repo", "[second]\nname=second\nbaseurl="+second+"\nenabled=0\n")
	return w, []string{"test=" + w.rpms, "second=" + second}
}

// TestGroupsLikeDNF compares groups with what dnf makes of them.
func TestGroupsLikeDNF(t *testing.T) {
	w, repos := groupShop(t)
	for _, c := range []struct {
		specs string // as dnf takes them, separated by ;
		both  bool   // both repositories
	}{
		{"@core", false}, {"@CORE", false}, {"@Core", false}, {"@c*", false}, {"@core;gtk", false}, {"@core;@desk", false}, {"@odd", false},
		{"@Odd Ones", false}, {"@odd*;zsh", false}, {"@server", false}, {"@server;@odd", false}, {"@bad", false},
		{"@core", true}, {"@Core", true}, {"@Heart", true}, {"@server", true}, {"zsh;@server", true}, {"@nothing", true}, {"@nothing;bash", false},
	} {
		list, use := strings.Split(c.specs, ";"), repos[:1]
		yaml := osTree + "repos: [test]\npackages:\n"
		if c.both {
			use, yaml = repos, osTree+"repos: [test, second]\npackages:\n"
		}
		want, output := dnf(t, use, append([]string{"install"}, list...)...)
		for _, s := range list {
			yaml += "- \"'" + s + "'\"\n"
		}
		w.write("tree.yaml", yaml)
		p, err := w.plan()
		switch {
		case err != nil && want != nil:
			t.Errorf("%s: %v; dnf installs %q", c.specs, err, want)
		case err == nil && want == nil:
			t.Errorf("%s: got %q; dnf says\n%s", c.specs, chosen(p), output)
		case err == nil:
			if d := differences(chosen(p), want); d != "" {
				t.Errorf("%s, both %v:%s", c.specs, c.both, d)
			}
		}
	}
}

func TestGroups(t *testing.T) {
	w, _ := groupShop(t)
	for _, c := range []struct{ packages, want, warning string }{
		{"['@core/optional']", "zsh-1-1.noarch", ""},
		{"['@core/optional,conditional', gtk]", "gtk-1-1.noarch gtk-help-1-1.noarch zsh-1-1.noarch", ""},
		{"['@^server']", "bash-1-1.noarch less-1-1.noarch libc-1-1.noarch", "environment server names the group gone"},
		{"['@core']", "bash-1-1.noarch less-1-1.noarch libc-1-1.noarch", "@core: no repository has these packages of it, they are left out: absent"},
		{"[]\nrepo-packages: [{repo: test, packages: ['@desk']}]", "gtk-1-1.noarch", ""},
		{"['@core']\nexclude-packages: [less]", "bash-1-1.noarch libc-1-1.noarch", "left out: less, absent"},
	} {
		w.write("tree.yaml", osTree+"repos: [test]\npackages: "+c.packages+"\n")
		p, err := w.plan()
		if err != nil {
			t.Errorf("%s: %v", c.packages, err)
			continue
		}
		if got := strings.Join(chosen(p), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.packages, got, c.want)
		}
		if all := strings.Join(p.Warnings, "\n"); !strings.Contains(all, c.warning) || c.warning == "" && all != "" {
			t.Errorf("%s: got the warnings %q, want %q", c.packages, p.Warnings, c.warning)
		}
	}
	for packages, words := range map[string][]string{
		"['@cora']":      {"@cora", "did you mean core?"},
		"['@^core']":     {"no repository has this environment"},
		"['@core/all']":  {"all", "mandatory"},
		"['@']":          {"names no group"},
		"['@node:18']":   {"module streams cannot be asked for"},
		"['@bad', bash]": {"broken of @bad is requested", "nothing provides"},
	} {
		w.write("tree.yaml", osTree+"repos: [test]\npackages: "+packages+"\n")
		_, err := w.plan()
		wantError(t, err, words...)
	}
	// The reason names the group, and the package comes into the tree.
	w.write("tree.yaml", osTree+"repos: [test]\npackages: ['@core']\n")
	p, err := w.plan()
	w.must(err)
	if got := p.Packages[0].Reason; got != `requested as "bash of @core"` {
		t.Errorf("reason: got %s", got)
	}
	if w.compose().Commit.IsZero() {
		t.Error("got no commit")
	}
}

// TestGroupsAbsent reads a repository whose group file is not there: an error
// only for who asks for a group.
func TestGroupsAbsent(t *testing.T) {
	w, _ := groupShop(t)
	files, err := filepath.Glob(filepath.Join(w.rpms, "repodata", "*comps*"))
	w.must(err)
	for _, f := range files {
		w.must(os.Remove(f))
	}
	w.write("tree.yaml", osTree+"packages: [bash]\n")
	if _, err := w.plan(); err != nil {
		t.Error(err)
	}
	w.write("tree.yaml", osTree+"packages: ['@core']\n")
	_, err = w.plan()
	wantError(t, err, "group metadata of", "comps")
	w.write("test.repo", "[test]\nname=test\nbaseurl="+w.rpms+"\nenablegroups=0\n")
	_, err = w.plan()
	wantError(t, err, "@core", "none of the repositories in use offers groups")
}
