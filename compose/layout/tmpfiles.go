package layout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// addLink adds a line that makes a link on the machine.
func (f *finisher) addLink(path, target string) {
	if !nameable(path) {
		f.warn("no line of tmpfiles.d can name %q: a machine has no link to %s there", path, target)
		return
	}
	path = quotePath(tmpfilesPath(path))
	f.lines[path] = "L " + path + " - - - - " + quoteTarget(target)
}

// addDir adds a line that makes a directory on the machine.
func (f *finisher) addDir(path string, n *rootfs.Node) {
	path = quotePath(tmpfilesPath(path))
	f.lines[path] = fmt.Sprintf("d %s %04o %s %s - -", path, n.Mode&0o7777,
		f.names.users.nameOf(n.User, n.UID), f.names.groups.nameOf(n.Group, n.GID))
}

// tmpfilesPath returns path as tmpfiles.d wants it: it warns about /var/run.
func tmpfilesPath(path string) string {
	if strings.HasPrefix(path, "/var/run/") {
		return path[len("/var"):]
	}
	return path
}

// collectVar makes lines of the directories and links of /var and /run, and
// empties both.
func (f *finisher) collectVar() error {
	for _, top := range [...]string{"var", "run"} {
		n := f.tree.Detach(top)
		if n == nil {
			continue
		}
		if !n.IsDir() {
			f.drop("/"+top, n, "/"+top+" is a directory that a machine mounts")
			continue
		}
		for _, c := range n.Children() {
			f.collect("/"+top+"/"+c.Name, c)
		}
	}
	return nil
}

// Reasons why something of /var and /run is not in the commit.
const (
	whyVar     = "a file of /var or /run: both start empty on a machine; only directories and links are made"
	whyRPM     = "the package database is in /" + rpmdbPath
	whySELinux = "the store of the SELinux policy is in /usr/etc/selinux"
)

func (f *finisher) collect(path string, n *rootfs.Node) {
	switch {
	case !nameable(path):
		f.drop(path, n, "no line of tmpfiles.d can name it")
		return
	case strings.HasPrefix(path, "/var/lib/rpm"):
		if !(path == "/"+rpmdbOldPath && (n.IsDir() || n.IsSymlink())) {
			f.report.Dropped = append(f.report.Dropped, newDropped(f.tree, path, n, whyRPM))
		}
		f.dropBelow(path, n, whyRPM)
		return
	case path == "/"+policyStore && n.IsDir(): // a link is made in its place
		f.dropBelow(path, n, whySELinux)
		return
	case n.IsDir() && path == "/var/run": // its content is that of /run
	case n.IsDir():
		f.addDir(path, n)
	case n.IsSymlink():
		f.addLink(path, n.Target)
	default:
		f.drop(path, n, whyVar)
	}
	for _, c := range n.Children() {
		f.collect(path+"/"+c.Name, c)
	}
}

// autovar writes the lines, but for those whose path a file of tmpfiles.d makes
// already.
func (f *finisher) autovar() error {
	covered, err := f.coveredPaths()
	if err != nil {
		return err
	}
	if err := f.keepLines(); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Directories and links of packages in /var, /run and /opt.\n")
	for _, path := range slices.Sorted(maps.Keys(f.lines)) {
		if covered[path] {
			f.report.TmpfilesCovered++
			continue
		}
		f.report.TmpfilesLines++
		b.WriteString(f.lines[path] + "\n")
	}
	if old := f.tree.Detach(autovarConf); old != nil && old.Package != rootfs.NoPackage {
		f.drop("/"+autovarConf, old, whyOurs) // but for its lines
	}
	return f.tree.Attach(autovarConf, rootfs.NewFile(0o644, []byte(b.String())))
}

// keepLines takes over the lines that a tree which is finished anew has already.
func (f *finisher) keepLines() error {
	n, data, err := readRegular(f.tree, f.read, autovarConf)
	if n == nil || err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		path, ok := createdPath(line)
		if !ok {
			continue
		}
		if path = quotePath(path); f.lines[path] == "" {
			f.lines[path] = strings.TrimSpace(line)
		}
	}
	return nil
}

// coveredPaths returns the paths, quoted as in lines, that files of tmpfiles.d
// create.
func (f *finisher) coveredPaths() (map[string]bool, error) {
	covered := map[string]bool{}
	for _, c := range f.tree.Lookup(tmpfilesDir).Children() {
		if !strings.HasSuffix(c.Name, ".conf") || strings.HasSuffix(autovarConf, "/"+c.Name) {
			continue
		}
		place, err := f.tree.Follow(tmpfilesDir + "/" + c.Name)
		if err != nil {
			return nil, err
		}
		n := f.tree.Lookup(place)
		if n == nil || !n.IsRegular() {
			continue
		}
		data, err := readFile(f.read, place, n)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			if path, ok := createdPath(line); ok {
				covered[quotePath(tmpfilesPath(path))] = true
			}
		}
	}
	return covered, nil
}
