// Package content keeps what packages hold, so that each package is unpacked
// once: the bytes of its files, named by their SHA-256, and a manifest that
// says which file of the package has which bytes.
//
//	content/             0700: several composes of one user share it
//	  lock               held shared while a Store is open, exclusively by Prune
//	  files/ab/cdef…     the bytes of a file; the name is their SHA-256
//	  manifests/sha256-… one package, named by the checksum of its file
//	  headers/sha256-…   its two headers, for the database of installed packages
//	  index              content and metadata → OSTree object
//	  tmp/run-…          files being written by a process that holds run-…/lock
//
// Files have a mode that trees want, and the modification time 0, so that a tree
// laid out on disk can have a hard link of them: see Inode. A content that
// several want with different modes has copies in layout/.
//
// Nothing here is believed: manifests and the index end in a checksum of their
// own, and the bytes of a file are hashed again whenever they are read. So
// nothing is synced either: what a crash has damaged is found out, and made
// again from the package.
//
// # Manifest
//
// Numbers are unsigned LEB128; a string is its length and its bytes.
//
//	"twmanif1"
//	name epoch version release arch      strings, epoch a number
//	n, then n strings                    names of users, groups, languages, capabilities
//	n, then n files in the package's order:
//	    length of the beginning shared with the path before, rest of the path
//	    mode, flags, color, rdev, size
//	    user, group, language, capabilities   indexes into the strings
//	    hard link group                  0 for none; links of one file have the same
//	    link target, IMA signature       strings
//	    1 and the 32 bytes of the content's digest, or 0
//	n, then n scriptlets:
//	    kind, n interpreter words, body, flags, priority
//	    n triggers: name, flags, EVR, 1 for a prerequisite
//	    n paths
//	n, then n each of requires, provides, conflicts, obsoletes, as triggers
//	SHA-256 of everything before         32 bytes
//
// # Headers
//
//	"twheader"
//	Zstandard frame: signature header, padded to 8 bytes; main header
//	SHA-256 of everything before         32 bytes
//
// # Index
//
//	"twindex1"
//	records of 96 bytes, sorted: digest of the content; SHA-256 of the OSTree
//	    file header; checksum of the object that the two make
//	SHA-256 of everything before         32 bytes
//
// # Signed
//
//	"twsigned"
//	digest of all keys that were trusted  32 bytes
//	fingerprint of the key that signed    text
//	SHA-256 of everything before          32 bytes
package content
