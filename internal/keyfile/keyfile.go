// Package keyfile reads and writes files of groups and keys, keeping the order
// and the comments:
//
//	# a comment
//	[group]
//	key=value
//
// Parse takes what GLib's GKeyFile writes (OSTree's config, flatpak's metadata
// and .flatpakrepo files): "#" starts a comment line, a key keeps its spaces
// inside, values escape \s \n \t \r \\ and lists end each element with ";".
// https://docs.gtk.org/glib/struct.KeyFile.html
//
// ParseINI takes what dnf reads as .repo files: comments start with "#" or
// ";", a line that starts with a blank continues the value above, "key: value"
// is as good as "key = value", and nothing is escaped.
package keyfile
