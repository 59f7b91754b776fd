package initramfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
)

// inputsPath is where an image in the cache has the list of its inputs; no file
// of a tree is there.
const inputsPath = "/.inputs"

// key names the place of an image in the store: one for each name, kernel and
// set of arguments.
func (o *Options) key() (fetch.Checksum, error) {
	h := sha256.New()
	for _, s := range append([]string{"treewright initramfs 1", o.Name, o.Kernel.Version, fmt.Sprint(o.NoImage)}, o.Args...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return fetch.NewChecksum("sha256", hex.EncodeToString(h.Sum(nil)))
}

// save puts the image into the cache.
func (i *Image) save(ctx context.Context, store *content.Store, opts *Options, inputs Inputs) error {
	key, err := opts.key()
	if err != nil {
		return err
	}
	d, size, err := store.Add(ctx, bytes.NewReader(inputs.encode()))
	if err != nil {
		return err
	}
	const mode = ostree.ModeRegular | 0o644
	m := &content.Manifest{Files: []content.File{{Path: inputsPath, Mode: mode, Size: size, Content: d}}}
	for _, f := range i.Files {
		m.Files = append(m.Files, content.File{Path: f.Path, Mode: mode, Size: f.Size, Content: f.Content})
	}
	return store.Remember(key, m)
}

// Restore returns the image that the cache has for the tree. When it has none,
// or its inputs are not the tree's, the image is nil and why says so.
func Restore(ctx context.Context, tree *rootfs.Tree, store *content.Store, opts Options) (image *Image, why string, err error) {
	image, why, err = restore(ctx, tree, store, &opts)
	if err != nil {
		return nil, "", fmt.Errorf("looking for the initramfs of kernel %s: %w", opts.Kernel.Version, err)
	}
	return image, why, nil
}

const notThere = "none was made before"

func restore(ctx context.Context, tree *rootfs.Tree, store *content.Store, opts *Options) (*Image, string, error) {
	key, err := opts.key()
	if err != nil {
		return nil, "", err
	}
	m, err := store.Manifest(key)
	if errors.Is(err, content.ErrNotExist) {
		return nil, notThere, nil
	}
	if err != nil {
		return nil, "", err
	}
	was, err := storedInputs(store, m)
	if err != nil {
		return nil, notThere, nil // what is damaged is made again
	}
	view, err := View(tree)
	if err != nil {
		return nil, "", err
	}
	names := make([]string, 0, len(was))
	for p := range was {
		names = append(names, p)
	}
	now, err := inputsOf(view, store, opts, names)
	if err != nil {
		return nil, "", err
	}
	if why := was.differ(now); why != "" {
		return nil, why, nil
	}
	i := &Image{Kernel: opts.Kernel, Report: Report{Kernel: opts.Kernel.Version, Restored: true}}
	for _, f := range m.Files {
		if f.Path == inputsPath {
			continue
		}
		if err := verify(ctx, store, f); err != nil {
			if ctx.Err() != nil {
				return nil, "", err
			}
			return nil, "it is damaged", store.Remove(f.Content)
		}
		i.Files = append(i.Files, File{Path: f.Path, Content: f.Content, Size: f.Size})
		if strings.HasSuffix(f.Path, "/"+imageName) {
			i.Report.Size = f.Size
		}
	}
	return i, "", nil
}

// storedInputs reads the inputs of an image in the cache.
func storedInputs(store *content.Store, m *content.Manifest) (Inputs, error) {
	if len(m.Files) == 0 || m.Files[0].Path != inputsPath {
		return nil, errInputs
	}
	f := &m.Files[0]
	data, err := readNode(store, &rootfs.Node{Content: f.Content, Size: f.Size})
	if err != nil {
		return nil, err
	}
	return decodeInputs(data)
}

// verify reads a file of an image to its end: it cannot be had from a package
// once the compose has begun to use it.
func verify(ctx context.Context, store *content.Store, f content.File) error {
	return copyNode(ctx, io.Discard, store, &rootfs.Node{Content: f.Content, Size: f.Size})
}
