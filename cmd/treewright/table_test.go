package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testEnvironment() (*environment, *bytes.Buffer, *bytes.Buffer) {
	var stdout, stderr bytes.Buffer
	return &environment{
		stdout: &stdout,
		stderr: &stderr,
		getenv: func(string) string { return "" },
		clock:  func() time.Time { return time.Unix(1, 0) },
	}, &stdout, &stderr
}

func TestEveryCommandHasHelpWithExampleAndExitCodes(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.path, func(t *testing.T) {
			env, stdout, _ := testEnvironment()
			if code := run(t.Context(), env, append(strings.Fields(c.path), "--help")); code != exitOK {
				t.Fatalf("exit code: got %d, want 0", code)
			}
			for _, want := range []string{"treewright " + c.path, "Examples:", "Exit codes:", "  0  ", "  1  ", "  2  "} {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("help: no %q in\n%s", want, stdout)
				}
			}
			if !strings.HasPrefix(strings.TrimSpace(c.example), "treewright "+c.path) {
				t.Errorf("example does not begin with the command: %s", c.example)
			}
		})
	}
}

func TestExamplesParse(t *testing.T) {
	for _, c := range commands() {
		for _, line := range strings.Split(strings.TrimSpace(c.example), "\n") {
			words := shellWords(line)
			if len(words) == 0 || words[0] != "treewright" {
				continue
			}
			env, _, stderr := testEnvironment()
			root := newRoot(env, commands())
			cmd, rest, err := root.Find(words[1:])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if cmd.DisableFlagParsing {
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v %s", line, err, stderr)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

func TestWrongCommandLinesExitWithTwo(t *testing.T) {
	for _, args := range []string{"nonsense", "repo", "repo nonsense", "repo init", "compose tree", "compose tree --nonsense x", "serve", "publish a b", "repo init a b"} {
		env, _, stderr := testEnvironment()
		if code := run(context.Background(), env, strings.Fields(args)); code != exitUsage {
			t.Errorf("treewright %s: got exit code %d, want %d; %s", args, code, exitUsage, stderr)
		}
		if !strings.HasPrefix(stderr.String(), "treewright: ") {
			t.Errorf("treewright %s: message: got %q", args, stderr)
		}
	}
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	env, _, stderr := testEnvironment()
	if code := run(t.Context(), env, []string{"man", dir}); code != exitOK {
		t.Fatalf("exit code: got %d, want 0: %s", code, stderr)
	}
	for _, c := range commands() {
		page, err := os.ReadFile(filepath.Join(dir, "treewright-"+strings.ReplaceAll(c.path, " ", "-")+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{".SH NAME", ".SH SYNOPSIS", ".SH EXIT STATUS", ".SH EXAMPLES"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: no %s", c.path, want)
			}
		}
	}
}

// shellWords splits a line at blanks outside of single quotes.
func shellWords(line string) []string {
	quoted := false
	words := strings.FieldsFunc(line, func(r rune) bool {
		if r == '\'' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "'", "")
	}
	return words
}
