package rpmdb

import (
	"fmt"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Tags that rpm adds to the header of an installed package, and others that
// package rpm has no use for.
const (
	tagSigSize          rpm.Tag = 257
	tagSigPGP           rpm.Tag = 259
	tagSigMD5           rpm.Tag = 261
	tagSigGPG           rpm.Tag = 262
	tagSHA1Header       rpm.Tag = 269
	tagVeritySigs       rpm.Tag = 276
	tagVerityAlgo       rpm.Tag = 277
	tagInstallTime      rpm.Tag = 1008
	tagFileStates       rpm.Tag = 1029
	tagInstPrefixes     rpm.Tag = 1099
	tagInstallColor     rpm.Tag = 1127
	tagInstallTID       rpm.Tag = 1128
	tagFileSigLength    rpm.Tag = 5091
	sigFileSigLength    rpm.Tag = 275
	senseTransient              = 1<<5 | 1<<7 | 1<<9 | 1<<10 | 1<<24 | 1<<26 // needed while installing
	senseErasing                = 1<<11 | 1<<12
	senseMeta                   = 1 << 29
	pubkeyName                  = "gpg-pubkey" // a key in the form of a package
	groupOfNone                 = "Unknown"
	packagesSchema              = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)"
	indexTableSchema            = "CREATE TABLE '%s' (key '%s' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum))"
	indexByKeySchema            = "CREATE INDEX '%[1]s_key_idx' ON '%[1]s'(key ASC)"
	indexByNumberSchema         = "CREATE INDEX '%[1]s_hnum_idx' ON '%[1]s'(hnum ASC)"
)

// table is one of rpm's indexes: the values of a tag, with the packages that
// have them.
type table struct {
	name     string
	tag      rpm.Tag
	key      keyType
	byKey    bool // SQLite indexes of the table
	byNumber bool
	rich     bool    // names within rich dependencies count, too
	number   rpm.Tag // of a value, in place of its position
}

type keyType string

const (
	keyText keyType = "TEXT"
	keyBlob keyType = "BLOB"
)

// tables are those of rpm 4.16 and all later ones, in their order.
func tables() []table {
	return []table{
		{name: "Name", tag: rpm.TagName, key: keyText, byKey: true},
		{name: "Basenames", tag: rpm.TagBasenames, key: keyText, byKey: true, byNumber: true},
		{name: "Group", tag: rpm.TagGroup, key: keyText, byKey: true},
		{name: "Requirename", tag: rpm.TagRequireName, key: keyText, byKey: true, byNumber: true, rich: true},
		{name: "Providename", tag: rpm.TagProvideName, key: keyText, byKey: true, byNumber: true},
		{name: "Conflictname", tag: rpm.TagConflictName, key: keyText, byKey: true, byNumber: true, rich: true},
		{name: "Obsoletename", tag: rpm.TagObsoleteName, key: keyText, byKey: true, byNumber: true},
		{name: "Triggername", tag: rpm.TagTriggerName, key: keyText, byKey: true, byNumber: true},
		{name: "Dirnames", tag: rpm.TagDirNames, key: keyText, byKey: true, byNumber: true},
		{name: "Installtid", tag: tagInstallTID, key: keyBlob},
		{name: "Sigmd5", tag: tagSigMD5, key: keyBlob},
		{name: "Sha1header", tag: tagSHA1Header, key: keyText, byKey: true},
		{name: "Filetriggername", tag: rpm.TagFileTriggerName, key: keyText, byKey: true, byNumber: true, number: rpm.TagFileTriggerIndex},
		{name: "Transfiletriggername", tag: rpm.TagTransFileTriggerName, key: keyText, byKey: true, byNumber: true, number: rpm.TagTransFileTriggerIndex},
		{name: "Recommendname", tag: rpm.TagRecommendName, key: keyText, byKey: true, byNumber: true, rich: true},
		{name: "Suggestname", tag: rpm.TagSuggestName, key: keyText, byKey: true, byNumber: true, rich: true},
		{name: "Supplementname", tag: rpm.TagSupplementName, key: keyText, byKey: true, byNumber: true, rich: true},
		{name: "Enhancename", tag: rpm.TagEnhanceName, key: keyText, byKey: true, byNumber: true, rich: true},
	}
}

func (t *table) create() string { return fmt.Sprintf(indexTableSchema, t.name, t.key) }

// indexes returns the statements that make the SQLite indexes of the table.
func (t *table) indexes() []string {
	var list []string
	if t.byKey {
		list = append(list, fmt.Sprintf(indexByKeySchema, t.name))
	}
	if t.byNumber {
		list = append(list, fmt.Sprintf(indexByNumberSchema, t.name))
	}
	return list
}
