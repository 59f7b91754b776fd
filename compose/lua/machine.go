package lua

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// prologue stands before every scriptlet, on its first line, as in rpm.
const prologue = "local opt, arg = ...;"

// config is what a run is given.
type config struct {
	// name of the scriptlet, for messages.
	name string
	// args are rpm's arguments: arg[2] and following.
	args []string
}

// machine is an interpreter with rpm's modules.
type machine struct {
	L   *lua.LState
	cfg config
	// source is the script's own text, kept for a child of posix.fork.
	source string

	journal journal
	// forked is set in a child of posix.fork: it may exit and execute.
	forked bool

	files    map[int]*file
	lastFile int
	fileMeta *lua.LTable
	// input and output are what io.read and io.write use: index in files.
	input, output int

	macros *macros
	// errno is that of the last failed posix function.
	errno int
	hooks map[string][]*lua.LFunction
	// streams are the files that rpm.open opened.
	streams map[int]bool
}

func newMachine(cfg config) *machine {
	m := &machine{
		L: lua.NewState(lua.Options{
			CallStackSize: 4000, MinimizeStackMemory: true,
			RegistrySize: 4096, RegistryMaxSize: 1 << 20, RegistryGrowStep: 4096,
			SkipOpenLibs: true,
		}),
		cfg:     cfg,
		files:   map[int]*file{},
		hooks:   map[string][]*lua.LFunction{},
		streams: map[int]bool{},
	}
	m.openLibraries()
	return m
}

func (m *machine) close() { m.L.Close() }

// openLibraries opens what the interpreter underneath has and is right, then
// ours over it.
func (m *machine) openLibraries() {
	L := m.L
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable},
		{lua.StringLibName, lua.OpenString}, {lua.MathLibName, lua.OpenMath}, {lua.DebugLibName, lua.OpenDebug},
		{lua.CoroutineLibName, lua.OpenCoroutine}, {lua.OsLibName, lua.OpenOs},
	} {
		L.Push(L.NewFunction(lib.open))
		L.Push(lua.LString(lib.name))
		L.Call(1, 0)
	}
	m.openBase()
	m.openString()
	m.openOperators()
	m.openTable()
	m.openMath()
	m.openUTF8()
	m.openIO()
	m.openOS()
	m.openPosix()
	m.openRPM()
}

// library gives the global table called name, made when it is missing, for
// which require gives the same table.
func (m *machine) library(name string, funcs map[string]lua.LGFunction) *lua.LTable {
	t, ok := m.L.GetGlobal(name).(*lua.LTable)
	if !ok {
		t = m.L.NewTable()
		m.L.SetGlobal(name, t)
	}
	m.L.SetFuncs(t, funcs)
	if loaded, ok := m.L.GetField(m.L.GetGlobal("package"), "loaded").(*lua.LTable); ok {
		loaded.RawSetString(name, t)
	}
	return t
}

// compile reads a chunk. Its errors name chunk and line.
func (m *machine) compile(src, chunk string) (*lua.LFunction, error) {
	plain, err := rewrite(src, chunk)
	if err != nil {
		return nil, err
	}
	fn, err := m.load(plain, chunk)
	if err == nil {
		return fn, nil
	}
	var inner *parse.Error
	var compiling *lua.CompileError
	switch {
	case errors.As(err, &inner):
		return nil, &syntaxError{chunk: chunk, line: inner.Pos.Line, message: fmt.Sprintf("%s near '%s'", inner.Message, inner.Token)}
	case errors.As(err, &compiling):
		return nil, &syntaxError{chunk: chunk, line: compiling.Line, message: compiling.Message}
	}
	return nil, fmt.Errorf("%s: %s", chunk, strings.TrimSpace(err.Error()))
}

// load guards against a compiler that gives up by panicking.
func (m *machine) load(src, chunk string) (fn *lua.LFunction, err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok {
				err = e
				return
			}
			err = fmt.Errorf("compiling: %v", p)
		}
	}()
	return m.L.Load(strings.NewReader(src), chunk)
}

// run executes the script and gives the error that it ended with.
func (m *machine) run(body string) error {
	m.source = body
	fn, err := m.compile(prologue+body, chunkName(m.cfg.name))
	if err != nil {
		return err
	}
	L := m.L
	arg := L.NewTable()
	arg.RawSetInt(1, lua.LString("<lua>"))
	for i, a := range m.cfg.args {
		// The counts of installed packages are numbers.
		if n, err := strconv.Atoi(a); err == nil && i < 2 {
			arg.RawSetInt(i+2, lua.LNumber(n))
		} else {
			arg.RawSetInt(i+2, lua.LString(a))
		}
	}
	err = L.CallByParam(lua.P{Fn: fn, Protect: true}, L.NewTable(), arg)
	m.flushAll()
	return m.scriptError(err)
}

// scriptError reduces the interpreter's error to the script's own message.
func (m *machine) scriptError(err error) error {
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return err
	}
	switch obj := api.Object.(type) {
	case lua.LString:
		if obj == "lua callstack overflow" || obj == "registry overflow" {
			return fmt.Errorf("%s: stack overflow", chunkName(m.cfg.name))
		}
		return errors.New(m.nameMissing(string(obj)))
	case lua.LNumber:
		return errors.New(formatNumber(float64(obj)))
	case nil, *lua.LNilType:
		return fmt.Errorf("%s: %v", chunkName(m.cfg.name), strings.TrimSpace(api.Error()))
	default:
		return fmt.Errorf("%s: error object is a %s value", chunkName(m.cfg.name), obj.Type())
	}
}

// runScript runs a scriptlet as rpm does, from the root folder.
func runScript(cfg config, body string) int {
	if err := os.Chdir("/"); err != nil {
		fmt.Fprintln(os.Stderr, "lua script failed:", err)
		return 1
	}
	stop := guardMemory()
	defer stop()
	m := newMachine(cfg)
	defer m.close()
	m.openStandard()
	if err := m.run(body); err != nil {
		fmt.Fprintln(os.Stderr, "lua script failed:", err)
		return 1
	}
	return 0
}
