package flatpak

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/treewright/treewright/internal/keyfile"
)

// Groups and keys of the metadata file.
const (
	groupApplication = "Application"
	groupRuntime     = "Runtime"
	groupExtension   = "Extension " // and the extension point's name
	groupExtensionOf = "ExtensionOf"

	keyName            = "name"
	keyRuntime         = "runtime"
	keySDK             = "sdk"
	keyTags            = "tags"
	keyCommand         = "command"
	keyRequiredFlatpak = "required-flatpak"
)

// Metadata is the metadata file of an application or a runtime:
//
//	[Application]                           or [Runtime]
//	name=org.example.Editor
//	runtime=org.example.Platform/x86_64/1
//	sdk=org.example.Sdk/x86_64/1
//	tags=alpha;
//	command=editor
//
//	[Context]                               what the sandbox lets through
//	shared=network;ipc;
//	sockets=wayland;pulseaudio;
//	filesystems=xdg-documents;~/notes:create;
//
//	[Session Bus Policy]                    and [System Bus Policy]
//	org.example.Service=talk
//
//	[Environment]
//	EDITOR_HOME=/app/share/editor
//
//	[Extension org.example.Editor.Plugin]
//	directory=plugins
//
// The same bytes stand in the tree, in the commit and in the summary.
type Metadata struct {
	file      *keyfile.File
	noExports bool
}

// MetadataOptions is what a metadata file is made from.
type MetadataOptions struct {
	Ref     Ref
	Runtime string   // ID, ID/ARCH or ID/ARCH/BRANCH; what is missing is the ref's own
	SDK     string   // likewise; what is missing is the runtime's
	Command string   // the application's program, a name below /app/bin or a path
	Tags    []string // words such as "beta"
	// FinishArgs are the options of flatpak build-finish, in both spellings:
	// "--share=network", or "--share" and "network".
	FinishArgs []string
	// Executables are the names in files/bin. When Command is empty and there
	// is exactly one, it is the command.
	Executables []string
	// Inherit is the metadata of the runtime, whose permissions an application
	// gets too unless FinishArgs say otherwise. Nil: nothing to inherit.
	Inherit *Metadata
}

// NewMetadata makes a metadata file. Options that build-finish does not know,
// or that cannot have an effect here, are errors that name them.
func NewMetadata(o MetadataOptions) (*Metadata, error) {
	m, err := newMetadata(o)
	if err != nil {
		return nil, fmt.Errorf("metadata of %s: %w", o.Ref, err)
	}
	return m, nil
}

func newMetadata(o MetadataOptions) (*Metadata, error) {
	if err := o.Ref.Validate(); err != nil {
		return nil, err
	}
	args, err := parseFinishArgs(o.FinishArgs)
	if err != nil {
		return nil, err
	}
	m := &Metadata{file: new(keyfile.File), noExports: args.noExports}
	group := groupApplication
	if o.Ref.Kind == Runtime {
		group = groupRuntime
	}
	m.file.Set(group, keyName, o.Ref.ID)
	if err := m.setPlatform(group, o, args); err != nil {
		return nil, err
	}
	if err := m.setTags(group, o.Tags); err != nil {
		return nil, err
	}
	if err := m.setCommand(group, o, args); err != nil {
		return nil, err
	}
	if args.requireVersion != "" {
		m.file.Set(group, keyRequiredFlatpak, args.requireVersion)
	}
	granted := newPermissions()
	if o.Inherit != nil && o.Ref.Kind == App && !args.noInherit {
		inherited := o.Inherit.permissions()
		clear(inherited.env) // the runtime's variables reach the application anyway
		granted.merge(inherited)
	}
	granted.merge(args.granted)
	granted.save(m.file)
	return m, args.apply(m.file)
}

// setPlatform writes what the application runs on. Options of finish-args win,
// as they do when build-finish follows build-init.
func (m *Metadata) setPlatform(group string, o MetadataOptions, args *finishArgs) error {
	if o.Ref.Kind == App && o.Runtime == "" && args.runtime == "" {
		return fmt.Errorf("an application needs a runtime, such as org.example.Platform/%s/1", o.Ref.Arch)
	}
	runtime, err := completeNames(o.Ref.Name(), o.Runtime, args.runtime)
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	sdk := runtime
	if o.SDK != "" || args.sdk != "" {
		base, err := completeNames(o.Ref.Name(), o.Runtime)
		if err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
		if sdk, err = completeNames(base, o.SDK, args.sdk); err != nil {
			return fmt.Errorf("sdk: %w", err)
		}
	}
	m.file.Set(group, keyRuntime, runtime.String())
	m.file.Set(group, keySDK, sdk.String())
	return nil
}

// completeNames completes each name by the one before it; empty ones are left
// out.
func completeNames(n Name, names ...string) (Name, error) {
	for _, s := range names {
		if s == "" {
			continue
		}
		var err error
		if n, err = CompleteName(s, n); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (m *Metadata) setTags(group string, tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	for _, t := range tags {
		if t == "" || !utf8.ValidString(t) || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("tag %q is no word", t)
		}
	}
	m.file.SetList(group, keyTags, tags)
	return nil
}

func (m *Metadata) setCommand(group string, o MetadataOptions, args *finishArgs) error {
	command := firstOf(args.command, o.Command)
	switch {
	case o.Ref.Kind == Runtime && command != "":
		return fmt.Errorf("command %q: a runtime has no command", command)
	case o.Ref.Kind == Runtime:
		return nil
	case command == "" && len(o.Executables) == 1:
		command = o.Executables[0]
	case command == "":
		return nil
	}
	if err := validText(command); err != nil {
		return fmt.Errorf("command %q: %w", command, err)
	}
	m.file.Set(group, keyCommand, command)
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// validText refuses what a key file cannot hold.
func validText(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("it is not UTF-8")
	}
	if strings.ContainsRune(s, 0) {
		return fmt.Errorf("it holds a NUL byte")
	}
	return nil
}

// ParseMetadata reads a metadata file.
func ParseMetadata(data []byte) (*Metadata, error) {
	file, err := keyfile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	m := &Metadata{file: file}
	if m.ID() == "" {
		return nil, fmt.Errorf("reading metadata: neither [%s] nor [%s] has a name", groupApplication, groupRuntime)
	}
	return m, nil
}

// Bytes is the file's content.
func (m *Metadata) Bytes() []byte { return m.file.Encode() }

// Kind tells an application's metadata from a runtime's.
func (m *Metadata) Kind() Kind {
	if m.string(groupApplication, keyName) == "" {
		return Runtime
	}
	return App
}

func (m *Metadata) group() string {
	if m.Kind() == Runtime {
		return groupRuntime
	}
	return groupApplication
}

// ID is the name of the application or runtime.
func (m *Metadata) ID() string { return m.string(m.group(), keyName) }

// Runtime is what the application runs on, or "" when the file does not say.
func (m *Metadata) Runtime() string { return m.string(m.group(), keyRuntime) }

// SDK is what it is built with, or "".
func (m *Metadata) SDK() string { return m.string(m.group(), keySDK) }

// Command is the application's program, or "".
func (m *Metadata) Command() string { return m.string(m.group(), keyCommand) }

// OwnNames are the names on the session bus, sorted, that the application may
// own; the service files of these names are exported.
func (m *Metadata) OwnNames() []string {
	var names []string
	for _, key := range m.file.Keys(groupSessionBus) {
		if m.string(groupSessionBus, key) == policyOwn.String() {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// string is the value of a key, or "" when it is absent.
func (m *Metadata) string(group, key string) string {
	value, _ := m.file.Get(group, key)
	return value
}

func parseSHA256(s string) (sum [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(sum) || strings.ToLower(s) != s {
		return sum, fmt.Errorf("%q is no SHA-256 checksum of 64 hexadecimal digits", s)
	}
	return [32]byte(b), nil
}
