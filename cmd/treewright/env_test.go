package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"plain, tab\t and lines\n": "plain, tab\t and lines\n",
		"Größe 漢字":                 "Größe 漢字",
		"\x1b[2J\x1b]0;title\a":    `\u001b[2J\u001b]0;title\u0007`,
		"gone\rnew\x7f":            `gone\u000dnew\u007f`,
		"\u009b31m":                `\u009b31m`,
		"\x9b31m":                  `\x9b31m`,
		"exe\u202egpj":             `exe\u202egpj`,
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q): got %q, want %q", text, got, want)
		}
	}
}

func TestTextOfOthers(t *testing.T) {
	var out bytes.Buffer
	env := &environment{stdout: &out, clock: time.Now}
	n, err := env.text().Write([]byte("unknown user \xff\x1b[2J\n"))
	if want := `unknown user \xff\u001b[2J` + "\n"; n != 19 || err != nil || out.String() != want {
		t.Errorf("got %d, %v and %q, want %q", n, err, out.String(), want)
	}
}

// fullDisk takes no byte.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestOutputThatCannotBeWritten does not end with the exit code of success.
func TestOutputThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	env := &environment{stdout: fullDisk{}, stderr: &stderr, clock: time.Now, getenv: func(string) string { return "" }}
	code := run(t.Context(), env, []string{"repo", "init", dir})
	if code != exitFailed || !strings.Contains(stderr.String(), "writing the output: no space left on device") {
		t.Errorf("got exit code %d and %q", code, stderr.String())
	}
}

// TestStageEndsBeforeTheResult keeps the order of what happened.
func TestStageEndsBeforeTheResult(t *testing.T) {
	var out bytes.Buffer
	env := &environment{stdout: &out, stderr: &out, clock: time.Now}
	env.drawer().call("fetch", 3, 3)
	env.printf("done\n")
	env.progress.finish()
	if got, want := out.String(), "fetch 3\ndone\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
