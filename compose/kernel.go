package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/compose/initramfs"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/treefile"
)

// KernelReport says which kernel the tree has and where its initramfs is from.
type KernelReport struct {
	initramfs.Report
	// Why says why it was made although the cache had one.
	Why     string   `json:"why,omitempty"`
	Removed []string `json:"removed,omitempty"` // images that packages brought
}

// A kernelJob makes what belongs to a kernel while other work goes on.
type kernelJob struct {
	kernel *initramfs.Kernel
	cancel context.CancelFunc
	done   chan struct{} // closed when image and err are set
	image  *initramfs.Image
	err    error
}

// prepareKernel puts the kernel in its place and starts to make its initramfs,
// when the cache has none.
func (c *composer) prepareKernel(ctx context.Context) error {
	t := c.plan.opts.Treefile
	if t.Container {
		return nil
	}
	if err := c.fill(ctx, c.tree); err != nil {
		return err
	}
	k, err := initramfs.FindKernel(c.tree)
	if errors.Is(err, initramfs.ErrNoKernel) {
		return &treefile.Error{Position: treefile.Position{File: t.Path}, Err: fmt.Errorf(
			"%w: add the package of a kernel, or say \"container: true\" for a tree that is not to boot", err)}
	}
	if err != nil {
		return err
	}
	c.report.Kernel = &KernelReport{}
	base := map[string]bool{} // images of the base: no package brought them
	keep := func(path string, n *rootfs.Node) bool {
		base[path] = !n.Object.IsZero()
		return t.NoInitramfs
	}
	if c.report.Kernel.Removed, err = initramfs.Prepare(c.tree, k, keep); err != nil {
		return err
	}
	c.report.Kernel.Removed = slices.DeleteFunc(c.report.Kernel.Removed, func(path string) bool { return base[path] })
	o := initramfs.Options{Kernel: k, Args: t.InitramfsArgs, NoImage: t.NoInitramfs, Name: c.plan.Ref, Read: c.reader(ctx)}
	image, why, err := initramfs.Restore(ctx, c.tree, c.in.store, o)
	if err == nil && image == nil && c.plan.base != nil {
		image, why, err = c.keptInitramfs(ctx, o)
	}
	if err != nil {
		return err
	}
	if image != nil {
		c.kernel = &kernelJob{kernel: k, image: image, done: make(chan struct{}), cancel: func() {}}
		close(c.kernel.done)
		return nil
	}
	c.report.Kernel.Why = why
	return c.startInitramfs(ctx, o)
}

// keptInitramfs returns the initramfs of the base, if what was put on top of it
// changes nothing of it.
func (c *composer) keptInitramfs(ctx context.Context, o initramfs.Options) (*initramfs.Image, string, error) {
	b := c.plan.base
	before, err := c.in.source.tree(ctx, b.repo, b.commit)
	if err != nil {
		return nil, "", err
	}
	if err := c.fill(ctx, before); err != nil {
		return nil, "", err
	}
	return initramfs.Kept(ctx, before, c.tree, c.in.store, o)
}

// startInitramfs begins to make an initramfs of the tree as it is now.
func (c *composer) startInitramfs(ctx context.Context, o initramfs.Options) error {
	view, err := initramfs.View(c.tree)
	if err != nil {
		return err
	}
	s, err := c.openStageOf(ctx, view)
	if err != nil {
		return err
	}
	job := &kernelJob{kernel: o.Kernel, done: make(chan struct{})}
	ctx, job.cancel = context.WithCancel(ctx)
	c.kernel = job // from here on something closes done
	go func() {
		defer close(job.done)
		defer func() { job.err = errors.Join(job.err, s.Close()) }()
		job.image, job.err = initramfs.Build(ctx, view, c.in.store, s.box, o)
	}()
	return nil
}

// addInitramfs waits for the initramfs and puts it into the tree.
func (c *composer) addInitramfs(ctx context.Context) error {
	job := c.kernel
	c.plan.opts.Progress.Send("initramfs", 0, 1)
	select {
	case <-job.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.plan.opts.Progress.Send("initramfs", 1, 1)
	if job.err != nil {
		return job.err
	}
	c.report.Kernel.Report = job.image.Report
	c.kernelKeys(job.kernel)
	if err := job.image.Apply(c.tree); err != nil {
		return err
	}
	where, err := initramfs.ParseLocation(string(c.plan.opts.Treefile.BootLocation))
	if err == nil {
		err = initramfs.Place(ctx, c.tree, c.in.store, job.kernel, where)
	}
	if err == nil {
		err = c.label(ctx)
	}
	return err
}

// Commit keys about the kernel.
const (
	keyBootable      = "ostree.bootable"          // b
	keyLinux         = "ostree.linux"             // s: the kernel's version
	keyInitramfsArgs = "rpmostree.initramfs-args" // as
)

// kernelKeys adds what clients read of a commit that boots.
func (c *composer) kernelKeys(k *initramfs.Kernel) {
	c.metadata[keyBootable] = gvariant.Bool(true)
	c.metadata[keyLinux] = gvariant.String(k.Version)
	if args := c.plan.opts.Treefile.InitramfsArgs; args != nil {
		c.metadata[keyInitramfsArgs] = gvariant.Strings(args...)
	}
}

// close ends what still goes on when a compose fails.
func (c *composer) close() error {
	if c.kernel == nil {
		return nil
	}
	c.kernel.cancel()
	<-c.kernel.done
	return nil
}
