package flatpak

// Sizes are what a client shows before it installs: the space that the files
// take on disk and the bytes that a download without deltas transfers. An
// object that two paths share counts twice, as flatpak counts it.
type Sizes struct {
	Installed uint64
	Download  uint64
}

// installedBlock is the unit in which disk space is counted.
const installedBlock = 512

// AddFile counts one regular file: its length, and the length of its object in
// an archive repository. Symlinks and directories are not counted.
func (s *Sizes) AddFile(size, stored uint64) {
	s.Installed += (size + installedBlock - 1) / installedBlock * installedBlock
	s.Download += stored
}

// AddExtraData counts what the client fetches from elsewhere. Only what the
// summary shows includes it; the commit's own sizes do not.
func (s *Sizes) AddExtraData(extra []ExtraData) {
	for _, e := range extra {
		s.Installed += e.InstalledSize
		s.Download += e.Size
	}
}
