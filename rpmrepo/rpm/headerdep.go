package rpm

import (
	"fmt"
	"slices"
	"strings"
)

// Bits of a dependency's flags in a header.
const (
	senseLess      = 1 << 1
	senseGreater   = 1 << 2
	senseEqual     = 1 << 3
	sensePrereq    = 1 << 6
	sensePre       = 1 << 9
	sensePost      = 1 << 10
	senseRPMLib    = 1 << 24
	senseTriggerIn = 1 << 16
	senseTriggerUn = 1 << 17

	senseTriggerPostUn = 1 << 18
	senseTriggerPreIn  = 1 << 25
)

// depList is one kind of dependency: where it goes and the tags that hold it.
type depList struct {
	list                 *[]Dep
	name, version, flags Tag
}

func (p *Package) depLists(m *Metadata) []depList {
	return []depList{
		{&m.Requires, TagRequireName, TagRequireVersion, TagRequireFlags},
		{&m.Provides, TagProvideName, TagProvideVersion, TagProvideFlags},
		{&m.Conflicts, TagConflictName, TagConflictVersion, TagConflictFlags},
		{&m.Obsoletes, TagObsoleteName, TagObsoleteVersion, TagObsoleteFlags},
		{&m.Recommends, TagRecommendName, TagRecommendVersion, TagRecommendFlags},
		{&m.Suggests, TagSuggestName, TagSuggestVersion, TagSuggestFlags},
		{&m.Supplements, TagSupplementName, TagSupplementVersion, TagSupplementFlags},
		{&m.Enhances, TagEnhanceName, TagEnhanceVersion, TagEnhanceFlags},
	}
}

// deps reads the three parallel arrays of one kind of dependency. Requirements
// on features of rpm itself are left out, as repositories do: see Features.
func (h *Header) deps(name, version, flags Tag) ([]Dep, error) {
	n := h.Count(name)
	if n == 0 {
		return nil, nil
	}
	names, err := h.textColumn(name, n)
	if err != nil {
		return nil, err
	}
	versions, err := h.textColumn(version, n)
	if err != nil {
		return nil, err
	}
	senses, err := h.column(flags, n)
	if err != nil {
		return nil, err
	}
	list := make([]Dep, 0, n)
	for i := range n {
		name, evr, sense := names.next(), versions.next(), senses.at(i)
		if sense&senseRPMLib != 0 || strings.HasPrefix(name, "rpmlib(") {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("dependency %d of tag %s has no name", i, flags)
		}
		list = append(list, makeDep(name, evr, sense))
	}
	return slices.Clip(list), nil
}

func makeDep(name, evr string, sense uint64) Dep {
	d := Dep{Name: strings.Clone(name), Pre: sense&(sensePrereq|sensePre|sensePost) != 0}
	if evr != "" && !startsWith(name, '(') {
		d.Flags = senseFlags(sense)
	}
	if d.Flags != 0 {
		d.EVR = strings.Clone(evr)
	}
	return d
}

func senseFlags(sense uint64) Flags {
	var f Flags
	if sense&senseLess != 0 {
		f |= LT
	}
	if sense&senseGreater != 0 {
		f |= GT
	}
	if sense&senseEqual != 0 {
		f |= EQ
	}
	return f
}

// Features returns the rpmlib() requirements: what the package needs from
// whoever installs it.
func (p *Package) Features() []string {
	var list []string
	for _, name := range p.Header.Strings(TagRequireName) {
		if f, ok := strings.CutPrefix(name, "rpmlib("); ok {
			list = append(list, strings.TrimSuffix(f, ")"))
		}
	}
	return list
}

// UnknownFeatures returns those of Features that this package cannot honour: a
// package that has any must not be installed.
func (p *Package) UnknownFeatures() []string {
	return slices.DeleteFunc(p.Features(), func(f string) bool {
		switch f {
		case "VersionedDependencies", "CompressedFileNames", "PayloadFilesHavePrefix", "ExplicitPackageProvide",
			"PayloadIsBzip2", "PayloadIsLzma", "PayloadIsXz", "PayloadIsZstd", "HeaderLoadSortsTags",
			"PartialHardlinkSets", "ConcurrentAccess", "BuiltinLuaScripts", "FileDigests", "FileCaps",
			"ScriptletInterpreterArgs", "ScriptletExpansion", "TildeInVersions", "CaretInVersions", "LargeFiles",
			"RichDependencies", "DynamicBuildRequires", "X-CheckUnifiedSystemdir", "X-CheckUnifiedBindir", "X-CheckMultiArchLibdir":
			return true
		}
		return false
	})
}
