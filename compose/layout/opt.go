package layout

import (
	"fmt"
	"slices"
)

// moveOpt moves what packages have in /opt to /usr/lib/opt, where a commit can
// hold it, with a link in the machine's /opt for each entry.
func (f *finisher) moveOpt() error {
	if f.transient || f.opts.OptUsrLocal == OptRoot {
		return nil
	}
	if f.opts.OptUsrLocal == OptStateOverlay {
		if err := f.mkdir("usr/lib/opt", 0o755); err != nil {
			return err
		}
	}
	opt := f.tree.Lookup("opt")
	if opt == nil || !opt.IsDir() {
		return nil
	}
	for _, c := range slices.Clone(opt.Children()) {
		if err := merge(f.tree, "usr/lib/opt/"+c.Name, f.tree.Detach("opt/"+c.Name)); err != nil {
			return fmt.Errorf("moving /opt to /usr/lib/opt: %w", err)
		}
		f.report.Moved = append(f.report.Moved, Moved{From: "/opt/" + c.Name, To: "/usr/lib/opt/" + c.Name})
		if f.opts.OptUsrLocal == OptVar {
			f.addLink("/opt/"+c.Name, "../../usr/lib/opt/"+c.Name)
		}
	}
	return nil
}

// varLibMoved are the directories of /var/lib that hold what packages install
// and not what a machine writes.
var varLibMoved = [...]string{"alternatives", "vagrant"}

// varLib moves them to /usr/lib, with a link on the machine.
func (f *finisher) varLib() error {
	for _, name := range varLibMoved {
		from, to := "var/lib/"+name, "usr/lib/"+name
		n := f.tree.Lookup(from)
		if n == nil || !n.IsDir() {
			continue
		}
		if err := merge(f.tree, to, f.tree.Detach(from)); err != nil {
			return fmt.Errorf("moving /%s to /%s: %w", from, to, err)
		}
		f.report.Moved = append(f.report.Moved, Moved{From: "/" + from, To: "/" + to})
		f.addLink("/"+from, "../../"+to)
	}
	return nil
}
