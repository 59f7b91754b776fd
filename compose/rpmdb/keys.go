package rpmdb

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// row is one of an index table, without the package's number.
type row struct {
	key   any // string or []byte
	index uint32
}

// rows returns what a package adds to an index table, by rpm's rules.
func (t *table) rows(h *rpm.Header, bigEndian bool) ([]row, error) {
	if t.key == keyBlob {
		return t.blobRow(h, bigEndian), nil
	}
	names := h.Strings(t.tag)
	switch t.tag {
	case rpm.TagGroup:
		if names == nil {
			names = []string{groupOfNone}
		}
		names = names[:1] // the others are translations
	case rpm.TagName, tagSHA1Header:
		names = names[:min(1, len(names))]
	}
	numbers, err := t.numbers(h, len(names))
	if err != nil {
		return nil, err
	}
	list := make([]row, 0, len(names))
	skip := t.skipped(h, names)
	for i, name := range names {
		if skip != nil && skip(i) {
			continue
		}
		n := uint32(i)
		if numbers != nil {
			n = numbers[i]
		}
		list = append(list, row{name, n})
		if t.rich && strings.HasPrefix(name, "(") {
			for _, part := range richNames(name) {
				list = append(list, row{part, n})
			}
		}
	}
	return list, nil
}

// blobRow is the row of a table whose tag has one value that is no text.
func (t *table) blobRow(h *rpm.Header, bigEndian bool) []row {
	v, ok := h.Value(t.tag)
	if !ok {
		return nil
	}
	key := v.Data
	if t.tag == tagInstallTID {
		if len(key) < 4 {
			return nil
		}
		key = slices.Clone(key[:4])
		if !bigEndian {
			binary.LittleEndian.PutUint32(key, binary.BigEndian.Uint32(key))
		}
	}
	return []row{{key, 0}}
}

// numbers are those of the tag that replace the positions of n names.
func (t *table) numbers(h *rpm.Header, n int) ([]uint32, error) {
	if t.number == 0 || n == 0 {
		return nil, nil
	}
	list := h.Uint32s(t.number)
	if len(list) != n {
		return nil, fmt.Errorf("tag %s has %d values, not %d", t.number, len(list), n)
	}
	return list, nil
}

// skipped returns which of the names rpm leaves out of an index, or nil.
func (t *table) skipped(h *rpm.Header, names []string) func(i int) bool {
	switch t.tag {
	case rpm.TagRequireName: // what was needed to install, but is not any more
		flags := h.Uint32s(rpm.TagRequireFlags)
		return func(i int) bool {
			return i < len(flags) && flags[i]&senseTransient != 0 && flags[i]&(senseErasing|senseMeta) == 0
		}
	case rpm.TagTriggerName: // each name once
		seen := map[string]struct{}{}
		return func(i int) bool {
			_, again := seen[names[i]]
			seen[names[i]] = struct{}{}
			return again
		}
	}
	return nil
}

// richNames returns the names within a rich dependency, sorted, each once: a
// name that must be absent for the dependency to matter starts with "!".
func richNames(text string) []string {
	r, err := rpm.ParseRich(text)
	if err != nil {
		return nil // rpm indexes such a name alone
	}
	names := appendNames(nil, r, signPlain)
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, string(signPlain))
	}
	return names
}

// sign sorts plain names before negated ones.
type sign byte

const (
	signPlain   sign = ' '
	signNegated sign = '!'
)

func (s sign) not() sign { return signPlain ^ signNegated ^ s }

func appendNames(list []string, r *rpm.Rich, s sign) []string {
	switch r.Op {
	case rpm.RichDep:
		if strings.HasPrefix(r.Dep.Name, "rpmlib(") && r.Dep.Name != "rpmlib(" {
			return list
		}
		return append(list, string(s)+r.Dep.Name)
	case rpm.RichIf, rpm.RichUnless:
		list = appendNames(list, r.Args[0], s)
		list = appendNames(list, r.Args[1], s.not())
		if len(r.Args) > 2 { // the condition decides in both directions
			list = appendNames(list, r.Args[1], s)
			list = appendNames(list, r.Args[2], s)
		}
		return list
	}
	for _, a := range r.Args {
		list = appendNames(list, a, s)
	}
	return list
}
