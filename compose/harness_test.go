package compose_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/compose/lua"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/internal/sandbox"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// now is the time of all test composes.
var now = time.Unix(1_750_000_000, 0).UTC()

// A workshop has a treefile, a package repository, a cache and a repository to
// compose into.
type workshop struct {
	t     testing.TB
	dir   string // treefile and .repo file
	rpms  string
	cache string
	repo  string
}

// newWorkshop makes a workshop with a treefile that asks for the names of all
// packages, unless treefile says something else.
func newWorkshop(t testing.TB, treefile string, packages ...rpmtest.Package) *workshop {
	t.Helper()
	dir := t.TempDir()
	w := &workshop{t: t, dir: filepath.Join(dir, "treefile"), rpms: filepath.Join(dir, "rpms"),
		cache: filepath.Join(dir, "cache"), repo: filepath.Join(dir, "repo")}
	w.must(os.Mkdir(w.dir, 0o755))
	w.setPackages(packages...)
	w.write("test.repo", "[test]\nname=test\nbaseurl="+w.rpms+"\ngpgcheck=0\n")
	if !strings.Contains(treefile, "packages:") {
		names := make([]string, len(packages))
		for i, p := range packages {
			names[i] = p.Name
		}
		treefile += "packages: [" + strings.Join(names, ", ") + "]\n"
	}
	w.write("tree.yaml", treefile)
	r, err := archive.Init(w.repo, archive.InitOptions{})
	w.must(err)
	w.must(r.Close())
	return w
}

// osTree is a treefile of what is built.
const osTree = "ref: test/x86_64/os\ncontainer: true\n"

func (w *workshop) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *workshop) write(name, data string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(data), 0o644))
}

// setPackages replaces the package repository.
func (w *workshop) setPackages(packages ...rpmtest.Package) {
	w.t.Helper()
	w.must(os.RemoveAll(w.rpms))
	w.must(rpmtest.WriteRepo(w.rpms, rpmtest.RepoOptions{}, packages...))
}

// plan loads the treefile and plans. The plan and the repository are closed with
// the test.
func (w *workshop) plan(adjust ...func(*compose.Options)) (*compose.Plan, error) {
	w.t.Helper()
	t, err := treefile.Load(filepath.Join(w.dir, "tree.yaml"), treefile.Options{Arch: "x86_64"})
	if err != nil {
		return nil, err
	}
	repo, err := archive.Open(w.repo, archive.Options{})
	w.must(err)
	w.t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			w.t.Error(err)
		}
	})
	o := compose.Options{Treefile: t, Repo: repo, CacheDir: w.cache, Now: now, Tool: "treewright test"}
	for _, a := range adjust {
		a(&o)
	}
	p, err := compose.NewPlan(w.t.Context(), o)
	if err == nil {
		w.t.Cleanup(func() {
			if err := p.Close(); err != nil {
				w.t.Error(err)
			}
		})
	}
	return p, err
}

func (w *workshop) try(adjust ...func(*compose.Options)) (*compose.Result, error) {
	w.t.Helper()
	p, err := w.plan(adjust...)
	if err != nil {
		return nil, err
	}
	r, err := p.Execute(w.t.Context())
	return r, errors.Join(err, p.Close())
}

func (w *workshop) compose(adjust ...func(*compose.Options)) *compose.Result {
	w.t.Helper()
	r, err := w.try(adjust...)
	w.must(err)
	return r
}

// ostree runs the real client.
func (w *workshop) ostree(args ...string) string {
	w.t.Helper()
	return run(w.t, "ostree", append([]string{args[0], "--repo=" + w.repo}, args[1:]...)...)
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("this test needs %s (Debian and Fedora: %s)", name, name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// ref returns the tip of a ref as the real client sees it, empty for none.
func (w *workshop) ref(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.repo, "refs/heads", name))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	w.must(err)
	return strings.TrimSpace(string(data))
}

// wantError checks that err has all words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got the error %v, want one with %q", err, word)
		}
	}
}

func skipScriptlets(o *compose.Options) { o.Scriptlets = compose.SkipScriptlets }
func force(o *compose.Options)          { o.ForceNoCache = true }

func file(path, body string) rpmtest.File { return rpmtest.File{Path: path, Body: body} }

func pkg(name string, files ...rpmtest.File) rpmtest.Package {
	return rpmtest.Package{Name: name, Files: files}
}

// base is a small system: links, accounts, setuid, capabilities, hard links.
func base() []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "filesystem", Files: []rpmtest.File{
			{Path: "/usr/bin/"}, {Path: "/usr/lib64/"}, {Path: "/bin", LinkTo: "usr/bin"}, {Path: "/lib64", LinkTo: "usr/lib64"},
			{Path: "/etc/"}, {Path: "/tmp/", Mode: 0o1777}, {Path: "/var/", Mode: 0o755}, {Path: "/proc/", Mode: 0o555}}},
		{Name: "setup", Requires: []string{"filesystem"}, Files: []rpmtest.File{
			{Path: "/etc/passwd", Body: "root:x:0:0::/root:/bin/sh\nmail:x:8:12::/:/bin/false\n", Flags: rpm.FileConfig},
			{Path: "/etc/group", Body: "root:x:0:\nmail:x:12:\ntty:x:5:\n", Flags: rpm.FileConfig},
			{Path: "/etc/shadow", Body: "root:*::\n", Mode: 0o400, Flags: rpm.FileConfig}}},
		{Name: "tools", Version: "2", Epoch: 1, Arch: "x86_64", Requires: []string{"setup"}, Files: []rpmtest.File{
			{Path: "/bin/su", Body: "su", Mode: 0o4755}, {Path: "/usr/bin/ping", Body: "ping", Mode: 0o755, Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/write", Body: "write", Mode: 0o2755, Group: "tty"},
			{Path: "/usr/bin/g1", Body: "linked", Mode: 0o755}, {Path: "/usr/bin/g2", HardLink: "/usr/bin/g1", Mode: 0o755},
			{Path: "/var/spool/mail/", Mode: 0o775, User: "mail", Group: "mail"},
			{Path: "/usr/lib64/libx.so.1", Body: strings.Repeat("x", 200_000), Mode: 0o755}, {Path: "/usr/lib64/libx.so", LinkTo: "libx.so.1"}}},
	}
}

// A childJob is a compose that another process does.
type childJob struct {
	Dir, Cache, Repo string
	Umask            int
	Now              int64 // SOURCE_DATE_EPOCH stays
	KillAt           string
	KillCount        int64
}

const childEnv = "TREEWRIGHT_TEST_CHILD"

func TestMain(m *testing.M) {
	for _, helper := range []func([]string) (int, bool){sandbox.Helper, lua.Helper} {
		if code, ok := helper(os.Args); ok {
			os.Exit(code)
		}
	}
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child composes in this process and prints the commit.
func child(data string) error {
	var job childJob
	if err := json.Unmarshal([]byte(data), &job); err != nil {
		return err
	}
	setUmask(job.Umask)
	t, err := treefile.Load(filepath.Join(job.Dir, "tree.yaml"), treefile.Options{Arch: "x86_64"})
	if err != nil {
		return err
	}
	repo, err := archive.Open(job.Repo, archive.Options{Progress: job.step})
	if err != nil {
		return err
	}
	ctx, stop := signalContext()
	defer stop()
	p, err := compose.NewPlan(ctx, compose.Options{
		Treefile: t, Repo: repo, CacheDir: job.Cache, Now: time.Unix(job.Now, 0), SourceDate: now,
		Progress: func(u progress.Update) { job.step(u.Stage, u.Done, u.Total) },
	})
	if err != nil {
		return err
	}
	r, err := p.Execute(ctx)
	if err == nil {
		fmt.Println(r.Commit)
	}
	return errors.Join(err, p.Close(), repo.Close())
}

// atEnd as KillCount stands for the end of a stage.
const atEnd = -1

// step kills the process where the job says so.
func (j *childJob) step(stage string, done, total int64) {
	if j.KillAt == stage && (j.KillCount == atEnd && done == total || j.KillCount != atEnd && done >= j.KillCount) {
		killSelf()
	}
}
