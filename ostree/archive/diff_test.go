package archive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func diffOf(t *testing.T, repo *archive.Repo, a, b ostree.Checksum) []string {
	t.Helper()
	var out []string
	err := repo.Diff(t.Context(), a, b, func(c archive.FileChange) error {
		kind := "M"
		if c.Old.Type == 0 {
			kind = "A"
		} else if c.New.Type == 0 {
			kind = "D"
		}
		out = append(out, fmt.Sprintf("%s %s %d %d", kind, c.Path, c.OldSize, c.NewSize))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDiff(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	old := ostreetest.Tree{
		"same": ostreetest.Regular("same"), "changed": ostreetest.Regular("1"), "gone/sub/file": ostreetest.Regular("123"),
		"turns": ostreetest.Regular("file"), "dir/deep/x": ostreetest.Regular("x"), "link": ostreetest.Symlink("a"), "meta": ostreetest.Dir(),
	}
	now := old.Clone()
	delete(now, "gone/sub/file")
	delete(now, "turns")
	now["changed"] = ostreetest.Regular("22")
	now["turns/in"] = ostreetest.Regular("dir")
	now["dir/deep/y"] = ostreetest.Regular("yy")
	now["link"] = ostreetest.Symlink("b")
	now["meta"] = ostreetest.File{Mode: ostree.ModeDir | 0o700}
	a := ostreetest.Commit(t, repo, "a", old, ostreetest.CommitOptions{})
	b := ostreetest.Commit(t, repo, "a", now, ostreetest.CommitOptions{})
	want := []string{
		"M /changed 1 2", "M /link 0 0", "D /turns 4 0",
		"A /dir/deep/y 0 2",
		"D /gone 0 0", "D /gone/sub 0 0", "D /gone/sub/file 3 0",
		"M /meta 0 0", "A /turns 0 0", "A /turns/in 0 3",
	}
	if got := diffOf(t, repo, a, b); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := diffOf(t, repo, a, a); len(got) != 0 {
		t.Errorf("of a commit with itself: got %q", got)
	}
}

// TestDiffAsTheirs compares which files differ in random trees.
func TestDiffAsTheirs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	one := ostreetest.RandomTree(1, 120)
	two := one.Clone()
	for i, name := range one.Paths() {
		switch {
		case strings.Contains(name, "\n"):
			delete(one, name) // their lines could not be told apart
			delete(two, name)
		case one[name].Mode&ostree.ModeType != ostree.ModeRegular:
		case i%5 == 0:
			f := two[name]
			f.Data += "more"
			two[name] = f
		case i%7 == 0:
			two[name+".new"] = two[name]
		}
	}
	a := ostreetest.Commit(t, repo, "a", one, ostreetest.CommitOptions{})
	b := ostreetest.Commit(t, repo, "a", two, ostreetest.CommitOptions{})
	var got []string
	for _, line := range diffOf(t, repo, a, b) {
		kind, rest, _ := strings.Cut(line, " ")
		got = append(got, kind+"    "+rest[:strings.LastIndex(rest[:strings.LastIndex(rest, " ")], " ")])
	}
	want := strings.Split(strings.TrimSpace(ostreetest.Ostree(t, "diff", "--repo="+repo.Path(), a.String(), b.String())), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(got) < 10 {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDiffPackages(t *testing.T) {
	p := func(name, version string) ostree.Package {
		return ostree.Package{Name: name, Epoch: "0", Version: version, Release: "1", Arch: "x86_64"}
	}
	list := func(packages ...ostree.Package) *ostree.Commit {
		var vs []gvariant.Value
		for _, p := range packages {
			vs = append(vs, gvariant.Tuple(gvariant.String(p.Name), gvariant.String(p.Epoch), gvariant.String(p.Version),
				gvariant.String(p.Release), gvariant.String(p.Arch)))
		}
		return &ostree.Commit{Metadata: gvariant.Dict{{Key: ostree.KeyPackages, Value: gvariant.Array("(sssss)", vs...)}}}
	}
	epoch := p("bash", "5")
	epoch.Epoch = "2"
	got, listed := ostree.DiffPackages(
		list(p("a", "1"), p("bash", "5"), p("kernel", "1"), p("kernel", "2"), p("z", "1")),
		list(p("a", "1"), epoch, p("kernel", "2"), p("kernel", "3"), p("new", "1")))
	want := []ostree.PackageChange{
		{Old: p("bash", "5"), New: epoch}, {Old: p("kernel", "1"), New: p("kernel", "3")}, {New: p("new", "1")}, {Old: p("z", "1")},
	}
	if !listed || !slices.Equal(got, want) {
		t.Errorf("got %v, %t, want %v", got, listed, want)
	}
	if got := epoch.EVR(); got != "2:5-1" {
		t.Errorf("EVR: got %s, want 2:5-1", got)
	}
	if _, listed := ostree.DiffPackages(&ostree.Commit{}, list()); listed {
		t.Error("a commit without a list: got one")
	}
}
