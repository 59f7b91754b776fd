package treefile

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestEveryKey sets each key to something other than its default: it prints,
// its field has it, and Keys tells about it.
func TestEveryKey(t *testing.T) {
	bools := func(field func(*Treefile) bool) func(*Treefile) any {
		return func(tf *Treefile) any { return field(tf) }
	}
	list := []string{"a", "b"}
	for key, c := range map[string]struct {
		value string // in YAML
		field func(*Treefile) any
		want  any    // of the field
		print string // JSON; empty: as value
	}{
		"packages":                 {`["b 'c >= 1'", a]`, func(tf *Treefile) any { return tf.Packages }, []string{"a", "b", "c >= 1"}, `["a","b","c >= 1"]`},
		"repo-packages":            {`[{"repo":"r","packages":["b a"]}]`, func(tf *Treefile) any { return tf.RepoPackages }, []RepoPackages{{"r", list}}, `[{"repo":"r","packages":["a","b"]}]`},
		"cliwrap":                  {`true`, bools(func(tf *Treefile) bool { return tf.CliWrap }), true, ""},
		"cliwrap-binaries":         {`["kernel-install"]`, func(tf *Treefile) any { return tf.CliWrapBinaries }, []string{"kernel-install"}, ""},
		"edition":                  {`"2024"`, func(tf *Treefile) any { return tf.Edition }, "2024", ""},
		"ref":                      {`"a/b"`, func(tf *Treefile) any { return tf.Ref }, "a/b", ""},
		"metadata":                 {`{"a":[1,null,1.5]}`, func(tf *Treefile) any { return tf.Metadata }, map[string]any{"a": []any{int64(1), nil, 1.5}}, ""},
		"basearch":                 {`"x86_64"`, func(tf *Treefile) any { return tf.Arch }, "x86_64", ""},
		"repovars":                 {`{"a":"b"}`, func(tf *Treefile) any { return tf.RepoVars }, map[string]string{"a": "b"}, "-"},
		"rojig":                    {`{"name":"n","summary":"s","license":"l","description":null}`, func(tf *Treefile) any { return tf.Rojig }, &Rojig{Name: "n", Summary: "s", License: "l"}, ""},
		"repos":                    {`["a","b"]`, func(tf *Treefile) any { return tf.Repos }, list, ""},
		"lockfile-repos":           {`["a","b"]`, func(tf *Treefile) any { return tf.LockfileRepos }, list, ""},
		"selinux":                  {`false`, bools(func(tf *Treefile) bool { return tf.SELinux }), false, ""},
		"ignore-devices":           {`false`, bools(func(tf *Treefile) bool { return tf.IgnoreDevices }), false, ""},
		"selinux-label-version":    {`1`, func(tf *Treefile) any { return tf.SELinuxLabelVersion }, 1, ""},
		"sysusers":                 {`"compose-forced"`, func(tf *Treefile) any { return tf.Sysusers }, SysusersForced, ""},
		"ima":                      {`true`, bools(func(tf *Treefile) bool { return tf.IMA }), true, ""},
		"gpg-key":                  {`"K"`, func(tf *Treefile) any { return tf.GPGKey }, "K", ""},
		"bootstrap-packages":       {`["b a"]`, func(tf *Treefile) any { return tf.Packages }, list, "-"},
		"base":                     {`{"repo":"r","ref":"a/b","keyring":"s.sh"}`, func(tf *Treefile) any { return tf.Base.Ref + " " + tf.Base.Keyring.Name }, "a/b s.sh", ""},
		"ostree-layers":            {`["a","b"]`, func(tf *Treefile) any { return tf.OSTreeLayers }, list, ""},
		"ostree-override-layers":   {`["a","b"]`, func(tf *Treefile) any { return tf.OverrideLayers }, list, ""},
		"exclude-packages":         {`["a","b"]`, func(tf *Treefile) any { return tf.ExcludePackages }, list, ""},
		"platform-module":          {`"p:f"`, func(tf *Treefile) any { return tf.PlatformModule }, "p:f", ""},
		"container":                {`true`, bools(func(tf *Treefile) bool { return tf.Container }), true, ""},
		"recommends":               {`false`, bools(func(tf *Treefile) bool { return tf.Recommends }), false, ""},
		"documentation":            {`false`, bools(func(tf *Treefile) bool { return tf.Documentation }), false, ""},
		"install-langs":            {`["a","b"]`, func(tf *Treefile) any { return tf.InstallLangs }, list, ""},
		"initramfs-args":           {`["a","b"]`, func(tf *Treefile) any { return tf.InitramfsArgs }, list, ""},
		"no-initramfs":             {`true`, bools(func(tf *Treefile) bool { return tf.NoInitramfs }), true, ""},
		"readonly-executables":     {`true`, bools(func(tf *Treefile) bool { return tf.ReadonlyExecutables }), true, ""},
		"boot-location":            {`"kernel-install"`, func(tf *Treefile) any { return tf.BootLocation }, BootKernelInstall, ""},
		"tmp-is-dir":               {`true`, bools(func(tf *Treefile) bool { return tf.TmpIsDir }), true, ""},
		"opt-usrlocal":             {`"stateoverlay"`, func(tf *Treefile) any { return tf.OptUsrLocal }, OptStateOverlay, `"state-overlay"`},
		"units":                    {`["a@b.service"]`, func(tf *Treefile) any { return tf.Units }, []string{"a@b.service"}, ""},
		"default-target":           {`"a.target"`, func(tf *Treefile) any { return tf.DefaultTarget }, "a.target", ""},
		"machineid-compat":         {`false`, bools(func(tf *Treefile) bool { return tf.MachineIDCompat }), false, ""},
		"releasever":               {`"41"`, func(tf *Treefile) any { return tf.ReleaseVer }, "41", ""},
		"automatic-version-prefix": {`"41"`, func(tf *Treefile) any { return tf.AutomaticVersionPrefix }, "41", ""},
		"automatic-version-suffix": {`"-"`, func(tf *Treefile) any { return tf.AutomaticVersionSuffix }, "-", ""},
		"mutate-os-release":        {`"41"`, func(tf *Treefile) any { return tf.MutateOSRelease }, "41", ""},
		"etc-group-members":        {`["a","b"]`, func(tf *Treefile) any { return tf.EtcGroupMembers }, list, ""},
		"preserve-passwd":          {`false`, bools(func(tf *Treefile) bool { return tf.PreservePasswd }), false, ""},
		"check-passwd":             {`{"type":"data","entries":{"a":1,"b":[2],"c":[3,4]}}`, func(tf *Treefile) any { return tf.CheckPasswd.Data }, map[string]CheckIDs{"a": {1, 1, 0}, "b": {2, 2, 1}, "c": {3, 4, 2}}, ""},
		"check-groups":             {`{"type":"data","entries":{"a":1}}`, func(tf *Treefile) any { return tf.CheckGroups.Data }, map[string]CheckIDs{"a": {1, 1, 0}}, ""},
		"ignore-removed-users":     {`["b","a","b"]`, func(tf *Treefile) any { return tf.IgnoreRemovedUsers }, list, `["a","b"]`},
		"ignore-removed-groups":    {`["b","a"]`, func(tf *Treefile) any { return tf.IgnoreRemovedGroups }, list, `["a","b"]`},
		"postprocess-script":       {`"s.sh"`, func(tf *Treefile) any { return tf.PostprocessScript.Name }, "s.sh", ""},
		"postprocess":              {`["a","b"]`, func(tf *Treefile) any { return bodies(tf) }, list, ""},
		"add-files":                {`[["s.sh","/etc/x"]]`, func(tf *Treefile) any { return tf.AddFiles[0].Dest }, "etc/x", ""},
		"remove-files":             {`["usr//share/man/"]`, func(tf *Treefile) any { return tf.RemoveFiles }, []string{"usr/share/man"}, `["usr/share/man"]`},
		"remove-from-packages":     {`[["a","/x/.*","b"]]`, func(tf *Treefile) any { return tf.RemoveFromPackages[0].Patterns }, []string{"/x/.*", "b"}, ""},
		"add-commit-metadata":      {`{"a":"b"}`, func(tf *Treefile) any { return tf.AddCommitMetadata }, map[string]any{"a": "b"}, ""},
		"repo-metadata":            {`"detached"`, func(tf *Treefile) any { return tf.RepoMetadata }, MetadataDetached, ""},
		"advisories-metadata":      {`"disabled"`, func(tf *Treefile) any { return tf.AdvisoriesMetadata }, MetadataDisabled, ""},
		"rpmdb":                    {`"b-d-b"`, func(tf *Treefile) any { return tf.RPMDB }, RPMDBBdb, `"bdb"`},
		"rpmdb-normalize":          {`true`, bools(func(tf *Treefile) bool { return tf.RPMDBNormalize }), true, ""},
		"container-cmd":            {`["b","a"]`, func(tf *Treefile) any { return tf.ContainerCmd }, []string{"b", "a"}, ""},
		"flatpak":                  {`{"id":"a.b.c","runtime":"a.b.d"}`, func(tf *Treefile) any { return tf.Flatpak.Runtime.String() }, "a.b.d/x86_64/stable", ""},
	} {
		tf := mustLoad(t, "a.yaml", map[string]string{"a.yaml": key + ": " + c.value, "s.sh": ""})
		if got := c.field(tf); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", key, got, c.want)
		}
		s, ok := specOf(key)
		if use, listed := tf.Key(key); !ok || listed == (s.flags&consumed != 0) || listed && (use.Default || use.Line != 1) {
			t.Errorf("%s in Keys: got %+v, %v", key, use, listed)
		}
		checkPrinted(t, tf, key, c.value, c.print)
	}
	if len(specs) != 59 {
		t.Errorf("keys: got %d, want the 59 above: add the new one", len(specs))
	}
}

func checkPrinted(t *testing.T, tf *Treefile, key, value, print string) {
	t.Helper()
	got, ok := printed(t, tf)[key]
	if print == "-" {
		if ok {
			t.Errorf("%s printed: got %v, want it hidden", key, got)
		}
		return
	}
	if print == "" {
		print = value
	}
	var want any
	if err := json.Unmarshal([]byte(print), &want); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s printed: got %v, want %v", key, got, want)
	}
}
