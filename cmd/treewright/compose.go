package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
	"github.com/treewright/treewright/treefile"
)

// composeFlags are the flags of compose tree, rpm-ostree's and ours.
type composeFlags struct {
	inputFlags
	lock                   writeFlags
	scriptlets, reportFile string
	strict                 string
	dryRun, printOnly      bool
	layerRepo              string
	signing                signFlags
	// execute does what the plan says; nil commits.
	execute func(context.Context, *compose.Plan) (*compose.Result, error)
}

func (f *composeFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.repo, "repo", "r", "", "the archive repository at `PATH` gets the commit")
	f.addInstalling(fs)
	f.addCommitting(fs)
	f.addReporting(fs)
	fs.BoolVar(&f.dryRun, "dry-run", false, "print what would be composed, and how its packages differ from the ref's; change nothing")
	fs.BoolVar(&f.printOnly, "print-only", false, "print the flattened treefile as JSON")
}

// addInstalling adds the flags of what comes before a tree is committed.
func (f *composeFlags) addInstalling(fs *pflag.FlagSet) {
	fs.StringVar(&f.layerRepo, "layer-repo", "", "the archive repository at `PATH` has the refs of ostree-layers (default: that of --repo)")
	f.inputFlags.add(fs)
	f.lock.add(fs)
	fs.StringVar(&f.opts.StampFile, "touch-if-changed", "", "touch `FILE` when the input changed")
	fs.BoolVar(&f.opts.ForceNoCache, "force-nocache", false, "make a tree even when the input did not change")
	fs.BoolVar(&f.opts.DownloadOnly, "download-only", false, "end when all packages are in the cache")
	fs.BoolVar(&f.opts.DisableSELinux, "disable-selinux", false, "as if the treefile said \"selinux: false\": no labels")
	fs.StringVar(&f.opts.PreviousCommit, "previous-commit", "", "compare the input with the commit `REV` instead of the ref's tip")
	fs.StringVar(&f.opts.PreviousInputHash, "previous-inputhash", "", "compare the input with `HASH`, whatever the previous commit says")
	fs.StringVar(&f.opts.PreviousVersion, "previous-version", "", "automatic versions follow `VERSION`, whatever the previous commit says")
	fs.StringVar(&f.scriptlets, "scriptlets", "run", "what becomes of scriptlets and triggers, a `POLICY`: run them in a sandbox, skip and report each, or refuse packages that have some")
	fs.DurationVar(&f.opts.ScriptTimeout, "script-timeout", 0, "end a scriptlet that runs for longer than `TIME` (default 10m), or a postprocess script (default 30m), and fail")
	for _, name := range []string{"source-root", "workdir"} {
		fs.Var(refusedFlag(name), name, "")
		_ = fs.MarkHidden(name)
	}
}

// addCommitting adds the flags of making a commit of a tree.
func (f *composeFlags) addCommitting(fs *pflag.FlagSet) {
	fs.StringVar(&f.opts.CommitIDFile, "write-commitid-to", "", "write the commit's checksum to `FILE`, and leave the ref alone")
	fs.StringArrayVar(&f.opts.MetadataStrings, "add-metadata-string", nil, "add `KEY=VALUE` to the commit's metadata; may be given again")
	fs.StringArrayVar(&f.opts.MetadataFiles, "add-metadata-from-json", nil, "add the keys of the JSON object in `FILE` to the commit's metadata; may be given again")
	fs.StringVar(&f.opts.ComposeJSONFile, "write-composejson-to", "", "write what was composed to `FILE`, as JSON")
	fs.BoolVar(&f.opts.NoParent, "no-parent", false, "the commit gets no parent")
	fs.StringVar(&f.opts.Parent, "parent", "", "the commit's parent is `REV`")
	f.signing.add(fs)
}

// addReporting adds the flags of what every step says.
func (f *composeFlags) addReporting(fs *pflag.FlagSet) {
	fs.StringVar(&f.reportFile, "write-report-to", "", "write the compose's report to `FILE`, as JSON")
	fs.StringVar(&f.strict, "strict", "", "fail, and write nothing, when the report has something of these `CLASSES` (docs/reports.md), with commas between them; alone: of any")
	fs.Lookup("strict").NoOptDefVal = "all"
	fs.Bool("unified-core", true, "always so; accepted for callers of rpm-ostree")
	fs.Bool("ex-unified-core", true, "")
	_ = fs.MarkHidden("ex-unified-core")
}

// refusedFlag is a flag of rpm-ostree that has no meaning here.
type refusedFlag string

// refusals say what to do instead.
var refusals = map[string]string{
	"source-root": "repositories and variables are those beside the treefile: copy the .repo files there, or give --var",
	"workdir":     "the work folder lies in the cache: give --cachedir",
}

// Set refuses the flag.
func (r refusedFlag) Set(string) error { return errors.New(refusals[string(r)]) }

func (r refusedFlag) String() string { return "" }

// Type is the word for the flag's value.
func (r refusedFlag) Type() string { return "path" }

func composeTreeCommand() command {
	var f composeFlags
	return command{
		path: "compose tree", args: "TREEFILE", minArgs: 1, maxArgs: 1,
		short: "Compose a tree and commit it",
		long: `Resolves the packages that TREEFILE names from the .repo files beside it, fetches and checks them, unpacks them into a tree by RPM's
rules and commits the tree to an archive repository, as the ref that the treefile names. When the input is that of the previous commit,
nothing is done. A treefile with a flatpak table gives a runtime or an application. The flags are those of rpm-ostree compose tree.`,
		example: `treewright compose tree --repo repo --cachedir cache os.yaml
treewright compose tree --repo repo --write-commitid-to id --touch-if-changed stamp --add-metadata-string=version=42 os.json
treewright compose tree --print-only os.toml`,
		exits: []exit{{exitOK, "a commit was made, or the input did not change (then --touch-if-changed leaves its file alone)"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			f.add(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				return composeTree(ctx, env, &f, args[0])
			}
		},
	}
}

func composeTree(ctx context.Context, env *environment, f *composeFlags, path string) (err error) {
	if f.repo == "" && !f.printOnly && !f.dryRun && !f.opts.DownloadOnly {
		return usagef("compose tree needs --repo")
	}
	if err := f.load(env, path); err != nil {
		return err
	}
	if f.printOnly {
		return printTreefile(env, f.opts.Treefile)
	}
	if err := f.fill(env); err != nil {
		return err
	}
	return f.withRepos(ctx, env)
}

// withRepos plans and composes while the repositories are open.
func (f *composeFlags) withRepos(ctx context.Context, env *environment) error {
	return withOptional(env, f.layerRepo, &f.opts.LayerRepo, func() error {
		return withOptional(env, f.repo, &f.opts.Repo, func() error { return planAndCompose(ctx, env, f) })
	})
}

// withOptional opens the repository at path, if one is named, while fn runs.
func withOptional(env *environment, path string, repo **archive.Repo, fn func() error) error {
	if path == "" {
		return fn()
	}
	return withRepo(env, path, func(opened *archive.Repo) error {
		*repo = opened
		return fn()
	})
}

// printTreefile prints the flattened treefile, in one line with --json.
func printTreefile(env *environment, t *treefile.Treefile) error {
	data, err := t.JSON()
	if err != nil {
		return err
	}
	if env.json {
		return env.result(json.RawMessage(data))
	}
	_, err = fmt.Fprintf(env.stdout, "%s\n", strings.TrimSpace(string(data)))
	return err
}

// fill completes the options with what comes from the environment.
func (f *composeFlags) fill(env *environment) (err error) {
	o := &f.opts
	if f.scriptlets != "" {
		if o.Scriptlets, err = compose.ParseScriptletPolicy(f.scriptlets); err != nil {
			return usagef("--scriptlets: %w", err)
		}
	}
	if f.strict != "" {
		if o.Strict, err = compose.ParseStrictness(f.strict); err != nil {
			return usagef("--strict: %w", err)
		}
	}
	if err := f.inputFlags.fill(env); err != nil {
		return err
	}
	if o.Signer, err = f.signing.signer(env); err != nil {
		return err
	}
	if o.Signer == nil && o.Treefile != nil && o.Treefile.GPGKey != "" {
		o.Signer = sign.NewGPG("", o.Treefile.GPGKey)
	}
	return nil
}

// cacheFolder is where the cache lies when --cachedir does not say: in the
// user's cache folder, or in the repository when the user has none.
func cacheFolder(env *environment, given, repo string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if dir := env.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "treewright"), nil
	}
	if home := env.getenv("HOME"); filepath.IsAbs(home) && home != "/" {
		return filepath.Join(home, ".cache", "treewright"), nil
	}
	if repo == "" {
		return "", usagef("there is no home folder for the cache: use --cachedir")
	}
	return filepath.Abs(filepath.Join(repo, "tmp", "compose-cache"))
}

func planAndCompose(ctx context.Context, env *environment, f *composeFlags) (err error) {
	plan, err := compose.NewPlan(ctx, f.opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := f.lock.write(plan); err != nil {
		return err
	}
	if f.dryRun {
		if _, err := plan.CompareTip(ctx); err != nil {
			return err
		}
		if !env.json {
			if err := plan.WriteText(env.text()); err != nil {
				return err
			}
		}
		return errors.Join(plan.Stamp(), env.result(plan))
	}
	env.printf("Input state hash: %s\n", plan.InputHash)
	if !plan.Changed() {
		env.printf("No apparent changes since previous commit; use --force-nocache to override\n")
	}
	execute := f.execute
	if execute == nil {
		execute = func(ctx context.Context, p *compose.Plan) (*compose.Result, error) { return p.Execute(ctx) }
	}
	result, err := execute(ctx, plan)
	if err != nil {
		return err
	}
	return printComposed(env, f, result)
}

func printComposed(env *environment, f *composeFlags, result *compose.Result) error {
	if r := result.Report; r != nil {
		if err := printReport(env, f, r); err != nil {
			return err
		}
	}
	if result.Directory != "" {
		env.printf("rootfs: %s\n", result.Directory)
	}
	if !result.Commit.IsZero() {
		name := result.Ref
		if name == "" {
			name = "(no ref)"
		}
		env.printf("%s => %s\n", name, result.Commit)
	}
	return env.result(result)
}

// printReport shows what was left out of the tree, and keeps the whole report
// where it was asked for.
func printReport(env *environment, f *composeFlags, r *compose.Report) error {
	if !env.json {
		if err := r.WriteText(env.text()); err != nil {
			return err
		}
	}
	if f.reportFile == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return atomicfile.WriteFile(f.reportFile, append(data, '\n'), 0o644)
}

func cachePruneCommand() command {
	var size string
	return command{
		path: "cache prune", args: "[DIR]", minArgs: 0, maxArgs: 1,
		short: "Make a compose cache smaller",
		long: `Removes what was not used for longest from the compose cache DIR (default: treewright in the user's cache folder) until it takes at
most --max-size. It waits for composes that use the cache.`,
		example: "treewright cache prune --max-size 2GiB cache",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&size, "max-size", "", "`SIZE` that may stay: a number of bytes, or one with KiB, MiB, GiB, TiB (KB, MB, GB, TB)")
			return func(ctx context.Context, env *environment, args []string) error {
				limit, err := parseSize(size)
				if err != nil {
					return err
				}
				given := ""
				if len(args) > 0 {
					given = args[0]
				}
				dir, err := cacheFolder(env, given, "")
				if err != nil {
					return err
				}
				if _, err := os.Stat(dir); err != nil {
					return fmt.Errorf("pruning the cache: %w", err)
				}
				pruned, err := compose.PruneCache(ctx, dir, limit)
				if err != nil {
					return err
				}
				env.printf("removed %d files, %d bytes; %d bytes are left\n", pruned.Files, pruned.Freed, pruned.Kept)
				return env.result(pruned)
			}
		},
	}
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int64, error) {
	number, unit := strings.TrimRight(text, "KMGTiBb"), int64(1)
	switch strings.ToUpper(text[len(number):]) {
	case "", "B":
	case "K", "KIB":
		unit = 1 << 10
	case "M", "MIB":
		unit = 1 << 20
	case "G", "GIB":
		unit = 1 << 30
	case "T", "TIB":
		unit = 1 << 40
	case "KB":
		unit = 1e3
	case "MB":
		unit = 1e6
	case "GB":
		unit = 1e9
	case "TB":
		unit = 1e12
	default:
		return 0, usagef("--max-size %s: the unit is not known: want KiB, MiB, GiB, TiB, KB, MB, GB or TB", text)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, usagef("--max-size %q: want a number of bytes such as 500000000, 500MB or 2GiB", text)
	}
	return n * unit, nil
}
