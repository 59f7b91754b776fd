// Package sandbox runs programs of a root filesystem, scriptlets of packages for
// example, so that they can change nothing but a copy of it, and see nothing of
// the host. It needs no privileges: everything happens in user namespaces, for
// root too.
//
//	caller       Open, Run, Changes, Close
//	  |  socket: requests, with open files (stdin, output, script)
//	  v
//	helper       this binary executed again (Helper): the first process of new
//	  |          user, mount and process namespaces. Mounts the overlay once
//	  |            upper    what programs changed
//	  |            Lower    the tree, never written to
//	  |            below    mount points that the tree lacks
//	  |          at Dir/merged, which nobody else sees; answers for chown
//	  v
//	bwrap        one for each Run: new process, network, IPC and UTS namespaces,
//	  |          new /dev /proc /sys /run /tmp, few capabilities, no environment
//	  v
//	program      of the tree
//
// When the helper ends, whatever way, the kernel ends all below it and the mounts
// with it; and the helper ends when the caller's socket is closed, be it that the
// caller was killed. So nothing outlives the caller, and bwrap's --die-with-parent
// is not used: it would also hide which processes a program leaves behind.
//
// With one user only (Mapping.Full is false), the kernel refuses to give files to
// others. There, a filter of system calls (seccomp) hands chown and its kin to the
// helper, which records the new owner: in the attribute user.treewright.owner of
// files and folders, by inode for other types. Changes tells the recorded owners.
// The set*id calls do nothing there, and report success. The filter is put on the
// one thread of the helper that starts bwrap, and is inherited from it.
//
// docs/sandbox.md tells what programs see, and what the limits are.
package sandbox
