package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/treewright/treewright/internal/progress"
)

// redraw is how often a terminal's line changes at most.
const redraw = 100 * time.Millisecond

// progressDrawer shows progress: one line that is drawn again on a terminal, a
// line at the end of each stage elsewhere, JSON lines with --json.
type progressDrawer struct {
	out      io.Writer
	terminal bool
	json     bool
	clock    func() time.Time

	mu    sync.Mutex
	stage string
	last  progress.Update
	drawn time.Time
	shown bool
}

// drawer starts the drawing that this command line asks for.
func (e *environment) drawer() *progressDrawer {
	if e.progress == nil && !e.quiet {
		e.progress = &progressDrawer{out: e.stderr, terminal: e.terminal && !e.json, json: e.json, clock: e.clock}
	}
	return e.progress
}

// update is a progress.Func. A nil drawer draws nothing.
func (d *progressDrawer) update(u progress.Update) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	if u.Stage != d.stage {
		d.endStage()
		d.stage = u.Stage
		d.drawn = time.Time{}
	}
	d.last = u
	if now.Sub(d.drawn) < redraw {
		return
	}
	switch {
	case d.json:
		d.drawn = now
		d.writeJSON(u)
	case d.terminal:
		d.drawn = now
		d.shown = true
		fmt.Fprintf(d.out, "\r\x1b[K%s", line(u))
	}
}

// call is update in the shape that the ostree rooms use.
func (d *progressDrawer) call(stage string, done, total int64) {
	d.update(progress.Update{Stage: stage, Done: done, Total: total})
}

// finish closes the last stage.
func (d *progressDrawer) finish() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endStage()
	d.stage = ""
}

// clear removes the line from a terminal before something else is printed.
func (d *progressDrawer) clear() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shown {
		fmt.Fprint(d.out, "\r\x1b[K")
		d.shown = false
	}
}

func (d *progressDrawer) endStage() {
	switch {
	case d.stage == "":
	case d.json:
		d.writeJSON(d.last)
	case d.terminal:
		fmt.Fprintf(d.out, "\r\x1b[K%s\n", line(d.last))
		d.shown = false
	default:
		fmt.Fprintln(d.out, line(d.last))
	}
}

func (d *progressDrawer) writeJSON(u progress.Update) {
	data, err := json.Marshal(map[string]progress.Update{"progress": u})
	if err == nil {
		fmt.Fprintf(d.out, "%s\n", data)
	}
}

func line(u progress.Update) string {
	switch {
	case u.Total > 0 && u.Done < u.Total:
		return fmt.Sprintf("%s %d/%d", u.Stage, u.Done, u.Total)
	case u.Done > 0:
		return fmt.Sprintf("%s %d", u.Stage, u.Done)
	}
	return u.Stage
}
