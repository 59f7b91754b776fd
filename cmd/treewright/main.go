// Command treewright turns RPM repositories into OSTree refs and serves them.
// This package holds flags, the terminal and exit codes; the work is done by
// the rooms below it.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/treewright/treewright/compose/lua"
	"github.com/treewright/treewright/internal/sandbox"
)

func main() {
	if code, ok := helperCode(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(mainCode())
}

// helperCode does what this program does for itself, when it was started for
// that: it sets up sandboxes and runs Lua in them.
func helperCode(args []string) (code int, ok bool) {
	if code, ok = sandbox.Helper(args); !ok {
		code, ok = lua.Helper(args)
	}
	return code, ok
}

// mainCode runs the command line and says how the process ends. It is apart
// from main so that scripts in tests can run it as a program of their own.
func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return run(ctx, newEnvironment(), os.Args[1:])
}

func run(ctx context.Context, env *environment, args []string) int {
	root := newRoot(env, commands())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	env.progress.finish()
	if err == nil {
		err = env.unwritten
	}
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted; nothing was published")
	}
	env.fail(err)
	return codeOf(err)
}

// codeOf is the one place where an error becomes an exit code.
func codeOf(err error) int {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitFailed
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
