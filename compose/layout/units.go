package layout

import (
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// overlayUnits make the writable layers of OptStateOverlay.
var overlayUnits = [...]string{"ostree-state-overlay@usr-lib-opt.service", "ostree-state-overlay@usr-local.service"}

// units enables units for multi-user.target. One that something enables already
// stays as it is.
func (p *preparer) units() error {
	for _, unit := range p.opts.Units {
		if err := ostree.ValidateFilename(unit); err != nil {
			return fmt.Errorf("units: %w", err)
		}
		place, err := p.tree.FollowDir(multiUserWants + "/" + unit)
		if err != nil {
			return fmt.Errorf("units: %w", err)
		}
		report := Unit{Name: unit, Missing: !p.hasUnit(unit)}
		if report.Already = p.tree.Lookup(place) != nil; !report.Already {
			if err := p.put(place, rootfs.NewSymlink("/"+systemdUnits+"/"+unit)); err != nil {
				return fmt.Errorf("units: %w", err)
			}
		}
		p.report.Units = append(p.report.Units, report)
	}
	return nil
}

// hasUnit tells whether the tree has a unit, or the template that it is made of.
func (p *preparer) hasUnit(unit string) bool {
	candidates := []string{unit}
	if at := strings.IndexByte(unit, '@'); at >= 0 {
		if dot := strings.LastIndexByte(unit, '.'); dot > at {
			candidates = append(candidates, unit[:at+1]+unit[dot:])
		}
	}
	for _, dir := range [...]string{systemdUnits, "etc/systemd/system", "lib/systemd/system"} {
		for _, c := range candidates {
			place, err := p.tree.Follow(dir + "/" + c)
			if err != nil {
				continue
			}
			if n := p.tree.Lookup(place); n != nil {
				return true
			}
		}
	}
	return false
}

func (p *preparer) defaultTarget() error {
	target := p.opts.DefaultTarget
	if target == "" {
		return nil
	}
	if strings.ContainsRune(target, 0) {
		return fmt.Errorf("default-target: %q is no name of a unit", target)
	}
	if !strings.Contains(target, "/") && !p.hasUnit(target) {
		p.report.Warnings = append(p.report.Warnings, "default-target: the tree has no unit "+target)
	}
	p.report.DefaultTarget = target
	return p.put(systemdUnits+"/default.target", rootfs.NewSymlink(target))
}

func (p *preparer) stateOverlays() error {
	if p.opts.OptUsrLocal != OptStateOverlay {
		return nil
	}
	for _, unit := range overlayUnits {
		if err := p.put(localFSRequires+"/"+unit, rootfs.NewSymlink("../"+unit)); err != nil {
			return fmt.Errorf("opt-usrlocal: %w", err)
		}
		if !p.hasUnit(unit) {
			p.report.Warnings = append(p.report.Warnings, "opt-usrlocal: the tree has no unit "+unit)
		}
	}
	return nil
}
