package compose

import (
	"errors"

	"github.com/treewright/treewright/compose/content"
	flatpaktree "github.com/treewright/treewright/compose/flatpak"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// FlatpakReport says what the form of a flatpak left out.
type FlatpakReport = flatpaktree.Report

// layOutFlatpak gives the tree the form of a runtime or an application.
func (c *composer) layOutFlatpak() (err error) {
	t := c.plan.opts.Treefile.Flatpak
	if t.Ref.Kind == flatpak.Runtime {
		c.tree, c.report.Flatpak, err = flatpaktree.Runtime(c.tree)
	} else {
		c.tree, c.report.Flatpak, err = flatpaktree.App(c.tree)
	}
	if err != nil {
		return err
	}
	if c.meta, err = c.flatpakMetadata(); err != nil {
		return err
	}
	if t.Ref.Kind == flatpak.Runtime {
		if err := c.addPackageList(); err != nil {
			return err
		}
	}
	return flatpaktree.Finish(c.tree, c.meta, c.report.Flatpak)
}

func (c *composer) flatpakMetadata() (*flatpak.Metadata, error) {
	t := c.plan.opts.Treefile.Flatpak
	o := flatpak.MetadataOptions{
		Ref: t.Ref, Runtime: t.Runtime.String(), SDK: t.SDK.String(), Command: t.Command, Tags: t.Tags, FinishArgs: t.FinishArgs,
	}
	if t.Ref.Kind == flatpak.App {
		o.Executables = flatpaktree.Executables(c.tree)
	}
	if r := c.plan.runtime; r != nil {
		var err error
		if o.Inherit, err = flatpak.ParseMetadata(r.metadata); err != nil {
			return nil, err
		}
	}
	return flatpak.NewMetadata(o)
}

// addPackageList puts the list of packages into a runtime's tree.
func (c *composer) addPackageList() error {
	manifests := make([]*content.Manifest, len(c.in.manifests))
	copy(manifests, c.in.manifests)
	data, err := flatpaktree.EncodePackages(manifests)
	if err != nil {
		return err
	}
	return c.tree.AddFile("files/"+flatpaktree.PackagesFile, 0o644, data)
}

// flatpakKeys adds what clients read from a flatpak's commit.
func (c *composer) flatpakKeys(all map[string]gvariant.Value, w *objectWriter) error {
	sizes, err := w.sizes()
	if err != nil {
		return err
	}
	ref := c.plan.opts.Treefile.Flatpak.Ref
	if c.plan.Ref != ref.String() {
		return errors.New("the ref is not that of the flatpak")
	}
	all[flatpak.KeyRef] = gvariant.String(ref.String())
	all[flatpak.KeyMetadata] = gvariant.String(string(c.meta.Bytes()))
	all[flatpak.KeyInstalledSize] = gvariant.Uint64(gvariant.BE64(sizes.Installed))
	all[flatpak.KeyDownloadSize] = gvariant.Uint64(gvariant.BE64(sizes.Download))
	all[ostree.KeyCollectionBinding] = gvariant.String(c.plan.opts.Repo.CollectionID())
	return nil
}
