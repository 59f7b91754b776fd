package flatpak

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filesystemMode is how much of a folder of the host the sandbox lets through.
type filesystemMode uint8

const (
	modeNone filesystemMode = iota
	modeReadOnly
	modeReadWrite
	modeCreate
)

// hostReset stands for "host:reset": forget every folder granted before.
const hostReset = "host-reset"

var (
	specialFilesystems = []string{"home", "host", "host-etc", "host-os", hostReset}
	xdgFilesystems     = []string{"xdg-desktop", "xdg-documents", "xdg-download", "xdg-music", "xdg-pictures",
		"xdg-public-share", "xdg-templates", "xdg-videos", "xdg-data", "xdg-cache", "xdg-config"}
)

// parseFilesystem parses "PLACE[:MODE]"; a colon or backslash of the place is
// written with a backslash before it. negated tells that the place is taken
// away.
func parseFilesystem(s string, negated bool) (string, filesystemMode, error) {
	if err := validPath(s); err != nil {
		return "", 0, err
	}
	place, suffix := splitFilesystem(s)
	mode, err := filesystemSuffix(s, place, suffix, negated)
	if err != nil {
		return "", 0, err
	}
	if suffix == "reset" {
		place += "-reset"
	}
	place, err = cleanFilesystem(place)
	if err != nil {
		return "", 0, err
	}
	switch {
	case slices.Contains(specialFilesystems, place), xdgFilesystem(place),
		strings.HasPrefix(place, "~/"), strings.HasPrefix(place, "/"):
		return place, mode, nil
	case place == "~":
		return "home", mode, nil
	case strings.HasPrefix(place, "home/"):
		return "~/" + place[len("home/"):], mode, nil
	}
	return "", 0, fmt.Errorf("unknown filesystem %q; there are host, host-os, host-etc, home, xdg-…[/DIR], ~/DIR and /DIR", s)
}

// splitFilesystem separates place and suffix, and takes the backslashes out.
func splitFilesystem(s string) (place, suffix string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ':':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] != '\\':
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func filesystemSuffix(s, place, suffix string, negated bool) (filesystemMode, error) {
	mode := modeReadWrite
	switch suffix {
	case "", "rw":
	case "ro":
		mode = modeReadOnly
	case "create":
		mode = modeCreate
	case "reset":
		if !negated || place != "host" {
			return 0, fmt.Errorf("filesystem %q: reset belongs to --nofilesystem=host:reset alone", s)
		}
	default:
		return 0, fmt.Errorf("filesystem %q: unknown suffix %q; there are ro, rw and create", s, suffix)
	}
	if !negated {
		if place == hostReset {
			return 0, fmt.Errorf("filesystem %q can only be taken away", s)
		}
		return mode, nil
	}
	if suffix != "" && suffix != "reset" {
		return 0, fmt.Errorf("filesystem %q: a place that is taken away has no suffix", s)
	}
	return modeNone, nil
}

// cleanFilesystem drops empty and "." elements and refuses "..".
func cleanFilesystem(place string) (string, error) {
	i := strings.IndexByte(place, '/')
	if i < 0 {
		return place, nil
	}
	kept := []string{place[:i]}
	for _, e := range strings.Split(place[i+1:], "/") {
		switch e {
		case "", ".":
		case "..":
			return "", fmt.Errorf("filesystem %q holds \"..\"", place)
		default:
			kept = append(kept, e)
		}
	}
	clean := strings.Join(kept, "/")
	if clean == "" {
		return "", fmt.Errorf("filesystem \"/\" cannot be granted; host is what comes nearest")
	}
	return clean, nil
}

func xdgFilesystem(place string) bool {
	first, rest, _ := strings.Cut(place, "/")
	return slices.Contains(xdgFilesystems, first) || first == "xdg-run" && rest != ""
}

// formatFilesystems is the list as the metadata file holds it: the reset
// first, since order matters there, then by place.
func formatFilesystems(all map[string]filesystemMode) []string {
	var list []string
	if _, ok := all[hostReset]; ok {
		list = append(list, "!host:reset")
	}
	escape := strings.NewReplacer(`:`, `\:`, `\`, `\\`)
	for _, place := range sortedKeys(all) {
		s := escape.Replace(place)
		switch all[place] {
		case modeNone:
			s = "!" + s
		case modeReadOnly:
			s += ":ro"
		case modeCreate:
			s += ":create"
		}
		if place != hostReset {
			list = append(list, s)
		}
	}
	return list
}

// validPath refuses characters that a terminal would not show: clients refuse
// the whole metadata for them.
func validPath(s string) error {
	for i, r := range s {
		if r == utf8.RuneError && !utf8.ValidString(s[i:]) {
			return fmt.Errorf("path %q is not UTF-8", s)
		}
		if r != ' ' && (!unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r)) {
			return fmt.Errorf("path %q holds the unprintable character %U", s, r)
		}
	}
	return nil
}
