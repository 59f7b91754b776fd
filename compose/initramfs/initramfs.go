package initramfs

import (
	"archive/tar"
	"context"
	"errors"
	"io"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
	"github.com/treewright/treewright/ostree"
)

// Box runs programs of the tree and shows what they changed. A *sandbox.Sandbox
// is one.
type Box interface {
	Run(ctx context.Context, c sandbox.Command) (*sandbox.Result, error)
	Changes(ctx context.Context, fn func(*tar.Header, io.Reader) error) error
}

// Options for Restore and Build.
type Options struct {
	Kernel *Kernel
	// Args are dracut's; empty means --no-hostonly.
	Args []string
	// NoImage makes no initramfs: the tree goes without one, or a package
	// brought it. Only the kernel modules are indexed.
	NoImage bool
	// Name tells apart trees that each have a place in the cache: the ref.
	Name string
	// Read returns the bytes of a file of the tree; nil reads them from the
	// store, where what is damaged is an error.
	Read func(*rootfs.Node) ([]byte, error)
	// Output, when not nil, is called with each line that programs print.
	Output func(line []byte)
}

func (o *Options) read(store *content.Store, n *rootfs.Node) ([]byte, error) {
	if o.Read != nil {
		return o.Read(n)
	}
	return readNode(store, n)
}

// Image is what the programs made of a kernel: the indexes of its modules and,
// unless Options.NoImage, its initramfs.
type Image struct {
	Kernel *Kernel
	Files  []File // sorted by path
	Report Report
}

// File is a file that goes into the tree.
type File struct {
	Path    string // absolute
	Content content.Digest
	Size    int64
}

// Report says how an image came about.
type Report struct {
	Kernel string `json:"kernel"` // version
	// Restored means that the cache had it and nothing was run.
	Restored bool `json:"restored,omitempty"`
	// Uncached says why the image cannot be used again.
	Uncached string `json:"uncached,omitempty"`
	Size     int64  `json:"size,omitempty"`    // of the initramfs
	Entries  int    `json:"entries,omitempty"` // in it
	// NoDepmod means that the modules have no indexes: the tree has no depmod.
	NoDepmod bool `json:"noDepmod,omitempty"`
	// Ignored are other paths that the programs wrote.
	Ignored []string `json:"ignored,omitempty"`
	// Durations in seconds.
	Depmod float64 `json:"depmodSeconds,omitempty"`
	Dracut float64 `json:"dracutSeconds,omitempty"`
}

// Apply puts the files into the tree, in the place of those that are there.
func (i *Image) Apply(tree *rootfs.Tree) error {
	for _, f := range i.Files {
		n := &rootfs.Node{
			Mode: ostree.ModeRegular | 0o644, User: "root", Group: "root", Size: f.Size, Content: f.Content, Package: rootfs.NoPackage,
		}
		if _, err := tree.Put(f.Path, n); err != nil {
			return err
		}
	}
	return nil
}

// ErrNoKernel means that a tree has no kernel.
var ErrNoKernel = errors.New("the tree has no kernel: usr/lib/modules has no vmlinuz, and boot has none")
