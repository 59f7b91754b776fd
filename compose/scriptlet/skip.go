package scriptlet

import (
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A Skip is a scriptlet that is left out, and why.
type Skip struct {
	Packages []string // names
	Kind     rpm.ScriptletKind
	// Contains, when not empty, leaves the scriptlet out only when its text has it.
	Contains string
	// Kernel marks what Options.KernelInstall runs nevertheless.
	Kernel bool
	Reason string
}

// Skips returns the scriptlets that are left out: those that would set up the
// machine that composes, or give all machines what each must make for itself.
func Skips() []Skip {
	return []Skip{
		{Packages: kernelPackages(), Kind: rpm.PostTrans, Kernel: true,
			Reason: "it installs the kernel into /boot and makes an initramfs of the composing machine; the layout of the tree does both"},
		{Packages: []string{"systemd"}, Kind: rpm.TransFileTriggerIn,
			Reason: "it reloads the running system and applies tmpfiles, sysctl and binfmt to it; each boot of the tree does"},
		{Packages: []string{"man-db"}, Kind: rpm.TransFileTriggerIn,
			Reason: "it indexes manual pages below /var, which a tree does not keep; the machine's timer does it"},
		{Packages: []string{"microcode_ctl"}, Kind: rpm.PostIn,
			Reason: "it loads microcode into the running processor"},
		{Packages: []string{"microcode_ctl"}, Kind: rpm.PostTrans,
			Reason: "it makes the initramfs of every kernel again; the compose makes that of the tree once"},
		{Packages: []string{"nvme-cli"}, Kind: rpm.PostIn, Contains: "hostnqn",
			Reason: "it makes a random identity, which all machines of the tree would share"},
		{Packages: []string{"openldap"}, Kind: rpm.PostIn, Contains: "create-certdb.sh",
			Reason: "it makes an empty certificate database with a random key and password, which all machines of the tree would share"},
	}
}

// kernelPackages are the packages whose %posttrans puts a kernel in place.
func kernelPackages() (list []string) {
	for _, flavour := range []string{"", "-rt", "-rt-debug", "-16k", "-16k-debug", "-64k", "-64k-debug", "-debug",
		"-automotive", "-automotive-debug", "-redhat", "-uek", "-uek64k", "-lt", "-ml"} {
		for _, part := range []string{"", "-core", "-modules"} {
			list = append(list, "kernel"+flavour+part)
		}
	}
	return list
}

// skip returns why a scriptlet of package i is left out, or "".
func (p *planner) skip(i int, s *rpm.Scriptlet) string {
	name := p.name(i)
	for _, k := range p.skips() {
		if k.Kind == s.Kind && slices.Contains(k.Packages, name) && strings.Contains(s.Body, k.Contains) &&
			(!k.Kernel || !p.opts.KernelInstall) {
			return k.Reason
		}
	}
	return ""
}

func (p *planner) skips() []Skip {
	if p.skipped == nil {
		p.skipped = Skips()
	}
	return p.skipped
}
