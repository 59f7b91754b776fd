package treefile

import (
	"cmp"
	"slices"
)

// get returns the value of a basic key, or its default.
func get[T any](l *layer, key string) T {
	if s, ok := l.settings[key]; ok {
		return s.value.(T)
	}
	s, _ := specOf(key)
	return s.def.(T)
}

// list returns the items of a vector; nil when nobody sets it.
func list[T any](l *layer, key string) []T {
	s, ok := l.settings[key]
	if !ok {
		return nil
	}
	items := make([]T, 0, len(s.value.([]any)))
	for _, item := range s.value.([]any) {
		items = append(items, item.(T))
	}
	return items
}

// words returns a set.
func words(l *layer, key string) []string {
	if s, ok := l.settings[key]; ok {
		return s.value.([]string)
	}
	return nil
}

// dict returns a mapping; nil when nobody sets it.
func dict[T any](l *layer, key string) map[string]T {
	s, ok := l.settings[key]
	if !ok {
		return nil
	}
	m := map[string]T{}
	for name, sub := range s.value.(map[string]setting) {
		v, _ := sub.value.(T) // the zero value is null
		m[name] = v
	}
	return m
}

// fill sets the fields from the merged keys; fillFlatpak does the table.
func (t *Treefile) fill() {
	l := t.layer
	t.Edition = get[string](l, "edition")
	t.Ref = get[string](l, "ref")
	t.Metadata = dict[any](l, "metadata")
	t.Rojig = get[*Rojig](l, "rojig")

	t.ReleaseVer = get[Value](l, "releasever").String()
	t.RepoVars = dict[string](l, "repovars")
	t.Repos = list[string](l, "repos")
	t.LockfileRepos = list[string](l, "lockfile-repos")
	t.Packages = words(l, "packages")
	t.RepoPackages = list[RepoPackages](l, "repo-packages")
	t.ExcludePackages = list[string](l, "exclude-packages")
	t.PlatformModule = get[string](l, "platform-module")
	t.Recommends = get[bool](l, "recommends")
	t.Documentation = get[bool](l, "documentation")
	t.InstallLangs = list[string](l, "install-langs")
	t.Base = get[*Base](l, "base")
	t.OSTreeLayers = list[string](l, "ostree-layers")
	t.OverrideLayers = list[string](l, "ostree-override-layers")

	t.InitramfsArgs = list[string](l, "initramfs-args")
	t.NoInitramfs = get[bool](l, "no-initramfs")
	t.BootLocation = BootLocation(get[string](l, "boot-location"))

	t.fillLayout()
	t.fillContent()
}

func (t *Treefile) fillLayout() {
	l := t.layer
	t.Container = get[bool](l, "container")
	t.SELinux = get[bool](l, "selinux")
	t.SELinuxLabelVersion = int(get[uint64](l, "selinux-label-version"))
	t.IMA = get[bool](l, "ima")
	t.IgnoreDevices = get[bool](l, "ignore-devices")
	t.TmpIsDir = get[bool](l, "tmp-is-dir")
	t.OptUsrLocal = OptUsrLocal(get[string](l, "opt-usrlocal"))
	t.ReadonlyExecutables = get[bool](l, "readonly-executables")
	t.MachineIDCompat = get[bool](l, "machineid-compat")
	t.Units = list[string](l, "units")
	t.DefaultTarget = get[string](l, "default-target")
	t.CliWrap = get[bool](l, "cliwrap")
	t.CliWrapBinaries = list[string](l, "cliwrap-binaries")
	t.RPMDB = RPMDB(get[string](l, "rpmdb"))
	t.RPMDBNormalize = get[bool](l, "rpmdb-normalize")

	t.Sysusers = Sysusers(get[string](l, "sysusers"))
	t.EtcGroupMembers = list[string](l, "etc-group-members")
	t.PreservePasswd = get[bool](l, "preserve-passwd")
	t.CheckPasswd = get[Check](l, "check-passwd")
	t.CheckGroups = get[Check](l, "check-groups")
	t.IgnoreRemovedUsers = words(l, "ignore-removed-users")
	t.IgnoreRemovedGroups = words(l, "ignore-removed-groups")
}

func (t *Treefile) fillContent() {
	l := t.layer
	t.PostprocessScript = get[*ExternalFile](l, "postprocess-script")
	t.Postprocess = list[Script](l, "postprocess")
	t.AddFiles = list[AddFile](l, "add-files")
	t.RemoveFiles = list[string](l, "remove-files")
	t.RemoveFromPackages = list[RemoveFromPackage](l, "remove-from-packages")

	t.GPGKey = get[string](l, "gpg-key")
	t.AutomaticVersionPrefix = get[string](l, "automatic-version-prefix")
	t.AutomaticVersionSuffix = get[string](l, "automatic-version-suffix")
	t.MutateOSRelease = get[string](l, "mutate-os-release")
	t.AddCommitMetadata = dict[any](l, "add-commit-metadata")
	t.ContainerCmd = get[[]string](l, "container-cmd")
	t.RepoMetadata = MetadataTarget(get[string](l, "repo-metadata"))
	t.AdvisoriesMetadata = MetadataTarget(get[string](l, "advisories-metadata"))
}

// validate checks what depends on several keys.
func (t *Treefile) validate() error {
	if s := t.layer.settings["units"]; !t.MachineIDCompat && len(t.Units) > 0 {
		return errorAt(s.at, "units", "'units' directive is incompatible with machineid-compat = false")
	}
	return nil
}

// warnDeprecated tells about keys that rpm-ostree advises against or that
// have no effect there either.
func (t *Treefile) warnDeprecated(warn func(Warning)) {
	if warn == nil {
		return
	}
	for _, w := range []struct {
		key  string
		says string
		when bool
	}{
		{"boot-location", "deprecated: use boot-location: modules", t.BootLocation != BootModules},
		{"initramfs-args", "deprecated: put a file into /etc/dracut.conf.d of the tree", len(t.InitramfsArgs) > 0},
		{"cliwrap", "deprecated", t.CliWrap},
	} {
		if s, ok := t.layer.settings[w.key]; ok && w.when {
			warn(Warning{Position: s.at, Key: w.key, Text: w.says})
		}
	}
}

// externals returns every file that a key names, in a stable order.
func (t *Treefile) externals() []ExternalFile {
	var all []ExternalFile
	if t.PostprocessScript != nil {
		all = append(all, *t.PostprocessScript)
	}
	for _, c := range []Check{t.CheckPasswd, t.CheckGroups} {
		if c.File != nil {
			all = append(all, *c.File)
		}
	}
	if t.Base != nil && t.Base.Keyring != nil {
		all = append(all, *t.Base.Keyring)
	}
	for _, f := range t.AddFiles {
		all = append(all, f.ExternalFile)
	}
	return append(all, slices.SortedFunc(slices.Values(t.FinalizeD), func(a, b ExternalFile) int {
		return cmp.Compare(a.Name, b.Name)
	})...)
}
