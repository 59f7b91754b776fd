// Package selinux labels a tree by the policy that it holds.
package selinux
