package lua

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/yuin/gopher-lua"
)

// maxJournal bounds what is recorded for children of posix.fork.
const maxJournal = 64 << 20

// journal holds the results of every function that reads or changes the world
// outside of the script, in the order of the calls.
type journal struct {
	entries []entry
	size    int
	// replay is set in a child until it reaches its place in the script: the
	// entries from at on are given as results.
	replay bool
	at     int
}

// entry is the result of one call. Fields are exported for encoding/gob.
type entry struct{ Values []plain }

// plain is a Lua value: nil, boolean, number, string, table or open file.
type plain struct {
	Kind   lua.LValueType
	Number float64
	Text   string
	Keys   []plain
	Values []plain
}

// once calls fn and records its results, or gives the recorded ones.
func (m *machine) once(L *lua.LState, fn func() []lua.LValue) []lua.LValue {
	j := &m.journal
	if j.replay {
		if j.at >= len(j.entries) {
			fmt.Fprintf(os.Stderr, "lua script failed: %s: after posix.fork the child took another way than its parent\n", chunkName(m.cfg.name))
			os.Exit(1)
		}
		e := j.entries[j.at]
		j.at++
		values := make([]lua.LValue, len(e.Values))
		for i, p := range e.Values {
			values[i] = m.thaw(p)
		}
		return values
	}
	values := fn()
	if j.size <= maxJournal {
		e := entry{Values: make([]plain, len(values))}
		for i, v := range values {
			e.Values[i] = m.freeze(v)
		}
		j.entries = append(j.entries, e)
	}
	return values
}

func (m *machine) freeze(v lua.LValue) plain {
	p := plain{Kind: v.Type()}
	m.journal.size += 32
	switch v := v.(type) {
	case lua.LBool:
		if v {
			p.Number = 1
		}
	case lua.LNumber:
		p.Number = float64(v)
	case lua.LString:
		p.Text = string(v)
		m.journal.size += len(p.Text)
	case *lua.LTable:
		v.ForEach(func(key, value lua.LValue) {
			p.Keys = append(p.Keys, m.freeze(key))
			p.Values = append(p.Values, m.freeze(value))
		})
	case *lua.LUserData:
		if f, ok := v.Value.(*file); ok {
			p.Number = float64(f.id)
		}
	}
	return p
}

func (m *machine) thaw(p plain) lua.LValue {
	switch p.Kind {
	case lua.LTBool:
		return lua.LBool(p.Number != 0)
	case lua.LTNumber:
		return lua.LNumber(p.Number)
	case lua.LTString:
		return lua.LString(p.Text)
	case lua.LTTable:
		t := m.L.NewTable()
		for i, key := range p.Keys {
			t.RawSet(m.thaw(key), m.thaw(p.Values[i]))
		}
		return t
	case lua.LTUserData:
		id := int(p.Number)
		m.lastFile = max(m.lastFile, id)
		return m.handle(&file{id: id})
	}
	return lua.LNil
}

// push pushes values and gives their number.
func push(L *lua.LState, values []lua.LValue) int {
	for _, v := range values {
		L.Push(v)
	}
	return len(values)
}

// values runs fn once and pushes its results; an error is pushed as nil, the
// message with info before it, and the error's number.
func (m *machine) values(L *lua.LState, info string, fn func() ([]lua.LValue, error)) int {
	got := m.once(L, func() []lua.LValue {
		values, err := fn()
		if err != nil {
			return failure(info, err)
		}
		return values
	})
	if len(got) == 3 && got[0] == lua.LNil {
		if n, ok := got[2].(lua.LNumber); ok {
			m.errno = int(n)
		}
	}
	return push(L, got)
}

// result is values for functions that give 0 when they succeed.
func (m *machine) result(L *lua.LState, info string, fn func() error) int {
	return m.values(L, info, func() ([]lua.LValue, error) {
		return []lua.LValue{lua.LNumber(0)}, fn()
	})
}

func failure(info string, err error) []lua.LValue {
	msg, n := errorText(err)
	if info != "" {
		msg = info + ": " + msg
	}
	return []lua.LValue{lua.LNil, lua.LString(msg), lua.LNumber(n)}
}

// errorText gives the message and number of the system's error in err.
func errorText(err error) (string, int) {
	var n syscall.Errno
	switch {
	case errors.As(err, &n):
		return strerror(n), int(n)
	case errors.Is(err, fs.ErrClosed):
		return strerror(syscall.EBADF), int(syscall.EBADF)
	}
	return err.Error(), int(syscall.EIO)
}

// strerror is the C library's text, which begins with a capital letter.
func strerror(n syscall.Errno) string {
	if n == 0 {
		return "Success"
	}
	s := n.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

// readLimited reads a file of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it is longer than %d bytes", limit)
	}
	return data, err
}
