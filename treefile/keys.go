package treefile

import "strings"

// class says how a key of an included file merges into the file that
// includes it.
type class uint8

const (
	basic        class = iota // the outer file's value stays; else the first include's
	vector                    // the included list comes before the outer one
	set                       // union, sorted
	mapping                   // union of keys; the outer file's value of a key stays
	repoPackages              // a vector whose later entries take specs from earlier ones
	notMerged                 // only the file given to Load counts
)

// A spec is one key: how it is read, merged and printed.
type spec struct {
	name  string
	class class
	read  func(r *reader, key string, n *node) (any, bool)
	def   any  // value when unset, of the type that read returns; lists and maps are empty
	flags flag // see below
}

type flag uint8

const (
	hidden   flag = 1 << iota // JSON does not print it
	consumed                  // Keys does not list it: it has no effect beyond this package
)

// specs lists all keys of a compose in the order in which JSON prints them.
// The include keys, variables and packages-ARCH are read by layer.go.
var specs = []spec{
	{"packages", set, readSpecs, nil, 0},
	{"repo-packages", repoPackages, readRepoPackages, nil, 0},
	{"cliwrap", basic, readBool, false, 0},
	{"cliwrap-binaries", vector, readCliWrapBinaries, nil, 0},
	{"edition", basic, readEnum("2014", "2024"), "2014", consumed},
	{"ref", basic, readString, "", 0},
	{"metadata", mapping, readAnyMap, nil, consumed},
	{"basearch", basic, readString, "", consumed},
	{"repovars", mapping, readRepoVars, nil, hidden},
	{"rojig", basic, readRojig, (*Rojig)(nil), consumed},
	{"repos", vector, readStrings, nil, 0},
	{"lockfile-repos", vector, readStrings, nil, 0},
	{"selinux", basic, readBool, true, 0},
	{"ignore-devices", basic, readBool, true, 0},
	{"selinux-label-version", basic, readLabelVersion, uint64(0), 0},
	{"sysusers", basic, readEnum("compose-auto", "compose-forced"), "compose-auto", 0},
	{"ima", basic, readBool, false, 0},
	{"gpg-key", basic, readString, "", 0},
	{"bootstrap-packages", set, readSpecs, nil, hidden | consumed},
	{"base", basic, readBase, (*Base)(nil), 0},
	{"ostree-layers", vector, readStrings, nil, 0},
	{"ostree-override-layers", vector, readStrings, nil, 0},
	{"exclude-packages", vector, readExcludes, nil, 0},
	{"platform-module", notMerged, readString, "", 0},
	{"container", basic, readBool, false, 0},
	{"recommends", basic, readBool, true, 0},
	{"documentation", basic, readBool, true, 0},
	{"install-langs", vector, readStrings, nil, 0},
	{"initramfs-args", vector, readStrings, nil, 0},
	{"no-initramfs", basic, readBool, false, 0},
	{"readonly-executables", basic, readBool, false, 0},
	{"boot-location", basic, readEnum("new", "modules", "kernel-install"), "new", 0},
	{"tmp-is-dir", basic, readBool, false, 0},
	{"opt-usrlocal", basic, readEnum("var", "root", "state-overlay", "stateoverlay=state-overlay"), "var", 0},
	{"units", vector, readUnits, nil, 0},
	{"default-target", basic, readString, "", 0},
	{"machineid-compat", basic, readBool, true, 0},
	{"releasever", basic, readReleaseVer, Value{}, 0},
	{"automatic-version-prefix", basic, readString, "", 0},
	{"automatic-version-suffix", basic, readSuffix, ".", 0},
	{"mutate-os-release", basic, readString, "", 0},
	{"etc-group-members", vector, readStrings, nil, 0},
	{"preserve-passwd", basic, readBool, true, 0},
	{"check-passwd", basic, readCheck, Check{Type: CheckPrevious}, 0},
	{"check-groups", basic, readCheck, Check{Type: CheckPrevious}, 0},
	{"ignore-removed-users", set, readSet, nil, 0},
	{"ignore-removed-groups", set, readSet, nil, 0},
	{"postprocess-script", basic, readPostprocessScript, (*ExternalFile)(nil), 0},
	{"postprocess", vector, readPostprocess, nil, 0},
	{"add-files", vector, readAddFiles, nil, 0},
	{"remove-files", vector, readRemoveFiles, nil, 0},
	{"remove-from-packages", vector, readRemoveFromPackages, nil, 0},
	{"add-commit-metadata", mapping, readAnyMap, nil, 0},
	{"repo-metadata", basic, readEnum("inline", "detached", "disabled"), "inline", 0},
	{"advisories-metadata", basic, readEnum("inline", "detached", "disabled"), "inline", 0},
	{"rpmdb", basic, readEnum("target", "host", "bdb", "b-d-b=bdb", "sqlite", "ndb"), "target", 0},
	{"rpmdb-normalize", basic, readBool, false, 0},
	{"container-cmd", basic, readCommand, []string(nil), 0},
	{"flatpak", mapping, readFlatpak, nil, 0},
}

// The keys that layer.go reads by itself.
const (
	keyInclude            = "include"
	keyArchInclude        = "arch-include"
	keyConditionalInclude = "conditional-include"
	keyVariables          = "variables"
	archPackages          = "packages-" // and an architecture
)

// legacy maps the spellings of old treefiles to those of now.
var legacy = map[string]string{
	"gpg_key":                  "gpg-key",
	"boot_location":            "boot-location",
	"default_target":           "default-target",
	"automatic_version_prefix": "automatic-version-prefix",
}

// deriveOnly are the keys that rpm-ostree has for changing an installed
// system; a compose refuses them.
var deriveOnly = map[string]bool{
	"base-refspec": true, "container-image-reference": true,
	"packages-local": true, "packages-local-fileoverride": true,
	"override-remove": true, "ex-override-replace": true, "override-replace-local": true,
	"initramfs": true, "custom": true, "override-commit": true, "unconfigured-state": true,
}

func specOf(key string) (spec, bool) {
	for _, s := range specs {
		if s.name == key {
			return s, true
		}
	}
	return spec{}, false
}

// knownKeys returns every key that a file may hold.
func knownKeys() []string {
	keys := []string{keyInclude, keyArchInclude, keyConditionalInclude, keyVariables}
	for _, s := range specs {
		keys = append(keys, s.name)
	}
	return keys
}

// isComment tells whether a key of a JSON file is meant as a comment.
func isComment(key string) bool {
	for _, prefix := range []string{"comment", "#", "//", "_", "x-"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
