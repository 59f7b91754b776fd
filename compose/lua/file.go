package lua

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/yuin/gopher-lua"
)

// file is an open file of the script. It has no descriptor while a child
// replays what its parent did.
type file struct {
	id   int
	f    *os.File
	r    *bufio.Reader
	proc *exec.Cmd
	// closed is what the script knows: also true while replaying.
	closed bool
}

// handle gives the value for a file, the same for the same file.
func (m *machine) handle(f *file) *lua.LUserData {
	if known, ok := m.files[f.id]; ok {
		f = known
	} else {
		m.files[f.id] = f
	}
	ud := m.L.NewUserData()
	ud.Value = f
	ud.Metatable = m.fileMeta
	return ud
}

// open registers a file of the system under a new number.
func (m *machine) open(f *os.File, proc *exec.Cmd) *lua.LUserData {
	m.lastFile++
	return m.handle(&file{id: m.lastFile, f: f, r: bufio.NewReader(f), proc: proc})
}

// adopt takes over a file that a parent had open.
func (m *machine) adopt(id int, f *os.File, pending []byte) {
	m.files[id] = &file{id: id, f: f, r: bufio.NewReader(io.MultiReader(strings.NewReader(string(pending)), f))}
}

// settle puts the descriptor where the script believes it to be. What cannot
// be put back into it is given.
func (f *file) settle() []byte {
	if f.f == nil || f.r == nil || f.r.Buffered() == 0 {
		return nil
	}
	if _, err := f.f.Seek(-int64(f.r.Buffered()), io.SeekCurrent); err == nil {
		f.r.Reset(f.f)
		return nil
	}
	pending, _ := f.r.Peek(f.r.Buffered())
	return append([]byte(nil), pending...)
}

// flushAll puts all descriptors right at the end of the script.
func (m *machine) flushAll() {
	for _, f := range m.files {
		f.settle()
	}
}

func (f *file) write(s string) error {
	f.settle()
	_, err := f.f.WriteString(s)
	return err
}

// readItem reads one item of the formats n, l, L, a or a count of bytes. ok is
// false at the end of the file.
func (f *file) readItem(format lua.LValue) (v lua.LValue, ok bool, err error) {
	if n, isCount := format.(lua.LNumber); isCount {
		return f.readBytes(int(n))
	}
	switch strings.TrimPrefix(format.String(), "*")[:1] {
	case "n":
		return f.readNumber()
	case "l":
		return f.readLine(false)
	case "L":
		return f.readLine(true)
	}
	data, err := io.ReadAll(io.LimitReader(f.r, maxString+1))
	if err == nil && len(data) > maxString {
		err = errors.New("file too large to be read at once")
	}
	return lua.LString(data), true, err
}

func (f *file) readBytes(n int) (lua.LValue, bool, error) {
	if n <= 0 {
		_, err := f.r.Peek(1)
		return lua.LString(""), err == nil, nil
	}
	var b strings.Builder
	_, err := io.CopyN(&b, f.r, int64(min(n, maxString)))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return lua.LString(b.String()), b.Len() > 0, err
}

func (f *file) readLine(keep bool) (lua.LValue, bool, error) {
	var line []byte
	for {
		part, err := f.r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxString {
			return lua.LNil, false, errors.New("line too long")
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return lua.LNil, false, err
		}
		ok := len(line) > 0
		if !keep && ok && line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		return lua.LString(line), ok, nil
	}
}

func (f *file) readNumber() (lua.LValue, bool, error) {
	for {
		c, err := f.r.ReadByte()
		if err != nil {
			return lua.LNil, false, nil
		}
		if !isSpace(c) {
			_ = f.r.UnreadByte()
			break
		}
	}
	var b strings.Builder
	for b.Len() < 200 {
		c, err := f.r.ReadByte()
		if err != nil {
			break
		}
		if !isHex(c) && strings.IndexByte("+-.xXpP", c) < 0 {
			_ = f.r.UnreadByte()
			break
		}
		b.WriteByte(c)
	}
	v, ok := stringNumber(b.String())
	return lua.LNumber(v), ok, nil
}

// shut closes the file; for a pipe it gives how its program ended.
func (f *file) shut() ([]lua.LValue, error) {
	f.settle()
	err := f.f.Close()
	f.f = nil
	if f.proc != nil {
		return exitValues(f.proc.Wait())
	}
	return []lua.LValue{lua.LTrue}, err
}

// exitValues gives what os.execute and close give for a program that ended.
func exitValues(err error) ([]lua.LValue, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return []lua.LValue{lua.LTrue, lua.LString("exit"), lua.LNumber(0)}, nil
	case errors.As(err, &exit):
		kind, n := "exit", exit.ExitCode()
		if s, signal := exitSignal(exit); signal {
			kind, n = "signal", s
		}
		return []lua.LValue{lua.LNil, lua.LString(kind), lua.LNumber(n)}, nil
	}
	return nil, err
}
