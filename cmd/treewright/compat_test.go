package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/gvariant"
)

// compatPair is two repositories: the real ostree works on one, treewright
// ostree-compat on the other, with the same command lines.
type compatPair struct {
	t            *testing.T
	dir          string
	ours, theirs string
	getenv       map[string]string
}

func newCompatPair(t *testing.T) *compatPair {
	dir := t.TempDir()
	return &compatPair{t, dir, filepath.Join(dir, "ours"), filepath.Join(dir, "theirs"), map[string]string{
		"SOURCE_DATE_EPOCH": "1700000000", "OSTREE_SKIP_CACHE": "1", "PATH": os.Getenv("PATH"), "HOME": dir, "LC_ALL": "C.UTF-8", "TZ": "UTC",
	}}
}

func (p *compatPair) expand(line, repo string) []string {
	line = strings.NewReplacer("REPO", repo, "DIR", p.dir).Replace(line)
	return shellWords(line)
}

func (p *compatPair) runOurs(line string) (stdout, stderr string, code int) {
	env, out, errs := testEnvironment()
	env.getenv = func(key string) string { return p.getenv[key] }
	env.clock = func() time.Time { return time.Unix(1_800_000_000, 0) }
	code = run(p.t.Context(), env, append([]string{"ostree-compat"}, p.expand(line, p.ours)...))
	return out.String(), errs.String(), code
}

func (p *compatPair) runTheirs(line string) (stdout, stderr string, code int) {
	cmd := exec.CommandContext(p.t.Context(), "ostree", p.expand(line, p.theirs)...)
	for k, v := range p.getenv {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), code
}

// differs are the parts of what both print that tell time, path or progress.
var differs = regexp.MustCompile(`fsck objects \(.*\n|/(ours|theirs)\b|'ostree.summary.last-modified': <uint64 \d+>|(Last-Modified|Timestamp) .*`)

func sortLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// both runs a line with both. With "=" in front the output is the same, with
// "~" but for the order of its lines, with "!" both fail, and what follows " : " both say.
func (p *compatPair) both(line string) {
	p.t.Helper()
	mark := line[0]
	line, says, _ := strings.Cut(strings.TrimSpace(line[1:]), " : ")
	theirs, theirErr, theirCode := p.runTheirs(line)
	ours, ourErr, ourCode := p.runOurs(line)
	if ourCode != theirCode || (ourCode != 0) != (mark == '!') {
		p.t.Errorf("%s: exit code: got %d (%s), want that of ostree, %d (%s)", line, ourCode, ourErr, theirCode, theirErr)
	}
	got, want := differs.ReplaceAllString(ours, ""), differs.ReplaceAllString(theirs, "")
	if mark == '~' {
		got, want = sortLines(got), sortLines(want)
	}
	if (mark == '=' || mark == '~') && got != want {
		p.t.Errorf("%s: got\n%s\nwant\n%s", line, got, want)
	}
	if says != "" && (!strings.Contains(ours+ourErr, says) || !strings.Contains(theirs+theirErr, says)) {
		p.t.Errorf("%s: got %q, want what ostree says, %q, with %q", line, ours+ourErr, theirs+theirErr, says)
	}
}

func (p *compatPair) write(name, body string, mode os.FileMode) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), mode); err != nil {
		p.t.Fatal(err)
	}
}

// TestCompatAsTheirs gives both tools the same command lines: they print the
// same, the checksums of commits included, and refuse the same.
func TestCompatAsTheirs(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("tree/sub/b", strings.Repeat("some text ", 500), 0o755)
	p.write("over/sub/c", "c\n", 0o644)
	p.write("over/skipped", "s\n", 0o644)
	p.write("statoverride", "2048 /sub/c\n=384 /skipped\n", 0o644)
	p.write("skiplist", "/skipped\n", 0o644)
	p.write("body", "from a file\n", 0o644)
	if err := os.Symlink("a", filepath.Join(p.dir, "tree", "link")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"= --repo=REPO init --mode=archive",
		"= commit --repo=REPO -b main -s one -m body --owner-uid=0 --owner-gid=0 --no-xattrs --add-metadata-string=version=1 DIR/tree",
		"= --repo=REPO commit -b main -s two --canonical-permissions --tree=dir=DIR/tree --tree=dir=DIR/over --statoverride=DIR/statoverride --add-metadata-string=k=v=w --keep-metadata=version",
		"= --repo=REPO commit -b os/main --canonical-permissions -F DIR/body --tree=ref=main --tree=dir=DIR/over --skip-list=DIR/skiplist --bind-ref=os/other",
		"= --repo=REPO ls -R os/main",
		"= --repo=REPO log os/main",
		"= --repo=REPO commit -b sized --canonical-permissions --tree=dir=DIR/over --generate-sizes",
		"= --repo=REPO commit -b os/main --canonical-permissions --tree=ref=os/main --skip-if-unchanged",
		"= --repo=REPO commit --orphan --canonical-permissions --base=main DIR/over --parent=none --no-bindings",
		"= --repo=REPO commit -b dated --timestamp='2020-01-02 03:04:05 +0000' --tree=ref=main --table-output",
		"= --repo=REPO commit -b ro --mode-ro-executables --canonical-permissions --add-detached-metadata-string=d=1 DIR/tree",
		"! --repo=REPO commit -b bad/../ref DIR/tree : Invalid ref",
		"! --repo=REPO commit DIR/tree : --orphan",
		"! --repo=REPO commit -b x --canonical-permissions --owner-uid=7 DIR/tree : Cannot specify both --canonical-permissions and non-zero --owner-uid",
		"! --repo=REPO commit -b x --add-metadata-string=novalue DIR/tree : Missing '=' in KEY=VALUE metadata",
		"! --repo=REPO commit -b x --statoverride=DIR/body DIR/tree",
		"! --repo=REPO commit -b x --nonsense DIR/tree : Unknown option --nonsense",
		"! --repo=REPO nonsense",
		"~ --repo=REPO refs",
		"= --repo=REPO refs os",
		"= --repo=REPO refs --list os",
		"= --repo=REPO refs main --create=copy",
		"! --repo=REPO refs main --create=copy : --create specified but ref copy already exists",
		"! --repo=REPO refs main --create=os : error",
		"= --repo=REPO refs -A main --create=alias",
		"= --repo=REPO refs -A",
		"! --repo=REPO refs --delete main",
		"= --repo=REPO refs --delete copy",
		"~ --repo=REPO refs",
		"= --repo=REPO rev-parse main main^ os/main",
		"! --repo=REPO rev-parse none : Refspec 'none' not found",
		"! --repo=REPO rev-parse -S : Multiple commit objects found",
		"= --repo=REPO log main",
		"= --repo=REPO ls -R -C main",
		"= --repo=REPO ls -d main /sub",
		"! --repo=REPO ls main /none : No such file or directory",
		"= --repo=REPO cat main /a /sub/c",
		"= --repo=REPO config set core.min-free-space-percent 1",
		"= --repo=REPO config get core.min-free-space-percent",
		"= --repo=REPO static-delta list",
		"= --repo=REPO summary -u",
		"= --repo=REPO summary -v",
		"= --repo=REPO summary --raw",
		"= --repo=REPO fsck",
		"+ --repo=REPO prune --no-prune --refs-only --depth=0 : Would delete: ", // what was edited is here, too
		"! --repo=REPO prune --only-branch=none : Refspec 'none' not found",
		"! --repo=REPO prune --retain-branch-depth=main=x : Invalid depth x",
		"! --repo=REPO prune --static-deltas-only : --static-deltas-only requires --delete-commit",
		"= --repo=REPO fsck -q",
		"! --repo=REPO static-delta show xx : Invalid rev xx",
		"! --repo=REPO static-delta generate --empty --from=main main : Cannot specify both --empty and --from=REV",
		"! --repo=REPO pull none main : Remote \"none\" not found",
	} {
		p.both(line)
	}
	for _, repo := range []string{p.ours, p.theirs} {
		if out, err := exec.Command("ostree", "fsck", "--repo="+repo).CombinedOutput(); err != nil {
			t.Errorf("fsck: %v\n%s", err, out)
		}
	}
}

// TestCompatPull pulls with both tools from what the other one made.
func TestCompatPull(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	for _, repo := range []string{"OURS", "THEIRS"} {
		for _, line := range []string{"--repo=DIR/" + repo + " init --mode=archive", "--repo=DIR/" + repo + " commit -b main DIR/tree", "--repo=DIR/" + repo + " commit -b main --tree=ref=main",
			"--repo=DIR/" + repo + " summary -u"} {
			do := p.runOurs
			if repo == "THEIRS" {
				do = p.runTheirs
			}
			if _, errs, code := do(line); code != 0 {
				t.Fatalf("%s: %s", line, errs)
			}
		}
	}
	for _, repo := range []string{p.ours, p.theirs} {
		for _, args := range [][]string{{"init", "--mode=archive"}, {"remote", "add", "--no-gpg-verify", "o", "file://" + p.dir + "/OURS"},
			{"remote", "add", "--no-gpg-verify", "t", "file://" + p.dir + "/THEIRS"}, {"remote", "add", "checked", "file://" + p.dir + "/THEIRS"},
			{"remote", "add", "bad", "badscheme://x"}} {
			if out, err := exec.Command("ostree", append([]string{"--repo=" + repo}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", args, out)
			}
		}
	}
	for _, line := range []string{
		"! --repo=REPO pull o none : No such branch 'none' in repository summary",
		"! --repo=REPO pull checked main : GPG verification enabled, but no signatures found",
		"! --repo=REPO pull bad main : Invalid URI scheme in badscheme://x",
		"! --repo=REPO pull --require-static-deltas o main : Can't use static deltas in an archive repo",
		"! --repo=REPO pull o : No configured branches for remote o",
		"+ --repo=REPO pull --commit-metadata-only o main",
		"+ --repo=REPO fsck",
		"+ --repo=REPO pull --depth=-1 o main",
		"+ --repo=REPO pull t:main",
		"~ --repo=REPO refs",
		"= --repo=REPO rev-parse o/main t:main main",
		"+ --repo=REPO pull --mirror t", // the real one makes no ref of a commit that a remote ref shows already
		"= --repo=REPO summary -v",
		"+ --repo=REPO pull-local DIR/OURS main",
		"! --repo=REPO pull-local DIR/OURS none",
		"= --repo=REPO fsck",
	} {
		p.both(line)
	}
}

func TestCompatTime(t *testing.T) {
	now := time.Date(2024, 3, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2005-10-29 12:43:29 +0000": "2005-10-29T12:43:29Z", "@1700000000": "2023-11-14T22:13:20Z", "1 week ago": "2024-03-24T12:00:00Z",
		"3 days ago": "2024-03-28T12:00:00Z", "2 hours ago": "2024-03-31T10:00:00Z", "1 year ago": "2023-03-31T12:00:00Z", "now": "2024-03-31T12:00:00Z",
	} {
		if got, err := compatTime(text, now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: got %v, %v, want %s", text, got, err, want)
		}
	}
	if got, err := compatTime("October 25 1985", now); err != nil || got.Format(time.DateOnly) != "1985-10-25" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "BACON", "1 parsec ago", "week"} {
		if got, err := compatTime(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestCompatVerb(t *testing.T) {
	for line, want := range map[string]string{
		"--repo=r commit -b x":         "commit|--repo=r -b x",
		"--repo r commit":              "commit|--repo r",
		"prune --repo=r --depth=0":     "prune|--repo=r --depth=0",
		"--depth=0 pull o main":        "pull|--depth=0 o main",
		"static-delta list --repo=r":   "static-delta list|--repo=r",
		"remote --repo=r add o x":      "remote add|--repo=r o x",
		"--repo=r static-delta show x": "static-delta show|--repo=r x",
	} {
		verb, rest, err := compatVerbOf(strings.Fields(line))
		if got := verb + "|" + strings.Join(rest, " "); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", line, got, err, want)
		}
	}
	for _, line := range []string{"--repo=r", "static-delta", "--repo=r remote"} {
		if verb, _, err := compatVerbOf(strings.Fields(line)); err == nil {
			t.Errorf("%s: got %q, want an error", line, verb)
		}
	}
}

func TestCompatSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1437: "1.4\u00a0kB", 999_960: "1.0\u00a0MB", 200_331: "200.3\u00a0kB"} {
		if got := compatSize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestSwapped(t *testing.T) {
	v := gvariant.Tuple(gvariant.Array("t", gvariant.Uint64(1)), gvariant.VarDict(gvariant.Entry{Key: "k", Value: gvariant.Bytes([]byte{1, 2})}),
		gvariant.Strings(), gvariant.Just(gvariant.Uint32(1)), gvariant.Bool(true))
	got := swapped(v).Annotated()
	if want := "([uint64 72057594037927936], {'k': <[byte 0x01, 0x02]>}, @as [], @mu 16777216, true)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if again := swapped(swapped(v)); !bytes.Equal(again.Data(), v.Data()) {
		t.Errorf("got %x, want %x", again.Data(), v.Data())
	}
}

// TestOstreeWrapper hands over what works on archive repositories, and says so.
func TestOstreeWrapper(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "treewright")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"archive", "bare"} {
		if out, err := exec.Command("ostree", "init", "--repo="+filepath.Join(dir, mode), "--mode="+mode).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	log := filepath.Join(dir, "log")
	for _, tt := range []struct{ line, want string }{
		{"--repo=archive summary -u", "n|treewright|summary |"},
		{"prune --repo archive", "n|treewright|prune |"},
		{"--repo=archive static-delta list", "n|treewright|static-delta list|"},
		{"--repo=new init --mode=archive", "n|treewright|init |"},
		{"--repo=archive pull-local archive", "n|treewright|pull-local |"},
		{"--repo=bare refs", "n|ostree|refs |repository: not archive"},
		{"--repo=archive pull-local bare", "n|ostree|pull-local |source: not archive"},
		{"--repo=archive remote add --set k=v o file:///x", "n|treewright|remote add|"},
		{"--repo=archive remote gpg-import -k file o", "n|treewright|remote gpg-import|"},
		{"--repo=archive remote gpg-import -k file o ID", "n|ostree|remote gpg-import|remote gpg-import: some keys"},
		{"--repo=archive remote list-cookies o", "n|ostree|remote list-cookies|verb: remote list-cookies"},
		{"--repo=archive fsck --delete", "n|treewright|fsck |"},
		{"--repo=archive show", "n|treewright|show |"},
		{"--repo=archive checkout -U main", "n|ostree|checkout |checkout: with the cache"},
		{"--repo=archive checkout -U --disable-cache main", "n|treewright|checkout |"},
		{"--repo=archive checkout -UH main", "n|ostree|checkout |option: -UH"},
		{"--repo=archive diff main ./tree", "n|ostree|diff |option: a folder"},
		{"--repo=archive checksum x", "n|ostree|checksum |verb: checksum"},
		{"--version", "n|ostree| |verb: "},
	} {
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
		wrapper, err := filepath.Abs("../../tools/ostree-wrapper/ostree")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(wrapper, strings.Fields(tt.line)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TREEWRIGHT="+fake, "OSTREE_WRAPPER_LOG="+log, "OSTREE_WRAPPER_NAME=n")
		out, _ := cmd.Output() // the real one may well fail
		got, err := os.ReadFile(log)
		if err != nil || strings.TrimSuffix(string(got), "\n") != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.line, got, err, tt.want)
		}
		if strings.Contains(tt.want, "|treewright|") && string(out) != "ostree-compat "+tt.line+"\n" {
			t.Errorf("%s: treewright got %q", tt.line, out)
		}
	}
}
