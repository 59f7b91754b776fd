package lua

import (
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// inheritance is what a child of posix.fork gets on descriptor 3.
type inheritance struct {
	Name    string
	Args    []string
	Source  string
	Entries []entry
	Files   []inheritedFile
}

// inheritedFile is a file that is open at the fork.
type inheritedFile struct {
	ID, FD int
	// Pending was read from the descriptor but not yet by the script.
	Pending []byte
}

const inheritanceFD = 3

// posixFork starts a child that comes to this same call and goes on from it.
func (m *machine) posixFork(L *lua.LState) int {
	j := &m.journal
	if j.replay && j.at == len(j.entries) {
		j.replay = false
		m.forked = true
		j.entries = append(j.entries, entry{Values: []plain{{Kind: lua.LTNumber}}})
		L.Push(lua.LNumber(0))
		return 1
	}
	if j.size > maxJournal {
		L.RaiseError("posix.fork: the script has read more than %d MiB before it", maxJournal>>20)
	}
	n := m.values(L, "", func() ([]lua.LValue, error) {
		pid, err := m.startChild()
		return []lua.LValue{lua.LNumber(pid)}, err
	})
	if L.Get(-n) == lua.LNumber(0) {
		m.forked = true // The replay of a child's own child.
	}
	return n
}

func (m *machine) startChild() (pid int, err error) {
	legacy := inheritance{Name: m.cfg.name, Args: m.cfg.args, Source: m.source, Entries: m.journal.entries}
	cmd := exec.Command("/proc/self/exe", childWord)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	fd, err := unix.MemfdCreate("lua", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	mem := os.NewFile(uintptr(fd), "lua")
	defer mem.Close()
	cmd.ExtraFiles = []*os.File{mem}
	ids := make([]int, 0, len(m.files))
	for id := range m.files {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		f := m.files[id]
		if f.f == nil {
			continue
		}
		in := inheritedFile{ID: id, FD: id, Pending: f.settle()}
		if id > 2 {
			in.FD = inheritanceFD + len(cmd.ExtraFiles)
			cmd.ExtraFiles = append(cmd.ExtraFiles, f.f)
		}
		legacy.Files = append(legacy.Files, in)
	}
	if err := gob.NewEncoder(mem).Encode(legacy); err != nil {
		return 0, err
	}
	if _, err := mem.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

// runChild is a child's whole life.
func runChild([]string) int {
	var legacy inheritance
	in := os.NewFile(inheritanceFD, "lua")
	err := gob.NewDecoder(in).Decode(&legacy)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lua script failed: reading what posix.fork left:", err)
		return 1
	}
	in.Close()
	stop := guardMemory()
	defer stop()
	m := newMachine(config{name: legacy.Name, args: legacy.Args})
	defer m.close()
	m.journal = journal{entries: legacy.Entries, replay: true}
	for _, f := range legacy.Files {
		unix.CloseOnExec(f.FD)
		if f.FD <= 2 {
			if _, err := unix.FcntlInt(uintptr(f.FD), unix.F_SETFD, 0); err != nil {
				continue
			}
		}
		m.adopt(f.ID, os.NewFile(uintptr(f.FD), ""), f.Pending)
	}
	m.openStandard()
	if err := m.run(legacy.Source); err != nil {
		fmt.Fprintln(os.Stderr, "lua script failed:", err)
	}
	fmt.Fprintln(os.Stderr, "warning: runaway fork() in Lua script")
	return 1
}
