// Package rootfs is a root filesystem in memory: what the packages of a compose
// put where, by RPM's rules. Owners, modes, setuid bits and capabilities are
// data here and never properties of files on the machine that composes, so no
// privilege is needed.
//
//	manifests ──Assemble──► Tree ──ResolveOwners──► names become ids
//	                          └── Lookup, Mkdir, Attach, Detach, Walk
//
// The rules of Assemble are those of rpm 4.18, tried against it:
//
//   - A path of two packages is shared when both agree on its type, mode, owner
//     and content; a directory is no exception. Otherwise it is a conflict.
//   - Of two differing ELF files of different colours the one of the
//     architecture's preferred colour stays (64 bit on x86_64).
//   - A ghost is not created, and conflicts with nothing.
//   - A path below a directory symlink of any package lies where the link
//     points, whatever the order of the packages.
//   - A directory nobody owns is root's, with mode 0755.
//   - Documentation and files of unwanted languages are left out on request,
//     and with them the directories that only held such.
package rootfs
