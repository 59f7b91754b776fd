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
func (h *Header) checkTypes(classOf func(Tag) (tagClass, bool)) error {
	for _, e := range h.index {
		if c, known := classOf(e.tag); known && !c.holds(e.typ) {
			return fmt.Errorf("tag %s has type %d: it must hold %s", e.tag, e.typ, c)
		}
	}
	return nil
}

// signatureTagClass says what a tag of the signature header must hold.
func signatureTagClass(t Tag) (tagClass, bool) {
	switch t {
	case SigDSA, SigRSA, SigPGP, SigGPG, SigPGP5, SigMD5:
		return classBinary, true
	case SigSHA1, SigSHA256, SigSHA3, SigOpenPGP, SigFileSignatures:
		return classText, true
	case SigSize, SigLongSize, SigPayloadSize, SigLongArchive:
		return classNumber, true
	}
	return 0, false
}

// mainTagClass says what a tag of the main header must hold.
func mainTagClass(t Tag) (tagClass, bool) {
	switch t {
	case TagName, TagVersion, TagRelease, TagSummary, TagDescription, TagBuildHost, TagVendor, TagLicense, TagPackager,
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
		TagPayloadSHA512, TagPayloadSHA512Alt, TagPayloadSHA3, TagPayloadSHA3Alt:
		return classText, true
	case TagEpoch, TagBuildTime, TagSize, TagFileSizes, TagFileModes, TagFileRDevs, TagFileMTimes, TagFileFlags,
		TagFileVerifyFlags, TagArchiveSize, TagRequireFlags, TagConflictFlags, TagTriggerFlags, TagTriggerIndex,
		TagFileDevices, TagFileInodes, TagProvideFlags, TagObsoleteFlags, TagDirIndexes, TagFileColors, TagLongFileSizes,
		TagLongSize, TagFileDigestAlgo, TagPreInFlags, TagPostInFlags, TagPreUnFlags, TagPostUnFlags, TagPreTransFlags,
		TagPostTransFlags, TagVerifyScriptFlags, TagTriggerScriptFlags, TagRecommendFlags, TagSuggestFlags,
		TagSupplementFlags, TagEnhanceFlags, TagFileTriggerScriptFlags, TagFileTriggerIndex, TagFileTriggerFlags,
		TagTransFileTriggerScriptFlags, TagTransFileTriggerIndex, TagTransFileTriggerFlags, TagFileTriggerPriorities,
		TagTransFileTriggerPriorities, TagPayloadDigestAlgo, TagPreUnTransFlags, TagPostUnTransFlags, TagPayloadSize,
		TagPayloadSizeAlt, TagRPMFormat:
		return classNumber, true
	}
	return 0, false
}
