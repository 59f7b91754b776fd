package flatpak

import "math"

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
	blocks := size / installedBlock
	if size%installedBlock > 0 {
		blocks++
	}
	s.Add(Sizes{Installed: min(blocks, math.MaxUint64/installedBlock) * installedBlock, Download: stored})
}

// Add counts what o counted. A sum that is too large for a number stays at the
// largest one.
func (s *Sizes) Add(o Sizes) {
	s.Installed, s.Download = saturated(s.Installed, o.Installed), saturated(s.Download, o.Download)
}

func saturated(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// AddExtraData counts what the client fetches from elsewhere. Only what the
// summary shows includes it; the commit's own sizes do not.
func (s *Sizes) AddExtraData(extra []ExtraData) {
	for _, e := range extra {
		s.Add(Sizes{Installed: e.InstalledSize, Download: e.Size})
	}
}
