// Package rpmrepo reads RPM repositories: .repo files, mirrors, metadata and
// packages.
//
// A repository is a folder, on disk or behind a URL:
//
//	repodata/repomd.xml        names and checksums of the other metadata files
//	repodata/repomd.xml.asc    its OpenPGP signature (repo_gpgcheck)
//	repodata/…-primary.xml.gz  each package: NEVRA, dependencies, checksum, place
//	repodata/…-filelists.xml.gz  all files of each package
//	Packages/a/acl-2.3-1.x86_64.rpm
//
// (createrepo_c writes it; there is no other specification than its source
// and that of its readers.) Trust flows one way: TLS, a metalink or a
// signature vouches for repomd.xml, its checksums for the metadata, those for
// the packages. Nothing is used whose checksum was not computed in this run,
// wherever it came from, the cache included. (Of pools it is a CRC: it finds
// damage, and whoever can write into the cache could replace the program.)
//
// The cache's folder holds
//
//	repomd/REPOSITORY.state  the last repomd.xml and its signature
//	repomd/files/CHECKSUM    metadata files
//	repomd/keys/…            keys that came from a URL
//	repomd/pools/…           a resolver's packages, as they lie in its memory
//	packages/CHECKSUM.rpm    packages
//
// and may be shared by processes: each file appears complete, by a rename,
// under a name that says what it must contain.
package rpmrepo
