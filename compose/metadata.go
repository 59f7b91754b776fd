package compose

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// Commit keys of rpm-ostree that clients read.
const (
	keyPackages     = "rpmostree.rpmdb.pkglist" // a(sssss): name, epoch, version, release, arch
	keyRepos        = "rpmostree.rpmmd-repos"   // aa{sv}: id s, timestamp t
	keyContainerCmd = "ostree.container-cmd"    // as
)

// ownKeys are written by compose itself and by nobody else.
var ownKeys = []string{
	keyInputHash, keyPackages, keyRepos, keyAdvisories, ostree.KeyRefBinding, ostree.KeyCollectionBinding, ostree.KeySizes,
	flatpak.KeyRef, flatpak.KeyMetadata, flatpak.KeyInstalledSize, flatpak.KeyDownloadSize,
}

// maxMetadataFile bounds a file of commit metadata.
const maxMetadataFile = 64 << 20

// userMetadata collects what treefile, files and command line add to the
// commit; the last one wins.
func userMetadata(o *Options) (map[string]gvariant.Value, error) {
	all := map[string]gvariant.Value{}
	if err := addTable(all, o.Treefile.AddCommitMetadata); err != nil {
		return nil, fmt.Errorf("%s: %w", keyPosition(o.Treefile, "add-commit-metadata"), err)
	}
	for _, name := range o.MetadataFiles {
		if err := addMetadataFile(all, name); err != nil {
			return nil, fmt.Errorf("reading commit metadata from %s: %w", name, err)
		}
	}
	for _, s := range o.MetadataStrings {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("commit metadata %q is not of the form KEY=VALUE", s)
		}
		v, err := variantText(value)
		if err != nil {
			return nil, fmt.Errorf("commit metadata %s: %w", key, err)
		}
		all[key] = v
	}
	for _, key := range ownKeys {
		if _, taken := all[key]; taken {
			return nil, fmt.Errorf("commit metadata %s: treewright writes this key itself: leave it out", key)
		}
	}
	return all, nil
}

func addMetadataFile(all map[string]gvariant.Value, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() > maxMetadataFile {
		return fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), maxMetadataFile)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	table, err := parseJSON(data)
	if err != nil {
		return err
	}
	return addTable(all, table)
}

func addTable(all map[string]gvariant.Value, table map[string]any) error {
	d, err := variantDict(table, 0)
	if err != nil {
		return err
	}
	for _, e := range d {
		all[e.Key] = e.Value
	}
	return nil
}

// commitMetadata returns the metadata of the new commit, sorted by key, and its
// version. Flatpak keys come later: they hold sizes.
func (p *Plan) commitMetadata() (map[string]gvariant.Value, string, error) {
	t := p.opts.Treefile
	all := maps.Clone(p.user)
	if _, set := all[ostree.KeyVersion]; !set && t.AutomaticVersionPrefix != "" {
		v, err := treefile.NextVersion(t.AutomaticVersionPrefix, t.AutomaticVersionSuffix, p.version, p.opts.sourceDate())
		if err != nil {
			return nil, "", err
		}
		all[ostree.KeyVersion] = gvariant.String(v)
	}
	if p.InputHash != "" {
		all[keyInputHash] = gvariant.String(p.InputHash)
	}
	if !p.unlisted {
		all[keyPackages] = packageList(p.nevras())
	}
	if p.Ref != "" {
		all[ostree.KeyRefBinding] = gvariant.Strings(p.Ref)
	}
	if p.opts.Repo != nil {
		if id := p.opts.Repo.CollectionID(); id != "" {
			all[ostree.KeyCollectionBinding] = gvariant.String(id)
		}
	}
	if len(t.ContainerCmd) > 0 {
		all[keyContainerCmd] = gvariant.Strings(t.ContainerCmd...)
	}
	if t.RepoMetadata == treefile.MetadataInline && t.Flatpak == nil && !p.fromDir {
		all[keyRepos] = p.repoList()
	}
	if p.advisories != nil && t.AdvisoriesMetadata == treefile.MetadataInline {
		all[keyAdvisories] = *p.advisories
	}
	version := ""
	if v, ok := all[ostree.KeyVersion]; ok && v.Type() == "s" {
		version = v.Str()
	}
	return all, version, nil
}

func sortedDict(all map[string]gvariant.Value) gvariant.Dict {
	d := make(gvariant.Dict, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		d = append(d, gvariant.Entry{Key: key, Value: all[key]})
	}
	return d
}

// packageList is the value of rpmostree.rpmdb.pkglist.
func packageList(packages []rpm.NEVRA) gvariant.Value {
	sorted := slices.SortedFunc(slices.Values(packages), func(a, b rpm.NEVRA) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.Compare(b))
	})
	rows := make([]gvariant.Value, len(sorted))
	for i, n := range sorted {
		rows[i] = gvariant.Tuple(gvariant.String(n.Name), gvariant.String(strconv.FormatUint(uint64(n.Epoch), 10)),
			gvariant.String(n.Version), gvariant.String(n.Release), gvariant.String(n.Arch))
	}
	return gvariant.Array("(sssss)", rows...)
}

// repoList is the value of rpmostree.rpmmd-repos.
func (p *Plan) repoList() gvariant.Value {
	rows := make([]gvariant.Value, len(p.repos))
	for i, r := range p.repos {
		rows[i] = gvariant.VarDict(
			gvariant.Entry{Key: "id", Value: gvariant.String(r.ID())},
			gvariant.Entry{Key: "timestamp", Value: gvariant.Uint64(gvariant.BE64(uint64(r.Generated())))},
		)
	}
	return gvariant.Array("a{sv}", rows...)
}
