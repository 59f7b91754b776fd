package publish

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// killVariable tells a copy of the test program which repository to publish,
// with which key, and at which step to die: "DIR KEY STEP".
const killVariable = "TREEWRIGHT_TEST_KILL"

func TestMain(m *testing.M) {
	if v := os.Getenv(killVariable); v != "" {
		if err := publishAndDie(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func publishAndDie(v string) error {
	fields := strings.Fields(v)
	last, err := strconv.Atoi(fields[2])
	if err != nil {
		return err
	}
	repo, err := archive.Open(fields[0], archive.Options{})
	if err != nil {
		return err
	}
	secret, err := os.Open(fields[1])
	if err != nil {
		return err
	}
	signer, err := sign.LoadSecretKey(secret, nil, testClock)
	if err != nil {
		return err
	}
	n := 0
	_, err = Publish(background(), Options{Repo: repo, Signers: []sign.Signer{signer}, Clock: testClock,
		Settings: map[string]string{SettingTitle: "New title"},
		fault: func(step string) error {
			if n++; n <= last {
				return nil
			}
			fmt.Println(step)
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {}
		}})
	return err
}

// TestKilledAtEveryStep kills a publication before each change that clients
// can see and looks at the repository as they do: it is the old one or the new
// one. The one exception is a kill between two renames, summary.sig and
// summary, which no order avoids: those who verify then refuse the legacy
// summary until the next publication; they never take anything else for it.
func TestKilledAtEveryStep(t *testing.T) {
	c := NewClient(t)
	c.export(platformBuild)
	c.export(appBuild)
	k := NewKey(t, "Example")
	c.Write("key.secret", string(k.Secret), 0o600)
	c.Write("key.public", string(k.Public), 0o644)
	c.publish(k, Options{})
	old := readVisible(t, c.Path("repo"))
	next := appBuild
	next.files = map[string]string{"app": "app two"}
	c.export(next)
	k.SignCommits(t, c.open())
	c.Run("ostree", "--repo="+c.Path("repo"), "static-delta", "generate", "--empty", "--to="+appRef)

	var new visible
	for step := 0; ; step++ {
		dir := filepath.Join(c.home, fmt.Sprint("killed", step))
		if err := os.CopyFS(dir, os.DirFS(c.Path("repo"))); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", killVariable, dir, c.Path("key.secret"), step))
		out, err := cmd.CombinedOutput()
		if err == nil {
			new = readVisible(t, dir)
			break
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: %v\n%s", step, err, out)
		}
	}
	if bytes.Equal(old.index, new.index) || bytes.Equal(old.summary, new.summary) {
		t.Fatal("nothing changed: the test tests nothing")
	}
	for step := 0; ; step++ {
		dir := filepath.Join(c.home, fmt.Sprint("killed", step))
		got := readVisible(t, dir)
		if bytes.Equal(got.index, new.index) && bytes.Equal(got.summary, new.summary) {
			if step < 8 {
				t.Errorf("steps: got %d, want more", step)
			}
			break
		}
		t.Run(fmt.Sprint("step", step), func(t *testing.T) { checkKilled(t, c, k, dir, old, new) })
	}
}

// visible is what clients may see of a repository.
type visible struct{ summary, index []byte }

func readVisible(t *testing.T, dir string) visible {
	t.Helper()
	return visible{readFile(t, dir+"/summary"), readFile(t, dir+"/summary.idx")}
}

func checkKilled(t *testing.T, c *Client, k *Key, dir string, old, new visible) {
	got := readVisible(t, dir)
	good := func(data []byte, signature string) bool {
		dict, err := gvariant.ParseDict(readFile(t, dir+"/"+signature))
		if err != nil {
			t.Fatal(err)
		}
		ok, err := k.Signer.Signed(t.Context(), data, dict)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for _, f := range []struct{ got, old, new []byte }{{got.summary, old.summary, new.summary}, {got.index, old.index, new.index}} {
		if !bytes.Equal(f.got, f.old) && !bytes.Equal(f.got, f.new) {
			t.Error("a file is neither the old one nor the new one")
		}
	}
	if !good(got.index, indexSignaturePath(ostree.ChecksumOf(got.index))) {
		t.Error("the index has no good signature")
	}
	between := !good(got.summary, "summary.sig")
	if between && !good(new.summary, "summary.sig") {
		t.Error("the signature of the summary belongs to neither the old nor the new one")
	}
	readIndex(t, dir) // every sub-summary is there

	web, user := serve(t, dir), NewClient(t)
	user.Run("flatpak", "--user", "remote-add", "--gpg-import="+c.Path("key.public"), "example", web.URL)
	if got := user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref", "example"); !strings.Contains(got, appRef) {
		t.Errorf("remote-ls: got %q, want %s in it", got, appRef)
	}
	user.Run("ostree", "--repo="+user.Path("bare"), "init", "--mode=bare-user-only")
	user.Run("ostree", "--repo="+user.Path("bare"), "remote", "add", "--gpg-import="+c.Path("key.public"), "--set=gpg-verify-summary=true", "example", web.URL)
	out, err := user.Try("ostree", "--repo="+user.Path("bare"), "pull", "example", appRef)
	if between != (err != nil) {
		t.Errorf("ostree pull: got %v, want an error: %v\n%s", err, between, out)
	}

	repo, err := archive.Open(dir, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if _, err := Publish(t.Context(), Options{Repo: repo, Signers: []sign.Signer{k.Signer}, Clock: testClock, Settings: map[string]string{SettingTitle: "New title"}}); err != nil {
		t.Fatal(err)
	}
	if got := readVisible(t, dir); !bytes.Equal(got.summary, new.summary) || !bytes.Equal(got.index, new.index) {
		t.Error("the second run did not finish the work")
	}
	if !good(new.summary, "summary.sig") || !good(new.index, "summary.idx.sig") {
		t.Error("signatures after the second run: got a bad one")
	}
	if _, err := os.Stat(dir + "/" + stagingDir); !os.IsNotExist(err) {
		t.Errorf("the staging folder: got %v, want it gone", err)
	}
}
