package compose

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes for people what the tree holds and what was left out. The
// lists themselves are in the report for programs.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packages: %d files, %d symlinks, %d directories, %s\n",
		len(r.Packages), r.Tree.Files, r.Tree.Symlinks, r.Tree.Directories, byteSize(r.Tree.Bytes))
	if a := r.Assembly; a != nil {
		leftOut(&b, a.Ghosts, "ghosts (packages own them, none delivers them)")
		leftOut(&b, a.Documentation, "files of documentation")
		leftOut(&b, a.Languages, "files of languages that install-langs does not name")
		for _, d := range a.Devices {
			fmt.Fprintf(&b, "left out: %s %s of %s\n", d.Type, d.Path, d.Package)
		}
		leftOut(&b, len(a.Colors), "files of an architecture that gave way to the preferred one's")
	}
	for _, u := range r.UnknownOwners {
		fmt.Fprintf(&b, "unknown %s %s: %d paths belong to root, without setuid and setgid\n", u.Kind, u.Name, len(u.Paths))
	}
	packages := map[string]bool{}
	for _, s := range r.Skipped {
		packages[s.Package] = true
	}
	if len(packages) > 0 {
		fmt.Fprintf(&b, "not run: %d scriptlets of %d packages\n", len(r.Skipped), len(packages))
	}
	flatpakText(&b, r.Flatpak)
	_, err := io.WriteString(w, b.String())
	return err
}

// flatpakText writes what the form of a flatpak left out; r may be nil.
func flatpakText(b *strings.Builder, r *FlatpakReport) {
	if r == nil {
		return
	}
	for _, l := range r.LeftOut {
		leftOut(b, l.Files, fmt.Sprintf("files of %s, which have no place in a flatpak: %s", l.Folder, strings.Join(l.Packages, ", ")))
	}
	for _, path := range r.Privileges {
		fmt.Fprintf(b, "without setuid, setgid and capabilities: %s\n", path)
	}
	for _, e := range r.RefusedExports {
		fmt.Fprintf(b, "not exported: %s: %s\n", e.Source, e.Reason)
	}
}

func leftOut(b *strings.Builder, n int, what string) {
	if n > 0 {
		fmt.Fprintf(b, "left out: %d %s\n", n, what)
	}
}
