package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLine is the longest line that is handed on in one piece.
const maxLine = 64 << 10

// An output keeps the end of what a program writes, and hands lines on.
type output struct {
	max   int64
	tail  []byte
	cut   bool
	line  []byte
	lines func([]byte)
}

func newOutput(limit int64, lines func([]byte)) *output {
	if limit <= 0 {
		limit = DefaultMaxOutput
	}
	return &output{max: limit, lines: lines}
}

// readFrom reads until the end, also when that is an error: the writer is gone.
func (o *output) readFrom(r io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		o.keep(buf[:n])
		if o.lines != nil {
			o.split(buf[:n])
		}
		if err != nil {
			if len(o.line) > 0 {
				o.lines(o.line)
			}
			return
		}
	}
}

// keep appends p, and drops from the beginning when twice the limit is there.
func (o *output) keep(p []byte) {
	o.tail = append(o.tail, p...)
	if int64(len(o.tail)) > 2*o.max {
		o.trim()
	}
}

func (o *output) trim() {
	if over := int64(len(o.tail)) - o.max; over > 0 {
		o.tail = append(o.tail[:0], o.tail[over:]...)
		o.cut = true
	}
}

func (o *output) split(p []byte) {
	for len(p) > 0 {
		before, after, found := bytes.Cut(p, []byte("\n"))
		if room := maxLine - len(o.line); len(before) > room {
			before, after, found = p[:room], p[room:], true
		}
		o.line, p = append(o.line, before...), after
		if found {
			o.lines(o.line)
			o.line = o.line[:0]
		}
	}
}

// result makes the Result of a run. That bwrap did not start the program is an error.
func (o *output) result(r *runReply) (*Result, error) {
	o.trim()
	ended := r.TimedOut || r.DiskFull || r.TooMany
	last := lastLine(o.tail)
	switch missing, isMissing := strings.CutPrefix(last, "bwrap: execvp "); {
	case ended || r.Started:
	case isMissing:
		return nil, fmt.Errorf("%w: %s: the tree lacks it, or the interpreter or library that it needs", ErrProgram, missing)
	default:
		return nil, fmt.Errorf("bwrap could not prepare the sandbox (status %d): %s", r.Exit, strings.TrimPrefix(last, "bwrap: "))
	}
	res := &Result{Exit: r.Exit, TimedOut: r.TimedOut, DiskFull: r.DiskFull, TooMany: r.TooMany, Leftover: r.Leftover,
		Output: o.tail, Truncated: o.cut, Duration: r.duration()}
	if r.Exit > 128 {
		res.Signal = unix.SignalName(syscall.Signal(r.Exit - 128))
	}
	return res, nil
}

func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}
