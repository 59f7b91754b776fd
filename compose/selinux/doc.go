// Package selinux labels a tree by the policy that it holds. Neither a policy
// nor SELinux is needed on the machine that composes.
//
// A policy says in usr/etc/selinux/TYPE/contexts/files which label a path has,
// one specification per line:
//
//	REGEX  [TYPE]  CONTEXT
//	/usr/bin/su   --  system_u:object_r:su_exec_t:s0
//	/proc/.*          <<none>>
//
//	TYPE  -- file, -d directory, -l symbolic link, -b and -c devices, -p FIFO, -s socket
//
// Specifications are read from file_contexts, then file_contexts.homedirs, then
// file_contexts.local. Those without meta characters are moved behind all
// others, order kept; the last that matches wins. One whose first path element
// is plain text is a candidate only for paths below that element. A path is
// rewritten before by file_contexts.subs, at most once, and then by
// file_contexts.subs_dist, at most once; of several lines of one file the last
// that fits is taken.
//
// These are the rules of libselinux 2.5 to 3.7 (selabel_file(5)), which wants
// regular expressions of PCRE2 with PCRE2_DOTALL, matched by bytes, between an
// added ^ and $. What Go's regexp cannot say the same way is an error that
// names file and line.
//
// A label is the extended attribute security.selinux, ended by a NUL, as
// libostree's commit writes it.
package selinux
