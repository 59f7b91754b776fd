package scriptlet

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/sandbox"
)

// DefaultTimeout is how long one scriptlet may run.
const DefaultTimeout = 10 * time.Minute

// A Runner runs one command in the tree: a *sandbox.Sandbox.
type Runner interface {
	Run(ctx context.Context, c sandbox.Command) (*sandbox.Result, error)
}

// RunOptions of a plan that runs.
type RunOptions struct {
	Timeout time.Duration // for each scriptlet; DefaultTimeout when zero
	MaxDisk int64         // for all together; the sandbox's default when zero
	// Output gets each line that a scriptlet writes.
	Output func(s *Step, line []byte)
	// Progress is told about each step before it runs.
	Progress func(stage string, done, total int64)
}

// Run runs the steps in order and stops at the first that fails, with a
// *FailedError. The report has what was done until then, also with an error.
func (p *Plan) Run(ctx context.Context, r Runner, opts RunOptions) (*Report, error) {
	report := &Report{Steps: make([]StepReport, 0, len(p.Steps))}
	total := int64(len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		if opts.Progress != nil {
			opts.Progress(s.title(), int64(i), total)
		}
		done := StepReport{Step: *s}
		if s.Skipped != "" {
			report.Steps = append(report.Steps, done)
			continue
		}
		result, err := r.Run(ctx, p.command(s, opts))
		if err != nil {
			return report, fmt.Errorf("running %s: %w%s", s.title(), err, s.hint())
		}
		done.Duration, done.Exit, done.Signal = result.Duration, result.Exit, result.Signal
		done.Output, done.Truncated, done.Leftover = string(result.Output), result.Truncated, result.Leftover
		report.Steps = append(report.Steps, done)
		if !result.OK() {
			return report, &FailedError{Step: s, Result: result}
		}
	}
	if opts.Progress != nil && total > 0 {
		opts.Progress("scriptlets", total, total)
	}
	return report, nil
}

// title names the step in messages: "%post of foo-1-1.x86_64".
func (s *Step) title() string {
	if s.Kind == KindSysusers {
		return s.Section()
	}
	title := s.Section() + " of " + s.Package
	if s.By != "" && s.By != s.Package {
		title += ", fired by " + s.By
	}
	return title
}

func (s *Step) hint() string {
	if s.missing == "" {
		return ""
	}
	return ": no package of the tree has " + s.missing + ": add the one that provides it"
}

// command is what the sandbox runs for a step.
func (p *Plan) command(s *Step, opts RunOptions) sandbox.Command {
	c := sandbox.Command{
		Args: s.Interpreter, Env: s.Env,
		Timeout: cmp.Or(opts.Timeout, DefaultTimeout), MaxDisk: opts.MaxDisk,
	}
	switch {
	case s.Lua():
		c.Self, c.Args, c.Script = true, p.lua(s.title(), s.Args), []byte(s.Script)
	case s.HasScript:
		c.Script, c.ScriptArgs = []byte(s.Script), s.Args
	}
	if len(s.Stdin) > 0 {
		c.Stdin = strings.NewReader(strings.Join(s.Stdin, "\n") + "\n")
	}
	if opts.Output != nil {
		c.Output = func(line []byte) { opts.Output(s, line) }
	}
	return c
}

// A FailedError says which scriptlet failed, and how.
type FailedError struct {
	Step   *Step
	Result *sandbox.Result
}

// lastLines is how much of the output an error shows.
const lastLines = 20

func (e *FailedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s failed: %s", e.Step.title(), e.how())
	if e.Step.missing != "" {
		b.WriteString(e.Step.hint())
	}
	out := strings.TrimSpace(strings.ToValidUTF8(string(e.Result.Output), "\uFFFD"))
	if out == "" {
		b.WriteString("; it wrote nothing")
		return b.String()
	}
	lines := strings.Split(out, "\n")
	if len(lines) > lastLines {
		lines = lines[len(lines)-lastLines:]
	}
	b.WriteString("; its last output:\n  " + strings.Join(lines, "\n  "))
	return b.String()
}

func (e *FailedError) how() string {
	switch r := e.Result; {
	case r.TimedOut:
		return fmt.Sprintf("it did not end within %s", r.Duration.Round(time.Second))
	case r.DiskFull:
		return "it wrote more than the limit for all scriptlets together"
	case r.TooMany:
		return "it started too many processes"
	case r.Signal != "":
		return "signal " + r.Signal
	default:
		return fmt.Sprintf("exit status %d", r.Exit)
	}
}
