package compose

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes for people what the tree holds and what was left out. The
// lists themselves are in the report for programs.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d packages: %d files, %d symlinks, %d directories, %s\n",
		len(r.Packages), r.Tree.Files, r.Tree.Symlinks, r.Tree.Directories, byteSize(r.Tree.Bytes))
	if r.Base != nil {
		fmt.Fprintf(&b, "on top of %s (%.12s), %d packages\n", r.Base.Ref, r.Base.Commit, r.Base.Packages)
	}
	for _, l := range r.Layers {
		fmt.Fprintf(&b, "layer %s (%.12s): %d files, %d of them replaced others\n", l.Ref, l.Commit, l.Added, len(l.Replaced))
	}
	if a := r.Assembly; a != nil {
		leftOut(&b, a.Ghosts, "ghosts (packages own them, none delivers them)")
		leftOut(&b, a.Documentation, "files of documentation")
		leftOut(&b, a.Languages, "files of languages that install-langs does not name")
	}
	for _, f := range r.Findings() {
		fmt.Fprintf(&b, "%s (%d), %s: %s\n", f.Class, len(f.Items), f.What, few(f.Items))
	}
	r.ranText(&b)
	r.kernelText(&b)
	if n := len(r.Privileged); n > 0 {
		fmt.Fprintf(&b, "%d files have setuid, setgid or capabilities\n", n)
	}
	if len(r.Users)+len(r.Groups) > 0 {
		fmt.Fprintf(&b, "%d users, %d groups\n", len(r.Users), len(r.Groups))
	}
	r.sizesText(&b)
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

// shownItems is how many items of a list people see, and shownWidth how much
// of each.
const (
	shownItems = 3
	shownWidth = 120
)

// few are the first items of a list.
func few(items []string) string {
	shown := make([]string, 0, shownItems)
	for _, item := range items[:min(shownItems, len(items))] {
		if line, _, _ := strings.Cut(item, "\n"); len(line) < len(item) || len(line) > shownWidth {
			item = strings.ToValidUTF8(line[:min(len(line), shownWidth)], "") + "…"
		}
		shown = append(shown, item)
	}
	text := strings.Join(shown, "; ")
	if n := len(items) - shownItems; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}

// ranText says what programs of the tree did.
func (r *Report) ranText(b *strings.Builder) {
	var count int
	var took, slowest time.Duration
	name := ""
	if r.Scriptlets != nil {
		for i := range r.Scriptlets.Steps {
			s := &r.Scriptlets.Steps[i]
			if s.Skipped != "" {
				continue
			}
			count++
			took += s.Duration
			if s.Duration > slowest {
				slowest, name = s.Duration, s.Section()+" of "+s.Package
			}
		}
	}
	if count > 0 {
		fmt.Fprintf(b, "%d scriptlets ran in %s; the slowest was %s, %s\n", count, took.Round(time.Millisecond), name, slowest.Round(time.Millisecond))
	}
	for _, p := range r.Postprocess {
		fmt.Fprintf(b, "%s ran in %s\n", p.Name, p.Duration.Round(time.Millisecond))
	}
}

// kernelText says which kernel the tree has and where its initramfs is from.
func (r *Report) kernelText(b *strings.Builder) {
	k := r.Kernel
	if k == nil || k.Kernel == "" {
		return
	}
	fmt.Fprintf(b, "kernel %s", k.Kernel)
	switch {
	case k.Size == 0:
		b.WriteString(", no initramfs made")
	case k.Restored:
		fmt.Fprintf(b, ", initramfs of %s from the cache", byteSize(k.Size))
	default:
		fmt.Fprintf(b, ", initramfs of %s made in %.1f s", byteSize(k.Size), k.Dracut)
		if k.Why != "" {
			fmt.Fprintf(b, " (%s)", k.Why)
		}
	}
	b.WriteByte('\n')
}

// sizesText names the largest packages.
func (r *Report) sizesText(b *strings.Builder) {
	var items []string
	for _, s := range r.Sizes[:min(shownItems, len(r.Sizes))] {
		items = append(items, fmt.Sprintf("%s %s", cmp.Or(s.Package, "no package"), byteSize(s.Bytes)))
	}
	if len(items) > 0 {
		fmt.Fprintf(b, "largest: %s\n", strings.Join(items, ", "))
	}
}

func leftOut(b *strings.Builder, n int, what string) {
	if n > 0 {
		fmt.Fprintf(b, "left out: %d %s\n", n, what)
	}
}
