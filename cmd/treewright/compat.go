package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// ostreeCompatCommand takes the command lines of the ostree program, with its
// options, words and exit codes, for scripts that were written for it.
func ostreeCompatCommand() command {
	return command{
		path: "ostree-compat", args: "VERB [ARGUMENT...]", minArgs: 1, maxArgs: -1, raw: true,
		short: "Do what the ostree program does, with its options",
		long: `Takes the command lines of ostree 2022.7 that work on an archive repository, which --repo or OSTREE_REPO names: options, output and
messages are those of that program, so that scripts written for it run unchanged. The verbs are
  ` + strings.Join(compatVerbNames(), ", ") + `.
An option that has no meaning here is an error that names it. docs/ostree-compat.md says what differs.`,
		example: "treewright ostree-compat --repo=repo commit -b example/x86_64/os --tree=dir=tree\ntreewright ostree-compat --repo=repo summary -u",
		exits:   []exit{{exitUsage, "not used: as with ostree, a wrong command line is 1"}},
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				env.prefix = "error: "
				return runCompat(ctx, env, args)
			}
		},
	}
}

// compat is one command line of the ostree program.
type compat struct {
	env     *environment
	path    string // of the repository
	verbose bool
	remove  []func() error
}

// compatRun does the work of a verb.
type compatRun func(ctx context.Context, c *compat, args []string) error

// A compatVerb is one verb; words of two parts are those of static-delta and
// remote.
type compatVerb struct {
	name  string
	setup func(fs *pflag.FlagSet) compatRun
}

func compatVerbs() []compatVerb {
	return []compatVerb{
		{"init", compatInit},
		{"commit", compatCommit},
		{"refs", compatRefs},
		{"rev-parse", compatRevParse},
		{"config", compatConfig},
		{"log", compatLog},
		{"show", compatShow},
		{"ls", compatLs},
		{"cat", compatCat},
		{"checkout", compatCheckout},
		{"diff", compatDiff},
		{"fsck", compatFsck},
		{"prune", compatPrune},
		{"summary", compatSummary},
		{"gpg-sign", compatGPGSign},
		{"sign", compatSign},
		{"reset", compatReset},
		{"pull", compatPull},
		{"pull-local", compatPullLocal},
		{"remote add", compatRemoteAdd},
		{"remote delete", compatRemoteDelete},
		{"remote list", compatRemoteList},
		{"remote show-url", compatRemoteShowURL},
		{"remote gpg-import", compatRemoteImport},
		{"remote refs", compatRemoteRefs},
		{"remote summary", compatRemoteSummary},
		{"static-delta generate", compatDeltaGenerate},
		{"static-delta list", compatDeltaList},
		{"static-delta show", compatDeltaShow},
		{"static-delta delete", compatDeltaDelete},
		{"static-delta apply-offline", compatDeltaApply},
		{"static-delta verify", compatDeltaVerify},
		{"static-delta reindex", compatDeltaReindex},
		{"static-delta indexes", compatDeltaIndexes},
	}
}

func compatVerbNames() []string {
	var names []string
	for _, v := range compatVerbs() {
		names = append(names, v.name)
	}
	return names
}

// runCompat finds the verb, which may stand behind options, and runs it.
func runCompat(ctx context.Context, env *environment, args []string) (err error) {
	name, rest, err := compatVerbOf(args)
	if err != nil {
		return err
	}
	verbs := compatVerbs()
	i := slices.IndexFunc(verbs, func(v compatVerb) bool { return v.name == name })
	if i < 0 {
		return compatf("Unknown command '%s'", name)
	}
	c := &compat{env: env}
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SetOutput(env.stderr)
	fs.StringVar(&c.path, "repo", "", "the repository")
	fs.BoolVarP(&c.verbose, "verbose", compatVerboseLetter(name), false, "more words")
	run := verbs[i].setup(fs)
	if err := fs.Parse(rest); err != nil {
		return compatOptionError(err)
	}
	defer func() {
		for _, remove := range c.remove {
			err = errors.Join(err, remove())
		}
	}()
	return compatError(run(ctx, c, fs.Args()))
}

// compatVerboseLetter is -v, but for summary, where that means to view.
func compatVerboseLetter(verb string) string {
	if verb == "summary" {
		return ""
	}
	return "v"
}

// compatVerbOf takes the verb out of a command line.
func compatVerbOf(args []string) (verb string, rest []string, err error) {
	want := 1
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--repo" && verb == "" && i+1 < len(args):
			rest = append(rest, a, args[i+1])
			i++
		case strings.HasPrefix(a, "-") || want == 0:
			rest = append(rest, a)
		default:
			verb = strings.TrimSpace(verb + " " + a)
			if want--; a == "static-delta" || a == "remote" {
				want++
			}
		}
	}
	switch {
	case verb == "":
		return "", nil, compatf("No command specified")
	case want > 0:
		return "", nil, compatf("No \"%s\" subcommand specified", verb)
	}
	return verb, rest, nil
}

var unknownFlag = regexp.MustCompile(`^unknown (?:shorthand )?flag: (?:'(.)' in )?(.*)$`)

func compatOptionError(err error) error {
	if m := unknownFlag.FindStringSubmatch(err.Error()); m != nil {
		if m[1] != "" {
			return compatf("Unknown option -%s", m[1])
		}
		return compatf("Unknown option %s", m[2])
	}
	return err
}

// folder is the path of the repository: --repo, OSTREE_REPO, the working
// directory if it is one, or the system's.
func (c *compat) folder() string {
	if c.path != "" {
		return c.path
	}
	if path := c.env.getenv("OSTREE_REPO"); path != "" {
		return path
	}
	if _, err := os.Stat("objects"); err == nil {
		return "."
	}
	return "/sysroot/ostree/repo"
}

// open opens the repository until the verb is done.
func (c *compat) open() (*archive.Repo, error) {
	repo, err := archive.Open(c.folder(), archive.Options{Clock: c.env.clock})
	if err != nil {
		return nil, err
	}
	c.remove = append(c.remove, repo.Close)
	return repo, nil
}

// compatf is an error in the words of the ostree program.
func compatf(format string, args ...any) error { return compatMessage(fmt.Sprintf(format, args...)) }

type compatMessage string

func (m compatMessage) Error() string { return string(m) }

// printf writes to standard output.
func (c *compat) printf(format string, args ...any) { c.env.printf(format, args...) }

// openRev opens the repository and finds a commit in it.
func (c *compat) openRev(ctx context.Context, rev string) (*archive.Repo, ostree.Checksum, error) {
	repo, err := c.open()
	if err != nil {
		return nil, ostree.Checksum{}, err
	}
	sum, err := c.resolve(ctx, repo, rev)
	return repo, sum, err
}

// resolve finds a commit as ostree does: besides what the repository knows,
// "REMOTE/NAME" and a name that only some remote has.
func (c *compat) resolve(ctx context.Context, repo *archive.Repo, rev string) (ostree.Checksum, error) {
	base := strings.TrimRight(rev, "^")
	steps := rev[len(base):]
	sum, err := repo.ResolveRev(ctx, rev)
	if err == nil || !errors.Is(err, archive.ErrNotExist) {
		return sum, compatRefError(base, err)
	}
	if remote, name, ok := strings.Cut(base, "/"); ok && !strings.Contains(base, ":") {
		if sum, err := repo.ResolveRev(ctx, remote+":"+name+steps); err == nil {
			return sum, nil
		}
	}
	remotes, _ := os.ReadDir(filepath.Join(repo.Path(), "refs", "remotes"))
	for _, r := range remotes {
		if sum, err := repo.ResolveRev(ctx, r.Name()+":"+base+steps); err == nil {
			return sum, nil
		}
	}
	if _, err := repo.ResolveRev(ctx, base); err == nil {
		return sum, compatf("Commit %s has no parent", rev)
	}
	var missing *archive.MissingError
	if errors.As(err, &missing) && missing.Object.Checksum.String() == base {
		return sum, nil // ostree takes a checksum as it is
	}
	return sum, compatf("Refspec '%s' not found", rev)
}

func compatRefError(ref string, err error) error {
	if err == nil || errors.Is(err, archive.ErrNotExist) {
		return err
	}
	name := ref
	if _, after, ok := strings.Cut(ref, ":"); ok {
		name = after
	}
	if ostree.ValidateRef(name) != nil {
		return compatf("Invalid refspec %s", ref)
	}
	return err
}

var brokenTree = regexp.MustCompile(`[0-9a-f]{64}\.dirtree`)

// compatError puts errors that scripts look for into the words of ostree.
func compatError(err error) error {
	var damaged *ostree.ChecksumError
	var name *ostree.FilenameError
	var large *fetch.TooLargeError
	var missing *remote.MissingError
	var absent *remote.NotFoundError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name) && strings.Contains(name.Name, "/"):
		return compatf("%s: Invalid / in filename %s", brokenTree.FindString(err.Error()), name.Name)
	case errors.As(err, &damaged):
		return fmt.Errorf("%w: %w", err, compatf("%s", compatCorrupted(damaged)))
	case errors.As(err, &missing), errors.As(err, &absent):
		return fmt.Errorf("%w: %w", err, compatf("Server returned HTTP 404"))
	case errors.As(err, &large):
		return fmt.Errorf("%w: %w", err, compatf("exceeded maximum"))
	}
	return err
}
