package scriptlet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// queryTags are the tags of a query format that are one of the header.
func queryTags() map[string]rpm.Tag {
	return map[string]rpm.Tag{
		"NAME": rpm.TagName, "VERSION": rpm.TagVersion, "RELEASE": rpm.TagRelease, "EPOCH": rpm.TagEpoch,
		"SUMMARY": rpm.TagSummary, "DESCRIPTION": rpm.TagDescription, "BUILDTIME": rpm.TagBuildTime,
		"BUILDHOST": rpm.TagBuildHost, "SIZE": rpm.TagSize, "LONGSIZE": rpm.TagLongSize, "VENDOR": rpm.TagVendor,
		"LICENSE": rpm.TagLicense, "PACKAGER": rpm.TagPackager, "GROUP": rpm.TagGroup, "URL": rpm.TagURL,
		"OS": rpm.TagOS, "ARCH": rpm.TagArch, "SOURCERPM": rpm.TagSourceRPM, "RPMVERSION": rpm.TagRPMVersion,
		"PREFIXES": rpm.TagPrefixes, "INSTPREFIXES": rpm.TagPrefixes, "ENCODING": rpm.TagEncoding,
		"REQUIRENAME": rpm.TagRequireName, "REQUIREVERSION": rpm.TagRequireVersion, "REQUIREFLAGS": rpm.TagRequireFlags,
		"PROVIDENAME": rpm.TagProvideName, "PROVIDES": rpm.TagProvideName, "PROVIDEVERSION": rpm.TagProvideVersion,
		"PROVIDEFLAGS": rpm.TagProvideFlags, "REQUIRES": rpm.TagRequireName,
		"CONFLICTNAME": rpm.TagConflictName, "CONFLICTVERSION": rpm.TagConflictVersion, "CONFLICTFLAGS": rpm.TagConflictFlags,
		"OBSOLETENAME": rpm.TagObsoleteName, "OBSOLETEVERSION": rpm.TagObsoleteVersion, "OBSOLETEFLAGS": rpm.TagObsoleteFlags,
		"BASENAMES": rpm.TagBasenames, "DIRNAMES": rpm.TagDirNames, "DIRINDEXES": rpm.TagDirIndexes,
		"FILESIZES": rpm.TagFileSizes, "FILEMODES": rpm.TagFileModes, "FILEMTIMES": rpm.TagFileMTimes,
		"FILELINKTOS": rpm.TagFileLinkTos, "FILEFLAGS": rpm.TagFileFlags, "FILEUSERNAME": rpm.TagFileUserName,
		"FILEGROUPNAME": rpm.TagFileGroupName, "FILEDIGESTS": rpm.TagFileDigests, "FILELANGS": rpm.TagFileLangs,
		"PAYLOADFORMAT": rpm.TagPayloadFormat, "PAYLOADCOMPRESSOR": rpm.TagPayloadCompressor,
		"TRIGGERNAME": rpm.TagTriggerName, "TRIGGERVERSION": rpm.TagTriggerVersion, "MODULARITYLABEL": rpm.TagModularityLabel,
	}
}

// tagName checks the name of a tag and returns it as it is compared.
func tagName(name string) (string, error) {
	upper := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "RPMTAG_")
	if _, ok := queryTags()[upper]; ok {
		return upper, nil
	}
	switch upper {
	case "NVR", "NVRA", "NEVR", "NEVRA", "EVR", "EPOCHNUM", "FILENAMES", "INSTFILENAMES":
		return upper, nil
	}
	return "", fmt.Errorf("the tag %q of the query format is not one that can be filled in", name)
}

// A queryValue is one value of a tag.
type queryValue struct {
	text   string
	number uint64
	isText bool
}

func (v queryValue) String() string {
	if v.isText {
		return v.text
	}
	return strconv.FormatUint(v.number, 10)
}

// values returns what the header has for a tag; nothing when it has none.
func (w *queryWriter) values(name string) (list []queryValue, err error) {
	text := func(s string) []queryValue { return []queryValue{{text: s, isText: true}} }
	h := w.h
	version := h.String(rpm.TagVersion) + "-" + h.String(rpm.TagRelease)
	epoch := ""
	if e, ok := h.Uint64(rpm.TagEpoch); ok {
		epoch = strconv.FormatUint(e, 10) + ":"
	}
	nameDash, dotArch := h.String(rpm.TagName)+"-", "."+h.String(rpm.TagArch)
	switch name {
	case "NVR":
		return text(nameDash + version), nil
	case "NVRA":
		return text(nameDash + version + dotArch), nil
	case "NEVR":
		return text(nameDash + epoch + version), nil
	case "NEVRA":
		return text(nameDash + epoch + version + dotArch), nil
	case "EVR":
		return text(epoch + version), nil
	case "EPOCHNUM":
		e, _ := h.Uint64(rpm.TagEpoch)
		return []queryValue{{number: e}}, nil
	case "FILENAMES", "INSTFILENAMES":
		return fileNames(h), nil
	}
	tag := w.tags[name]
	for _, s := range h.Strings(tag) {
		list = append(list, queryValue{text: s, isText: true})
		if h.Count(tag) > 1 && isTranslated(tag) {
			break
		}
	}
	if list != nil {
		return list, nil
	}
	for _, n := range h.Uint32s(tag) {
		list = append(list, queryValue{number: uint64(n)})
	}
	if list == nil {
		if n, ok := h.Uint64(tag); ok {
			list = []queryValue{{number: n}}
		}
	}
	return list, nil
}

// isTranslated tells whether the strings of a tag are translations of one.
func isTranslated(tag rpm.Tag) bool {
	return tag == rpm.TagSummary || tag == rpm.TagDescription || tag == rpm.TagGroup
}

func fileNames(h *rpm.Header) (list []queryValue) {
	dirs, index := h.Strings(rpm.TagDirNames), h.Uint32s(rpm.TagDirIndexes)
	for i, base := range h.Strings(rpm.TagBasenames) {
		if i < len(index) && int64(index[i]) < int64(len(dirs)) {
			list = append(list, queryValue{text: dirs[index[i]] + base, isText: true})
		}
	}
	return list
}

// formatValue writes one value in the form that follows the colon.
func formatValue(list []queryValue, i int, format string) (string, error) {
	v := list[i]
	switch format {
	case "string":
		return v.String(), nil
	case "arraysize":
		return strconv.Itoa(len(list)), nil
	case "shescape":
		if v.isText {
			return "'" + strings.ReplaceAll(v.text, "'", `'\''`) + "'", nil
		}
		return v.String(), nil
	}
	if v.isText {
		return "(not a number)", nil
	}
	switch format {
	case "octal":
		return strconv.FormatUint(v.number, 8), nil
	case "hex":
		return strconv.FormatUint(v.number, 16), nil
	case "depflags":
		return depFlags(uint32(v.number)), nil
	}
	return "", fmt.Errorf("the format %q of the query format is not one that can be filled in", format)
}

func depFlags(sense uint32) (s string) {
	for _, b := range [...]struct {
		bit  uint32
		text string
	}{{senseLess, "<"}, {senseGreater, ">"}, {senseEqual, "="}} {
		if sense&b.bit != 0 {
			s += b.text
		}
	}
	return s
}
