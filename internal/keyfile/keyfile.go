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

import (
	"bytes"
	"slices"
	"strings"
)

type syntax int

const (
	glib syntax = iota
	ini
)

type lineKind int

const (
	other lineKind = iota // blank or comment
	header
	entry
)

// line is a line of the file; a continued value is one line of several rows.
type line struct {
	kind   lineKind
	group  string // that it opens or stands in
	key    string
	value  string // as it stands in the file, without blanks around it
	raw    string // the whole text
	number int    // from 1; 0 for a line that was added
}

// File is a parsed file. The zero File is empty, in GLib's syntax.
type File struct {
	syntax syntax
	lines  []line
}

// Groups returns the names of the groups in their order.
func (f *File) Groups() []string {
	var names []string
	for _, l := range f.lines {
		if l.kind == header && !slices.Contains(names, l.group) {
			names = append(names, l.group)
		}
	}
	return names
}

// Has tells whether there is such a group.
func (f *File) Has(group string) bool {
	return slices.ContainsFunc(f.lines, func(l line) bool { return l.kind == header && l.group == group })
}

// Keys returns the keys of a group in their order.
func (f *File) Keys(group string) []string {
	var keys []string
	for _, l := range f.lines {
		if l.kind == entry && l.group == group && !slices.Contains(keys, l.key) {
			keys = append(keys, l.key)
		}
	}
	return keys
}

// find returns the line of a key: the last one, which is the one that counts.
func (f *File) find(group, key string) int {
	for i := len(f.lines) - 1; i >= 0; i-- {
		if l := f.lines[i]; l.kind == entry && l.group == group && l.key == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a key, escapes resolved.
func (f *File) Get(group, key string) (value string, ok bool) {
	i := f.find(group, key)
	if i < 0 {
		return "", false
	}
	if f.syntax == ini {
		return f.lines[i].value, true
	}
	return unescape(f.lines[i].value), true
}

// List returns the elements of a list. In a .repo file they are separated by
// blanks, commas or line ends, elsewhere each ends with ";".
func (f *File) List(group, key string) []string {
	i := f.find(group, key)
	if i < 0 {
		return nil
	}
	if f.syntax == ini {
		return strings.FieldsFunc(f.lines[i].value, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
	}
	return splitList(f.lines[i].value)
}

// Line returns the line number of a key, that of the group's header when key
// is "", and 0 when the file was not read with it.
func (f *File) Line(group, key string) int {
	if key != "" {
		if i := f.find(group, key); i >= 0 {
			return f.lines[i].number
		}
		return 0
	}
	for _, l := range f.lines {
		if l.kind == header && l.group == group {
			return l.number
		}
	}
	return 0
}

// Set gives a key a value. New keys and groups are appended.
func (f *File) Set(group, key, value string) {
	if f.syntax == glib {
		value = escape(value)
	} else {
		value = strings.ReplaceAll(value, "\n", "\n ")
	}
	f.setRaw(group, key, value)
}

// SetList gives a key a list, in GLib's form.
func (f *File) SetList(group, key string, values []string) {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(strings.ReplaceAll(escape(v), ";", `\;`) + ";")
	}
	f.setRaw(group, key, b.String())
}

func (f *File) setRaw(group, key, value string) {
	l := line{kind: entry, group: group, key: key, value: value, raw: key + "=" + value}
	if i := f.find(group, key); i >= 0 {
		l.number = f.lines[i].number
		f.lines[i] = l
		return
	}
	at := -1
	for i, l := range f.lines {
		if l.kind != other && l.group == group {
			at = i
		}
	}
	if at >= 0 {
		f.lines = slices.Insert(f.lines, at+1, l)
		return
	}
	if len(f.lines) > 0 {
		f.lines = append(f.lines, line{})
	}
	f.lines = append(f.lines, line{kind: header, group: group, raw: "[" + group + "]"}, l)
}

// Delete removes a key.
func (f *File) Delete(group, key string) {
	f.lines = slices.DeleteFunc(f.lines, func(l line) bool {
		return l.kind == entry && l.group == group && l.key == key
	})
}

// DeleteGroup removes a group with its keys and comments.
func (f *File) DeleteGroup(group string) {
	f.lines = slices.DeleteFunc(f.lines, func(l line) bool { return l.group == group })
}

// Encode returns the file's text.
func (f *File) Encode() []byte {
	var b bytes.Buffer
	for _, l := range f.lines {
		b.WriteString(l.raw + "\n")
	}
	return b.Bytes()
}
