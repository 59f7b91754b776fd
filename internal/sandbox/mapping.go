package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// mappedIDs is how many ids a full mapping has: 0 to 65535.
const mappedIDs = 65536

// idMap is a Mapping with the means to make it.
type idMap struct {
	Mapping
	uids, gids []syscall.SysProcIDMap
	// newuidmap and newgidmap write the map; "" when this process itself may.
	newuidmap, newgidmap string
	setgroups            bool
}

// chooseMap finds the best map that this user may have.
func chooseMap(opts Options) idMap {
	if opts.Single {
		return singleMap("asked for")
	}
	if os.Geteuid() == 0 {
		return rootMap("/proc/self/uid_map", "/proc/self/gid_map")
	}
	subuid, subgid := opts.Subuid, opts.Subgid
	if subuid == "" {
		subuid = "/etc/subuid"
	}
	if subgid == "" {
		subgid = "/etc/subgid"
	}
	return subordinateMap(subuid, subgid)
}

// singleMap makes the caller user 0, and there is no other.
func singleMap(why string) idMap {
	return idMap{
		Mapping: Mapping{Why: "one user: " + why},
		uids:    []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		gids:    []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
}

// rootMap gives every id its own number. In a container, root may not have all.
func rootMap(uidMap, gidMap string) idMap {
	for _, file := range []string{uidMap, gidMap} {
		if n := idsFromZero(file); n < mappedIDs {
			return singleMap(fmt.Sprintf("%s has the ids from 0 to %d only", file, n-1))
		}
	}
	all := []syscall.SysProcIDMap{{Size: mappedIDs}}
	return idMap{Mapping: Mapping{Full: true, Why: "all users: run by root"}, uids: all, gids: all, setgroups: true}
}

// idsFromZero counts the ids from 0 on without a gap in a uid_map file.
func idsFromZero(file string) int64 {
	var end int64
	for _, f := range fieldsOf(file, " ") {
		start, err := strconv.ParseInt(f[0], 10, 64)
		count, err2 := strconv.ParseInt(f[2], 10, 64)
		if err != nil || err2 != nil || start > end {
			break
		}
		end = max(end, start+count)
	}
	return end
}

// subordinateMap is the map from the ids that the administrator gave this user.
func subordinateMap(subuid, subgid string) idMap {
	m := idMap{Mapping: Mapping{Full: true, Why: "all users: ids of " + subuid}, setgroups: true}
	var err error
	if m.uids, err = readSubordinate(subuid, os.Geteuid(), os.Geteuid()); err != nil {
		return singleMap(err.Error())
	}
	if m.gids, err = readSubordinate(subgid, os.Geteuid(), os.Getegid()); err != nil {
		return singleMap(err.Error())
	}
	m.newuidmap, err = exec.LookPath("newuidmap")
	if err == nil {
		m.newgidmap, err = exec.LookPath("newgidmap")
	}
	if err != nil {
		return singleMap("newuidmap and newgidmap are not there: install the package uidmap (Debian) or shadow-utils (Fedora)")
	}
	return m
}

// readSubordinate makes the map of own to 0 and of 1 to 65535 to the ids that
// file has for the user.
func readSubordinate(file string, userID, own int) ([]syscall.SysProcIDMap, error) {
	names := []string{strconv.Itoa(userID)}
	if u, err := user.LookupId(names[0]); err == nil {
		names = append(names, u.Username)
	}
	ids := []syscall.SysProcIDMap{{HostID: own, Size: 1}}
	next := 1
	for _, f := range fieldsOf(file, ":") {
		start, err := strconv.ParseUint(f[1], 10, 32)
		count, err2 := strconv.ParseUint(f[2], 10, 32)
		if err != nil || err2 != nil || count == 0 || f[0] != names[0] && f[0] != names[len(names)-1] {
			continue
		}
		size := min(int(count), mappedIDs-next)
		if size > 0 {
			ids = append(ids, syscall.SysProcIDMap{ContainerID: next, HostID: int(start), Size: size})
			next += size
		}
	}
	if next < mappedIDs {
		return nil, fmt.Errorf("%s gives %d of the %d ids that are needed to user %s", file, next-1, mappedIDs-1, names[len(names)-1])
	}
	return ids, nil
}

// fieldsOf returns the lines of file that have three fields.
func fieldsOf(file, sep string) [][]string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines [][]string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		fields := strings.Split(strings.TrimSpace(sc.Text()), sep)
		if sep == " " {
			fields = strings.Fields(sc.Text())
		}
		if len(fields) == 3 {
			lines = append(lines, fields)
		}
	}
	return lines
}

// write gives the process its ids with newuidmap and newgidmap.
func (m idMap) write(pid int) error {
	for _, tool := range []struct {
		path string
		ids  []syscall.SysProcIDMap
	}{{m.newuidmap, m.uids}, {m.newgidmap, m.gids}} {
		args := []string{strconv.Itoa(pid)}
		for _, r := range tool.ids {
			args = append(args, strconv.Itoa(r.ContainerID), strconv.Itoa(r.HostID), strconv.Itoa(r.Size))
		}
		if out, err := exec.Command(tool.path, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", tool.path, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
