package mirror

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// checkPattern reports why p is no pattern of refs.
func checkPattern(p string) error {
	if !isPattern(p) {
		return ostree.ValidateRef(p)
	}
	if _, err := path.Match(p, ""); err != nil {
		return fmt.Errorf("the pattern %q cannot be read: a bracket is open, or nothing follows a backslash", p)
	}
	return nil
}

func isPattern(p string) bool { return strings.ContainsAny(p, `*?[\`) }

// match reports whether ref is p, or matches it.
func match(p, ref string) bool {
	// path.Match stops at slashes; here they are letters like others.
	slash := strings.NewReplacer("/", "\x01")
	ok, err := path.Match(slash.Replace(p), slash.Replace(ref))
	return ok && err == nil
}

// reserved tells the refs that describe their own repository: ours makes them
// anew, and an upstream's would show its refs instead of ours.
func reserved(ref string) bool {
	first, _, _ := strings.Cut(ref, "/")
	return first == "appstream" || first == "appstream2" || first == "screenshots" || ref == "ostree-metadata"
}

// archOf returns the architecture of an app or runtime ref, or "".
func archOf(ref string) string {
	parts := strings.Split(ref, "/")
	if len(parts) == 4 && (parts[0] == "app" || parts[0] == "runtime") {
		return parts[2]
	}
	return ""
}

// wanted reports whether the options choose ref.
func (o *Options) wanted(ref string) bool {
	if reserved(ref) {
		return false
	}
	if arch := archOf(ref); arch != "" && len(o.Arches) > 0 && !slices.Contains(o.Arches, arch) {
		return false
	}
	return slices.ContainsFunc(o.Refs, func(p string) bool { return match(p, ref) })
}

// wantedArch reports whether the options can choose refs of arch.
func (o *Options) wantedArch(arch string) bool {
	if len(o.Arches) > 0 && !slices.Contains(o.Arches, arch) {
		return false
	}
	return slices.ContainsFunc(o.Refs, func(p string) bool {
		parts := strings.Split(p, "/")
		if len(parts) != 4 || parts[0] != "app" && parts[0] != "runtime" {
			return true
		}
		return match(parts[2], arch)
	})
}

// wantsOthers reports whether the options can choose refs that are neither app
// nor runtime.
func (o *Options) wantsOthers() bool {
	return slices.ContainsFunc(o.Refs, func(p string) bool {
		literal := p
		if i := strings.IndexAny(p, `*?[\`); i >= 0 {
			literal = p[:i]
		}
		return !strings.HasPrefix(literal, "app/") && !strings.HasPrefix(literal, "runtime/")
	})
}
