package ostree

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRef keeps every component and the whole path within what file systems take.
const maxRef = 1024

// ValidateRef reports why name is no ref: components of letters, digits, "-",
// "." and "_", which start with a letter, digit or "_", joined by "/". Letters
// and digits are those of Unicode, as for libostree.
func ValidateRef(name string) error {
	if len(name) > maxRef {
		return fmt.Errorf("ref name of %d characters is too long", len(name))
	}
	for _, part := range strings.Split(name, "/") {
		if err := validateFragment(part); err != nil {
			return fmt.Errorf("ref name %q: %w", name, err)
		}
	}
	if _, err := ParseChecksum(name); err == nil {
		return fmt.Errorf("ref name %q looks like a checksum", name)
	}
	return nil
}

// ValidateRemote reports why name is no name of a remote.
func ValidateRemote(name string) error {
	if err := validateFragment(name); err != nil {
		return fmt.Errorf("remote name %q: %w", name, err)
	}
	return nil
}

func validateFragment(s string) error {
	if s == "" {
		return fmt.Errorf("a part of it is empty")
	}
	if len(s) > 255 {
		return fmt.Errorf("a part of it is longer than 255 characters")
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not UTF-8", s)
	}
	for i, c := range s {
		word := c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c)
		if !word && (i == 0 || c != '-' && c != '.') {
			return fmt.Errorf("%q cannot stand in %q", c, s)
		}
	}
	return nil
}

// ValidateCollectionID reports why id is no collection ID: at least two
// elements of letters, digits and "_", not starting with a digit, joined by ".".
func ValidateCollectionID(id string) error {
	elements := strings.Split(id, ".")
	if len(id) > 255 || len(elements) < 2 {
		return fmt.Errorf("collection ID %.300q: it has the form org.example.Name, of at most 255 characters", id)
	}
	for _, e := range elements {
		for i := range len(e) {
			c := e[i]
			letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return fmt.Errorf("collection ID %q: %q cannot stand in %q", id, c, e)
			}
		}
		if e == "" {
			return fmt.Errorf("collection ID %q: an element of it is empty", id)
		}
	}
	return nil
}

// MirrorRef returns the name by which stores know a ref of a collection:
// "(COLLECTION, NAME)", as `ostree refs -c` prints it.
func MirrorRef(collection, name string) string { return "(" + collection + ", " + name + ")" }

// cutMirrorRef reads what MirrorRef returns.
func cutMirrorRef(ref string) (collection, name string, ok bool) {
	inner, ok := strings.CutPrefix(ref, "(")
	if !ok {
		return "", "", false
	}
	if inner, ok = strings.CutSuffix(inner, ")"); !ok {
		return "", "", false
	}
	return strings.Cut(inner, ", ")
}

// RefPath returns where a ref is stored, below the repository: "NAME" in
// refs/heads, "REMOTE:NAME" in refs/remotes, "(COLLECTION, NAME)" in
// refs/mirrors.
func RefPath(ref string) (string, error) {
	if collection, name, ok := cutMirrorRef(ref); ok {
		return "refs/mirrors/" + collection + "/" + name, firstError(ValidateCollectionID(collection), ValidateRef(name))
	}
	remote, name, isRemote := strings.Cut(ref, ":")
	if !isRemote {
		return "refs/heads/" + ref, ValidateRef(ref)
	}
	return "refs/remotes/" + remote + "/" + name, firstError(ValidateRemote(remote), ValidateRef(name))
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// A FilenameError says why a name cannot be an entry of a dirtree.
type FilenameError struct{ Name, Reason string }

func (e *FilenameError) Error() string { return fmt.Sprintf("file name %q %s", e.Name, e.Reason) }

// ValidateFilename reports why name cannot be an entry of a dirtree: its error
// is a *FilenameError.
func ValidateFilename(name string) error {
	switch {
	case name == "", name == ".", name == "..":
		return &FilenameError{name, "is not allowed"}
	case strings.ContainsAny(name, "/\x00"):
		return &FilenameError{name, "holds a slash or NUL"}
	case !utf8.ValidString(name):
		return &FilenameError{name, "is not UTF-8; OSTree stores no others"}
	}
	return nil
}
