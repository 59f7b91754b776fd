package rpmtest

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// fileInfo is a File with everything that the header and the payload say.
type fileInfo struct {
	File
	modeBits  uint32
	mtime     uint32
	inode     uint32
	linkCount int
	lastLink  bool // the hard link that carries the content
	content   string

	// What the header says wrongly.
	claimed   string // the content that the digest is of
	extraSize uint64
}

// payload is what the archive holds for the file.
func (f fileInfo) payload() string {
	if f.LinkTo != "" {
		return f.LinkTo
	}
	return f.content
}

// fileInfos sorts the files by path and resolves hard links.
func (p Package) fileInfos() ([]fileInfo, error) {
	sorted := slices.Clone(p.Files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.path(), b.path()) })
	infos := make([]fileInfo, len(sorted))
	byPath := make(map[string]int, len(sorted))
	for i, f := range sorted {
		f.User, f.Group = cmp.Or(f.User, "root"), cmp.Or(f.Group, "root")
		infos[i] = fileInfo{File: f, modeBits: f.mode(), mtime: cmp.Or(f.MTime, uint32(p.BuildTime)),
			inode: uint32(i + 1), linkCount: 1, lastLink: true, content: f.Body}
		byPath[f.path()] = i
	}
	groups := make(map[int][]int)
	for i, f := range infos {
		if f.HardLink == "" {
			continue
		}
		target, ok := byPath[f.HardLink]
		if !ok || infos[target].HardLink != "" {
			return nil, fmt.Errorf("%s is a hard link of %s, which is no file of the package", f.Path, f.HardLink)
		}
		infos[i].content = infos[target].content
		infos[i].modeBits = infos[target].modeBits
		infos[i].inode = infos[target].inode
		groups[target] = append(groups[target], i)
	}
	for target, links := range groups {
		group := append([]int{target}, links...)
		slices.Sort(group)
		for _, i := range group {
			infos[i].linkCount = len(group)
			infos[i].lastLink = i == group[len(group)-1]
		}
	}
	return infos, nil
}

// size is what the header says: directories count as a page, as rpm does.
func (f fileInfo) size() uint64 {
	if f.modeBits&rpm.ModeType == rpm.ModeDir {
		return 4096
	}
	return uint64(len(f.payload())) + f.extraSize
}

func (p Package) writeFiles(h header, files []fileInfo) {
	var total uint64
	for _, f := range files {
		if f.modeBits&rpm.ModeType == rpm.ModeRegular && f.lastLink {
			total += f.size()
		}
	}
	if p.stripped() {
		h.u64s(rpm.TagLongSize, total)
	} else {
		h.u32s(rpm.TagSize, uint32(total))
	}
	if len(files) == 0 {
		return
	}
	p.writePaths(h, files)
	var sizes []uint64
	for _, f := range files {
		sizes = append(sizes, f.size())
	}
	if p.stripped() {
		h.u64s(rpm.TagLongFileSizes, sizes...)
	} else {
		h.u32s(rpm.TagFileSizes, numbers(files, func(f fileInfo) uint32 { return uint32(f.size()) })...)
	}
	h.u16s(rpm.TagFileModes, numbers(files, func(f fileInfo) uint32 { return f.modeBits }))
	h.u16s(rpm.TagFileRDevs, numbers(files, func(f fileInfo) uint32 { return f.RDev }))
	h.u32s(rpm.TagFileMTimes, numbers(files, func(f fileInfo) uint32 { return f.mtime })...)
	h.strs(rpm.TagFileDigests, texts(files, p.fileDigest))
	h.u32s(rpm.TagFileDigestAlgo, uint32(p.FileDigest))
	h.strs(rpm.TagFileLinkTos, texts(files, func(f fileInfo) string { return f.LinkTo }))
	h.u32s(rpm.TagFileFlags, numbers(files, func(f fileInfo) uint32 { return uint32(f.Flags) })...)
	h.strs(rpm.TagFileUserName, texts(files, func(f fileInfo) string { return f.User }))
	h.strs(rpm.TagFileGroupName, texts(files, func(f fileInfo) string { return f.Group }))
	h.u32s(rpm.TagFileVerifyFlags, numbers(files, func(fileInfo) uint32 { return ^uint32(0) })...)
	h.u32s(rpm.TagFileDevices, numbers(files, func(fileInfo) uint32 { return 1 })...)
	h.u32s(rpm.TagFileInodes, numbers(files, func(f fileInfo) uint32 { return f.inode })...)
	h.strs(rpm.TagFileLangs, texts(files, func(f fileInfo) string { return f.Lang }))
	h.u32s(rpm.TagFileColors, numbers(files, func(f fileInfo) uint32 { return f.Color })...)
	if caps := texts(files, func(f fileInfo) string { return f.Caps }); strings.Join(caps, "") != "" {
		h.strs(rpm.TagFileCaps, caps)
	}
}

// writePaths splits the paths into directories and names.
func (p Package) writePaths(h header, files []fileInfo) {
	var dirs, names []string
	var index []uint32
	for _, f := range files {
		dir, name := path.Split(f.path())
		i := slices.Index(dirs, dir)
		if i < 0 {
			i = len(dirs)
			dirs = append(dirs, dir)
		}
		index, names = append(index, uint32(i)), append(names, name)
	}
	h.strs(rpm.TagDirNames, dirs)
	h.strs(rpm.TagBasenames, names)
	h.u32s(rpm.TagDirIndexes, index...)
}

// fileDigest is empty for all but regular files; a ghost has one only when it
// was there at build time, which a Body says.
func (p Package) fileDigest(f fileInfo) string {
	if f.modeBits&rpm.ModeType != rpm.ModeRegular || f.Flags&rpm.FileGhost != 0 && f.content == "" {
		return ""
	}
	sum := p.FileDigest.New()
	sum.Write([]byte(cmp.Or(f.claimed, f.content)))
	return hex.EncodeToString(sum.Sum(nil))
}

func numbers(files []fileInfo, get func(fileInfo) uint32) []uint32 {
	list := make([]uint32, len(files))
	for i, f := range files {
		list[i] = get(f)
	}
	return list
}

func texts(files []fileInfo, get func(fileInfo) string) []string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = get(f)
	}
	return list
}
