package sandbox

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// diskUse knows how much programs have written into upper. It counts the files
// only when the space that is free on the file system lets one expect that a
// limit is near, and from time to time: others also write and remove.
type diskUse struct {
	dir    string
	used   int64 // at the last count
	free   int64 // of the file system, then
	looked int   // looks since then
}

// looksBetween is how many looks are made without a count at most.
const looksBetween = 20

func (d *diskUse) over(limit int64, running bool) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return false
	}
	free := int64(st.Bfree) * int64(st.Bsize)
	if d.free == 0 {
		d.free = free
	}
	if running {
		d.looked++
	}
	if d.used+max(d.free-free, 0) < limit && d.looked < looksBetween {
		return false
	}
	d.used, d.free, d.looked = diskUsed(d.dir), free, 0
	return d.used >= limit
}

// diskUsed adds up what the files below dir take. A file that goes away in the
// meantime does not count.
func diskUsed(dir string) (total int64) {
	linked := map[uint64]bool{}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !linked[st.Ino] {
			total += st.Blocks * 512
			if st.Nlink > 1 && !d.IsDir() {
				linked[st.Ino] = true
			}
		}
		return nil
	})
	return total
}

// processes lists all processes of the namespace but this one.
func processes() (pids []int) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.Readdirnames(-1)
	for _, name := range entries {
		if pid := pidOf(name); pid > 1 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// maxNames is how many names of processes are told.
const maxNames = 20

// leftovers names the processes that outlive the program by more than a moment.
func leftovers() (left []string) {
	for range 30 {
		if left = names(processes()); len(left) == 0 {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return left
}

// names returns the names of those that live, apart from bwrap's own first process.
func names(pids []int) (list []string) {
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		var name, state string
		first := false
		for line := range bytes.Lines(status) {
			key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
			switch value = strings.TrimSpace(value); key {
			case "Name":
				name = value
			case "State":
				state = value
			case "NSpid":
				fields := strings.Fields(value)
				first = fields[len(fields)-1] == "1"
			}
		}
		if !first && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list[:min(len(list), maxNames)]
}
