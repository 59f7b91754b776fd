package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestJSON runs every command that has a result with --json: both outputs hold
// a JSON object a line and nothing else, failures included.
func TestJSON(t *testing.T) {
	dir := composeFolder(t, oddPackages())
	at := func(name string) string { return filepath.Join(dir, name) }
	compose := func(args ...string) []string {
		return append([]string{"compose", "tree", "--repo", at("repo"), "--cachedir", at("cache"), "--sign-key", at("key"), at("os.yaml")}, args...)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string // in the first line of the result
	}{
		{[]string{"key", "generate", "--uid=json", "--output", at("key")}, 0, `"fingerprint":"`},
		{[]string{"repo", "init", at("new")}, 0, `"repo":"`},
		{compose("--dry-run"), 0, `"packages":[`},
		{compose("--print-only"), 0, `"ref":"test/os"`},
		{compose("--download-only"), 0, `"input-hash":"`},
		{compose("--write-report-to", at("report")), 0, `"ref":"test/os"`},
		{compose(), 0, `"changed":false`},
		{[]string{"repo", "sign", "--sign-key", at("key"), at("repo"), "test/os"}, 0, `"signed":false`},
		{[]string{"publish", "--sign-key", at("key"), at("repo")}, 0, `"refs":1`},
		{[]string{"mirror", "--key", at("key.pub"), at("new"), at("repo"), "test/*"}, 0, `"status":"new"`},
		{[]string{"repo", "pull", "--key", at("key.pub"), at("new"), at("repo"), "test/none"}, 1, ""},
		{[]string{"repo", "refs", at("repo")}, 0, `"ref":"test/os"`},
		{[]string{"repo", "log", at("repo"), "test/os"}, 0, `"commit":"`},
		{[]string{"repo", "show", at("repo"), "test/os"}, 0, `"metadata":{`},
		{[]string{"repo", "ls", "-R", at("repo"), "test/os"}, 0, `"path":"/"`},
		{[]string{"repo", "fsck", at("repo")}, 0, `"problems":[]`},
		{[]string{"cache", "prune", "--max-size=0", at("cache")}, 0, `"kept":`},
		{[]string{"compose", "tree", "--repo", at("repo"), at("absent.yaml")}, 1, ""},
	} {
		code, stdout, stderr := inProcess(t, append([]string{"--json"}, tc.args...)...)
		name := strings.Join(tc.args[:2], " ")
		if code != tc.code {
			t.Errorf("%s: got exit code %d, %s, want %d", name, code, stderr, tc.code)
		}
		first, _, _ := strings.Cut(stdout, "\n")
		if !strings.Contains(first, tc.want) {
			t.Errorf("%s: got %q, want %s in it", name, first, tc.want)
		}
		for _, output := range []string{stdout, stderr} {
			for line := range strings.Lines(output) {
				var object map[string]any
				if err := json.Unmarshal([]byte(line), &object); err != nil {
					t.Errorf("%s: got the line %q: %v", name, line, err)
				}
			}
		}
		if code != 0 && (stdout != "" || !strings.Contains(stderr, `{"error":"`)) {
			t.Errorf("%s: got %q and %q, want nothing and an error", name, stdout, stderr)
		}
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "os.yaml"), "ref: test/os\ncontainer: true\npackages: [a]\n")
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", 0, "Usage:"},
		{"--help", 0, "Usage:"},
		{"--version", 0, "treewright"},
		{"compose tree --help", 0, "Exit codes:"},
		{"man --help", 0, "Exit codes:"},
		{"compose", 2, "compose needs a command"},
		{"compos", 2, `unknown command "compos"`},
		{"compose tre", 2, `unknown command "tre"`},
		{"compose tree", 2, "TREEFILE"},
		{"compose tree DIR/os.yaml", 2, "--repo"},
		{"compose tree --repo=DIR/repo DIR/os.yaml DIR/more.yaml", 2, "TREEFILE"},
		{"compose tree --frobnicate DIR/os.yaml", 2, "--frobnicate"},
		{"compose tree --repo=DIR/repo --scriptlets=maybe DIR/os.yaml", 2, "--scriptlets"},
		{"compose tree --repo=DIR/repo --var=x DIR/os.yaml", 2, "NAME=VALUE"},
		{"compose tree --repo=DIR/repo DIR/os.yaml", 1, "repo init"},
		{"compose tree --print-only DIR/none.yaml", 1, "none.yaml"},
		{"repo refs", 2, "REPO"},
		{"repo pull DIR/repo", 2, "URL"},
		{"repo pull DIR/repo DIR/up", 2, "--mirror"},
		{"repo pull --verify-summary DIR/repo DIR/up a", 2, "--key"},
		{"repo sign DIR/repo a", 2, "--sign-key"},
		{"mirror DIR/repo DIR/up", 2, "REF"},
		{"publish --flatpakrepo=x DIR/repo", 2, "--url"},
		{"publish DIR/repo", 1, "repo init"},
		{"key generate", 2, "--uid"},
		{"cache prune --max-size=x DIR", 2, "--max-size"},
		{"serve --listen=nowhere:x DIR/repo", 1, "DIR/repo"},
	} {
		args := strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))
		code, stdout, stderr := inProcess(t, args...)
		want := strings.ReplaceAll(tc.want, "DIR", dir)
		output := stderr
		if tc.code == 0 {
			output = stdout
		}
		if code != tc.code || !strings.Contains(output, want) {
			t.Errorf("treewright %s: got exit code %d, %q and %q, want %d and %s", tc.args, code, stdout, stderr, tc.code, want)
		}
		if code != 0 && (stdout != "" || !strings.HasPrefix(stderr, "treewright: ") && !strings.HasPrefix(stderr, "warning: ")) {
			t.Errorf("treewright %s: got %q and %q, want a message alone", tc.args, stdout, stderr)
		}
	}
}

// openTerminal makes a pseudo-terminal. Closing near ends the reading of far.
func openTerminal(t *testing.T) (far, near *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return far, near
}

// TestProgress looks at the progress of a compose on a terminal, where each
// stage is one line that is drawn again, and elsewhere, where it is one line.
func TestProgress(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, bulkyPackages(3, 60))
	compose := func(cache string, args ...string) *exec.Cmd {
		return shellCommand(dir, append([]string{binary, "compose", "tree", "--repo=repo", "--force-nocache", "--cachedir=" + cache, "os.yaml"}, args...)...)
	}

	far, near := openTerminal(t)
	cmd := compose("cache1")
	cmd.Stdout, cmd.Stderr = near, near
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	near.Close()
	seen, err := io.ReadAll(far)
	if err != nil && !errors.Is(err, syscall.EIO) { // how a terminal ends
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, seen)
	}
	if !bytes.Contains(seen, []byte("\r\x1b[K")) {
		t.Errorf("on a terminal: got %q, want a line that is drawn again", seen)
	}
	stages := map[string]int{}
	for line := range strings.Lines(string(seen)) {
		final := line[strings.LastIndex(line, "\x1b[K")+1:]
		if word := regexp.MustCompile(`^\[K([a-z]+)`).FindStringSubmatch(final); word != nil {
			stages[word[1]]++
		}
	}
	for _, stage := range []string{"metadata", "fetch", "import", "assemble", "objects"} {
		if stages[stage] != 1 {
			t.Errorf("on a terminal: stage %s: got %d lines, want one, in %q", stage, stages[stage], seen)
		}
	}

	var stdout, stderr bytes.Buffer
	cmd = compose("cache2")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if bytes.ContainsAny(stderr.Bytes(), "\r\x1b") || bytes.ContainsAny(stdout.Bytes(), "\r\x1b") {
		t.Errorf("without a terminal: got %q and %q, want plain lines", &stdout, &stderr)
	}
	if lines := strings.Count(stderr.String(), "\n"); lines < 5 || lines > 12 {
		t.Errorf("without a terminal: got %d lines, want one for each stage: %q", lines, &stderr)
	}

	stderr.Reset()
	cmd = compose("cache3", "--quiet")
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() != 0 {
		t.Errorf("quiet: got %v, %q, want nothing on standard error", err, &stderr)
	}
}

// A gate is a server of files that lets requests for some of them wait until
// their client goes away.
type gate struct {
	*httptest.Server
	reached chan struct{}
}

func newGate(t *testing.T, dir, closed string) *gate {
	g := &gate{reached: make(chan struct{})}
	files := http.FileServer(http.Dir(dir))
	var once sync.Once
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, closed) {
			once.Do(func() { close(g.reached) })
			<-r.Context().Done()
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// TestInterrupted presses Ctrl-C in the middle of commands: they end at once,
// with exit code 1 and a plain message, and leave nothing behind.
func TestInterrupted(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, bulkyPackages(2, 30))
	mustRun(t, dir, binary, "key", "generate", "--uid=up", "--output=up.key")
	mustRun(t, dir, binary, "repo", "init", "up")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=up", "--cachedir=cache", "--sign-key=up.key", "os.yaml")
	mustRun(t, dir, binary, "publish", "-q", "--sign-key=up.key", "up")
	metadata, packages := newGate(t, dir, "primary"), newGate(t, dir, "bulky1-1-1")
	mirrored, pulled := newGate(t, dir, "up/objects/a"), newGate(t, dir, "up/objects/a")
	for _, tc := range []struct {
		name string
		gate *gate
		argv []string
	}{
		{"metadata", metadata, []string{"compose", "tree", "-q", "--repo=repo", "--cachedir=own", "gate.yaml"}},
		{"packages", packages, []string{"compose", "tree", "-q", "--repo=repo", "--cachedir=own", "gate.yaml"}},
		{"mirror", mirrored, []string{"mirror", "-q", "--key=up.key.pub", "repo", mirrored.URL + "/up", "test/*"}},
		{"pull", pulled, []string{"repo", "pull", "-q", "--key=up.key.pub", "repo", pulled.URL + "/up", "test/os"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, filepath.Join(dir, "gate.repo"), "[gate]\nname=gate\nbaseurl="+tc.gate.URL+"/rpms\ngpgcheck=0\n")
			write(t, filepath.Join(dir, "gate.yaml"), "include: os.yaml\nrepos: [gate]\n")
			mustRun(t, dir, "rm", "-rf", "repo", "own")
			mustRun(t, dir, binary, "repo", "init", "repo")
			before := fileNames(t, filepath.Join(dir, "repo"))
			var stderr bytes.Buffer
			cmd := shellCommand(dir, append([]string{binary}, tc.argv...)...)
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-tc.gate.reached
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != exitFailed {
				t.Errorf("exit code: got %d, want %d", got, exitFailed)
			}
			if got := stderr.String(); got != "treewright: interrupted; nothing was published\n" {
				t.Errorf("message: got %q", got)
			}
			after := fileNames(t, filepath.Join(dir, "repo"))
			if diff := diffLines(strings.Join(before, "\n"), strings.Join(after, "\n")); strings.Contains(diff, "tmp/") || strings.Contains(diff, "objects/") || strings.Contains(diff, "refs/") {
				t.Errorf("the repository changed:\n%s", diff)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "own/content/tmp/*")); len(left) > 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}
