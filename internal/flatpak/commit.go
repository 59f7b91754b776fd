package flatpak

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Keys of a commit's metadata, with the GVariant type of each. Integers are
// big-endian but for the token type.
const (
	KeyRef           = "xa.ref"                // s: the ref, for old clients
	KeyMetadata      = "xa.metadata"           // s: the metadata file, byte for byte
	KeyInstalledSize = "xa.installed-size"     // t, big-endian
	KeyDownloadSize  = "xa.download-size"      // t, big-endian
	KeyTokenType     = "xa.token-type"         // i, little-endian
	KeySubsets       = "xa.subsets"            // as
	KeyExtraData     = "xa.extra-data-sources" // a(ayttays): name, size, installed size (big-endian), sha256, URI
	KeyFromCommit    = "xa.from_commit"        // s: the commit that this one was made from
	KeyEndOfLife     = "ostree.endoflife"      // s: why
	KeyEndOfLifeRef  = "ostree.endoflife-rebase"
)

// Subject is the subject of a commit that holds a build of id.
func Subject(id string) string { return "Export " + id }

// Body is the body of such a commit; tool names the program and its version.
func Body(r Ref, tool string) string {
	return fmt.Sprintf("Name: %s\nArch: %s\nBranch: %s\nBuilt with: %s\n", r.ID, r.Arch, r.Branch, tool)
}

// Timestamp is the time of a commit: clients refuse to go back in time, so it
// is later than the parent's, whatever the source's date. parent is zero when
// there is none.
func Timestamp(parent, source uint64) uint64 {
	if parent == 0 {
		return source
	}
	return max(parent+1, source)
}

// ExtraData is a file that the client downloads from its vendor at install.
type ExtraData struct {
	Name          string
	URI           string
	SHA256        [32]byte
	Size          uint64
	InstalledSize uint64 // what it takes unpacked; zero when the metadata does not say
}

const groupExtraData = "Extra Data"

// ExtraData lists what the metadata's [Extra Data] group names, in its order:
// the value of the commit key KeyExtraData.
func (m *Metadata) ExtraData() ([]ExtraData, error) {
	var all []ExtraData
	for _, key := range m.file.Keys(groupExtraData) {
		suffix, ok := strings.CutPrefix(key, "uri")
		if !ok {
			continue
		}
		e, err := m.extraData(suffix)
		if err != nil {
			return nil, fmt.Errorf("[%s] %s: %w", groupExtraData, key, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (m *Metadata) extraData(suffix string) (ExtraData, error) {
	get := func(key string) string { return m.string(groupExtraData, key+suffix) }
	e := ExtraData{URI: get("uri"), Name: get("name")}
	if !strings.HasPrefix(e.URI, "http:") && !strings.HasPrefix(e.URI, "https:") {
		return e, fmt.Errorf("%q is neither an http nor an https address", e.URI)
	}
	if e.Name == "" {
		e.Name = path.Base(strings.TrimRight(e.URI, "/"))
	}
	if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsRune(e.Name, '/') {
		return e, fmt.Errorf("name%s=%q is no plain file name", suffix, e.Name)
	}
	sum, err := parseSHA256(get("checksum"))
	if err != nil {
		return e, fmt.Errorf("checksum%s: %w", suffix, err)
	}
	e.SHA256 = sum
	e.Size, err = strconv.ParseUint(get("size"), 10, 64)
	if err != nil || e.Size == 0 {
		return e, fmt.Errorf("size%s=%q is no positive number of bytes", suffix, get("size"))
	}
	if s := get("installed-size"); s != "" {
		if e.InstalledSize, err = strconv.ParseUint(s, 10, 64); err != nil {
			return e, fmt.Errorf("installed-size%s=%q is no number of bytes", suffix, s)
		}
	}
	return e, nil
}
