// Package layout gives a tree the form that OSTree deploys.
package layout
