// Package lua runs the Lua scriptlets of packages.
package lua
