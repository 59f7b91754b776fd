package rootfs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// filter returns the entries of a package that a tree gets.
func (a *assembler) filter(files []content.File) []*content.File {
	kept := make([]*content.File, 0, len(files))
	emptied := map[string]bool{} // directories that something was left out of
	for i := range files {
		f := &files[i]
		switch {
		case f.IsGhost():
			a.report.Ghosts++
			continue
		case a.opts.SkipDocs && f.Flags&rpm.FileDoc != 0:
			a.report.Documentation++
		case !WantsLang(a.opts.Langs, f.Lang):
			a.report.Languages++
		default:
			kept = append(kept, f)
			continue
		}
		emptied[parentOf(f.Path)] = true
	}
	if len(emptied) == 0 {
		return kept
	}
	return a.dropEmptied(files, kept, emptied)
}

// dropEmptied leaves those directories of a package out that hold nothing of it
// any more. A ghost counts as held, as it does for rpm.
func (a *assembler) dropEmptied(files []content.File, kept []*content.File, emptied map[string]bool) []*content.File {
	held := map[string]int{}
	for i := range files {
		if files[i].IsGhost() {
			held[parentOf(files[i].Path)]++
		}
	}
	var dirs []*content.File
	for _, f := range kept {
		held[parentOf(f.Path)]++
		if f.IsDir() {
			dirs = append(dirs, f)
		}
	}
	slices.SortFunc(dirs, func(x, y *content.File) int { return cmp.Compare(len(y.Path), len(x.Path)) })
	dropped := map[*content.File]struct{}{}
	for _, f := range dirs {
		if !emptied[f.Path] || held[f.Path] > 0 {
			continue
		}
		dropped[f] = struct{}{}
		a.report.Directories++
		held[parentOf(f.Path)]--
		emptied[parentOf(f.Path)] = true
	}
	return slices.DeleteFunc(kept, func(f *content.File) bool {
		_, gone := dropped[f]
		return gone
	})
}

func parentOf(path string) string {
	dir, _ := splitPath(path)
	return dir
}

// WantsLang tells whether a file of the languages in lang, joined by "|", is
// kept. A wanted language includes what it starts with: de_AT wants de.
func WantsLang(wanted []string, lang string) bool {
	if lang == "" || len(wanted) == 0 {
		return true
	}
	for _, w := range wanted {
		if w == "all" {
			return true
		}
		for l := range strings.SplitSeq(lang, "|") {
			if l != "" && strings.HasPrefix(w, l) {
				return true
			}
		}
	}
	return false
}
