package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/internal/sandbox"
	"github.com/treewright/treewright/treefile"
)

// optUsrLocal are the layouts of /opt and /usr/local by their names.
var optUsrLocal = map[treefile.OptUsrLocal]layout.OptUsrLocal{
	treefile.OptVar: layout.OptVar, treefile.OptRoot: layout.OptRoot, treefile.OptStateOverlay: layout.OptStateOverlay,
}

// prepare makes the changes that the treefile asks for, before its own scripts
// run.
func (c *composer) prepare(ctx context.Context) error {
	t := c.plan.opts.Treefile
	data, err := t.JSON()
	if err != nil {
		return err
	}
	o := layout.PrepareOptions{
		Units: t.Units, DefaultTarget: t.DefaultTarget, OptUsrLocal: optUsrLocal[t.OptUsrLocal], TreefileJSON: data,
		MutateOSRelease: t.MutateOSRelease, Version: c.version, RemoveFiles: t.RemoveFiles,
	}
	for i := range t.AddFiles {
		f, err := c.addedFile(ctx, &t.AddFiles[i])
		if err != nil {
			return &treefile.Error{Position: t.AddFiles[i].Position, Key: "add-files", Err: err}
		}
		o.AddFiles = append(o.AddFiles, f)
	}
	c.report.Prepared, err = layout.Prepare(c.tree, c.reader(ctx), o)
	return err
}

// addedFile brings a file of add-files into the content store.
func (c *composer) addedFile(ctx context.Context, f *treefile.AddFile) (_ layout.AddFile, err error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return layout.AddFile{}, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	add := layout.AddFile{Dest: f.Dest, Source: f.Name, Mode: uint32(f.Mode.Perm()), User: f.User, Group: f.Group}
	for bit, mode := range map[os.FileMode]uint32{os.ModeSetuid: 0o4000, os.ModeSetgid: 0o2000, os.ModeSticky: 0o1000} {
		if f.Mode&bit != 0 {
			add.Mode |= mode
		}
	}
	add.Content, add.Size, err = c.in.store.Add(ctx, in)
	return add, err
}

// postprocess runs the treefile's own scripts: those that are written out, then
// the file.
func (c *composer) postprocess(ctx context.Context) (err error) {
	t := c.plan.opts.Treefile
	if len(t.Postprocess) == 0 && t.PostprocessScript == nil {
		return nil
	}
	s, err := c.openStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i, script := range t.Postprocess {
		name := fmt.Sprintf("postprocess script %d of %s", i+1, script.Position)
		if err := s.runScript(ctx, name, []byte(script.Body)); err != nil {
			return err
		}
	}
	if f := t.PostprocessScript; f != nil {
		body, err := os.ReadFile(f.Path)
		if err != nil {
			return &treefile.Error{Position: f.Position, Key: "postprocess-script", Err: err}
		}
		if err := s.runScript(ctx, "postprocess-script "+f.Name, body); err != nil {
			return err
		}
	}
	return s.readBack(ctx)
}

// RanScript is a script of the treefile that ran.
type RanScript struct {
	Name     string        `json:"name"`
	Duration time.Duration `json:"duration"` // nanoseconds
	Output   string        `json:"output,omitempty"`
}

// runScript runs a script of the treefile.
func (s *stage) runScript(ctx context.Context, name string, body []byte) error {
	c := s.c
	c.plan.opts.Progress.Send("postprocess", int64(len(c.report.Postprocess)), 0)
	r, err := s.box.Run(ctx, sandbox.Command{Script: body, Env: c.scriptEnv(), Timeout: c.plan.opts.ScriptTimeout, MaxDisk: c.plan.opts.ScriptMaxDisk})
	if err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	c.report.Postprocess = append(c.report.Postprocess, RanScript{Name: name, Duration: r.Duration, Output: string(r.Output)})
	if !r.OK() {
		return fmt.Errorf("%s failed: %s; its last output:\n%s", name, r.Failure(), lastLines(r.Output))
	}
	return nil
}

// scriptEnv is the environment that scripts get beside the sandbox's own.
func (c *composer) scriptEnv() []string {
	return []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", c.sourceDate().Unix())}
}
