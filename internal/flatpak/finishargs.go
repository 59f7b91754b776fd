package flatpak

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/internal/keyfile"
)

// finishArgs is what the options of flatpak build-finish ask for.
type finishArgs struct {
	granted        *permissions
	command        string
	runtime        string
	sdk            string
	requireVersion string
	noExports      bool
	noInherit      bool
	priority       *int
	extraData      []string
	metadata       []setting
	removed        []string
	extensions     []setting
}

// A setting is one key of a key file.
type setting struct{ group, key, value string }

// A finishOption is one option: its name, and what it does with its value.
// bare options have none.
type finishOption struct {
	name string
	bare func(*finishArgs)
	set  func(a *finishArgs, value string) error
}

// finishOptions is every option of build-finish of flatpak 1.14, and those of
// 1.16, whose result older clients ignore.
var finishOptions = []finishOption{
	{name: "command", set: func(a *finishArgs, v string) error { a.command = v; return validText(v) }},
	{name: "require-version", set: (*finishArgs).setVersion},
	{name: "no-exports", bare: func(a *finishArgs) { a.noExports = true }},
	{name: "no-inherit-permissions", bare: func(a *finishArgs) { a.noInherit = true }},
	{name: "no-desktop", bare: func(*finishArgs) {}}, // accepted by flatpak too, without effect since 0.9
	{name: "extra-data", set: func(a *finishArgs, v string) error { a.extraData = append(a.extraData, v); return nil }},
	{name: "extension", set: (*finishArgs).addExtension},
	{name: "remove-extension", set: func(a *finishArgs, v string) error { a.removed = append(a.removed, v); return nil }},
	{name: "extension-priority", set: (*finishArgs).setPriority},
	{name: "sdk", set: func(a *finishArgs, v string) error { a.sdk = v; return nil }},
	{name: "runtime", set: func(a *finishArgs, v string) error { a.runtime = v; return nil }},
	{name: "metadata", set: (*finishArgs).addMetadata},
	{name: "share", set: flagOption(flagShare, true)},
	{name: "unshare", set: flagOption(flagShare, false)},
	{name: "socket", set: flagOption(flagSocket, true)},
	{name: "nosocket", set: flagOption(flagSocket, false)},
	{name: "device", set: flagOption(flagDevice, true)},
	{name: "nodevice", set: flagOption(flagDevice, false)},
	{name: "allow", set: flagOption(flagFeature, true)},
	{name: "disallow", set: flagOption(flagFeature, false)},
	{name: "filesystem", set: filesystemOption(false)},
	{name: "nofilesystem", set: filesystemOption(true)},
	{name: "persist", set: func(a *finishArgs, v string) error { a.granted.persistent[v] = true; return validPath(v) }},
	{name: "env", set: (*finishArgs).setEnv},
	{name: "unset-env", set: (*finishArgs).unsetEnv},
	{name: "own-name", set: busOption(sessionBus, policyOwn)},
	{name: "talk-name", set: busOption(sessionBus, policyTalk)},
	{name: "no-talk-name", set: busOption(sessionBus, policyNone)},
	{name: "system-own-name", set: busOption(systemBus, policyOwn)},
	{name: "system-talk-name", set: busOption(systemBus, policyTalk)},
	{name: "system-no-talk-name", set: busOption(systemBus, policyNone)},
	{name: "a11y-own-name", set: busOption(a11yBus, policyOwn)},
	{name: "add-policy", set: policyOption("")},
	{name: "remove-policy", set: policyOption("!")},
	{name: "usb", set: usbOption(func(c *permissions) *[]string { return &c.usb })},
	{name: "nousb", set: usbOption(func(c *permissions) *[]string { return &c.noUSB })},
	{name: "env-fd", set: refused("it reads a file descriptor of the calling process; use --env")},
	{name: "usb-list", set: refused("use --usb once for each device")},
	{name: "usb-list-file", set: refused("use --usb once for each device")},
}

// parseFinishArgs reads "--name=value" and "--name", "value".
func parseFinishArgs(args []string) (*finishArgs, error) {
	a := &finishArgs{granted: newPermissions()}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "--")
		if !ok || name == "" {
			return nil, fmt.Errorf("finish-args: %q is no option", args[i])
		}
		name, value, inline := strings.Cut(name, "=")
		option := findOption(name)
		switch {
		case option == nil:
			return nil, fmt.Errorf("finish-args: flatpak build-finish knows no option --%s", name)
		case option.bare != nil && inline:
			return nil, fmt.Errorf("finish-args: --%s takes no value", name)
		case option.bare != nil:
			option.bare(a)
			continue
		case !inline && i+1 == len(args):
			return nil, fmt.Errorf("finish-args: --%s needs a value", name)
		case !inline:
			i++
			value = args[i]
		}
		if err := option.set(a, value); err != nil {
			return nil, fmt.Errorf("finish-args: --%s=%s: %w", name, value, err)
		}
	}
	return a, nil
}

func findOption(name string) *finishOption {
	for i := range finishOptions {
		if finishOptions[i].name == name {
			return &finishOptions[i]
		}
	}
	return nil
}

func refused(why string) func(*finishArgs, string) error {
	return func(*finishArgs, string) error { return fmt.Errorf("not possible here: %s", why) }
}

func flagOption(kind int, granted bool) func(*finishArgs, string) error {
	return func(a *finishArgs, v string) error { return a.granted.setFlag(kind, v, granted) }
}

func filesystemOption(negated bool) func(*finishArgs, string) error {
	return func(a *finishArgs, v string) error {
		place, mode, err := parseFilesystem(v, negated)
		if err != nil {
			return err
		}
		a.granted.setFilesystem(place, mode)
		return nil
	}
}

func sessionBus(c *permissions) map[string]policy { return c.session }
func systemBus(c *permissions) map[string]policy  { return c.system }
func a11yBus(c *permissions) map[string]policy    { return c.a11y }

func busOption(bus func(*permissions) map[string]policy, p policy) func(*finishArgs, string) error {
	return func(a *finishArgs, v string) error {
		if err := validBusName(v); err != nil {
			return err
		}
		bus(a.granted)[v] = p
		return nil
	}
}

func policyOption(prefix string) func(*finishArgs, string) error {
	return func(a *finishArgs, v string) error {
		key, value, ok := strings.Cut(v, "=")
		subsystem, name, dotted := strings.Cut(key, ".")
		if !ok || !dotted || strings.HasPrefix(value, "!") {
			return fmt.Errorf("it is not of the form SUBSYSTEM.KEY=VALUE, VALUE not starting with \"!\"")
		}
		if err := validSetting(setting{groupPolicy + subsystem, name, value}); err != nil {
			return err
		}
		a.granted.setGeneric(key, prefix+value)
		return nil
	}
}

func usbOption(list func(*permissions) *[]string) func(*finishArgs, string) error {
	return func(a *finishArgs, v string) error {
		if err := validUSB(v); err != nil {
			return err
		}
		a.granted.addUSB(list(a.granted), v)
		return nil
	}
}

func (a *finishArgs) setEnv(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok {
		return fmt.Errorf("it is not of the form NAME=VALUE")
	}
	a.granted.env[name] = variable{value: value}
	return validSetting(setting{groupEnvironment, name, value})
}

func (a *finishArgs) unsetEnv(name string) error {
	a.granted.env[name] = variable{unset: true}
	return validSetting(setting{groupEnvironment, name, ""})
}

// setVersion checks "MAJOR.MINOR.MICRO", several separated by semicolons.
func (a *finishArgs) setVersion(v string) error {
	for _, one := range strings.Split(strings.TrimSuffix(v, ";"), ";") {
		numbers := strings.Split(one, ".")
		for _, n := range numbers {
			if _, err := strconv.ParseUint(n, 10, 31); err != nil || len(numbers) != 3 {
				return fmt.Errorf("%q is not of the form MAJOR.MINOR.MICRO", one)
			}
		}
	}
	a.requireVersion = v
	return nil
}

func (a *finishArgs) setPriority(v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return fmt.Errorf("it is no number")
	}
	priority := int(n)
	a.priority = &priority
	return nil
}

func (a *finishArgs) addExtension(v string) error {
	s, err := parseSetting(v)
	if err != nil {
		return fmt.Errorf("it is not of the form NAME=VARIABLE[=VALUE]")
	}
	id, _, _ := strings.Cut(s.group, "@")
	if err := ValidateID(id); err != nil {
		return err
	}
	s.group = groupExtension + s.group
	a.extensions = append(a.extensions, s)
	return validSetting(s)
}

func (a *finishArgs) addMetadata(v string) error {
	s, err := parseSetting(v)
	if err != nil {
		return fmt.Errorf("it is not of the form GROUP=KEY[=VALUE]")
	}
	a.metadata = append(a.metadata, s)
	return validSetting(s)
}

// parseSetting splits "GROUP=KEY[=VALUE]"; a missing value is "true".
func parseSetting(v string) (setting, error) {
	parts := strings.SplitN(v, "=", 3)
	switch len(parts) {
	case 3:
		return setting{parts[0], parts[1], parts[2]}, nil
	case 2:
		return setting{parts[0], parts[1], "true"}, nil
	}
	return setting{}, fmt.Errorf("it has no key")
}

// apply writes what is no permission, in build-finish's order.
func (a *finishArgs) apply(f *keyfile.File) error {
	for i, v := range a.extraData {
		if err := applyExtraData(f, i, v); err != nil {
			return fmt.Errorf("finish-args: --extra-data=%s: %w", v, err)
		}
	}
	for _, s := range a.metadata {
		f.Set(s.group, s.key, s.value)
	}
	for _, name := range a.removed {
		f.DeleteGroup(groupExtension + name)
	}
	for _, s := range a.extensions {
		f.Set(s.group, s.key, s.value)
	}
	if a.priority != nil {
		f.Set(groupExtensionOf, "priority", strconv.Itoa(*a.priority))
	}
	_, err := (&Metadata{file: f}).ExtraData()
	return err
}

// applyExtraData writes "NAME:SHA256:SIZE:INSTALLED-SIZE:URI", of which name
// and installed size may be empty.
func applyExtraData(f *keyfile.File, i int, v string) error {
	parts := strings.SplitN(v, ":", 5)
	if len(parts) != 5 {
		return fmt.Errorf("it is not of the form NAME:SHA256:SIZE:INSTALLED-SIZE:URI")
	}
	suffix := ""
	if i > 0 {
		suffix = strconv.Itoa(i)
	}
	for j, key := range []string{"name", "checksum", "size", "installed-size", "uri"} {
		if parts[j] == "" && (key == "name" || key == "installed-size") {
			continue
		}
		s := setting{groupExtraData, key + suffix, parts[j]}
		if err := validSetting(s); err != nil {
			return err
		}
		f.Set(s.group, s.key, s.value)
	}
	return nil
}
