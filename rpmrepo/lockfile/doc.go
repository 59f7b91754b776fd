// Package lockfile reads and writes lock files, which say which builds of
// packages a compose may choose, and tells which packages a lock excludes.
//
// A lock never asks for a package: the treefile does. It takes other builds of
// the packages that it names out of consideration.
//
// # Our format
//
// One JSON file (YAML when its name ends in .yaml or .yml) serves a compose for
// several architectures. Each has its list of builds, sorted; a name may come
// in several architectures and versions. Files that we write have a line for a
// build:
//
//	{
//	  "treewright-lock": 1,
//	  "architectures": {
//	    "x86_64": [
//	      {"nevra": "glibc-2.34-100.el9.i686", "repo": "baseos", "size": 2037061, "checksum": "sha256:5f…", "location": "Packages/glibc-2.34-100.el9.i686.rpm"},
//	      {"nevra": "glibc-2.34-100.el9.x86_64", "repo": "baseos", "size": 2063561, "checksum": "sha256:ca…", "location": "Packages/glibc-2.34-100.el9.x86_64.rpm"}
//	    ]
//	  }
//	}
//
//	nevra     name-[epoch:]version-release.arch
//	repo      ID of the repository in the .repo files
//	size      of the package file
//	checksum  of the package file, as the repository's metadata states it:
//	          sha256, sha384 or sha512
//	location  address relative to the repository, or with a scheme
//
// All are required; other keys are errors. The same lock is the same bytes.
//
// # rpm-ostree's format
//
// One JSON file (or YAML), keyed by name, so one build of each:
//
//	{
//	  "packages": {
//	    "bash": {"evra": "5.1.8-6.el9.x86_64", "digest": "sha256:…", "metadata": {"sourcerpm": "bash"}},
//	    "glibc": {"evr": "2.34-100.el9"}
//	  },
//	  "metadata": {
//	    "generated": "2025-06-15T00:00:00Z",
//	    "rpmmd_repos": {"baseos": {"generated": "2025-06-01T04:05:06Z"}}
//	  }
//	}
//
// An entry has evra, or evr for any architecture. digest and both tables called
// metadata may be absent or null; other keys are errors. When we write it,
// generated is midnight, and of builds of one name the last in the list is kept,
// as rpm-ostree does it. Source: rust/src/lockfile.rs of
// https://github.com/coreos/rpm-ostree.
package lockfile
