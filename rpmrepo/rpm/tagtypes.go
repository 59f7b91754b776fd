package rpm

import "fmt"

// tagClass is what kind of values a known tag must hold: readers rely on it.
type tagClass uint8

const (
	classText tagClass = iota
	classNumber
	classBinary
)

func (c tagClass) String() string {
	return [...]string{"strings", "numbers", "binary data"}[c]
}

func (c tagClass) holds(typ uint32) bool {
	switch c {
	case classText:
		return isText(typ)
	case classNumber:
		return isNumber(typ)
	}
	return typ == typeBinary
}

// checkTypes refuses a header whose tags hold other values than they must.
func (h *Header) checkTypes(want map[Tag]tagClass) error {
	for _, e := range h.index {
		if c, known := want[e.tag]; known && !c.holds(e.typ) {
			return fmt.Errorf("tag %s has type %d: it must hold %s", e.tag, e.typ, c)
		}
	}
	return nil
}

func signatureTagTypes() map[Tag]tagClass {
	return map[Tag]tagClass{
		SigDSA: classBinary, SigRSA: classBinary, SigPGP: classBinary, SigGPG: classBinary, SigPGP5: classBinary,
		SigMD5: classBinary, SigSHA1: classText, SigSHA256: classText, SigSHA3: classText, SigOpenPGP: classText,
		SigSize: classNumber, SigLongSize: classNumber, SigPayloadSize: classNumber, SigLongArchive: classNumber,
		SigFileSignatures: classText,
	}
}

func mainTagTypes() map[Tag]tagClass {
	m := make(map[Tag]tagClass, 120)
	for _, t := range []Tag{
		TagName, TagVersion, TagRelease, TagSummary, TagDescription, TagBuildHost, TagVendor, TagLicense, TagPackager,
		TagGroup, TagURL, TagOS, TagArch, TagPreIn, TagPostIn, TagPreUn, TagPostUn, TagOldFilenames, TagFileDigests,
		TagFileLinkTos, TagFileUserName, TagFileGroupName, TagSourceRPM, TagProvideName, TagRequireName, TagRequireVersion,
		TagConflictName, TagConflictVersion, TagRPMVersion, TagTriggerScripts, TagTriggerName, TagTriggerVersion,
		TagVerifyScript, TagPreInProg, TagPostInProg, TagPreUnProg, TagPostUnProg, TagObsoleteName, TagVerifyScriptProg,
		TagTriggerScriptProg, TagFileLangs, TagProvideVersion, TagObsoleteVersion, TagBasenames, TagDirNames,
		TagPayloadFormat, TagPayloadCompressor, TagPayloadFlags, TagPreTrans, TagPostTrans, TagPreTransProg,
		TagPostTransProg, TagFileCaps, TagRecommendName, TagRecommendVersion, TagSuggestName, TagSuggestVersion,
		TagSupplementName, TagSupplementVersion, TagEnhanceName, TagEnhanceVersion, TagEncoding, TagFileTriggerScripts,
		TagFileTriggerScriptProg, TagFileTriggerName, TagFileTriggerVersion, TagTransFileTriggerScripts,
		TagTransFileTriggerScriptProg, TagTransFileTriggerName, TagTransFileTriggerVersion, TagFileSignatures,
		TagPayloadDigest, TagPayloadDigestAlt, TagPreUnTrans, TagPostUnTrans, TagPreUnTransProg, TagPostUnTransProg,
		TagPayloadSHA512, TagPayloadSHA512Alt, TagPayloadSHA3, TagPayloadSHA3Alt,
	} {
		m[t] = classText
	}
	for _, t := range []Tag{
		TagEpoch, TagBuildTime, TagSize, TagFileSizes, TagFileModes, TagFileRDevs, TagFileMTimes, TagFileFlags,
		TagFileVerifyFlags, TagArchiveSize, TagRequireFlags, TagConflictFlags, TagTriggerFlags, TagTriggerIndex,
		TagFileDevices, TagFileInodes, TagProvideFlags, TagObsoleteFlags, TagDirIndexes, TagFileColors, TagLongFileSizes,
		TagLongSize, TagFileDigestAlgo, TagPreInFlags, TagPostInFlags, TagPreUnFlags, TagPostUnFlags, TagPreTransFlags,
		TagPostTransFlags, TagVerifyScriptFlags, TagTriggerScriptFlags, TagRecommendFlags, TagSuggestFlags,
		TagSupplementFlags, TagEnhanceFlags, TagFileTriggerScriptFlags, TagFileTriggerIndex, TagFileTriggerFlags,
		TagTransFileTriggerScriptFlags, TagTransFileTriggerIndex, TagTransFileTriggerFlags, TagFileTriggerPriorities,
		TagTransFileTriggerPriorities, TagPayloadDigestAlgo, TagPreUnTransFlags, TagPostUnTransFlags, TagPayloadSize,
		TagPayloadSizeAlt, TagRPMFormat,
	} {
		m[t] = classNumber
	}
	return m
}
