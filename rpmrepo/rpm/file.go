package rpm

// FileFlags are rpm's attributes of a file.
type FileFlags uint32

// The attributes of a file.
const (
	FileConfig    FileFlags = 1 << 0
	FileDoc       FileFlags = 1 << 1
	FileIcon      FileFlags = 1 << 2
	FileMissingOK FileFlags = 1 << 3
	FileNoReplace FileFlags = 1 << 4
	FileSpec      FileFlags = 1 << 5
	FileGhost     FileFlags = 1 << 6
	FileLicense   FileFlags = 1 << 7
	FileReadme    FileFlags = 1 << 8
	FilePubkey    FileFlags = 1 << 11
	FileArtifact  FileFlags = 1 << 12
)

// File type bits of a mode, as in stat(2).
const (
	ModeType    uint32 = 0o170000
	ModeFIFO    uint32 = 0o010000
	ModeChar    uint32 = 0o020000
	ModeDir     uint32 = 0o040000
	ModeBlock   uint32 = 0o060000
	ModeRegular uint32 = 0o100000
	ModeSymlink uint32 = 0o120000
	ModeSocket  uint32 = 0o140000
)

// File is one entry of a package's file list.
type File struct {
	// Path is absolute and clean: no empty, "." or ".." component. In a source
	// package it is a bare file name.
	Path   string
	Mode   uint32 // with the file type bits
	Size   int64
	MTime  uint32
	User   string
	Group  string
	LinkTo string // target of a symbolic link

	// Digest is that of a regular file's content; nil for an empty ghost and
	// for everything else.
	Digest     []byte
	DigestAlgo DigestAlgo

	Flags FileFlags
	Color uint32 // 0 none, 1 32-bit ELF, 2 64-bit ELF
	RDev  uint32 // of a device node
	Caps  string // capabilities as text: see ParseCaps
	Lang  string // of a file that belongs to one language; several joined by "|"

	// Dev and Inode are equal for the hard links of one file; Nlink counts
	// them within the package.
	Dev   uint32
	Inode uint32
	Nlink int

	IMASignature string // hex; empty without one
}

// IsDir reports whether the entry is a directory.
func (f *File) IsDir() bool { return f.Mode&ModeType == ModeDir }

// IsRegular reports whether the entry is a regular file.
func (f *File) IsRegular() bool { return f.Mode&ModeType == ModeRegular }

// IsSymlink reports whether the entry is a symbolic link.
func (f *File) IsSymlink() bool { return f.Mode&ModeType == ModeSymlink }

// IsGhost reports whether the package owns the path without delivering it.
func (f *File) IsGhost() bool { return f.Flags&FileGhost != 0 }

// maxPathLength is Linux's longest path.
const maxPathLength = 4096
