package solve

import "github.com/treewright/treewright/rpmrepo/rpm"

// Offer is a package that provides something.
type Offer struct {
	Repo    string
	NEVRA   rpm.NEVRA
	Provide string // its name
}

// Offers returns the packages that provide a name, which may have wildcards.
// Packages of other architectures provide nothing.
func (u *Universe) Offers(name string) []Offer {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ready()
	var list []Offer
	add := func(id strID) {
		for _, p := range u.providers(depID(id)) {
			if p != system {
				list = append(list, Offer{Repo: u.repoOf(p).opts.ID, NEVRA: u.metadata(p).NEVRA, Provide: u.in.copied(id)})
			}
		}
	}
	if !isGlob(name) {
		if id, ok := u.in.find(name); ok {
			add(id)
		}
		return list
	}
	for id := range u.index.byName {
		if u.index.byName[id] != noList && globMatch(name, u.in.str(strID(id))) {
			add(strID(id))
		}
	}
	return list
}

// ready numbers and indexes the packages, if that was not done since the last
// one came.
func (u *Universe) ready() {
	if u.index == nil {
		u.extraFile, u.asked, u.askedFor = nil, false, nil
		u.reindex()
	}
}
