package compose_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func (w *workshop) diff(before, after ostree.Checksum, o compose.DiffOptions) (*compose.TreeDiff, string) {
	w.t.Helper()
	repo, err := archive.Open(w.repo, archive.Options{})
	w.must(err)
	d, err := compose.Diff(w.t.Context(), repo, before, after, o)
	w.must(err)
	w.must(repo.Close())
	var text strings.Builder
	w.must(d.WriteText(&text))
	return d, text.String()
}

const day = 86400

// twoReleases composes the base with changes between.
func twoReleases(t *testing.T) (w *workshop, first *compose.Result) {
	packages := append(base(), pkg("leaves", file("/usr/share/leaves", "gone")), pkg("older", file("/usr/share/older", "x")))
	packages[2].Changelog = []rpmtest.Change{{Time: 100 * day, Author: "One <one@example.org> - 1", Text: "- first"}}
	packages[4].Version = "2"
	w = newWorkshop(t, osTree+"packages: [filesystem, setup, tools, leaves, older]\n", packages...)
	first = w.compose()
	packages[1].Files[0].Body += "ftp:x:14:50::/:/bin/false\n"
	packages[1].Files[1].Body = "root:x:0:\nmail:x:12:\ntty:x:7:\n"
	packages[1].Release = "2"
	tools := &packages[2]
	tools.Version = "3"
	tools.Changelog = append([]rpmtest.Change{{Time: 101 * day, Author: "Two <two@example.org> - 3", Text: "- second\n- and more"}, {Time: 100 * day, Author: "One <one@example.org> - 2", Text: "- same day"}}, tools.Changelog...)
	tools.Files[0].Mode = 0o4711
	tools.Files[1].Caps = "cap_net_admin=ep"
	tools.Files[2].Body = "wrote"
	tools.Files[6].Body = strings.Repeat("y", 200_000)
	tools.Files[7].LinkTo = "libx.so.2"
	packages[3] = pkg("comes", file("/usr/share/comes", "new"))
	packages[4].Version = "1"
	w.setPackages(packages...)
	w.write("tree.yaml", osTree+"packages: [filesystem, setup, tools, comes, older]\n")
	return w, first
}

func TestDiff(t *testing.T) {
	w, first := twoReleases(t)

	// What would be composed, beside what is published.
	p, err := w.plan()
	w.must(err)
	tip, err := p.CompareTip(t.Context())
	w.must(err)
	var plan strings.Builder
	w.must(p.WriteText(&plan))
	for _, want := range []string{"packages: 1 added, 1 removed, 2 upgraded, 1 downgraded", "added comes.noarch 1-1 (+3 B)", "removed leaves.noarch 1-1 (-4 B)",
		"upgraded tools.x86_64 1:2-1 -> 1:3-1", "downgraded older.noarch 2-1 -> 1-1"} {
		if !strings.Contains(plan.String(), want) {
			t.Errorf("the plan: got\n%s\nwant %q", &plan, want)
		}
	}
	data, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(data), `"compared-with-tip":{"commit":"`+first.Commit.String()) || len(tip.Packages) != 5 {
		t.Errorf("the plan: got %+v, %v\n%s", tip, err, data)
	}

	second := w.compose()
	d, text := w.diff(first.Commit, second.Commit, compose.DiffOptions{Changelogs: true})
	for _, want := range []string{
		"upgraded tools.x86_64 1:2-1 -> 1:3-1\n    * Sun Apr 12 1970 Two <two@example.org> - 3\n      - second\n      - and more\n    * Sat Apr 11 1970 One <one@example.org> - 2\n      - same day\nuser added: ftp (14:50)\n",
		"group changed: tty (5 -> 7)\n", "A /usr/share/comes (+3 B)\n", "D /usr/share/leaves (-4 B)\n",
		"M /usr/bin/su: mode 4755 -> 4711\n", "M /usr/bin/ping: attributes\n", "M /usr/bin/write: content, owner 0:5 -> 0:7\n",
		"M /usr/lib64/libx.so.1: content\n", "M /usr/lib64/libx.so: target libx.so.1 -> libx.so.2\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q", text, want)
		}
	}
	if strings.Contains(text, "- first") {
		t.Errorf("the changelog has what the old package has:\n%s", text)
	}
	paths := slices.DeleteFunc(strings.Split(w.ostree("diff", first.Commit.String(), second.Commit.String()), "\n"), func(l string) bool { return l == "" })
	if len(paths) != len(d.Files) {
		t.Errorf("got %d paths, ostree has %d:\n%s", len(d.Files), len(paths), text)
	}
	for _, line := range paths {
		fields := strings.Fields(line)
		if !strings.Contains(text, fields[0]+" "+fields[1]) {
			t.Errorf("ostree has %s, which is not in\n%s", line, text)
		}
	}
	if _, same := w.diff(second.Commit, second.Commit, compose.DiffOptions{}); same != "the trees are alike\n" {
		t.Errorf("got %q", same)
	}
	if d, _ := w.diff(second.Commit, first.Commit, compose.DiffOptions{PackagesOnly: true}); len(d.Files) != 0 || len(d.Packages) != 5 {
		t.Errorf("packages only: got %+v", d)
	}
}

// TestDiffOfOthersCommits compares commits without a database, and without lists.
func TestDiffOfOthersCommits(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	dir := t.TempDir()
	var sums []ostree.Checksum
	for _, list := range []string{`--add-metadata=rpmostree.rpmdb.pkglist=[("bash", "0", "5", "1", "x86_64")]`, `--add-metadata=rpmostree.rpmdb.pkglist=[("bash", "0", "5", "2", "x86_64")]`, "--add-metadata-string=a=b"} {
		w.must(os.WriteFile(dir+"/file", []byte(list), 0o644))
		sum, err := ostree.ParseChecksum(strings.TrimSpace(w.ostree("commit", "--branch=other", "--tree=dir="+dir, list)))
		w.must(err)
		sums = append(sums, sum)
	}
	if _, text := w.diff(sums[0], sums[1], compose.DiffOptions{}); !strings.Contains(text, "upgraded bash.x86_64 5-1 -> 5-2\n") || !strings.Contains(text, "M /file: content\n") {
		t.Errorf("got\n%s", text)
	}
	if _, text := w.diff(sums[1], sums[2], compose.DiffOptions{}); !strings.Contains(text, "packages are not compared: commit "+sums[2].String()) {
		t.Errorf("got\n%s", text)
	}
}
