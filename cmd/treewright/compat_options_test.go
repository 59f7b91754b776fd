package main

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestCompatOptions asks the real ostree for the options of each verb: they are
// ours too, but for those that docs/ostree-compat.md leaves to it.
func TestCompatOptions(t *testing.T) {
	left := map[string][]string{
		"checkout": {"union-add", "union-identical", "whiteouts", "process-passthrough-whiteouts", "from-stdin", "from-file", "require-hardlinks",
			"bareuseronly-dirs", "skip-list", "selinux-policy", "selinux-prefix"},
		"sign":          {"delete"},
		"remote add":    {"sysroot"},
		"remote delete": {"sysroot"},
	}
	option := regexp.MustCompile(`(?m)^  (?:-(\w), )?\s*--([\w-]+)`)
	for _, verb := range compatVerbs() {
		out, err := exec.Command("ostree", append(strings.Fields(verb.name), "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("ostree %s --help: %v: %s", verb.name, err, out)
		}
		fs := pflag.NewFlagSet(verb.name, pflag.ContinueOnError)
		verb.setup(fs)
		fs.StringP("repo", "", "", "")
		fs.BoolP("verbose", compatVerboseLetter(verb.name), false, "")
		found := option.FindAllStringSubmatch(string(out), -1)
		if len(found) < 3 {
			t.Errorf("%s: got options %v, want more", verb.name, found)
		}
		for _, m := range found {
			letter, name := m[1], m[2]
			if name == "help" || name == "version" || slices.Contains(left[verb.name], name) {
				continue
			}
			f := fs.Lookup(name)
			if f == nil || f.Shorthand != letter {
				t.Errorf("%s: got %+v for -%s, --%s, want an option", verb.name, f, letter, name)
			}
		}
	}
}
