package compose

import (
	"errors"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
	"github.com/treewright/treewright/treefile"
)

// Options say what to compose, and how. Treefile and CacheDir are required;
// Repo too, but for a plan that is only looked at and for DownloadOnly.
type Options struct {
	Treefile *treefile.Treefile
	Repo     *archive.Repo
	// LayerRepo has the commits of ostree-layers; nil means that Repo has them.
	LayerRepo *archive.Repo
	// Remote says how the repository of a base is reached. Who is trusted is the
	// treefile's to say.
	Remote remote.Options
	// CacheDir keeps metadata, packages and unpacked contents for the next
	// compose. Several composes may share it.
	CacheDir string

	// Now judges keys and signatures; SourceDate becomes the commit's time,
	// which is Now when SourceDate is zero.
	Now        time.Time
	SourceDate time.Time
	// Tool names the program and its version in the commits of flatpaks.
	Tool string

	// Client fetches; nil makes one with its defaults.
	Client *fetch.Client
	// CacheOnly takes metadata and packages from the cache alone.
	CacheOnly bool
	// DownloadOnly ends when all packages are in the cache, unpacked.
	DownloadOnly bool
	// ForceNoCache makes a commit even if the input did not change.
	ForceNoCache bool

	// Lockfiles name lock files, of treewright or of rpm-ostree, that say which
	// builds of packages may be chosen. Of what several say of one name, the
	// last counts. LockPolicy says what becomes of names that they lack.
	Lockfiles  []string
	LockPolicy LockPolicy

	// Scriptlets says what to do about packages that have some.
	Scriptlets ScriptletPolicy
	// ScriptTimeout bounds each scriptlet and script; zero means the sandbox's
	// own limit.
	ScriptTimeout time.Duration
	// ScriptMaxDisk bounds how many bytes the scriptlets, and then the scripts,
	// write in all; zero means the sandbox's own limit.
	ScriptMaxDisk int64

	// DisableSELinux is "selinux: false" in the treefile.
	DisableSELinux bool

	// Strict names what is an error when the report has it: then nothing is
	// written to the repository.
	Strict Strictness

	// PreviousCommit is the revision to compare the input with; empty means
	// the tip of the treefile's ref.
	PreviousCommit string
	// PreviousInputHash and PreviousVersion are those of the previous commit, instead of what it
	// says itself; empty: what it says.
	PreviousInputHash string
	PreviousVersion   string
	// Parent is the revision that becomes the commit's parent; empty means
	// the tip of the ref. NoParent means none.
	Parent   string
	NoParent bool

	// MetadataStrings are KEY=VALUE, MetadataFiles the names of JSON files,
	// for the commit's metadata. The treefile's own come first, then files,
	// then strings; the last one wins.
	MetadataStrings []string
	MetadataFiles   []string

	// Signer, when set, signs the commit before it is visible.
	Signer sign.Signer

	// CommitIDFile gets the checksum of the new commit, 64 characters without
	// a line end; the ref is then left alone.
	CommitIDFile string
	// ComposeJSONFile gets what the new commit is, as JSON.
	ComposeJSONFile string
	// StampFile is touched when the input changed.
	StampFile string

	// Jobs bounds how many packages or files are worked on at once; zero
	// means one a CPU.
	Jobs     int
	Progress progress.Func
	// Warn hears of what a person should look at; nil drops it.
	Warn func(text string)
}

func (o *Options) check() error {
	switch {
	case o.Treefile == nil:
		return errors.New("composing: there is no treefile")
	case o.CacheDir == "":
		return errors.New("composing: there is no folder for the cache")
	case o.Now.IsZero():
		return errors.New("composing: the time is not set")
	}
	return nil
}

// sourceDate is the time that the inputs have.
func (o *Options) sourceDate() time.Time {
	if o.SourceDate.IsZero() {
		return o.Now
	}
	return o.SourceDate
}

func (o *Options) warn(text string) {
	if o.Warn != nil {
		o.Warn(text)
	}
}
