package compose

import "github.com/treewright/treewright/rpmrepo/rpm"

// nevras lists the packages of the tree.
func (p *Plan) nevras() []rpm.NEVRA {
	var list []rpm.NEVRA
	for i := range p.Packages {
		list = append(list, p.Packages[i].NEVRA)
	}
	return list
}
