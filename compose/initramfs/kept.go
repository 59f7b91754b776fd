package initramfs

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Kept returns the image that the tree before had, if nothing that it depends on
// is another in the tree now; the cache keeps it then. Otherwise the image is nil
// and why says so. Nobody knows the arguments with which it was made: who asks
// for some gets an image of his own.
func Kept(ctx context.Context, before, tree *rootfs.Tree, store *content.Store, opts Options) (image *Image, why string, err error) {
	image, why, err = kept(ctx, before, tree, store, &opts)
	if err != nil {
		return nil, "", fmt.Errorf("looking at the initramfs of the base, of kernel %s: %w", opts.Kernel.Version, err)
	}
	return image, why, nil
}

func kept(ctx context.Context, before, tree *rootfs.Tree, store *content.Store, opts *Options) (*Image, string, error) {
	dir := modulesDir + "/" + opts.Kernel.Version
	folder := before.Lookup(dir)
	switch {
	case len(opts.Args) > 0:
		return nil, "arguments of its own are asked for", nil
	case folder == nil || !folder.IsDir():
		return nil, "the base has another kernel", nil
	}
	image := &Image{Kernel: opts.Kernel, Report: Report{Kernel: opts.Kernel.Version, Restored: true}}
	var names []string
	for _, n := range folder.Children() {
		if !isOutput(n.Name) || !n.IsRegular() || n.Name == imageName && opts.NoImage {
			continue
		}
		f := File{Path: "/" + dir + "/" + n.Name, Content: n.Content, Size: n.Size}
		image.Files = append(image.Files, f)
		if n.Name != imageName {
			continue
		}
		var err error
		if names, err = listStored(store, &f); errors.Is(err, errCompression) {
			return nil, "that of the base cannot be read: " + err.Error(), nil
		}
		if err != nil {
			return nil, "", err
		}
		image.Report.Size, image.Report.Entries = n.Size, len(names)
	}
	if !opts.NoImage && image.initramfs() == nil {
		return nil, "the base has none", nil
	}
	was, err := viewedInputs(before, store, opts, names)
	if err != nil {
		return nil, "", err
	}
	now, err := viewedInputs(tree, store, opts, names)
	if err != nil {
		return nil, "", err
	}
	if why := was.differ(now); why != "" {
		return nil, why, nil
	}
	return image, "", image.save(ctx, store, opts, now)
}

func viewedInputs(tree *rootfs.Tree, store *content.Store, opts *Options, names []string) (Inputs, error) {
	view, err := View(tree)
	if err != nil {
		return nil, err
	}
	return inputsOf(view, store, opts, names)
}
