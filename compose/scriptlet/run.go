package scriptlet

import (
	"context"
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
