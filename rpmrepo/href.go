package rpmrepo

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
)

// checkHref refuses what a repository must not name: places outside of its
// folder, and other schemes.
func checkHref(href string) error {
	bad := func(why string) error { return fmt.Errorf("location %.200q %s", href, why) }
	switch {
	case href == "":
		return errors.New("no location")
	case len(href) > 4096:
		return bad("is too long")
	case strings.HasPrefix(href, "/"):
		return bad("is absolute; it must lie in the repository's folder")
	case hasScheme(href):
		return bad("is a URL of its own; it must lie in the repository's folder")
	}
	for _, form := range []string{href, unescape(href)} {
		for i := range len(form) {
			if form[i] < ' ' || form[i] == 0x7f {
				return bad("holds a control character")
			}
		}
		for part := range strings.SplitSeq(form, "/") {
			if part == ".." {
				return bad("leaves the repository's folder")
			}
		}
	}
	if c := path.Clean(href); c == "." {
		return bad("names no file")
	}
	return nil
}

// hasScheme reports whether s starts as a URL does.
func hasScheme(s string) bool {
	i := strings.IndexByte(s, ':')
	if i <= 0 || strings.Contains(s[:i], "/") {
		return false
	}
	return strings.HasPrefix(s[i:], "://") || isSchemeName(strings.ToLower(s[:i]))
}

// isSchemeName tells schemes without an authority from file names that hold a
// colon, such as those with an epoch.
func isSchemeName(s string) bool {
	switch s {
	case "file", "http", "https", "ftp", "data", "media", "javascript":
		return true
	}
	return false
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// joinURL returns the address of href below a base: a URL, or a path that is
// absolute. A query of the base stays.
func joinURL(base, href string) (string, error) {
	if err := checkHref(href); err != nil {
		return "", err
	}
	if dir, local, err := fetch.LocalPath(base); err != nil {
		return "", err
	} else if local {
		return filepath.Join(dir, filepath.FromSlash(href)), nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%s is no address of a repository", redact(base))
	}
	u.Fragment = ""
	name, query, found := strings.Cut(href, "?")
	if found {
		u.RawQuery = query
	}
	u.RawPath = strings.TrimRight(u.EscapedPath(), "/") + "/" + escapeName(name)
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return "", fmt.Errorf("location %.200q: %w", href, err)
	}
	return u.String(), nil
}

// escapeName escapes what cannot stand in a URL's path. Escapes that the name
// holds stay: repositories have both, names as they are and escaped ones.
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		escaped := c == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2])
		if escaped || isWord(c) || strings.IndexByte("/-.~!$&'()*+,;=:@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// localNames are the files that href may mean in a folder: the name as it is,
// and without escapes.
func localNames(dir, href string) []string {
	names := []string{filepath.Join(dir, filepath.FromSlash(href))}
	if plain := unescape(href); plain != href {
		names = append(names, filepath.Join(dir, filepath.FromSlash(plain)))
	}
	return names
}

// baseAllowed reports whether a repository that is read from own may send its
// readers to base: never from https to something weaker, never from a server to
// local files.
func baseAllowed(own, base string) error {
	b, err := url.Parse(base)
	if err != nil {
		return errors.New("xml:base is not a URL")
	}
	o := "file"
	if u, err := url.Parse(own); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		o = u.Scheme
	}
	switch {
	case b.Scheme == "https" && b.Host != "",
		b.Scheme == "http" && b.Host != "" && o != "https",
		b.Scheme == "file" && o == "file":
		return nil
	}
	return fmt.Errorf("xml:base %s is not allowed for a repository at %s", b.Redacted(), redact(own))
}
