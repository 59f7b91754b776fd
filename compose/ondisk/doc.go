// Package ondisk lays a root filesystem out on disk, so that programs can run in
// it, and reads back what they changed.
//
//	rootfs.Tree ──Write──► directory, below an overlay ──programs──► changes
//	     ▲                                                             │
//	     └──────── Normalise ◄──────── ReadBack ◄──────────────────────┘
//
// # What lies on disk
//
// Directories, regular files and symbolic links have the modes of the tree,
// setuid, setgid and sticky included, and the modification time 0, as in a
// checkout of OSTree. Everything belongs to the user who composes: owners and
// extended attributes stay data of the tree. Files are hard links into the
// content store, by content and mode; no two paths share an inode unless their
// package has them as hard links, so programs that compare inodes (cp, mv) see
// different files. An inode of the store is believed when its size and mode are
// right and its time is 0; content is hashed whenever a copy of it is made.
//
// # What is read back
//
// Changes come as the tar stream of an overlay's upper layer. Only what differs
// from the tree is taken over: a file that was copied up and not changed keeps
// its owner and attributes. On disk all files were root's, so an owner of 0
// says "as before" for a path that was there, unless the stream says with the
// record TREEWRIGHT.chown that a program asked for it.
package ondisk
