package server

import (
	"strings"

	"github.com/treewright/treewright/ostree"
)

// A kind says how a file is found and how long it may be cached.
type kind uint8

const (
	kindNone      kind = iota
	kindImmutable      // named by its content
	kindMutable
	kindRef
	kindConfig
	kindFlatpakRepo
)

const flatpakRepoSuffix = ".flatpakrepo"

// classify tells what the path of a URL asks for. It lets through the names
// that repositories consist of and nothing else, so no path with "..", empty
// parts or a leading dot comes out as anything but kindNone.
func (s *Server) classify(path string) (kind, string) {
	name, ok := strings.CutPrefix(path, "/")
	if !ok {
		return kindNone, ""
	}
	switch name {
	case "summary", "summary.sig", "summary.idx", "summary.idx.sig":
		return kindMutable, name
	case "config":
		return kindConfig, name
	case s.flatpakRepo:
		if name != "" {
			return kindFlatpakRepo, name
		}
		return kindNone, ""
	}
	first, rest, _ := strings.Cut(name, "/")
	switch first {
	case "objects":
		return classifyObject(rest), name
	case "summaries":
		return classifySummary(rest), name
	case "deltas":
		return classifyDelta(rest), name
	case "delta-indexes":
		dir, file, _ := strings.Cut(rest, "/")
		if base, ok := strings.CutSuffix(file, ".index"); ok && checksum64(dir, base) {
			return kindMutable, name
		}
	case "refs":
		return classifyRef(rest), name
	}
	return kindNone, ""
}

// classifyObject recognizes HH/HEX.TYPE.
func classifyObject(rest string) kind {
	dir, file, _ := strings.Cut(rest, "/")
	base, ext, _ := strings.Cut(file, ".")
	if !hex(dir, 2) || !hex(base, 62) {
		return kindNone
	}
	switch ext {
	case "filez", "dirtree", "dirmeta", "commit":
		return kindImmutable
	case "commitmeta":
		return kindMutable
	}
	return kindNone
}

// classifySummary recognizes HEX.gz, HEX-HEX.delta and HEX.idx.sig.
func classifySummary(file string) kind {
	base, ext, _ := strings.Cut(file, ".")
	from, to, isDelta := strings.Cut(base, "-")
	switch {
	case !isDelta && hex(base, 64) && ext == "gz":
		return kindImmutable
	case !isDelta && hex(base, 64) && ext == "idx.sig":
		return kindMutable
	case isDelta && hex(from, 64) && hex(to, 64) && ext == "delta":
		return kindImmutable
	}
	return kindNone
}

// classifyDelta recognizes XX/TO/PART and XX/FROM-TO/PART. A delta can be made
// again under its name, so none of it is immutable.
func classifyDelta(rest string) kind {
	dir, rest, _ := strings.Cut(rest, "/")
	base, part, _ := strings.Cut(rest, "/")
	from, to, between := strings.Cut(base, "-")
	if !checksum64(dir, from) || between && (len(to) != 43 || !checksum64(to[:2], to[2:])) {
		return kindNone
	}
	if part == "superblock" || len(part) > 0 && len(part) < 10 && strings.Trim(part, "0123456789") == "" {
		return kindMutable
	}
	return kindNone
}

// classifyRef recognizes heads/REF and mirrors/COLLECTION/REF.
func classifyRef(rest string) kind {
	first, ref, _ := strings.Cut(rest, "/")
	if first == "mirrors" {
		var collection string
		collection, ref, _ = strings.Cut(ref, "/")
		if !plainName(collection) {
			return kindNone
		}
	} else if first != "heads" {
		return kindNone
	}
	if ostree.ValidateRef(ref) != nil {
		return kindNone
	}
	return kindRef
}

// hex tells whether s is n lower-case hexadecimal digits.
func hex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_"

// checksum64 tells whether dir and base are the two halves of a checksum in
// the base64 that delta names use.
func checksum64(dir, base string) bool {
	return len(dir) == 2 && len(base) == 41 && strings.Trim(dir+base, base64Alphabet) == ""
}

// plainName tells whether s is a file name without surprises.
func plainName(s string) bool {
	if s == "" || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}
