package treefile

import (
	"fmt"
	"strings"

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

// fillFlatpak checks the merged table and fills in t.Flatpak.
func (t *Treefile) fillFlatpak() error {
	s, ok := t.layer.settings["flatpak"]
	if !ok {
		return nil
	}
	table := s.value.(map[string]setting)
	fail := func(key string, err error) error {
		at := s.at
		if sub, ok := table[key]; ok {
			at = sub.at
		}
		return &Error{Position: at, Key: "flatpak." + key, Err: err}
	}
	text := func(key string) string { v, _ := table[key].value.(string); return v }
	words := func(key string) []string { v, _ := table[key].value.([]string); return v }

	if text("id") == "" {
		return fail("id", fmt.Errorf("is missing: the name of the application or runtime, such as org.example.Editor"))
	}
	if err := flatpak.ValidateID(text("id")); err != nil {
		return fail("id", err)
	}
	arch, err := flatpak.ArchOf(t.Arch)
	if err != nil {
		return fail("id", err)
	}
	f := &Flatpak{Command: text("command"), FinishArgs: words("finish-args"), Tags: words("tags"), Position: s.at}
	f.Ref = flatpak.Ref{ID: text("id"), Arch: arch, Branch: text("branch")}
	if table["build-runtime"].value == true {
		f.Ref.Kind = flatpak.Runtime
	}
	if f.Ref.Branch == "" {
		f.Ref.Branch = defaultBranch
	}
	if err := flatpak.ValidateBranch(f.Ref.Branch); err != nil {
		return fail("branch", err)
	}
	if f.Ref.Kind == flatpak.App && text("runtime") == "" {
		return fail("runtime", fmt.Errorf("is missing: an application runs on one, such as org.example.Platform/%s/1", arch))
	}
	f.Runtime, f.SDK = f.Ref.Name(), f.Ref.Name()
	if v := text("runtime"); v != "" {
		if f.Runtime, err = flatpak.CompleteName(v, f.Runtime); err != nil {
			return fail("runtime", err)
		}
	}
	f.SDK = f.Runtime
	if v := text("sdk"); v != "" {
		if f.SDK, err = flatpak.CompleteName(v, f.Runtime); err != nil {
			return fail("sdk", err)
		}
	}
	if err := t.tryMetadata(f); err != nil {
		return fail(metadataKey(err), err)
	}
	t.Flatpak = f
	return t.flatpakRef()
}

// tryMetadata makes the metadata file that the table leads to, to see its
// errors while the file and line are known.
func (t *Treefile) tryMetadata(f *Flatpak) error {
	_, err := flatpak.NewMetadata(flatpak.MetadataOptions{
		Ref: f.Ref, Runtime: f.Runtime.String(), SDK: f.SDK.String(),
		Command: f.Command, Tags: f.Tags, FinishArgs: f.FinishArgs,
	})
	return err
}

// metadataKey guesses which key an error of NewMetadata is about.
func metadataKey(err error) string {
	for _, key := range []string{"command", "tag"} {
		if strings.Contains(err.Error(), ": "+key+" ") {
			return map[string]string{"command": "command", "tag": "tags"}[key]
		}
	}
	return "finish-args"
}

// flatpakRef makes ref that of the flatpak, and refuses another one.
func (t *Treefile) flatpakRef() error {
	want := t.Flatpak.Ref.String()
	if s, ok := t.layer.settings["ref"]; ok && t.Ref != want {
		return &Error{Position: s.at, Key: "ref", Err: fmt.Errorf("is %q, but the table flatpak says %s: drop ref, or correct one of them", t.Ref, want)}
	}
	t.Ref = want
	return nil
}
