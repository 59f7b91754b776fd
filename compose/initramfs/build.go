package initramfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

// outputs are the files that depmod makes.
var outputs = [...]string{
	"modules.alias", "modules.alias.bin", "modules.builtin.alias.bin", "modules.builtin.bin", "modules.dep", "modules.dep.bin",
	"modules.devname", "modules.softdep", "modules.symbols", "modules.symbols.bin", "modules.weakdep",
}

const imageName = "initramfs.img"

// isOutput tells whether Build makes the file name in the kernel's directory.
func isOutput(name string) bool { return name == imageName || slices.Contains(outputs[:], name) }

// Build runs depmod and dracut of the tree in box, over the View of the tree,
// and remembers what they made. It does not change the tree: Image.Apply does.
// The tree may be read meanwhile.
func Build(ctx context.Context, tree *rootfs.Tree, store *content.Store, box Box, opts Options) (*Image, error) {
	view, err := View(tree)
	if err != nil {
		return nil, err
	}
	if err := check(view, &opts); err != nil {
		return nil, err
	}
	b := &builder{store: store, box: box, opts: &opts, image: &Image{Kernel: opts.Kernel, Report: Report{Kernel: opts.Kernel.Version}}}
	if hasDepmod(view) {
		err = b.depmod(ctx)
	} else {
		b.image.Report.NoDepmod = true
	}
	if err == nil && !opts.NoImage {
		err = b.dracut(ctx)
	}
	if err == nil {
		err = b.collect(ctx)
	}
	if err == nil {
		err = b.remember(ctx, view)
	}
	if err != nil {
		return nil, fmt.Errorf("making the initramfs of kernel %s: %w", opts.Kernel.Version, err)
	}
	return b.image, nil
}

type builder struct {
	store *content.Store
	box   Box
	opts  *Options
	image *Image
}

func (b *builder) depmod(ctx context.Context) error {
	r, err := b.run(ctx, sandbox.Command{Args: []string{"depmod", "-a", b.opts.Kernel.Version}})
	if err == nil {
		b.image.Report.Depmod = r.Duration.Seconds()
	}
	return err
}

// dracutScript makes the directory that dracut is told to work in.
const dracutScript = "#!/bin/sh\nmkdir -p /tmp/dracut || exit\nexec dracut \"$@\"\n"

func (b *builder) dracut(ctx context.Context) error {
	args := []string{"--reproducible", "-v", "--add", "ostree", "--tmpdir=/tmp/dracut", "-f", b.opts.Kernel.ImagePath()}
	if len(b.opts.Args) > 0 {
		args = append(args, b.opts.Args...)
	} else {
		args = append(args, "--no-hostonly")
	}
	r, err := b.run(ctx, sandbox.Command{
		Script: []byte(dracutScript), ScriptArgs: append(args, "--kver", b.opts.Kernel.Version),
		// Device nodes cannot be made in a sandbox, and nothing here has attributes.
		Env: []string{"DRACUT_NO_MKNOD=1", "DRACUT_NO_XATTR=1"},
	})
	if err == nil {
		b.image.Report.Dracut = r.Duration.Seconds()
	}
	return err
}

// maxShown is how much of a program's output an error shows.
const maxShown = 4 << 10

func (b *builder) run(ctx context.Context, c sandbox.Command) (*sandbox.Result, error) {
	name := "dracut"
	if len(c.Args) > 0 {
		name = c.Args[0]
	}
	c.Output = b.opts.Output
	r, err := b.box.Run(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", name, err)
	}
	if r.OK() {
		return r, nil
	}
	out := bytes.TrimSpace(r.Output)
	if len(out) > maxShown {
		out = out[len(out)-maxShown:]
	}
	return nil, fmt.Errorf("%s: %s; it said:\n%s", name, r.Failure(), out)
}

// collect takes what was made into the store, and says what else was written.
func (b *builder) collect(ctx context.Context) error {
	dir := modulesDir + "/" + b.opts.Kernel.Version + "/"
	err := b.box.Changes(ctx, func(h *tar.Header, r io.Reader) error {
		path := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		name, ours := strings.CutPrefix(path, dir)
		switch {
		case ours && isOutput(name) && h.Typeflag == tar.TypeReg:
			return b.take(ctx, path, h.Size, r)
		case h.Typeflag != tar.TypeDir:
			b.image.Report.Ignored = append(b.image.Report.Ignored, "/"+path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading what was made: %w", err)
	}
	slices.SortFunc(b.image.Files, func(x, y File) int { return strings.Compare(x.Path, y.Path) })
	slices.Sort(b.image.Report.Ignored)
	if !b.opts.NoImage && b.image.initramfs() == nil {
		return errors.New("dracut succeeded and made no image")
	}
	return nil
}

func (b *builder) take(ctx context.Context, path string, size int64, r io.Reader) error {
	if strings.HasSuffix(path, "/"+imageName) {
		if b.opts.NoImage {
			return nil
		}
		r = io.MultiReader(r, bytes.NewReader(separator(size)), bytes.NewReader(randomNodes()))
	}
	d, size, err := b.store.Add(ctx, r)
	if err != nil {
		return err
	}
	b.image.Files = append(b.image.Files, File{Path: "/" + path, Content: d, Size: size})
	return nil
}

// initramfs returns the file that is the initramfs; nil when there is none.
func (i *Image) initramfs() *File {
	for k := range i.Files {
		if strings.HasSuffix(i.Files[k].Path, "/"+imageName) {
			return &i.Files[k]
		}
	}
	return nil
}

// remember lists the image and puts it into the cache with its inputs.
func (b *builder) remember(ctx context.Context, view *rootfs.Tree) (err error) {
	var names []string
	if f := b.image.initramfs(); f != nil {
		b.image.Report.Size = f.Size
		names, err = listStored(b.store, f)
		if errors.Is(err, errCompression) {
			b.image.Report.Uncached = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		b.image.Report.Entries = len(names)
	}
	inputs, err := inputsOf(view, b.store, b.opts, names)
	if err != nil {
		return err
	}
	return b.image.save(ctx, b.store, b.opts, inputs)
}

func listStored(store *content.Store, f *File) (names []string, err error) {
	r, err := store.OpenContent(f.Content, f.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return List(r)
}
