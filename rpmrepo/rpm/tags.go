package rpm

import "strconv"

// Tag names an entry of a header. The numbers are rpm's own.
type Tag uint32

// Tags of the signature header. Its numbers above 999 mean something else in
// the main header.
const (
	tagHeaderImage      Tag = 61
	tagHeaderSignatures Tag = 62
	tagHeaderImmutable  Tag = 63
	tagI18NTable        Tag = 100

	SigDSA            Tag = 267 // OpenPGP, over the header
	SigRSA            Tag = 268 // OpenPGP, over the header; EdDSA and ECDSA too
	SigSHA1           Tag = 269 // of the header
	SigLongSize       Tag = 270
	SigLongArchive    Tag = 271
	SigSHA256         Tag = 273 // of the header
	SigFileSignatures Tag = 274 // IMA signatures, one a file
	SigOpenPGP        Tag = 278 // rpm 6: base64 signatures over the header
	SigSHA3           Tag = 279 // rpm 6: SHA3-256 of the header
	SigReserved       Tag = 999
	SigSize           Tag = 1000 // bytes of header and payload
	SigPGP            Tag = 1002 // OpenPGP RSA, over header and payload
	SigMD5            Tag = 1004 // of header and payload
	SigGPG            Tag = 1005 // OpenPGP DSA, over header and payload
	SigPGP5           Tag = 1006
	SigPayloadSize    Tag = 1007 // bytes of the uncompressed payload
)

// Tags of the main header.
const (
	TagName              Tag = 1000
	TagVersion           Tag = 1001
	TagRelease           Tag = 1002
	TagEpoch             Tag = 1003
	TagSummary           Tag = 1004
	TagDescription       Tag = 1005
	TagBuildTime         Tag = 1006
	TagBuildHost         Tag = 1007
	TagSize              Tag = 1009
	TagVendor            Tag = 1011
	TagLicense           Tag = 1014
	TagPackager          Tag = 1015
	TagGroup             Tag = 1016
	TagURL               Tag = 1020
	TagOS                Tag = 1021
	TagArch              Tag = 1022
	TagPreIn             Tag = 1023
	TagPostIn            Tag = 1024
	TagPreUn             Tag = 1025
	TagPostUn            Tag = 1026
	TagOldFilenames      Tag = 1027
	TagFileSizes         Tag = 1028
	TagFileModes         Tag = 1030
	TagFileRDevs         Tag = 1033
	TagFileMTimes        Tag = 1034
	TagFileDigests       Tag = 1035
	TagFileLinkTos       Tag = 1036
	TagFileFlags         Tag = 1037
	TagFileUserName      Tag = 1039
	TagFileGroupName     Tag = 1040
	TagSourceRPM         Tag = 1044
	TagFileVerifyFlags   Tag = 1045
	TagArchiveSize       Tag = 1046
	TagProvideName       Tag = 1047
	TagRequireFlags      Tag = 1048
	TagRequireName       Tag = 1049
	TagRequireVersion    Tag = 1050
	TagConflictFlags     Tag = 1053
	TagConflictName      Tag = 1054
	TagConflictVersion   Tag = 1055
	TagRPMVersion        Tag = 1064
	TagTriggerScripts    Tag = 1065
	TagTriggerName       Tag = 1066
	TagTriggerVersion    Tag = 1067
	TagTriggerFlags      Tag = 1068
	TagTriggerIndex      Tag = 1069
	TagVerifyScript      Tag = 1079
	TagPreInProg         Tag = 1085
	TagPostInProg        Tag = 1086
	TagPreUnProg         Tag = 1087
	TagPostUnProg        Tag = 1088
	TagObsoleteName      Tag = 1090
	TagVerifyScriptProg  Tag = 1091
	TagTriggerScriptProg Tag = 1092
	TagFileDevices       Tag = 1095
	TagFileInodes        Tag = 1096
	TagFileLangs         Tag = 1097
	TagPrefixes          Tag = 1098
	TagSourcePackage     Tag = 1106
	TagProvideFlags      Tag = 1112
	TagProvideVersion    Tag = 1113
	TagObsoleteFlags     Tag = 1114
	TagObsoleteVersion   Tag = 1115
	TagDirIndexes        Tag = 1116
	TagBasenames         Tag = 1117
	TagDirNames          Tag = 1118
	TagPayloadFormat     Tag = 1124
	TagPayloadCompressor Tag = 1125
	TagPayloadFlags      Tag = 1126
	TagFileColors        Tag = 1140
	TagPreTrans          Tag = 1151
	TagPostTrans         Tag = 1152
	TagPreTransProg      Tag = 1153
	TagPostTransProg     Tag = 1154

	TagLongFileSizes               Tag = 5008
	TagLongSize                    Tag = 5009
	TagFileCaps                    Tag = 5010
	TagFileDigestAlgo              Tag = 5011
	TagPreInFlags                  Tag = 5020
	TagPostInFlags                 Tag = 5021
	TagPreUnFlags                  Tag = 5022
	TagPostUnFlags                 Tag = 5023
	TagPreTransFlags               Tag = 5024
	TagPostTransFlags              Tag = 5025
	TagVerifyScriptFlags           Tag = 5026
	TagTriggerScriptFlags          Tag = 5027
	TagRecommendName               Tag = 5046
	TagRecommendVersion            Tag = 5047
	TagRecommendFlags              Tag = 5048
	TagSuggestName                 Tag = 5049
	TagSuggestVersion              Tag = 5050
	TagSuggestFlags                Tag = 5051
	TagSupplementName              Tag = 5052
	TagSupplementVersion           Tag = 5053
	TagSupplementFlags             Tag = 5054
	TagEnhanceName                 Tag = 5055
	TagEnhanceVersion              Tag = 5056
	TagEnhanceFlags                Tag = 5057
	TagEncoding                    Tag = 5062
	TagFileTriggerScripts          Tag = 5066
	TagFileTriggerScriptProg       Tag = 5067
	TagFileTriggerScriptFlags      Tag = 5068
	TagFileTriggerName             Tag = 5069
	TagFileTriggerIndex            Tag = 5070
	TagFileTriggerVersion          Tag = 5071
	TagFileTriggerFlags            Tag = 5072
	TagTransFileTriggerScripts     Tag = 5076
	TagTransFileTriggerScriptProg  Tag = 5077
	TagTransFileTriggerScriptFlags Tag = 5078
	TagTransFileTriggerName        Tag = 5079
	TagTransFileTriggerIndex       Tag = 5080
	TagTransFileTriggerVersion     Tag = 5081
	TagTransFileTriggerFlags       Tag = 5082
	TagFileTriggerPriorities       Tag = 5084
	TagTransFileTriggerPriorities  Tag = 5085
	TagFileSignatures              Tag = 5090
	TagPayloadDigest               Tag = 5092
	TagPayloadDigestAlgo           Tag = 5093
	TagModularityLabel             Tag = 5096
	TagPayloadDigestAlt            Tag = 5097 // of the uncompressed payload
	TagPreUnTrans                  Tag = 5103
	TagPostUnTrans                 Tag = 5104
	TagPreUnTransProg              Tag = 5105
	TagPostUnTransProg             Tag = 5106
	TagPreUnTransFlags             Tag = 5107
	TagPostUnTransFlags            Tag = 5108
	TagPayloadSize                 Tag = 5112
	TagPayloadSizeAlt              Tag = 5113
	TagRPMFormat                   Tag = 5114
	TagPayloadSHA512               Tag = 5121
	TagPayloadSHA512Alt            Tag = 5122
	TagPayloadSHA3                 Tag = 5123
	TagPayloadSHA3Alt              Tag = 5124
)

// String is the tag's number: what rpm's documentation lists.
func (t Tag) String() string { return strconv.FormatUint(uint64(t), 10) }
