package rpm

import (
	"fmt"
	"slices"
	"strings"
)

// defaultPriority is that of a file trigger that names none.
const defaultPriority = 1000000

// scriptletTags are the tags of one kind of scriptlet.
type scriptletTags struct {
	kind              ScriptletKind
	body, prog, flags Tag
	implied           ScriptletFlags
}

func scriptletTable() []scriptletTags {
	return []scriptletTags{
		{PreTrans, TagPreTrans, TagPreTransProg, TagPreTransFlags, ScriptletCritical},
		{PreIn, TagPreIn, TagPreInProg, TagPreInFlags, ScriptletCritical},
		{PostIn, TagPostIn, TagPostInProg, TagPostInFlags, 0},
		{PreUn, TagPreUn, TagPreUnProg, TagPreUnFlags, ScriptletCritical},
		{PostUn, TagPostUn, TagPostUnProg, TagPostUnFlags, 0},
		{PostTrans, TagPostTrans, TagPostTransProg, TagPostTransFlags, 0},
		{PreUnTrans, TagPreUnTrans, TagPreUnTransProg, TagPreUnTransFlags, ScriptletCritical},
		{PostUnTrans, TagPostUnTrans, TagPostUnTransProg, TagPostUnTransFlags, 0},
		{VerifyScript, TagVerifyScript, TagVerifyScriptProg, TagVerifyScriptFlags, ScriptletCritical},
	}
}

// triggerTags are the tags of one family of triggers: parallel arrays of
// scripts, and parallel arrays of conditions that say by index which script
// they run.
type triggerTags struct {
	family                  ScriptletKind
	scripts, progs, flags   Tag
	priorities              Tag // zero for package triggers
	names, versions, senses Tag
	index                   Tag
}

func triggerTable() []triggerTags {
	return []triggerTags{
		{"trigger", TagTriggerScripts, TagTriggerScriptProg, TagTriggerScriptFlags, 0,
			TagTriggerName, TagTriggerVersion, TagTriggerFlags, TagTriggerIndex},
		{"filetrigger", TagFileTriggerScripts, TagFileTriggerScriptProg, TagFileTriggerScriptFlags, TagFileTriggerPriorities,
			TagFileTriggerName, TagFileTriggerVersion, TagFileTriggerFlags, TagFileTriggerIndex},
		{"transfiletrigger", TagTransFileTriggerScripts, TagTransFileTriggerScriptProg, TagTransFileTriggerScriptFlags, TagTransFileTriggerPriorities,
			TagTransFileTriggerName, TagTransFileTriggerVersion, TagTransFileTriggerFlags, TagTransFileTriggerIndex},
	}
}

// Scriptlets returns everything that the package wants run: scriptlets, then
// triggers, then file triggers.
func (p *Package) Scriptlets() ([]Scriptlet, error) {
	h := p.Header
	var list []Scriptlet
	for _, t := range scriptletTable() {
		if !h.Has(t.body) && !h.Has(t.prog) {
			continue
		}
		s := Scriptlet{Kind: t.kind, Interpreter: cloneAll(h.Strings(t.prog)), Body: strings.Clone(h.String(t.body)), Flags: t.implied}
		if f, ok := h.Uint64(t.flags); ok {
			s.Flags |= ScriptletFlags(f)
		}
		s.defaultInterpreter()
		list = append(list, s)
	}
	for _, t := range triggerTable() {
		triggers, err := h.triggers(t)
		if err != nil {
			return nil, fmt.Errorf("reading the %ss of %s: %w", t.family, p.NEVRA(), err)
		}
		list = append(list, triggers...)
	}
	return list, nil
}

func (s *Scriptlet) defaultInterpreter() {
	if len(s.Interpreter) == 0 || s.Interpreter[0] == "" {
		s.Interpreter = []string{"/bin/sh"}
	}
}

func (h *Header) triggers(t triggerTags) ([]Scriptlet, error) {
	n, conds := h.Count(t.scripts), h.Count(t.names)
	if n == 0 && conds == 0 {
		return nil, nil
	}
	bodies, progs := h.Strings(t.scripts), h.Strings(t.progs)
	if len(progs) != n {
		return nil, fmt.Errorf("%d scripts have %d interpreters", n, len(progs))
	}
	flags, err := h.column(t.flags, n)
	if err != nil {
		return nil, err
	}
	priorities, err := h.column(t.priorities, n)
	if err != nil {
		return nil, err
	}
	list := make([]Scriptlet, n)
	for i := range list {
		s := &list[i]
		*s = Scriptlet{Body: strings.Clone(bodies[i]), Flags: ScriptletFlags(flags.at(i))}
		if progs[i] != "" {
			s.Interpreter = []string{strings.Clone(progs[i])}
		}
		s.defaultInterpreter()
		if t.priorities != 0 {
			s.Flags &^= ScriptletCritical
			s.Priority = defaultPriority
			if priorities.e != nil {
				s.Priority = uint32(priorities.at(i))
			}
		}
	}
	if err := h.conditions(t, list, conds); err != nil {
		return nil, err
	}
	return list, nil
}

// conditions gives each script the conditions that name it, and its kind.
func (h *Header) conditions(t triggerTags, list []Scriptlet, n int) error {
	names, err := h.textColumn(t.names, n)
	if err != nil {
		return err
	}
	versions, err := h.textColumn(t.versions, n)
	if err != nil {
		return err
	}
	senses, err := h.column(t.senses, n)
	if err != nil {
		return err
	}
	index, err := h.column(t.index, n)
	if err != nil {
		return err
	}
	for i := range n {
		if index.at(i) >= uint64(len(list)) {
			return fmt.Errorf("condition %d runs script %d of %d", i, index.at(i), len(list))
		}
		s := &list[index.at(i)]
		name, version, sense := names.next(), versions.next(), senses.at(i)
		kind := t.family + triggerSuffix(sense)
		if kind == t.family || s.Kind != "" && s.Kind != kind {
			return fmt.Errorf("condition %d does not say when its script runs", i)
		}
		if s.Kind = kind; kind == TriggerPreIn || kind == TriggerUn {
			s.Flags |= ScriptletCritical
		}
		if t.priorities != 0 {
			s.Paths = append(s.Paths, strings.Clone(name))
		} else {
			d := makeDep(name, version, sense)
			d.Pre = false
			s.Triggers = append(s.Triggers, d)
		}
	}
	for i := range list {
		if list[i].Kind == "" {
			return fmt.Errorf("script %d has no condition", i)
		}
	}
	return nil
}

func triggerSuffix(sense uint64) ScriptletKind {
	switch {
	case sense&senseTriggerPreIn != 0:
		return "prein"
	case sense&senseTriggerIn != 0:
		return "in"
	case sense&senseTriggerUn != 0:
		return "un"
	case sense&senseTriggerPostUn != 0:
		return "postun"
	}
	return ""
}

func cloneAll(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = strings.Clone(list[i])
	}
	return list
}
