package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownerXattr keeps the owner of a file or folder, "uid:gid", where there is one
// user only. It moves with the file, and with copies that keep attributes.
const ownerXattr = "user.treewright.owner"

const keepID = ^uint32(0) // chown's -1

type owner struct{ uid, gid uint32 }

// owners records who files were given to in a mapping of one user. Other types
// than files and folders have no user.* attributes: those are known by inode.
type owners struct {
	upper  string
	inodes map[inode]owner
}

// inode names a file of upper for good: numbers are used again, times of birth not.
type inode struct {
	number uint64
	sec    int64
	nsec   uint32
}

func newOwners(upper string) *owners { return &owners{upper: upper, inodes: map[inode]owner{}} }

func (o owner) with(uid, gid uint32) owner {
	if uid != keepID {
		o.uid = uid
	}
	if gid != keepID {
		o.gid = gid
	}
	return o
}

func parseOwner(s string) (owner, bool) {
	u, g, ok := strings.Cut(s, ":")
	uid, err := strconv.ParseUint(u, 10, 32)
	gid, err2 := strconv.ParseUint(g, 10, 32)
	return owner{uint32(uid), uint32(gid)}, ok && err == nil && err2 == nil && uid < mappedIDs && gid < mappedIDs
}

// give changes the owner of the file that fd, of any kind, is open at. The
// kernel's part of it, who may and which mode bits go, is the kernel's still.
func (o *owners) give(fd int, uid, gid uint32) error {
	for _, id := range []uint32{uid, gid} {
		if id != keepID && id >= mappedIDs {
			return unix.EINVAL
		}
	}
	if err := unix.Fchownat(fd, "", ownID(uid), ownID(gid), unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	link := fmt.Sprintf("/proc/self/fd/%d", fd)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return giveAttribute(link, uid, gid)
	}
	path, err := unixReadlink(link)
	if err != nil {
		return err
	}
	// A file of another file system, /tmp or a pipe, is not in upper.
	if key, err := inodeOf(filepath.Join(o.upper, path)); err == nil {
		if o.inodes[key] = o.inodes[key].with(uid, gid); o.inodes[key] == (owner{}) {
			delete(o.inodes, key)
		}
	}
	return nil
}

func giveAttribute(link string, uid, gid uint32) error {
	var buf [32]byte
	n, err := unix.Getxattr(link, ownerXattr, buf[:])
	if err != nil {
		n = 0
	}
	old, _ := parseOwner(string(buf[:n]))
	now := old.with(uid, gid)
	if now == (owner{}) {
		if n == 0 {
			return nil
		}
		return unix.Removexattr(link, ownerXattr)
	}
	err = unix.Setxattr(link, ownerXattr, fmt.Appendf(nil, "%d:%d", now.uid, now.gid), 0)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) {
		return nil // /dev, or /tmp before Linux 6.6: gone afterwards anyway
	}
	return err
}

// ownID is what the kernel is told for an id: user 0 is the only one.
func ownID(id uint32) int {
	if id == keepID {
		return -1
	}
	return 0
}

func inodeOf(path string) (inode, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st)
	return inode{st.Ino, st.Btime.Sec, st.Btime.Nsec}, err
}

// of returns the recorded owner of a file in upper that is no file or folder.
func (o *owners) of(path string) owner {
	if len(o.inodes) == 0 {
		return owner{}
	}
	key, err := inodeOf(path)
	if err != nil {
		return owner{}
	}
	return o.inodes[key]
}

func unixReadlink(path string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(path, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
