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
// These are the rules of selabel_file(5). They were checked with libselinux 3.4,
// which has PCRE2: expressions are matched by bytes, with PCRE2_DOTALL, between an
// added ^ and $. What Go's regexp cannot say the same way is an error that names
// file and line.
//
// All specifications are matched together, in one pass over the bytes of a path:
// a deterministic automaton is made of them, state by state, as paths need it.
// Expressions with assertions, or with an alternation that the added ^ and $ do
// not enclose, are tried one by one beside it.
//
// A label is the extended attribute security.selinux, ended by a NUL, as
// libostree's commit writes it.
package selinux
