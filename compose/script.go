package compose

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/lua"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// runScriptlets runs what the packages want run, over the tree on disk, and
// takes over what it changed. The tree is not laid out when nothing runs.
func (c *composer) runScriptlets(ctx context.Context) (err error) {
	packages := c.scriptletPackages(ctx)
	options := c.scriptletOptions(ctx)
	order := scriptlet.OrderOptions{Colors: options.Colors, Prefer: options.Prefer}
	if c.order, err = scriptlet.Order(packages, order); err != nil {
		return err
	}
	if b := c.plan.base; b != nil {
		packages = append(packages, b.installed(ctx, c.plan.installed())...)
	}
	policy := c.plan.opts.Scriptlets
	if f := c.plan.opts.Treefile.Flatpak; f != nil && f.Ref.Kind == flatpak.App && policy == RunScriptlets {
		policy = RefuseScriptlets // the programs are those of another tree, the runtime
	}
	if policy != RunScriptlets {
		c.report.Skipped, err = c.in.skippedScriptlets(policy)
		return err
	}
	plan, err := scriptlet.NewPlan(packages, options)
	if err != nil {
		return err
	}
	for i := range plan.Steps {
		plan.Steps[i].Env = append(plan.Steps[i].Env, c.scriptEnv()...)
	}
	o := scriptlet.RunOptions{Timeout: c.plan.opts.ScriptTimeout, MaxDisk: c.plan.opts.ScriptMaxDisk, Progress: c.scriptletProgress}
	if !plan.NeedsDisk() {
		c.report.Scriptlets, err = plan.Run(ctx, nil, o)
		return err
	}
	s, err := c.openStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if c.report.Scriptlets, err = plan.Run(ctx, s.box, o); err != nil {
		return err
	}
	return s.readBack(ctx)
}

func (c *composer) scriptletPackages(ctx context.Context) []scriptlet.Package {
	packages := make([]scriptlet.Package, len(c.plan.Packages))
	for i := range c.plan.Packages {
		p := &c.plan.Packages[i]
		packages[i] = scriptlet.Package{Name: p.NEVRA.String(), Manifest: c.in.manifests[i],
			Header: func() (*rpm.Package, error) { return c.in.header(ctx, i) }}
	}
	return packages
}

func (c *composer) scriptletOptions(ctx context.Context) scriptlet.Options {
	t := c.plan.opts.Treefile
	view := treeView{ctx, c}
	o := scriptlet.Options{
		Tree: view, KernelInstall: t.BootLocation == treefile.BootKernelInstall,
		Installs: func(_ int, f *content.File) bool { return view.Has(f.Path) },
		CheckLua: lua.Check, LuaCommand: lua.Command,
	}
	if t.Sysusers == treefile.SysusersForced {
		o.Sysusers = scriptlet.SysusersForced
	}
	if o.Prefer = rootfs.PreferredColor(t.Arch); o.Prefer != 0 {
		o.Colors = 3
	}
	return o
}

// sourceDate is the time that everything made for the tree gets: the one that
// the caller gave, or that of the newest package's build, which is the same on
// another day.
func (c *composer) sourceDate() time.Time {
	if d := c.plan.opts.SourceDate; !d.IsZero() {
		return d
	}
	var newest int64
	for i := range c.plan.Packages {
		newest = max(newest, c.plan.Packages[i].meta.BuildTime)
	}
	for _, b := range c.plan.installed() {
		newest = max(newest, b.built)
	}
	return time.Unix(newest, 0).UTC()
}

// shownLines is how much of the output of a failed program an error shows.
const shownLines = 20

// scriptletProgress tells of scriptlets as one stage: each has a title of its own.
func (c *composer) scriptletProgress(_ string, done, total int64) {
	c.plan.opts.Progress.Send("scriptlets", done, total)
}

// lastLines returns the end of a program's output.
func lastLines(output []byte) string {
	lines := bytes.Split(bytes.TrimRight(output, "\n"), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-shownLines):], []byte("\n")))
}
