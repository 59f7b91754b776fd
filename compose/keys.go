package compose

import (
	"errors"
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
	"selinux":                  always,
	"selinux-label-version":    always,
	"no-initramfs":             always,
	"initramfs-args":           always,
	"boot-location":            always,
	"gpg-key":                  always, // the caller makes it a Signer
	"container":                always,
	"ima":                      always,
	"tmp-is-dir":               always,
	"opt-usrlocal":             always,
	"machineid-compat":         always,
	"units":                    always,
	"default-target":           always,
	"rpmdb":                    always, // SQLite in any case
	"rpmdb-normalize":          always, // in any case
	"sysusers":                 always,
	"etc-group-members":        always,
	"preserve-passwd":          always,
	"check-passwd":             always,
	"check-groups":             always,
	"ignore-removed-users":     always,
	"ignore-removed-groups":    always,
	"postprocess-script":       always,
	"postprocess":              always,
	"add-files":                always,
	"remove-files":             always,
	"remove-from-packages":     always,
	"mutate-os-release":        always,
	"advisories-metadata":      always,
	"base":                     always,
	"ostree-layers":            always,
	"ostree-override-layers":   always,
}

func always(*treefile.Treefile) bool { return true }

// osKeys shape the tree of an operating system; a flatpak has no use for them.
var osKeys = []string{
	"container-cmd", "no-initramfs", "initramfs-args", "boot-location", "container", "tmp-is-dir", "opt-usrlocal", "machineid-compat",
	"units", "default-target", "etc-group-members", "postprocess-script", "postprocess", "add-files", "remove-files", "mutate-os-release",
	"selinux-label-version", "base", "ostree-layers", "ostree-override-layers",
}

// checkKeys refuses keys whose effect is not built, naming each with its file.
func checkKeys(t *treefile.Treefile) error {
	err := t.Unbuilt(func(use treefile.KeyUse) bool {
		built, known := builtKeys[use.Key]
		return known && built(t)
	})
	if t.Flatpak != nil {
		err = errors.Join(err, checkFlatpakKeys(t))
	}
	return err
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
