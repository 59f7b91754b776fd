// Package compose turns a treefile and RPM repositories into an OSTree commit.
//
//	NewPlan ── treefile, repositories, resolver ──► Plan: what would be done
//	Execute ── fetch ► import ► assemble ► layout ► commit ──► Result
//
// A Plan changes nothing but the cache. It carries the input digest: when the
// previous commit has the same, Execute does nothing. A compose costs what
// changed: packages are downloaded and unpacked once (compose/content), the
// tree is put together in memory (compose/rootfs), and content whose object is
// known is not read again. Plan.Install, PostprocessDir and CommitDir take the
// same way in steps, with the tree in a directory between them. docs/compose.md
// tells the whole way.
package compose
