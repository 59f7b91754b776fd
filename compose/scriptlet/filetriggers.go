package scriptlet

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// earlyPriority is the priority from which on a file trigger runs before %post.
const earlyPriority = 10000

// A fileTrigger is one of a carrier.
type fileTrigger struct {
	carrier int // package
	script  *rpm.Scriptlet
}

// sortTriggers sorts by priority, the highest first, and keeps the order of
// those that have the same.
func sortTriggers(list []fileTrigger) {
	slices.SortStableFunc(list, func(a, b fileTrigger) int { return cmp.Compare(b.script.Priority, a.script.Priority) })
}

func (p *planner) triggersOf(carriers []int, kind rpm.ScriptletKind) (list []fileTrigger) {
	for _, c := range carriers {
		for j := range p.pkgs[c].Manifest.Scriptlets {
			if s := &p.pkgs[c].Manifest.Scriptlets[j]; s.Kind == kind {
				list = append(list, fileTrigger{c, s})
			}
		}
	}
	sortTriggers(list)
	return list
}

// fileTriggers adds the file triggers that package i fires, which is in the
// database by now: those of all installed packages, its own included, for its
// files; then its own for the files of all others.
func (p *planner) fileTriggers(i int, early bool) error {
	for _, t := range p.triggersOf(p.carriers, rpm.FileTriggerIn) {
		if (t.script.Priority >= earlyPriority) != early {
			continue
		}
		if err := p.fileTrigger(t, i, p.filesOf(i, t.script.Paths), p.counts[p.name(i)]); err != nil {
			return err
		}
	}
	for _, t := range p.triggersOf([]int{i}, rpm.FileTriggerIn) {
		if (t.script.Priority >= earlyPriority) != early {
			continue
		}
		files, first := p.filesOfAll(t.script.Paths, p.installed[:len(p.installed)-1])
		if err := p.fileTrigger(t, i, files, p.counts[first]); err != nil {
			return err
		}
	}
	return nil
}

// transFileTriggers adds what runs at the end: the triggers of packages that
// were there for the files of the new ones, then those of the new packages for
// the files of all.
func (p *planner) transFileTriggers() error {
	var old []int
	for _, i := range p.carriers {
		if p.pkgs[i].Installed {
			old = append(old, i)
		}
	}
	for _, t := range p.triggersOf(old, rpm.TransFileTriggerIn) {
		files, _ := p.filesOfAll(t.script.Paths, p.installOrder)
		if err := p.fileTrigger(t, -1, files, -1); err != nil {
			return err
		}
	}
	for _, i := range p.installOrder {
		for _, t := range p.triggersOf([]int{i}, rpm.TransFileTriggerIn) {
			files, _ := p.filesOfAll(t.script.Paths, p.installed)
			if err := p.fileTrigger(t, -1, files, -1); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileTrigger adds the trigger, unless it has no files. The count, unless it is
// negative, is that of the package that fires it.
func (p *planner) fileTrigger(t fileTrigger, by int, files []string, count int) error {
	if len(files) == 0 {
		return nil
	}
	step := Step{HasScript: true, Stdin: files, Args: []string{"0"}}
	if p.triggersCount {
		step.Args = []string{strconv.Itoa(p.counts[p.name(t.carrier)])}
		if count >= 0 {
			step.Args = append(step.Args, strconv.Itoa(count))
		}
	}
	if by >= 0 {
		step.By = p.pkgs[by].Name
	}
	return p.step(&p.after, t.carrier, t.script, step)
}

// filesOf returns the files of package i below each of the prefixes in turn: a
// file that is below two is there twice.
func (p *planner) filesOf(i int, prefixes []string) (list []string) {
	for _, prefix := range prefixes {
		list = p.appendFiles(list, i, prefix)
	}
	return list
}

func (p *planner) appendFiles(list []string, i int, prefix string) []string {
	files := p.pkgs[i].Manifest.Files
	for j := range files {
		if f := &files[j]; strings.HasPrefix(f.Path, prefix) && p.installs(i, f) {
			list = append(list, f.Path)
		}
	}
	return list
}

// filesOfAll returns the files of packages, for each prefix in turn. Here a
// package counts only when a folder that it has files in has the prefix. The
// second result is the name of the package that the first file is of.
func (p *planner) filesOfAll(prefixes []string, pkgs []int) (list []string, first string) {
	for _, prefix := range prefixes {
		for _, i := range pkgs {
			if !p.hasFolder(i, prefix) {
				continue
			}
			if list = p.appendFiles(list, i, prefix); first == "" && len(list) > 0 {
				first = p.name(i)
			}
		}
	}
	return list, first
}

func (p *planner) hasFolder(i int, prefix string) bool {
	return slices.ContainsFunc(p.pkgs[i].Manifest.Files, func(f content.File) bool {
		return strings.HasPrefix(f.Path, prefix) && strings.HasPrefix(folder(f.Path), prefix)
	})
}

// folder is the folder of a path, with a slash at its end.
func folder(name string) string {
	dir, _ := path.Split(name)
	return dir
}

func (p *planner) installs(i int, f *content.File) bool {
	if p.opts.Installs != nil {
		return p.opts.Installs(i, f)
	}
	return true
}

// triggersCount tells whether the rpm among the packages is 4.20 or later, which
// gives file triggers the counts that other triggers have; before that they get
// 0. A tree without an rpm is as if its rpm were new.
func triggersCount(pkgs []Package) bool {
	for i := range pkgs {
		if n := pkgs[i].Manifest.NEVRA; n.Name == "rpm" && rpm.Vercmp(n.Version, "4.20") < 0 {
			return false
		}
	}
	return true
}
