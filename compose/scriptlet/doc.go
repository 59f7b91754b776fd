// Package scriptlet plans and runs what packages want run when they are
// installed: scriptlets, triggers and file triggers.
//
// Planning is pure. NewPlan replays an installation as rpm does it, with a
// database that grows package by package, and writes down what rpm would run:
// which program, with which arguments and which standard input. Only then is
// the order changed in one respect: a tree has all files of all packages on
// disk before the first scriptlet runs, so that what rpm runs before it unpacks
// a package comes first for all packages, and what it runs afterwards follows.
//
//	%pretrans            every package, in install order
//	systemd-sysusers     once, when the tree's rpm would make users from it
//	%triggerprein %pre   every package, in install order
//	for each package, in install order:
//	    %filetriggerin   of a priority of 10000 and above
//	    %post
//	    %triggerin
//	    %filetriggerin   of a priority below
//	%posttrans           every package, in install order
//	%transfiletriggerin  of installed packages, then of new ones in install order
//
// The install order is that of rpm's transactions: see Order. What a scriptlet
// gets is described at Step, and in docs/scriptlets.md with what is left out.
package scriptlet
