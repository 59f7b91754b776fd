package rpm

// Metadata is what a repository says about a package, or what a local package's
// header says: all that a resolver and a fetcher need. The lists keep the order
// of their source.
type Metadata struct {
	NEVRA

	Requires    []Dep
	Provides    []Dep
	Conflicts   []Dep
	Obsoletes   []Dep
	Recommends  []Dep
	Suggests    []Dep
	Supplements []Dep
	Enhances    []Dep

	// Files are the paths that the source lists: from primary metadata only
	// those under */bin, /etc and /usr/lib/sendmail, from a header all.
	Files []string

	Location    string // path relative to the repository, or to BaseURL when set
	BaseURL     string // xml:base of the location; mostly empty
	Checksum    string // of the whole package file: "sha256:hex"
	Size        int64  // of the package file
	HeaderStart int64  // offset of the main header in the file
	HeaderEnd   int64  // offset of the payload

	InstalledSize int64
	BuildTime     int64 // seconds since 1970
	Vendor        string
	SourceRPM     string
	Summary       string
}
