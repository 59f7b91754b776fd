package rpmtest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// scriptletTags are body, interpreter and flags of the simple kinds.
func scriptletTags(k rpm.ScriptletKind) (body, prog, flags rpm.Tag) {
	switch k {
	case rpm.PreIn:
		return rpm.TagPreIn, rpm.TagPreInProg, rpm.TagPreInFlags
	case rpm.PostIn:
		return rpm.TagPostIn, rpm.TagPostInProg, rpm.TagPostInFlags
	case rpm.PreUn:
		return rpm.TagPreUn, rpm.TagPreUnProg, rpm.TagPreUnFlags
	case rpm.PostUn:
		return rpm.TagPostUn, rpm.TagPostUnProg, rpm.TagPostUnFlags
	case rpm.PreTrans:
		return rpm.TagPreTrans, rpm.TagPreTransProg, rpm.TagPreTransFlags
	case rpm.PostTrans:
		return rpm.TagPostTrans, rpm.TagPostTransProg, rpm.TagPostTransFlags
	case rpm.PreUnTrans:
		return rpm.TagPreUnTrans, rpm.TagPreUnTransProg, rpm.TagPreUnTransFlags
	case rpm.PostUnTrans:
		return rpm.TagPostUnTrans, rpm.TagPostUnTransProg, rpm.TagPostUnTransFlags
	case rpm.VerifyScript:
		return rpm.TagVerifyScript, rpm.TagVerifyScriptProg, rpm.TagVerifyScriptFlags
	}
	return 0, 0, 0
}

func (p Package) writeScriptlets(h header) error {
	var triggers, fileTriggers, transTriggers triggerColumns
	for _, s := range p.Scriptlets {
		if body, prog, flags := scriptletTags(s.Kind); body != 0 {
			if s.Body != "" {
				h.str(body, s.Body)
			}
			if len(s.Interpreter) > 1 {
				h.strs(prog, s.Interpreter)
			} else {
				h.str(prog, interpreter(s))
			}
			if s.Flags != 0 {
				h.u32s(flags, uint32(s.Flags))
			}
			continue
		}
		kind := string(s.Kind)
		switch {
		case strings.HasPrefix(kind, "transfiletrigger"):
			transTriggers.add(s, strings.TrimPrefix(kind, "transfiletrigger"))
		case strings.HasPrefix(kind, "filetrigger"):
			fileTriggers.add(s, strings.TrimPrefix(kind, "filetrigger"))
		case strings.HasPrefix(kind, "trigger"):
			triggers.add(s, strings.TrimPrefix(kind, "trigger"))
		default:
			return fmt.Errorf("unknown scriptlet kind %q", s.Kind)
		}
	}
	triggers.write(h, rpm.TagTriggerScripts, rpm.TagTriggerScriptProg, rpm.TagTriggerScriptFlags,
		rpm.TagTriggerName, rpm.TagTriggerVersion, rpm.TagTriggerFlags, rpm.TagTriggerIndex, 0)
	fileTriggers.write(h, rpm.TagFileTriggerScripts, rpm.TagFileTriggerScriptProg, rpm.TagFileTriggerScriptFlags,
		rpm.TagFileTriggerName, rpm.TagFileTriggerVersion, rpm.TagFileTriggerFlags, rpm.TagFileTriggerIndex, rpm.TagFileTriggerPriorities)
	transTriggers.write(h, rpm.TagTransFileTriggerScripts, rpm.TagTransFileTriggerScriptProg, rpm.TagTransFileTriggerScriptFlags,
		rpm.TagTransFileTriggerName, rpm.TagTransFileTriggerVersion, rpm.TagTransFileTriggerFlags, rpm.TagTransFileTriggerIndex, rpm.TagTransFileTriggerPriorities)
	return nil
}

// interpreter is the program of a scriptlet that has no arguments.
func interpreter(s rpm.Scriptlet) string {
	if len(s.Interpreter) > 0 {
		return s.Interpreter[0]
	}
	return "/bin/sh"
}

// triggerColumns are the parallel arrays of one family of triggers.
type triggerColumns struct {
	bodies, progs     []string
	flags, priorities []uint32
	conds             depColumns
	index             []uint32
}

func (c *triggerColumns) add(s rpm.Scriptlet, when string) {
	sense := map[string]uint32{"prein": senseTriggerPreIn, "in": senseTriggerIn, "un": senseTriggerUn, "postun": senseTriggerPostUn}[when]
	n := uint32(len(c.bodies))
	c.bodies = append(c.bodies, s.Body)
	c.progs = append(c.progs, interpreter(s))
	c.flags = append(c.flags, uint32(s.Flags))
	c.priorities = append(c.priorities, cmp.Or(s.Priority, 1000000))
	for _, d := range s.Triggers {
		c.conds.add(d, sense)
		c.index = append(c.index, n)
	}
	for _, path := range s.Paths {
		c.conds.add(rpm.Dep{Name: path}, sense)
		c.index = append(c.index, n)
	}
}

func (c *triggerColumns) write(h header, scripts, progs, flags, names, versions, senses, index, priorities rpm.Tag) {
	if len(c.bodies) == 0 {
		return
	}
	h.strs(scripts, c.bodies)
	h.strs(progs, c.progs)
	h.u32s(flags, c.flags...)
	c.conds.write(h, names, versions, senses)
	h.u32s(index, c.index...)
	if priorities != 0 {
		h.u32s(priorities, c.priorities...)
	}
}
