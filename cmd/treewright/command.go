package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A command is one line of the table from which help, man pages and the exit
// codes are made.
type command struct {
	path    string // "repo pull"; words above it are groups
	args    string // "REPO URL [REF...]"
	minArgs int
	maxArgs int // -1: any number
	short   string
	long    string
	example string
	exits   []exit
	raw     bool // the command reads its options itself
	setup   func(fs *pflag.FlagSet) runFunc
}

// runFunc does a command's work once its flags are parsed.
type runFunc func(ctx context.Context, env *environment, args []string) error

// An exit says what an exit code of a command means.
type exit struct {
	code    int
	meaning string
}

// Exit codes that every command shares.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

var commonExits = []exit{
	{exitOK, "the command did what was asked"},
	{exitFailed, "it could not; the last line on standard error says why, and no ref changed"},
	{exitUsage, "the command line is wrong; nothing was done"},
}

// groups describe the words that only hold other commands.
var groups = map[string]string{
	"compose":    "Make trees from RPM packages and commit them",
	"repo":       "Look after an archive repository",
	"repo delta": "Make, show and apply static deltas",
	"cache":      "Look after a compose cache",
	"key":        "Make and show signing keys",
}

// usageError is a wrong command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// newRoot makes the command tree from the table.
func newRoot(env *environment, table []command) *cobra.Command {
	root := &cobra.Command{
		Use:           "treewright",
		Short:         "Turn RPM repositories into OSTree refs and serve them",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.PersistentFlags().BoolVar(&env.json, "json", false, "results on standard output, progress, warnings and errors on standard error, as JSON lines")
	root.PersistentFlags().BoolVarP(&env.quiet, "quiet", "q", false, "no progress")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	parents := map[string]*cobra.Command{}
	for _, c := range table {
		parent := root
		words := strings.Split(c.path, " ")
		for i, word := range words[:len(words)-1] {
			path := strings.Join(words[:i+1], " ")
			if parents[path] == nil {
				parents[path] = newGroup(path, word)
				parent.AddCommand(parents[path])
			}
			parent = parents[path]
		}
		name := words[len(words)-1]
		parent.AddCommand(newLeaf(env, c, name))
	}
	return root
}

// newGroup makes a word that holds commands. Alone it is a wrong command line.
func newGroup(path, name string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: groups[path],
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s needs a command after it: %s --help lists them", cmd.CommandPath(), cmd.CommandPath())
			}
			return usagef("unknown command %q: %s --help lists them", args[0], cmd.CommandPath())
		},
	}
}

func newLeaf(env *environment, c command, name string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     strings.TrimSpace(name + " " + c.args),
		Short:   c.short,
		Long:    c.long + "\n\n" + exitText(c),
		Example: indent(c.example),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < c.minArgs || c.maxArgs >= 0 && len(args) > c.maxArgs {
				return usagef("%s takes %s: %s --help shows an example", cmd.CommandPath(), argsText(c), cmd.CommandPath())
			}
			return nil
		},
	}
	run := c.setup(cmd.Flags())
	cmd.DisableFlagParsing = c.raw
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if c.raw && (args[0] == "--help" || args[0] == "-h") {
			return cmd.Help()
		}
		return run(cmd.Context(), env, args)
	}
	return cmd
}

func argsText(c command) string {
	if c.args == "" {
		return "no arguments"
	}
	return c.args
}

func exitText(c command) string {
	var b strings.Builder
	b.WriteString("Exit codes:")
	for _, e := range exitsOf(c) {
		fmt.Fprintf(&b, "\n  %d  %s", e.code, e.meaning)
	}
	return b.String()
}

// exitsOf merges a command's own exit codes over the common ones.
func exitsOf(c command) []exit {
	exits := append([]exit(nil), commonExits...)
next:
	for _, own := range c.exits {
		for i, e := range exits {
			if e.code == own.code {
				exits[i] = own
				continue next
			}
		}
		exits = append(exits, own)
	}
	return exits
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
