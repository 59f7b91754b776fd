package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

func repoFsckCommand() command {
	var source string
	var flags remoteFlags
	var trust trustFlags
	return command{
		path: "repo fsck", args: "REPO", minArgs: 1, maxArgs: 1,
		short: "Check a repository, and repair it",
		long: `Reads every object that a commit of the repository reaches and checks its checksum. For each broken or missing object it names the refs that
it breaks. With --repair-from it fetches these objects from another repository that has them, compares each with its checksum, puts it in
its place, and checks again.`,
		example: "treewright repo fsck repo\ntreewright repo fsck --repair-from https://example.org/repo repo",
		exits:   []exit{{exitFailed, "the repository is broken; standard output names each object and the refs that it breaks"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&source, "repair-from", "", "fetch objects that are damaged or missing from the repository at `URL`")
			flags.add(fs)
			flags.addMore(fs)
			trust.addKeys(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					report, err := repo.Fsck(ctx, archive.FsckOptions{})
					if err == nil && source != "" && !report.OK() {
						report, err = repairFrom(ctx, env, repo, report, source, &flags, &trust)
					}
					if err != nil {
						return err
					}
					return reportFsck(env, args[0], report)
				})
			}
		},
	}
}

// repairFrom repairs what a check found, and checks again, as long as that
// brings something: a dirtree that was missing may need more that is.
func repairFrom(ctx context.Context, env *environment, repo *archive.Repo, report *archive.FsckReport, source string, flags *remoteFlags, trust *trustFlags) (*archive.FsckReport, error) {
	opts, err := flags.options(env)
	if err == nil && trust.given() {
		err = trust.apply(env, &opts)
	}
	if err != nil {
		return nil, err
	}
	r, err := flags.open(source, opts)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	given := map[ostree.ObjectName]bool{} // what was asked for already
	for !report.OK() {
		var objects []ostree.ObjectName
		for _, p := range report.Problems {
			if p.Object != (ostree.ObjectName{}) && !given[p.Object] {
				objects = append(objects, p.Object)
				given[p.Object] = true
			}
		}
		if len(objects) == 0 {
			break
		}
		result, err := r.Repair(ctx, repo, objects)
		if err != nil {
			return nil, err
		}
		if err := describeRepair(env, r, result); err != nil {
			return nil, err
		}
		if len(result.Repaired) == 0 {
			break
		}
		if report, err = repo.Fsck(ctx, archive.FsckOptions{}); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func describeRepair(env *environment, r *remote.Remote, result *remote.RepairResult) error {
	names := make([]string, len(result.Repaired))
	for i, n := range result.Repaired {
		names[i] = n.String()
		env.printf("%s: repaired\n", n)
	}
	env.printf("%d objects, %d bytes from %s\n", len(result.Repaired), result.Bytes, r.URL())
	return env.result(map[string]any{"repaired": names, "bytes": result.Bytes, "from": r.URL()})
}

func reportFsck(env *environment, path string, report *archive.FsckReport) error {
	type problem struct {
		Object  string   `json:"object,omitempty"` // none: the ref itself is damaged
		Missing bool     `json:"missing"`
		Error   string   `json:"error"`
		Refs    []string `json:"refs"`
	}
	problems := []problem{}
	for _, p := range report.Problems {
		if p.Object == (ostree.ObjectName{}) {
			problems = append(problems, problem{"", p.Missing, p.Err.Error(), p.Refs})
			env.printf("%v\n", p.Err)
			continue
		}
		problems = append(problems, problem{p.Object.String(), p.Missing, p.Err.Error(), p.Refs})
		env.printf("%s: %v\n", p.Object, p.Err)
		for _, ref := range p.Refs {
			env.printf("  breaks %s\n", ref)
		}
	}
	for _, c := range report.Partial {
		env.printf("commit %s is partial: it was pulled in part\n", c)
	}
	env.printf("%d refs, %d commits, %d objects\n", report.Refs, report.Commits, report.Objects)
	err := env.result(map[string]any{
		"refs": report.Refs, "commits": report.Commits, "objects": report.Objects, "bytes": report.Bytes, "problems": problems,
	})
	if len(report.Problems) > 0 {
		return fmt.Errorf("%s is broken: %d objects or refs are missing or damaged; make or pull the refs named above again, or delete them", path, len(report.Problems))
	}
	return err
}
