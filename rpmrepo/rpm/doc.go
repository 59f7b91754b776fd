// Package rpm reads one RPM package: its name and version, dependencies, file
// list, scriptlets, payload, digests and signatures. It orders versions and
// matches dependencies as rpm does.
//
// A package file has four parts, all numbers big-endian:
//
//	lead       96 bytes: ed ab ee db, major, minor, type (0 binary, 1 source),
//	           machine, name[66], system, signature type (5), reserved[16]
//	signature  a header, zeros up to a multiple of 8: digests and signatures
//	header     a header: everything else
//	payload    a cpio archive, compressed as the header says
//
// A header is an intro, an index and data:
//
//	intro  8e ad e8 01  00 00 00 00  count[4]  size of data[4]
//	index  count times: tag[4]  type[4]  offset into data[4]  count[4]
//	data   values of type 1 to 5 (1, 1, 2, 4, 8 bytes, aligned), 6, 8 and 9
//	       (strings, each ended by a NUL), 7 (bytes)
//
// The first entry has tag 62 (signature) or 63 (header) and is a region: its 16
// bytes at the end of the data repeat the entry, with an offset of -16 times the
// number of entries that were there when the package was built.
//
// The archive is of cpio's newc or crc form, or of rpm's own stripped form, in
// which a member is 07070X and the index of the file as eight hex digits, padded
// to 16 bytes; the size comes from the header. The trailer is newc in any case. Of
// hard links only the last has content.
//
// Sources of the format: docs/manual/format_*.md of rpm, and the Linux Standard
// Base, chapter "Package File Format". What two Go libraries for the same job get
// wrong, and why headers are read here all the same, is in docs/rpm.md.
//
// All input is hostile. Headers are limited to 256 MiB and checked entry by entry
// before anything reads them, memory grows with what arrives and not with what is
// claimed, decompressors get at most 128 MiB, an archive must hold exactly the
// files that the header lists, and paths must be absolute and clean.
package rpm
