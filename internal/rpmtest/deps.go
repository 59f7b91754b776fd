package rpmtest

import (
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Bits of a dependency's flags.
const (
	senseLess          = 1 << 1
	senseGreater       = 1 << 2
	senseEqual         = 1 << 3
	sensePre           = 1 << 9
	senseTriggerIn     = 1 << 16
	senseTriggerUn     = 1 << 17
	senseTriggerPostUn = 1 << 18
	senseRPMLib        = 1 << 24
	senseTriggerPreIn  = 1 << 25
)

// depColumns are the parallel arrays of one kind of dependency.
type depColumns struct {
	names, versions []string
	flags           []uint32
}

func (c *depColumns) add(d rpm.Dep, extra uint32) {
	flags := extra
	if d.Flags&rpm.LT != 0 {
		flags |= senseLess
	}
	if d.Flags&rpm.GT != 0 {
		flags |= senseGreater
	}
	if d.Flags&rpm.EQ != 0 {
		flags |= senseEqual
	}
	c.names, c.versions, c.flags = append(c.names, d.Name), append(c.versions, d.EVR), append(c.flags, flags)
}

func (c *depColumns) parse(list []string, extra uint32) error {
	for _, s := range list {
		d, err := rpm.ParseDep(s)
		if err != nil {
			return err
		}
		c.add(d, extra)
	}
	return nil
}

func (c *depColumns) write(h header, name, version, flags rpm.Tag) {
	h.strs(name, c.names)
	h.strs(version, c.versions)
	h.u32s(flags, c.flags...)
}

func (p Package) writeDeps(h header) error {
	var requires, provides depColumns
	if err := requires.parse(p.PreRequires, sensePre); err != nil {
		return err
	}
	if err := requires.parse(p.Requires, 0); err != nil {
		return err
	}
	for _, f := range p.features() {
		requires.add(f, senseRPMLib)
	}
	if err := provides.parse(p.Provides, 0); err != nil {
		return err
	}
	if !p.source() {
		provides.add(rpm.Dep{Name: p.Name, Flags: rpm.EQ, EVR: p.NEVRA().EVR.String()}, 0)
		provides.write(h, rpm.TagProvideName, rpm.TagProvideVersion, rpm.TagProvideFlags)
	}
	requires.write(h, rpm.TagRequireName, rpm.TagRequireVersion, rpm.TagRequireFlags)
	for _, k := range []struct {
		list                 []string
		name, version, flags rpm.Tag
	}{
		{p.Conflicts, rpm.TagConflictName, rpm.TagConflictVersion, rpm.TagConflictFlags},
		{p.Obsoletes, rpm.TagObsoleteName, rpm.TagObsoleteVersion, rpm.TagObsoleteFlags},
		{p.Recommends, rpm.TagRecommendName, rpm.TagRecommendVersion, rpm.TagRecommendFlags},
		{p.Suggests, rpm.TagSuggestName, rpm.TagSuggestVersion, rpm.TagSuggestFlags},
		{p.Supplements, rpm.TagSupplementName, rpm.TagSupplementVersion, rpm.TagSupplementFlags},
		{p.Enhances, rpm.TagEnhanceName, rpm.TagEnhanceVersion, rpm.TagEnhanceFlags},
	} {
		var c depColumns
		if err := c.parse(k.list, 0); err != nil {
			return err
		}
		c.write(h, k.name, k.version, k.flags)
	}
	return nil
}

// features returns the rpmlib() requirements that a real build would add.
func (p Package) features() []rpm.Dep {
	var list []rpm.Dep
	add := func(name, version string) {
		list = append(list, rpm.Dep{Name: "rpmlib(" + name + ")", Flags: rpm.LT | rpm.EQ, EVR: version + "-1"})
	}
	add("CompressedFileNames", "3.0.4")
	add("PayloadFilesHavePrefix", "4.0")
	if p.FileDigest != rpm.MD5 {
		add("FileDigests", "4.6.0")
	}
	switch p.Compression {
	case "xz":
		add("PayloadIsXz", "5.2")
	case "zstd":
		add("PayloadIsZstd", "5.4.18")
	case "lzma":
		add("PayloadIsLzma", "4.4.6")
	}
	if p.stripped() {
		add("LargeFiles", "4.12.0")
	}
	for _, f := range p.Files {
		if f.Caps != "" {
			add("FileCaps", "4.6.1")
			break
		}
	}
	for _, d := range slices.Concat(p.Requires, p.Conflicts, p.Recommends, p.Suggests, p.Supplements, p.Enhances) {
		if strings.HasPrefix(d, "(") {
			add("RichDependencies", "4.12.0")
			break
		}
	}
	return list
}
