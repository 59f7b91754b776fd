package archive

import (
	"fmt"
	"math"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// SpaceError says that an object would take space that the config reserves.
type SpaceError struct {
	Repo    string
	Missing int64  // bytes, for the object that was being written
	Limit   string // the config key and its value
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the file system of %s lacks %d bytes: free some, or lower %s under [core] in its config",
		e.Repo, e.Missing, e.Limit)
}

// space is what a transaction may still write.
type space struct {
	left  atomic.Int64
	repo  string
	limit string
}

// newSpace reads how much is free above the reserve.
func (r *Repo) newSpace(c config) (*space, error) {
	s := &space{repo: r.path}
	s.left.Store(math.MaxInt64)
	if c.minFreePercent == 0 && c.minFreeBytes == 0 {
		return s, nil
	}
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(r.root, &st) }); err != nil {
		return nil, pathError("statfs", r.path, err)
	}
	free := st.Bavail
	if unix.Geteuid() == 0 {
		free = st.Bfree
	}
	block := max(int64(st.Frsize), 1)
	reserve := c.minFreeBytes
	s.limit = fmt.Sprintf("min-free-space-size (%d MB)", reserve>>20)
	if reserve == 0 {
		reserve = int64(float64(st.Blocks) / 100 * float64(c.minFreePercent) * float64(block))
		s.limit = fmt.Sprintf("min-free-space-percent (%d)", c.minFreePercent)
	}
	s.left.Store(int64(free)*block - reserve)
	return s, nil
}

// take claims n bytes, if they are there.
func (s *space) take(n int64) error {
	if left := s.left.Add(-n); left < 0 {
		s.left.Add(n)
		return &SpaceError{Repo: s.repo, Missing: -left, Limit: s.limit}
	}
	return nil
}
