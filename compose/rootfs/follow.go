package rootfs

import (
	"errors"
	"maps"
	"strings"
)

// maxLinks is how many symbolic links Linux follows in one path.
const maxLinks = 40

var errLinkLoop = errors.New("its symbolic links lead in a circle")

// A linkMap holds the target of every symbolic link by its place: an absolute
// path in which no link is left to follow.
type linkMap map[string]string

// follow returns the place of a path: links on the way are followed, the last
// part included. ".." never leaves the root. The root is "".
func (m linkMap) follow(path string) (string, error) {
	place, rest := "", path
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			place = place[:max(strings.LastIndexByte(place, '/'), 0)]
			continue
		}
		next := place + "/" + part
		target, isLink := m[next]
		if !isLink {
			place = next
			continue
		}
		if links++; links > maxLinks {
			return "", errLinkLoop
		}
		if strings.HasPrefix(target, "/") {
			place = ""
		}
		rest = target + "/" + rest
	}
	return place, nil
}

// linkEntry is a symbolic link of a package.
type linkEntry struct {
	path, target string
	pkg          int
}

// maxPasses bounds how often links are placed anew: links below links below
// links settle one level a pass.
const maxPasses = 64

// placeLinks finds the place of each link. Where a link lies can depend on
// others, in whatever order their packages come, so they are placed again
// until nothing moves. The first entry that never settles is returned.
func placeLinks(entries []linkEntry) (linkMap, *linkEntry) {
	links := linkMap{}
	for range maxPasses {
		next := make(linkMap, len(entries))
		for i := range entries {
			e := &entries[i]
			dir, base := splitPath(e.path)
			place, err := links.follow(dir)
			if err != nil {
				return nil, e
			}
			if _, taken := next[place+"/"+base]; !taken {
				next[place+"/"+base] = e.target
			}
		}
		if maps.Equal(links, next) {
			return links, nil
		}
		links = next
	}
	return nil, &entries[0]
}

// splitPath cuts an absolute path at its last slash.
func splitPath(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}
