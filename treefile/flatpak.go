package treefile

// Flatpak is the table that makes the tree a flatpak runtime or application.
type Flatpak struct {
	ID           string
	Name         string // human name, for the summary of the commit; may be empty
	Branch       string // default stable
	BuildRuntime bool   // a runtime, not an application
	Runtime      FlatpakRef
	SDK          FlatpakRef // the runtime when the table names none
	Command      string
	FinishArgs   []string // as flatpak build-finish takes them
	Tags         []string
	Position
}

// A FlatpakRef names a runtime; all three parts are filled in.
type FlatpakRef struct {
	ID, Arch, Branch string
}

// String returns ID/ARCH/BRANCH, the form that flatpak metadata uses.
func (r FlatpakRef) String() string {
	if r == (FlatpakRef{}) {
		return ""
	}
	return r.ID + "/" + r.Arch + "/" + r.Branch
}
