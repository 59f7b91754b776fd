package rpmdb

import "github.com/treewright/treewright/rpmrepo/rpm"

// Supported tells whether the rpm of a tree reads the database: the package rpm
// or rpm-libs, whose version is asked for, from 4.16 on. Older ones know other
// formats alone.
func Supported(librpm rpm.NEVRA) bool {
	return rpm.Vercmp(librpm.Version, firstVersion) >= 0
}

// firstVersion of rpm that writes SQLite.
const firstVersion = "4.16"
