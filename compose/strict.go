package compose

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/scriptlet"
)

// A reportClass is something that a person may want to hear of, or not to have
// in a tree at all: --strict makes an error of it.
type reportClass struct {
	name  string
	what  string // its items
	items func(*Report) []string
}

// reportClasses are all, in the order in which they are shown.
var reportClasses = [...]reportClass{
	{"dropped", "files that the commit does not have", droppedFiles},
	{"dropped-directories", "directories that the commit does not have", droppedDirectories},
	{"devices", "devices, FIFOs and sockets of packages, left out", devices},
	{"colors", "files that gave way to those of the preferred architecture", colors},
	{"skipped-scriptlets", "scriptlets that did not run", skippedScriptlets},
	{"ignored-scriptlets", "scriptlets that are not for a compose", ignoredScriptlets},
	{"leftover-processes", "processes that scriptlets left, killed", leftovers},
	{"unclear-owners", "paths that scriptlets touched, perhaps to give them to root", unclearOwners},
	{"not-reproducible", "files that may differ from run to run", notReproducible},
	{"unknown-owners", "owners that the tree does not know; their files belong to root, without setuid and setgid", unknownOwners},
	{"new-users", "users that the previous commit does not have", newUsers},
	{"new-groups", "groups that the previous commit does not have", newGroups},
	{"new-privileged", "files that get setuid, setgid or capabilities", newPrivileged},
	{"unlabelled", "paths without SELinux label", unlabelled},
	{"missing-units", "units that the tree does not have to enable", missingUnits},
	{"unused-keys", "items of remove-files and remove-from-packages that match nothing", unusedKeys},
	{"foreign-database", "a package database that the tree's own rpm cannot read", foreignDatabase},
	{"warnings", "what to look at", warnings},
}

// Strictness names the classes of a report that are errors.
type Strictness []string

// StrictClasses returns the names of all classes.
func StrictClasses() []string {
	names := make([]string, len(reportClasses))
	for i, c := range reportClasses {
		names[i] = c.name
	}
	return names
}

// ParseStrictness reads names with commas between them, or "all".
func ParseStrictness(text string) (Strictness, error) {
	all := StrictClasses()
	if text == "all" {
		return all, nil
	}
	var s Strictness
	for name := range strings.SplitSeq(text, ",") {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no class %q: there are all, %s", name, strings.Join(all, ", "))
		}
		s = append(s, name)
	}
	return s, nil
}

// A Finding is what a report has of one class.
type Finding struct {
	Class string   `json:"class"`
	What  string   `json:"what"`
	Items []string `json:"items"`
}

// Findings returns the classes of which the report has something.
func (r *Report) Findings() []Finding {
	var list []Finding
	for _, c := range reportClasses {
		if items := c.items(r); len(items) > 0 {
			list = append(list, Finding{Class: c.name, What: c.what, Items: items})
		}
	}
	return list
}

// A StrictError lists what a tree has that its maker did not want.
type StrictError struct{ Findings []Finding }

func (e *StrictError) Error() string {
	var b strings.Builder
	b.WriteString("nothing was written, because --strict makes errors of these:")
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "\n%s (%d), %s:", f.Class, len(f.Items), f.What)
		for _, item := range f.Items {
			b.WriteString("\n  " + item)
		}
	}
	return b.String()
}

// check is a *StrictError when the report has something that s names.
func (s Strictness) check(r *Report) error {
	var bad []Finding
	for _, f := range r.Findings() {
		if slices.Contains(s, f.Class) {
			bad = append(bad, f)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &StrictError{Findings: bad}
}

// dropped calls fn for everything that is not in the commit, and why. A package
// database of another place is one of those that are written anew.
func (r *Report) dropped(fn func(layout.Dropped)) {
	for _, d := range r.LeftOut {
		fn(d)
	}
	if r.Prepared != nil {
		for _, d := range r.Prepared.Dropped {
			fn(d)
		}
	}
	if r.Layout != nil {
		for _, d := range r.Layout.Dropped {
			fn(d)
		}
	}
	for _, c := range r.Changes {
		for _, d := range c.Dropped {
			fn(layout.Dropped{Path: d.Path, Why: d.Reason})
		}
	}
}

func droppedText(d layout.Dropped) string {
	if d.Package == "" {
		return d.Path + ": " + d.Why
	}
	return d.Path + " of " + d.Package + ": " + d.Why
}

func droppedFiles(r *Report) (items []string) {
	r.dropped(func(d layout.Dropped) {
		if !d.Directory {
			items = append(items, droppedText(d))
		}
	})
	return items
}

func droppedDirectories(r *Report) (items []string) {
	r.dropped(func(d layout.Dropped) {
		if d.Directory {
			items = append(items, droppedText(d))
		}
	})
	return items
}

func devices(r *Report) (items []string) {
	if r.Assembly == nil {
		return nil
	}
	for _, d := range r.Assembly.Devices {
		items = append(items, fmt.Sprintf("%s of %s: %s", d.Path, d.Package, d.Type))
	}
	return items
}

func colors(r *Report) (items []string) {
	if r.Assembly == nil {
		return nil
	}
	for _, c := range r.Assembly.Colors {
		items = append(items, fmt.Sprintf("%s of %s: %s has another", c.Path, c.Dropped, c.Kept))
	}
	return items
}

func skippedScriptlets(r *Report) (items []string) {
	for _, s := range r.Skipped {
		items = append(items, fmt.Sprintf("%%%s of %s", s.Kind, s.Package))
	}
	return items
}

// ignoredScriptlets are those that the table of scriptlets leaves out. What is
// left out because it has just run is not among them.
func ignoredScriptlets(r *Report) (items []string) {
	if r.Scriptlets == nil {
		return nil
	}
	reasons := map[string]bool{}
	for _, s := range scriptlet.Skips() {
		reasons[s.Reason] = true
	}
	for i := range r.Scriptlets.Steps {
		if s := &r.Scriptlets.Steps[i]; reasons[s.Skipped] {
			items = append(items, fmt.Sprintf("%s of %s: %s", s.Section(), s.Package, s.Skipped))
		}
	}
	return items
}

func leftovers(r *Report) (items []string) {
	if r.Scriptlets == nil {
		return nil
	}
	for i := range r.Scriptlets.Steps {
		s := &r.Scriptlets.Steps[i]
		for _, p := range s.Leftover {
			items = append(items, fmt.Sprintf("%s of %s of %s", p, s.Section(), s.Package))
		}
	}
	return items
}

func unclearOwners(r *Report) (items []string) {
	for _, c := range r.Changes {
		items = append(items, c.Unclear...)
	}
	return items
}

func notReproducible(r *Report) (items []string) {
	for _, n := range r.Normalised {
		for _, d := range n.Remaining {
			items = append(items, d.Path+": "+d.Reason)
		}
	}
	return items
}

func unknownOwners(r *Report) (items []string) {
	for _, u := range r.UnknownOwners {
		items = append(items, fmt.Sprintf("%s %s: %s", u.Kind, u.Name, few(u.Paths)))
	}
	return items
}

func newUsers(r *Report) (items []string)  { return newAccounts(r.Users) }
func newGroups(r *Report) (items []string) { return newAccounts(r.Groups) }

func newAccounts(list []Account) (items []string) {
	for _, a := range list {
		if a.New {
			items = append(items, fmt.Sprintf("%s (%d)", a.Name, a.ID))
		}
	}
	return items
}

func newPrivileged(r *Report) (items []string) {
	for _, p := range r.Privileged {
		if p.New {
			items = append(items, p.String())
		}
	}
	return items
}

func unlabelled(r *Report) []string {
	if r.Labels == nil {
		return nil
	}
	return r.Labels.Unlabelled
}

func missingUnits(r *Report) (items []string) {
	if r.Prepared == nil {
		return nil
	}
	for _, u := range r.Prepared.Units {
		if u.Missing {
			items = append(items, u.Name)
		}
	}
	return items
}

func unusedKeys(r *Report) (items []string) {
	if r.Prepared != nil {
		for _, d := range r.Prepared.Removed {
			if d.Entries == 0 {
				items = append(items, path.Clean(d.Path))
			}
		}
	}
	if r.Filtered != nil {
		items = append(items, r.Filtered.Unused...)
	}
	return items
}

func foreignDatabase(r *Report) []string {
	if r.Database == nil || r.Database.Foreign == "" {
		return nil
	}
	return []string{r.Database.Foreign}
}

func warnings(r *Report) (items []string) {
	items = append(items, r.Warnings...)
	if r.Prepared != nil {
		items = append(items, r.Prepared.Warnings...)
	}
	if r.Layout != nil {
		items = append(items, r.Layout.Warnings...)
	}
	return items
}
