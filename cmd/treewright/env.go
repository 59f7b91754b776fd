package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// environment is all that a command sees of the world besides files: streams,
// clock and environment variables.
type environment struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	clock          func() time.Time
	terminal       bool // standard error is a terminal
	json           bool
	quiet          bool
	prefix         string // of the error that ends a command; "" is "treewright: "

	progress  *progressDrawer
	unwritten error // the first one of writing to stdout
}

func newEnvironment() *environment {
	return &environment{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		getenv:   os.Getenv,
		clock:    time.Now,
		terminal: isTerminal(os.Stderr),
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// sourceDate is SOURCE_DATE_EPOCH, or the zero time when it is unset.
func (e *environment) sourceDate() (time.Time, error) {
	text := e.getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, usagef("SOURCE_DATE_EPOCH is %q: it must be a number of seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// proxyFromEnvironment is the proxy that http_proxy and its kin name.
func proxyFromEnvironment(r *http.Request) (*url.URL, error) { return http.ProxyFromEnvironment(r) }

// printf writes a line for people; nothing with --json. The stage that was under
// way is over then: its line comes first.
func (e *environment) printf(format string, args ...any) {
	if e.json {
		return
	}
	e.progress.finish()
	_, err := io.WriteString(e.stdout, plain(fmt.Sprintf(format, args...)))
	if e.unwritten == nil && err != nil {
		e.unwritten = fmt.Errorf("writing the output: %w", err)
	}
}

// plain returns text with the characters escaped that could make a terminal do
// or show something else: names and subjects may be an upstream's.
func plain(text string) string {
	if !strings.ContainsFunc(text, deceives) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case deceives(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func deceives(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r)
}

// result writes the command's result as one JSON line when --json is given.
func (e *environment) result(v any) error {
	if !e.json {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if _, err := fmt.Fprintf(e.stdout, "%s\n", data); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// warn writes a warning to standard error.
func (e *environment) warn(format string, args ...any) {
	e.progress.clear()
	e.say("warning", "warning: ", fmt.Sprintf(format, args...))
}

// fail writes to standard error why the command failed.
func (e *environment) fail(err error) { e.say("error", cmp.Or(e.prefix, "treewright: "), err.Error()) }

// say writes text to standard error: for programs as the field name of a JSON
// line, for people after a prefix.
func (e *environment) say(name, prefix, text string) {
	if !e.json {
		fmt.Fprintf(e.stderr, "%s%s\n", prefix, plain(text))
		return
	}
	if data, err := json.Marshal(map[string]string{name: text}); err == nil {
		fmt.Fprintf(e.stderr, "%s\n", data)
	}
}
