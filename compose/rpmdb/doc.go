// Package rpmdb writes and reads the database of installed packages as rpm 4.16
// and later ones keep it: rpmdb.sqlite, without rpm and in process.
//
//	Packages(hnum, blob)        one row a package, hnum in the order of installation
//	Name(key, hnum, idx) …      18 indexes: which package has a name, file, dependency …
//
// A blob is a header: numbers are big-endian.
//
//	count of index entries, size of the data         4 bytes each
//	entry 63 (HEADERIMMUTABLE)                       16 bytes: tag, type, offset, count
//	the package file's other entries                 as they are
//	entries added by the installation                sorted by tag
//	the package file's data                          as they are; the region's trailer is last
//	data of the added entries                        aligned by type
//
// What is added: the tags of the signature header (their numbers moved to 257 and
// on), when and with which color the package was installed (1008, 1127, 1128),
// the state of each file (1029) and the prefixes of a relocatable package (1099).
// Digests and signatures cover the region, so rpm can check them for ever.
//
// docs/rpmdb.md says what is normalised, so that the same packages make the same
// bytes. The formats are those of rpm's lib/header.c and lib/backend/sqlite.c:
// https://rpm-software-management.github.io/rpm/manual/hregions.html and
// https://www.sqlite.org/fileformat2.html.
package rpmdb
