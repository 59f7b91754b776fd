// Package rpmdb writes and reads the database of installed packages.
package rpmdb
