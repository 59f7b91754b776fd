package treefile

import "io/fs"

// A Treefile is one treefile with everything it includes merged, variables
// substituted and every key checked. Fields hold the key's default when no
// file sets the key; Keys tells which were set, and where.
type Treefile struct {
	Path  string   // as given to Load
	Dir   string   // folder of Path: its .repo files are those of the compose
	Arch  string   // basearch, such as x86_64
	Files []string // every treefile read, in the order of reading

	Edition   string // 2014 or 2024
	Ref       string // branch to write; empty: none
	Metadata  map[string]any
	Variables map[string]Value
	Flatpak   *Flatpak // nil: an OS tree
	Rojig     *Rojig

	// Packages and where they come from.
	ReleaseVer      string // empty: unset
	RepoVars        map[string]string
	Repos           []string // empty: every enabled repository
	LockfileRepos   []string
	Packages        []string // sorted set of specs, one each: "bash", "podman >= 4.1", "/usr/bin/x"
	RepoPackages    []RepoPackages
	ExcludePackages []string
	PlatformModule  string
	Recommends      bool
	Documentation   bool
	InstallLangs    []string
	Base            *Base // nil: the tree is made of packages alone
	OSTreeLayers    []string
	OverrideLayers  []string // ostree-override-layers

	// Kernel and initramfs.
	InitramfsArgs []string // nil: unset, which is not the same as empty
	NoInitramfs   bool
	BootLocation  BootLocation

	// Layout of the tree.
	Container           bool
	SELinux             bool
	SELinuxLabelVersion int // 0 or 1
	IMA                 bool
	IgnoreDevices       bool
	TmpIsDir            bool
	OptUsrLocal         OptUsrLocal
	ReadonlyExecutables bool
	MachineIDCompat     bool
	Units               []string
	DefaultTarget       string
	CliWrap             bool
	CliWrapBinaries     []string
	RPMDB               RPMDB
	RPMDBNormalize      bool

	// Users and groups.
	Sysusers            Sysusers
	EtcGroupMembers     []string
	PreservePasswd      bool
	CheckPasswd         Check
	CheckGroups         Check
	IgnoreRemovedUsers  []string // sorted set; "*" stands for all
	IgnoreRemovedGroups []string

	// Changes to the content.
	PostprocessScript  *ExternalFile // nil: none
	Postprocess        []Script
	AddFiles           []AddFile
	RemoveFiles        []string // relative, clean
	RemoveFromPackages []RemoveFromPackage

	// The commit.
	GPGKey                 string
	AutomaticVersionPrefix string
	AutomaticVersionSuffix string // one ASCII character
	MutateOSRelease        string
	AddCommitMetadata      map[string]any
	ContainerCmd           []string
	RepoMetadata           MetadataTarget
	AdvisoriesMetadata     MetadataTarget

	// FinalizeD lists executable files of finalize.d folders beside the
	// treefiles, sorted by name. Keys names them as the key "finalize.d".
	FinalizeD []ExternalFile

	layer *layer
}

// A Position is a line of a file. Line is zero when only the file is known,
// File is empty for what the command line set.
type Position struct {
	File string
	Line int
}

// A Warning is something that a person should look at but that stops nothing.
type Warning struct {
	Position
	Key  string
	Text string
}

// RepoPackages are specs that must come from one repository.
type RepoPackages struct {
	Repo     string   `json:"repo"`
	Packages []string `json:"packages"` // sorted set
}

// Rojig is kept for the files that have it; nothing reads it.
type Rojig struct {
	Name        string  `json:"name"`
	Summary     string  `json:"summary"`
	License     string  `json:"license"`
	Description *string `json:"description"`
}

// An ExternalFile is a file that a treefile names.
type ExternalFile struct {
	Name string      // as written
	Path string      // resolved against the folder of the file that names it
	Mode fs.FileMode // permissions, setuid, setgid and sticky bits
	Position
}

// A Script is an inline postprocess script.
type Script struct {
	Body string
	Position
}

// An AddFile copies a file into the tree, with its mode unless the treefile
// says another.
type AddFile struct {
	ExternalFile
	Dest        string // clean and relative, such as usr/share/x or etc/x
	User, Group string // names or numbers; empty: root
	dest, mode  string // as written
}

// A RemoveFromPackage drops paths that match a pattern from one package.
type RemoveFromPackage struct {
	Package  string
	Patterns []string
	Position
}

// BootLocation says where the kernel lies in the tree.
type BootLocation string

// The values of boot-location.
const (
	BootNew           BootLocation = "new"
	BootModules       BootLocation = "modules"
	BootKernelInstall BootLocation = "kernel-install"
)

// OptUsrLocal says what /opt and /usr/local are.
type OptUsrLocal string

// The values of opt-usrlocal.
const (
	OptVar          OptUsrLocal = "var"
	OptRoot         OptUsrLocal = "root"
	OptStateOverlay OptUsrLocal = "state-overlay"
)

// RPMDB says who writes the package database. The names of backends mean
// RPMDBTarget, as they do for rpm-ostree.
type RPMDB string

// The values of rpmdb.
const (
	RPMDBTarget RPMDB = "target"
	RPMDBHost   RPMDB = "host"
	RPMDBBdb    RPMDB = "bdb"
	RPMDBSqlite RPMDB = "sqlite"
	RPMDBNdb    RPMDB = "ndb"
)

// Sysusers says when systemd-sysusers runs.
type Sysusers string

// The values of sysusers.
const (
	SysusersAuto   Sysusers = "compose-auto"
	SysusersForced Sysusers = "compose-forced"
)

// MetadataTarget says where a piece of commit metadata goes.
type MetadataTarget string

// The values of repo-metadata and advisories-metadata.
const (
	MetadataInline   MetadataTarget = "inline"
	MetadataDetached MetadataTarget = "detached"
	MetadataDisabled MetadataTarget = "disabled"
)

// CheckType is the "type" of check-passwd and check-groups.
type CheckType string

// The types of checks.
const (
	CheckNone     CheckType = "none"
	CheckPrevious CheckType = "previous"
	CheckFile     CheckType = "file"
	CheckData     CheckType = "data"
)

// A Check is the value of check-passwd or check-groups.
type Check struct {
	Type CheckType
	File *ExternalFile       // for CheckFile
	Data map[string]CheckIDs // for CheckData
}

// CheckIDs are the ids that an account must have. GID equals UID where the
// treefile gives one number; for a group both are its id.
type CheckIDs struct {
	UID, GID uint32
	form     int // 0: a number, 1: [uid], 2: [uid, gid]
}

// Options for Load. The zero value composes for the architecture of this
// machine and drops warnings.
type Options struct {
	Arch      string           // basearch; empty: this machine's
	Variables map[string]Value // from the command line; they win over all files
	Warn      func(Warning)
}

// Load reads path and all that it includes. Errors are *Error, joined where
// there are several: they name the file, the line and the key.
func Load(path string, opts Options) (*Treefile, error) {
	if opts.Arch == "" {
		opts.Arch = HostArch()
	}
	ld := &loader{opts: opts}
	return ld.load(path)
}
