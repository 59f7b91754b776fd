package treefile

import (
	"cmp"

	"github.com/treewright/treewright/internal/flatpak"
)

// Flatpak is the table that makes the tree a flatpak runtime or application.
type Flatpak struct {
	Ref        flatpak.Ref  // from id, branch, build-runtime and the architecture
	Runtime    flatpak.Name // of a runtime: itself, when the table names none
	SDK        flatpak.Name // Runtime, when the table names none
	Command    string       // may be empty: then the only executable there is
	FinishArgs []string     // as flatpak build-finish takes them
	Tags       []string
	Position
}

// The keys of the table flatpak, in the order in which JSON prints them.
var flatpakKeys = []string{"id", "branch", "build-runtime", "runtime", "sdk", "command", "finish-args", "tags"}

const defaultBranch = "stable"

func readFlatpak(r *reader, key string, n *node) (any, bool) {
	entries, ok := r.table(key, n)
	values := map[string]setting{}
	for _, e := range entries {
		where := key + "." + e.key
		var value any
		good := true
		switch e.key {
		case "id", "branch", "runtime", "sdk", "command":
			value, good = readString(r, where, e.value)
		case "build-runtime":
			value, good = readBool(r, where, e.value)
		case "tags":
			value, good = readCommand(r, where, e.value)
		case "finish-args":
			value, good = r.shellWords(where, e.value)
		default:
			r.unknown(e, key, flatpakKeys)
			continue
		}
		values[e.key], ok = setting{value: value, at: r.at(e.line)}, ok && good
	}
	return values, ok
}

// shellWords reads a list of words, or a string that is split as a shell
// splits it.
func (r *reader) shellWords(key string, n *node) ([]string, bool) {
	if n.kind != nodeString {
		return r.words(key, n)
	}
	words, err := splitShell(n.text)
	if err != nil {
		r.fail(n.line, key, "%w", err)
	}
	return words, err == nil
}

// A flatpakTable is the merged table flatpak.
type flatpakTable struct {
	keys map[string]setting
	at   Position
}

func (f flatpakTable) text(key string) string {
	v, _ := f.keys[key].value.(string)
	return v
}

func (f flatpakTable) words(key string) []string {
	v, _ := f.keys[key].value.([]string)
	return v
}

func (f flatpakTable) fail(key string, format string, args ...any) error {
	at := f.at
	if s, ok := f.keys[key]; ok {
		at = s.at
	}
	return errorAt(at, "flatpak."+key, format, args...)
}

// ref puts the ref together.
func (f flatpakTable) ref(rpmArch string) (flatpak.Ref, error) {
	ref := flatpak.Ref{ID: f.text("id"), Branch: cmp.Or(f.text("branch"), defaultBranch)}
	if f.keys["build-runtime"].value == true {
		ref.Kind = flatpak.Runtime
	}
	if ref.ID == "" {
		return ref, f.fail("id", "is missing: the name of the application or runtime, such as org.example.Editor")
	}
	if err := flatpak.ValidateID(ref.ID); err != nil {
		return ref, f.fail("id", "%w", err)
	}
	if err := flatpak.ValidateBranch(ref.Branch); err != nil {
		return ref, f.fail("branch", "%w", err)
	}
	var err error
	if ref.Arch, err = flatpak.ArchOf(rpmArch); err != nil {
		return ref, f.fail("id", "%w", err)
	}
	return ref, nil
}

// platform completes the names of the runtime and the SDK.
func (f flatpakTable) platform(ref flatpak.Ref) (runtime, sdk flatpak.Name, err error) {
	runtime = ref.Name()
	if v := f.text("runtime"); v != "" {
		if runtime, err = flatpak.CompleteName(v, runtime); err != nil {
			return runtime, sdk, f.fail("runtime", "%w", err)
		}
	} else if ref.Kind == flatpak.App {
		return runtime, sdk, f.fail("runtime", "is missing: an application runs on one, such as org.example.Platform/%s/1", ref.Arch)
	}
	sdk = runtime
	if v := f.text("sdk"); v != "" {
		if sdk, err = flatpak.CompleteName(v, runtime); err != nil {
			return runtime, sdk, f.fail("sdk", "%w", err)
		}
	}
	return runtime, sdk, nil
}

// fillFlatpak checks the merged table and fills in t.Flatpak.
func (t *Treefile) fillFlatpak() error {
	s, ok := t.layer.settings["flatpak"]
	if !ok {
		return nil
	}
	table := flatpakTable{keys: s.value.(map[string]setting), at: s.at}
	f := &Flatpak{
		Command: table.text("command"), FinishArgs: table.words("finish-args"), Tags: table.words("tags"), Position: s.at,
	}
	var err error
	if f.Ref, err = table.ref(t.Arch); err != nil {
		return err
	}
	if f.Runtime, f.SDK, err = table.platform(f.Ref); err != nil {
		return err
	}
	if key, err := f.tryMetadata(); err != nil {
		return table.fail(key, "%w", err)
	}
	t.Flatpak = f
	return t.flatpakRef()
}

// tryMetadata makes the metadata file that the table leads to, key by key, to
// see its errors while file and line are known.
func (f *Flatpak) tryMetadata() (key string, err error) {
	o := flatpak.MetadataOptions{Ref: f.Ref, Runtime: f.Runtime.String(), SDK: f.SDK.String()}
	for _, step := range []struct {
		key string
		set func()
	}{
		{"command", func() { o.Command = f.Command }},
		{"tags", func() { o.Tags = f.Tags }},
		{"finish-args", func() { o.FinishArgs = f.FinishArgs }},
	} {
		step.set()
		if _, err := flatpak.NewMetadata(o); err != nil {
			return step.key, err
		}
	}
	return "", nil
}

// flatpakRef makes ref that of the flatpak, and refuses another one.
func (t *Treefile) flatpakRef() error {
	want := t.Flatpak.Ref.String()
	if s, ok := t.layer.settings["ref"]; ok && t.Ref != want {
		return errorAt(s.at, "ref", "is %q, but the table flatpak says %s: drop ref, or correct one of them", t.Ref, want)
	}
	t.Ref = want
	return nil
}
