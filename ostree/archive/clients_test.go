package archive_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestWideAndDeep has the real ostree read a directory of 100,000 entries and
// one that lies very deep.
func TestWideAndDeep(t *testing.T) {
	const wide, deep = 100_000, 300
	repo := ostreetest.NewRepo(t)
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Abort()
	f, err := txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}, content("the one file"))
	if err != nil {
		t.Fatal(err)
	}
	meta := writeObject(t, txn, ostree.ObjectDirMeta, ostree.DirMeta{Mode: ostree.ModeDir | 0o755}.Encode)
	var list ostree.DirTree
	for i := range wide {
		list.Files = append(list.Files, ostree.TreeFile{Name: fmt.Sprintf("file %d", i), Checksum: f.Checksum})
	}
	tree := writeObject(t, txn, ostree.ObjectDirTree, list.Encode)
	for range deep {
		up := ostree.DirTree{Dirs: []ostree.TreeDir{{Name: "d", Tree: tree, Meta: meta}}}
		tree = writeObject(t, txn, ostree.ObjectDirTree, up.Encode)
	}
	c := writeObject(t, txn, ostree.ObjectCommit, ostree.Commit{RootTree: tree, RootMeta: meta}.Encode)
	if err := txn.SetRef("a", c); err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	ostreetest.Check(t, repo)
	out := ostreetest.Ostree(t, "ls", "-R", "--nul-filenames-only", "--repo="+repo.Path(), "a")
	if got := strings.Count(out, "\x00"); got != wide+deep+1 {
		t.Errorf("entries: got %d, want %d", got, wide+deep+1)
	}
	path := strings.Repeat("/d", deep) + "/file 99999"
	if _, _, file, err := repo.OpenFile(t.Context(), fileAt(t, repo, c, path).Checksum); err != nil {
		t.Error(err)
	} else if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func writeObject(t *testing.T, txn *archive.Txn, typ ostree.ObjectType, encode func() ([]byte, error)) ostree.Checksum {
	t.Helper()
	data, err := encode()
	if err != nil {
		t.Fatal(err)
	}
	c, err := txn.WriteMeta(t.Context(), typ, data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTheyReadOurMetadata prints commits, detached metadata and a summary of
// ours with the real ostree.
func TestTheyReadOurMetadata(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "os/main", ostreetest.Tree{}, ostreetest.CommitOptions{
		Subject: "Ünicode subject", Timestamp: 1600000000,
		Metadata: gvariant.Dict{
			{Key: ostree.KeyVersion, Value: gvariant.String("41.7")},
			{Key: "numbers", Value: gvariant.Array("y", gvariant.Byte(1), gvariant.Byte(2))},
		},
	})
	err := repo.UpdateCommitMeta(t.Context(), c, func(d gvariant.Dict) (gvariant.Dict, error) {
		d.Set("note", gvariant.String("detached"))
		return d, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := "--repo=" + repo.Path()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"show", "--print-metadata-key=version"}, "'41.7'"},
		{[]string{"show", "--print-metadata-key=numbers"}, "[byte 0x01, 0x02]"},
		{[]string{"show", "--print-metadata-key=" + ostree.KeyRefBinding}, "['os/main']"},
		{[]string{"show", "--print-detached-metadata-key=note"}, "'detached'"},
		{[]string{"log"}, "Ünicode subject"},
		{[]string{"log"}, "2020-09-13 12:26:40 +0000"},
	} {
		if got := ostreetest.Ostree(t, append(tt.args, r, "os/main")...); !strings.Contains(got, tt.want) {
			t.Errorf("ostree %s: got %q, want %s in it", strings.Join(tt.args, " "), got, tt.want)
		}
	}
	size, err := repo.ObjectSize(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := ostree.Summary{
		Refs: []ostree.SummaryRef{
			{Name: "os/main", CommitSize: uint64(size), Commit: c}, {Name: "a", CommitSize: uint64(size), Commit: c},
		},
		Metadata: gvariant.Dict{{Key: ostree.KeySummaryLastModified, Value: gvariant.Uint64(gvariant.BE64(1600000001))}},
	}.Encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(repo.Path(), "summary"), summary, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	client := filepath.Join(t.TempDir(), "client")
	ostreetest.Ostree(t, "init", "--mode=archive", "--repo="+client)
	ostreetest.Ostree(t, "remote", "add", "--no-gpg-verify", "--repo="+client, "up", "file://"+repo.Path())
	if got := ostreetest.Ostree(t, "remote", "refs", "--repo="+client, "up"); got != "up:a\nup:os/main\n" {
		t.Errorf("refs of the summary: got %q", got)
	}
	ostreetest.Ostree(t, "pull", "--repo="+client, "up", "os/main")
	theirs := ostreetest.Open(t, client)
	if got, err := theirs.ResolveRef("up:os/main"); err != nil || got != c {
		t.Errorf("what they pulled: got %s, %v, want %s", got, err, c)
	}
	if d, err := theirs.CommitMeta(c); err != nil || d.Str("note") != "detached" {
		t.Errorf("detached metadata that they pulled: got %v, %v", d, err)
	}
}

// TestRefsAgainstModel makes random changes of refs and compares what is
// there with a map, and with what the real ostree lists.
func TestRefsAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	repo := ostreetest.NewRepo(t)
	commits := []ostree.Checksum{
		ostreetest.Commit(t, repo, "m/0", ostreetest.Tree{}, ostreetest.CommitOptions{}),
		ostreetest.Commit(t, repo, "m/1", ostreetest.Tree{"f": ostreetest.Regular("1")}, ostreetest.CommitOptions{}),
	}
	model := map[string]ostree.Checksum{"m/0": commits[0], "m/1": commits[1]}
	names := []string{"a", "a/b", "a/b/c", "d", "d/e", "app/org.x.Y/x86_64/stable", "m/0", "m/1"}
	for range 60 {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after := map[string]ostree.Checksum{}
		for ref, c := range model {
			after[ref] = c
		}
		for range 1 + r.IntN(3) {
			ref := names[r.IntN(len(names))]
			if r.IntN(3) == 0 {
				err = txn.DeleteRef(ref)
				delete(after, ref)
			} else {
				after[ref] = commits[r.IntN(2)]
				err = txn.SetRef(ref, after[ref])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err = txn.Commit(t.Context())
		if err == nil {
			model = after
		} else if !strings.Contains(err.Error(), "delete it first") && !strings.Contains(err.Error(), "cannot both be here") {
			t.Fatal(err)
		}
		checkRefs(t, repo, model)
	}
	out := strings.Fields(ostreetest.Ostree(t, "refs", "--repo="+repo.Path()))
	slices.Sort(out)
	var want []string
	for ref := range model {
		want = append(want, ref)
	}
	slices.Sort(want)
	if !slices.Equal(out, want) {
		t.Errorf("ostree refs: got %q, want %q", out, want)
	}
}

func checkRefs(t *testing.T, repo *archive.Repo, model map[string]ostree.Checksum) {
	t.Helper()
	refs, err := repo.Refs(t.Context(), "")
	if err != nil || len(refs) != len(model) {
		t.Fatalf("refs: got %v, %v, want %v", refs, err, model)
	}
	for _, ref := range refs {
		if model[ref.Name] != ref.Commit {
			t.Fatalf("ref %s: got %s, want %s", ref.Name, ref.Commit, model[ref.Name])
		}
	}
}

// TestKilledAnyTime kills a process that commits again and again, each time
// some steps later.
func TestKilledAnyTime(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	first := ostreetest.Commit(t, repo, "a/b", ostreetest.RandomTree(1, 40), ostreetest.CommitOptions{})
	for i := range 10 {
		cmd := child(t, "loop", repo.Path(), "")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It writes a character at each step, and goes on while it is killed.
		if _, err := io.CopyN(io.Discard, out, int64(1+i*9)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		ostreetest.Ostree(t, "fsck", "--repo="+repo.Path())
		var history []ostree.Checksum
		tip, err := repo.ResolveRef("a/b")
		if err == nil {
			err = repo.Log(t.Context(), tip, func(c ostree.Checksum, _ *ostree.Commit) error {
				history = append(history, c)
				return nil
			})
		}
		if err != nil || !slices.Contains(history, first) {
			t.Fatalf("run %d: history: got %v, %v, want it to reach %s", i, history, err, first)
		}
	}
	ostreetest.Commit(t, repo, "a/b", ostreetest.RandomTree(2, 60), ostreetest.CommitOptions{})
	ostreetest.Check(t, repo)
}

// commitForEver is what the child of TestKilledAnyTime does.
func commitForEver(t *testing.T, dir string) {
	repo := ostreetest.Open(t, dir)
	repo.CrashAt(func(string) error {
		_, err := os.Stdout.WriteString(".")
		return err
	})
	for i := range uint64(1 << 20) {
		ostreetest.Commit(t, repo, "a/b", ostreetest.RandomTree(100+i, 30), ostreetest.CommitOptions{})
	}
}
