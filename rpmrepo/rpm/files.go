package rpm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Limits of a file list: far beyond what packages have, and little beside what a
// header could make of a long directory name that many files share.
const (
	maxFiles     = 1 << 20
	maxPathBytes = 128 << 20 // of all paths
)

// fileColumns walks the header's parallel arrays of file attributes.
type fileColumns struct {
	dirIndex, size, mode, rdev, mtime, flags, color, dev, inode numbers

	base, digest, linkTo, user, group, lang, caps, ima texts

	dirs  []string
	paths strings.Builder // all paths, one after the other
	algo  DigestAlgo
	old   bool // base holds whole paths: packages older than rpm 4

	digests []byte // room for the digests of all files
}

// Files returns the package's file list in the header's order, which Payload's
// indexes refer to. Every path is checked: no part of it leads elsewhere.
func (p *Package) Files() ([]File, error) {
	files, err := p.files()
	if err != nil {
		return nil, fmt.Errorf("reading the file list of %s: %w", p.NEVRA(), err)
	}
	return files, nil
}

func (p *Package) files() ([]File, error) {
	h := p.Header
	n := h.Count(TagBasenames)
	old := n == 0
	if old {
		n = h.Count(TagOldFilenames)
	}
	if n == 0 {
		return nil, nil
	}
	if n > maxFiles {
		return nil, fmt.Errorf("it has %d entries; the limit is %d", n, maxFiles)
	}
	c, err := p.fileColumns(n, old)
	if err != nil {
		return nil, err
	}
	files := make([]File, n)
	ends := make([]int, n)
	for i := range files {
		if err := c.path(i, p.Source); err != nil {
			return nil, err
		}
		if ends[i] = c.paths.Len(); ends[i] > maxPathBytes {
			return nil, fmt.Errorf("its paths have more than %d bytes", maxPathBytes)
		}
	}
	c.digests = make([]byte, 0, n*c.algo.Size())
	all, start := c.paths.String(), 0
	for i := range files {
		files[i].Path, start = all[start:ends[i]], ends[i]
		if err := c.fill(&files[i], i); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i].Path, err)
		}
	}
	if err := checkDuplicates(files); err != nil {
		return nil, err
	}
	countLinks(files)
	return files, nil
}

// fileColumns collects the arrays; each must have n values when it is there.
func (p *Package) fileColumns(n int, old bool) (*fileColumns, error) {
	h := p.Header
	c := &fileColumns{dirs: h.Strings(TagDirNames), old: old, algo: MD5}
	var err error
	number := func(col *numbers, tag Tag) {
		if err == nil {
			*col, err = h.column(tag, n)
		}
	}
	text := func(col *texts, h *Header, tag Tag) {
		if err == nil {
			*col, err = h.textColumn(tag, n)
		}
	}
	sizes, names := TagFileSizes, TagBasenames
	if h.Has(TagLongFileSizes) {
		sizes = TagLongFileSizes
	}
	if old {
		names = TagOldFilenames
	}
	number(&c.size, sizes)
	number(&c.mode, TagFileModes)
	number(&c.rdev, TagFileRDevs)
	number(&c.mtime, TagFileMTimes)
	number(&c.flags, TagFileFlags)
	number(&c.color, TagFileColors)
	number(&c.dev, TagFileDevices)
	number(&c.inode, TagFileInodes)
	text(&c.base, h, names)
	text(&c.digest, h, TagFileDigests)
	text(&c.linkTo, h, TagFileLinkTos)
	text(&c.user, h, TagFileUserName)
	text(&c.group, h, TagFileGroupName)
	text(&c.lang, h, TagFileLangs)
	text(&c.caps, h, TagFileCaps)
	if text(&c.ima, p.Signature, SigFileSignatures); c.ima.rest == "" {
		text(&c.ima, h, TagFileSignatures) // of an installed package
	}
	if !old {
		number(&c.dirIndex, TagDirIndexes)
	}
	if err != nil {
		return nil, err
	}
	if c.mode.e == nil || c.size.e == nil || !old && c.dirIndex.e == nil {
		return nil, errors.New("modes, sizes or directories are missing")
	}
	if a, ok := h.Uint64(TagFileDigestAlgo); ok {
		if c.algo = DigestAlgo(a); a > math.MaxUint8 || c.algo.Size() == 0 {
			return nil, fmt.Errorf("file digests use the unknown algorithm %d", a)
		}
	}
	return c, nil
}

// path appends the path of entry i to c.paths.
func (c *fileColumns) path(i int, source bool) error {
	start := c.paths.Len()
	name := c.base.next()
	if !c.old {
		d := c.dirIndex.at(i)
		if d >= uint64(len(c.dirs)) {
			return fmt.Errorf("entry %d lies in directory %d of %d", i, d, len(c.dirs))
		}
		dir := c.dirs[d]
		if dir != "" && !strings.HasSuffix(dir, "/") {
			return fmt.Errorf("directory %q does not end in a slash", dir)
		}
		if strings.Contains(name, "/") {
			return fmt.Errorf("the name %q in %q holds a slash", name, dir)
		}
		c.paths.WriteString(dir)
	}
	c.paths.WriteString(name)
	path := c.paths.String()[start:]
	if source && path != "" && !startsWith(path, '/') {
		path = "/" + path
	}
	if !cleanPath(path) {
		return fmt.Errorf("the path %q is not absolute and clean", path)
	}
	return nil
}

// cleanPath reports whether a path is absolute and has no empty, "." or ".."
// component.
func cleanPath(path string) bool {
	if path == "/" {
		return true
	}
	if !startsWith(path, '/') || len(path) > maxPathLength {
		return false
	}
	for rest := path[1:]; ; {
		part, more, found := strings.Cut(rest, "/")
		if part == "" || part == "." || part == ".." {
			return false
		}
		if !found {
			return true
		}
		rest = more
	}
}

// fill sets everything but the path.
func (c *fileColumns) fill(f *File, i int) error {
	f.Mode = uint32(c.mode.at(i))
	f.MTime = uint32(c.mtime.at(i))
	f.Flags = FileFlags(c.flags.at(i))
	f.Color = uint32(c.color.at(i))
	f.RDev = uint32(c.rdev.at(i))
	f.Dev = uint32(c.dev.at(i))
	f.Inode = uint32(c.inode.at(i))
	f.LinkTo = c.linkTo.next()
	f.User, f.Group = c.user.next(), c.group.next()
	f.Lang, f.Caps, f.IMASignature = c.lang.next(), c.caps.next(), c.ima.next()
	f.Nlink = 1
	digest := c.digest.next()
	if f.IsSymlink() && f.LinkTo == "" {
		return errors.New("the symbolic link has no target")
	}
	if len(f.LinkTo) >= maxPathLength {
		return fmt.Errorf("the symbolic link's target has %d bytes; Linux takes less than %d", len(f.LinkTo), maxPathLength)
	}
	if c.size.at(i) > math.MaxInt64 {
		return fmt.Errorf("its size %d is out of range", c.size.at(i))
	}
	f.Size = int64(c.size.at(i))
	if !f.IsRegular() || digest == "" {
		return nil
	}
	n := len(c.digests)
	var err error
	c.digests, err = hex.AppendDecode(c.digests, []byte(digest))
	if err != nil || len(c.digests) != n+c.algo.Size() {
		return fmt.Errorf("its digest %q is not one of %s", digest, c.algo)
	}
	f.DigestAlgo, f.Digest = c.algo, c.digests[n:len(c.digests):len(c.digests)]
	return nil
}

// checkDuplicates refuses a list that names a path twice. Lists are sorted as a
// rule, which makes this cheap.
func checkDuplicates(files []File) error {
	sorted := true
	for i := 1; i < len(files) && sorted; i++ {
		sorted = files[i-1].Path < files[i].Path
	}
	if sorted {
		return nil
	}
	seen := make(map[string]struct{}, len(files))
	for i := range files {
		if _, twice := seen[files[i].Path]; twice {
			return fmt.Errorf("%s is there twice", files[i].Path)
		}
		seen[files[i].Path] = struct{}{}
	}
	return nil
}

// inode identifies a file within its package. Numbers alone do not: those of
// 64 bits were cut to 32, and two files with one number share no content.
type inode struct {
	dev, ino uint32
	size     int64
	digest   string
}

func inodeOf(f *File) inode { return inode{f.Dev, f.Inode, f.Size, string(f.Digest)} }

// linkable reports whether an entry can be a hard link of another.
func linkable(f *File) bool { return f.IsRegular() && !f.IsGhost() && f.Inode != 0 }

// countLinks sets Nlink of hard links. Builds number the files of a package in
// order, so inodes that only rise mean that there are none.
func countLinks(files []File) {
	if inodesRise(files) {
		return
	}
	count := make(map[inode]int)
	for i := range files {
		if f := &files[i]; linkable(f) {
			count[inodeOf(f)]++
		}
	}
	for i := range files {
		if f := &files[i]; linkable(f) {
			f.Nlink = count[inodeOf(f)]
		}
	}
}

func inodesRise(files []File) bool {
	var last uint32
	for i := range files {
		f := &files[i]
		if !linkable(f) {
			continue
		}
		if f.Inode <= last {
			return false
		}
		last = f.Inode
	}
	return true
}
