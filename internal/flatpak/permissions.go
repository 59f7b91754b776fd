package flatpak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/internal/keyfile"
)

// Groups and keys of the sandbox's permissions.
const (
	groupContext     = "Context"
	groupSessionBus  = "Session Bus Policy"
	groupSystemBus   = "System Bus Policy"
	groupA11yBus     = "Accessibility Bus Policy"
	groupEnvironment = "Environment"
	groupPolicy      = "Policy " // and the subsystem
	groupUSB         = "USB Devices"

	keyFilesystems = "filesystems"
	keyPersistent  = "persistent"
	keyUnsetEnv    = "unset-environment"
	keyEnumerable  = "enumerable-devices"
	keyHidden      = "hidden-devices"
)

// A flagKind is one list of switches in [Context].
type flagKind struct {
	key   string
	noun  string
	words []string
}

// flagKinds are the lists in the order in which they are written, and their
// words likewise. Clients ignore words that are newer than they are.
var flagKinds = [...]flagKind{
	{"shared", "share", []string{"network", "ipc"}},
	{"sockets", "socket", []string{"x11", "wayland", "pulseaudio", "session-bus", "system-bus", "fallback-x11",
		"ssh-auth", "pcsc", "cups", "gpg-agent", "inherit-wayland-socket"}},
	{"devices", "device", []string{"dri", "all", "kvm", "shm", "input", "usb"}},
	{"features", "feature", []string{"devel", "multiarch", "bluetooth", "canbus", "per-app-dev-shm"}},
}

// flagIndex are the positions in flagKinds.
const (
	flagShare = iota
	flagSocket
	flagDevice
	flagFeature
)

// A policy is what an application may do with a name on a message bus.
type policy uint8

const (
	policyNone policy = iota
	policySee
	policyTalk
	policyOwn
)

var policyWords = [...]string{"none", "see", "talk", "own"}

func (p policy) String() string { return policyWords[p] }

// permissions is a set of permissions that can be laid over another: what it does
// not mention it leaves alone.
type permissions struct {
	flags       [len(flagKinds)]map[string]bool // word to granted or taken away
	filesystems map[string]filesystemMode
	persistent  map[string]bool
	session     map[string]policy
	system      map[string]policy
	a11y        map[string]policy
	env         map[string]variable
	generic     map[string][]string // "subsystem.key" to values, "!value" taken away
	usb         []string
	noUSB       []string
}

// A variable is the value of an environment variable, or that it is unset.
type variable struct {
	value string
	unset bool
}

func newPermissions() *permissions {
	p := &permissions{
		filesystems: map[string]filesystemMode{},
		persistent:  map[string]bool{},
		session:     map[string]policy{},
		system:      map[string]policy{},
		a11y:        map[string]policy{},
		env:         map[string]variable{},
		generic:     map[string][]string{},
	}
	for i := range p.flags {
		p.flags[i] = map[string]bool{}
	}
	return p
}

// setFlag grants or takes away one word of a list.
func (p *permissions) setFlag(kind int, word string, granted bool) error {
	k := flagKinds[kind]
	if !slices.Contains(k.words, word) {
		return fmt.Errorf("unknown %s %q; there are %s", k.noun, word, strings.Join(k.words, ", "))
	}
	p.flags[kind][word] = granted
	if word == "fallback-x11" {
		p.flags[kind]["x11"] = granted
	}
	return nil
}

func (p *permissions) setFilesystem(name string, mode filesystemMode) {
	if name == hostReset {
		p.filesystems["host"] = mode
	}
	p.filesystems[name] = mode
}

// setGeneric adds value to a policy list, in place of its opposite.
func (p *permissions) setGeneric(key, value string) {
	kept := slices.DeleteFunc(slices.Clone(p.generic[key]), func(old string) bool {
		return strings.TrimPrefix(old, "!") == strings.TrimPrefix(value, "!")
	})
	p.generic[key] = append(kept, value)
}

// merge lays over upon p.
func (p *permissions) merge(over *permissions) {
	for i := range p.flags {
		maps.Copy(p.flags[i], over.flags[i])
	}
	if _, reset := over.filesystems[hostReset]; reset {
		clear(p.filesystems)
	}
	maps.Copy(p.filesystems, over.filesystems)
	maps.Copy(p.persistent, over.persistent)
	maps.Copy(p.session, over.session)
	maps.Copy(p.system, over.system)
	maps.Copy(p.a11y, over.a11y)
	maps.Copy(p.env, over.env)
	for _, key := range sortedKeys(over.generic) {
		for _, value := range over.generic[key] {
			p.setGeneric(key, value)
		}
	}
	for _, device := range over.usb {
		p.addUSB(&p.usb, device)
	}
	for _, device := range over.noUSB {
		p.addUSB(&p.noUSB, device)
	}
}

func (p *permissions) addUSB(list *[]string, device string) {
	if !slices.Contains(*list, device) {
		*list = append(*list, device)
	}
}

// save writes p into a file that holds no permissions yet. flatpak writes the
// members of each list in the order of its hash table; here they are sorted.
func (p *permissions) save(f *keyfile.File) {
	for i, k := range flagKinds {
		var list []string
		for _, word := range k.words {
			if granted, set := p.flags[i][word]; set && granted {
				list = append(list, word)
			} else if set {
				list = append(list, "!"+word)
			}
		}
		setList(f, groupContext, k.key, list)
	}
	setList(f, groupContext, keyFilesystems, formatFilesystems(p.filesystems))
	setList(f, groupContext, keyPersistent, sortedKeys(p.persistent))
	savePolicies(f, groupSessionBus, p.session)
	savePolicies(f, groupSystemBus, p.system)
	savePolicies(f, groupA11yBus, p.a11y)
	var unset []string
	for _, name := range sortedKeys(p.env) {
		// Clients before 1.8 take an empty value for "unset": say both.
		f.Set(groupEnvironment, name, p.env[name].value)
		if p.env[name].unset {
			unset = append(unset, name)
		}
	}
	setList(f, groupContext, keyUnsetEnv, unset)
	for _, key := range sortedKeys(p.generic) {
		subsystem, name, _ := strings.Cut(key, ".")
		setList(f, groupPolicy+subsystem, name, p.generic[key])
	}
	setList(f, groupUSB, keyEnumerable, slices.Sorted(slices.Values(p.usb)))
	setList(f, groupUSB, keyHidden, slices.Sorted(slices.Values(p.noUSB)))
}

func setList(f *keyfile.File, group, key string, list []string) {
	if len(list) > 0 {
		f.SetList(group, key, list)
	}
}

func savePolicies(f *keyfile.File, group string, policies map[string]policy) {
	for _, name := range sortedKeys(policies) {
		f.Set(group, name, policies[name].String())
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// permissions reads the permissions that a metadata file grants. Words that are
// newer than this program are skipped, as clients skip them.
func (m *Metadata) permissions() *permissions {
	p := newPermissions()
	for i, k := range flagKinds {
		for _, word := range m.file.List(groupContext, k.key) {
			word, taken := strings.CutPrefix(word, "!")
			if slices.Contains(k.words, word) {
				_ = p.setFlag(i, word, !taken) // the word is known
			}
		}
	}
	for _, s := range m.file.List(groupContext, keyFilesystems) {
		s, taken := strings.CutPrefix(s, "!")
		if name, mode, err := parseFilesystem(s, taken); err == nil {
			p.setFilesystem(name, mode)
		}
	}
	for _, s := range m.file.List(groupContext, keyPersistent) {
		p.persistent[s] = true
	}
	m.loadPolicies(groupSessionBus, p.session)
	m.loadPolicies(groupSystemBus, p.system)
	m.loadPolicies(groupA11yBus, p.a11y)
	for _, name := range m.file.Keys(groupEnvironment) {
		p.env[name] = variable{value: m.string(groupEnvironment, name)}
	}
	for _, name := range m.file.List(groupContext, keyUnsetEnv) {
		p.env[name] = variable{unset: true}
	}
	for _, group := range m.file.Groups() {
		subsystem, ok := strings.CutPrefix(group, groupPolicy)
		if !ok {
			continue
		}
		for _, key := range m.file.Keys(group) {
			for _, value := range m.file.List(group, key) {
				p.setGeneric(subsystem+"."+key, value)
			}
		}
	}
	p.usb = m.file.List(groupUSB, keyEnumerable)
	p.noUSB = m.file.List(groupUSB, keyHidden)
	return p
}

func (m *Metadata) loadPolicies(group string, into map[string]policy) {
	for _, name := range m.file.Keys(group) {
		if i := slices.Index(policyWords[:], m.string(group, name)); i >= 0 && validBusName(name) == nil {
			into[name] = policy(i)
		}
	}
}
