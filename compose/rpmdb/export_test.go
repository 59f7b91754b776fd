package rpmdb

import "github.com/treewright/treewright/rpmrepo/rpm"

// Blob gives tests a package as it is stored.
func Blob(p Package, opts Options) ([]byte, error) { return p.installed(0, opts) }

// Rows makes the rows of all indexes.
func Rows(h *rpm.Header) {
	for _, t := range tables() {
		_, _ = t.rows(h, false)
	}
}
