// Package solve resolves package requests: an ordered set of repositories and a
// request in, a transaction or the reasons why there is none out.
//
// The answer is the one that dnf gives for an installation into an empty root.
// The search is a CDCL solver of our own with libsolv's decision order, policy,
// weak-dependency pass and minimisation, so two resolvers agree package by
// package, not only on whether there is a solution.
//
//	repositories ─► Universe ─► closure ─► rules ─► decisions ─► Transaction
//	                (interned    of the     (with     (CDCL and       or
//	                 packages)   request    origin)    policy)      *Problems
//
// The package is pure. It reads no clock and no file, walks no map, and gives
// the same answer for the same input; the only way out is Options.LoadFiles,
// which asks for file lists when a request needs a path that primary metadata
// does not carry.
//
// See docs/resolver.md for what dependencies mean here and how to read errors.
package solve
