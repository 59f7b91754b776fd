package compose

import (
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/treefile"
)

// builtKeys lists every key of a treefile that has its effect, and of the
// others the value that asks for nothing. What is not here is refused when a
// compose is planned. docs/treefile.md says what each key means.
var builtKeys = map[string]func(*treefile.Treefile) bool{
	"packages":                 always,
	"repo-packages":            always,
	"exclude-packages":         always,
	"recommends":               always,
	"repos":                    always,
	"platform-module":          always,
	"repovars":                 always,
	"releasever":               always,
	"lockfile-repos":           always, // without a lock file they are not used
	"documentation":            always,
	"install-langs":            always,
	"ignore-devices":           always,
	"readonly-executables":     always,
	"ref":                      always,
	"add-commit-metadata":      always,
	"automatic-version-prefix": always,
	"automatic-version-suffix": always,
	"container-cmd":            always,
	"repo-metadata":            always,
	"flatpak":                  always,
	"selinux":                  always, // see checkLabels
	"no-initramfs":             always, // see checkKernel
	"gpg-key":                  always, // the caller makes it a Signer

	"advisories-metadata": func(t *treefile.Treefile) bool { return t.AdvisoriesMetadata == treefile.MetadataDisabled },
	"preserve-passwd":     func(t *treefile.Treefile) bool { return !t.PreservePasswd },
	"check-passwd":        func(t *treefile.Treefile) bool { return t.CheckPasswd.Type == treefile.CheckNone },
	"check-groups":        func(t *treefile.Treefile) bool { return t.CheckGroups.Type == treefile.CheckNone },
}

func always(*treefile.Treefile) bool { return true }

// osKeys shape the tree of an operating system; a flatpak has no use for them.
var osKeys = []string{"container-cmd", "no-initramfs"}

// checkKeys refuses keys whose effect is not built, naming each with its file.
func checkKeys(t *treefile.Treefile) error {
	errs := []error{t.Unbuilt(func(use treefile.KeyUse) bool {
		built, known := builtKeys[use.Key]
		return known && built(t)
	})}
	if t.Flatpak == nil {
		errs = append(errs, checkLabels(t))
	} else {
		errs = append(errs, checkFlatpakKeys(t))
	}
	return errors.Join(errs...)
}

func checkFlatpakKeys(t *treefile.Treefile) error {
	var errs []error
	for _, use := range t.Keys() {
		if slices.Contains(osKeys, use.Key) && !use.Default {
			errs = append(errs, &treefile.Error{Position: use.Position, Key: use.Key,
				Err: errors.New("a flatpak has no use for it: remove it")})
		}
	}
	return errors.Join(errs...)
}

// checkLabels refuses a tree that would need labels.
func checkLabels(t *treefile.Treefile) error {
	if !t.SELinux {
		return nil
	}
	at := treefile.Position{File: t.Path}
	if use, set := t.Key("selinux"); set {
		at = use.Position
	}
	return &treefile.Error{Position: at, Key: "selinux",
		Err: fmt.Errorf("it is true unless a treefile says otherwise, and treewright does not label files yet: add \"selinux: false\"")}
}
