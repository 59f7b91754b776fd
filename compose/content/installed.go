package content

import "github.com/treewright/treewright/rpmrepo/rpm"

// InstalledManifest is the manifest of a package that is known by its header
// alone, as a database of packages has it. Contents are what the header says
// they were, where it says so in SHA-256: the store need not have them.
func InstalledManifest(p *rpm.Package) (*Manifest, error) {
	m, err := newManifest(p)
	if err != nil {
		return nil, err
	}
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	for i := range files {
		f := &files[i]
		if m.Files[i].IsRegular() && f.DigestAlgo == rpm.SHA256 && len(f.Digest) == len(Digest{}) {
			m.Files[i].Content = Digest(f.Digest)
		}
	}
	return m, nil
}
