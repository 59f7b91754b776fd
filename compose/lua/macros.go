package lua

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/yuin/gopher-lua"
)

// macro is one definition. A parametric one cannot be expanded here.
type macro struct {
	body       string
	parametric bool
}

// macros is the table of definitions.
type macros struct{ defined map[string][]macro }

const (
	maxExpansion      = 1 << 20
	maxExpansionDepth = 64
)

// macroFiles are read inside the root, later ones over earlier ones.
var macroFiles = []string{
	"/usr/lib/rpm/macros", "/usr/lib/rpm/macros.d/macros.*", "/usr/lib/rpm/platform/%s-linux/macros",
	"/etc/rpm/macros.*", "/etc/rpm/macros",
}

// directoryMacros are known when the root has no files of macros.
const directoryMacros = `
%_usr /usr
%_usrsrc %{_usr}/src
%_var /var
%_prefix /usr
%_exec_prefix %{_prefix}
%_bindir %{_exec_prefix}/bin
%_sbindir %{_exec_prefix}/sbin
%_libexecdir %{_exec_prefix}/libexec
%_datarootdir %{_prefix}/share
%_datadir %{_datarootdir}
%_sysconfdir /etc
%_sharedstatedir /var/lib
%_localstatedir /var
%_lib lib64
%_libdir %{_exec_prefix}/%{_lib}
%_includedir %{_prefix}/include
%_oldincludedir /usr/include
%_infodir %{_datarootdir}/info
%_mandir %{_datarootdir}/man
%_docdir %{_datadir}/doc
%_rundir /run
%_initddir %{_sysconfdir}/rc.d/init.d
%_tmppath %{_var}/tmp
%_rpmconfigdir /usr/lib/rpm
%_rpmmacrodir %{_rpmconfigdir}/macros.d
%_dbpath %{_var}/lib/rpm
%_unitdir /usr/lib/systemd/system
%_userunitdir /usr/lib/systemd/user
%_presetdir /usr/lib/systemd/system-preset
%_sysusersdir /usr/lib/sysusers.d
%_tmpfilesdir /usr/lib/tmpfiles.d
%_udevrulesdir /usr/lib/udev/rules.d
%_sysctldir /usr/lib/sysctl.d
%_modulesloaddir /usr/lib/modules-load.d
%_fontbasedir %{_datadir}/fonts
%_jvmdir /usr/lib/jvm
%_os linux
`

func machineArch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	}
	return runtime.GOARCH
}

// table gives the macros, read at their first use.
func (m *machine) table(L *lua.LState) *macros {
	if m.macros == nil {
		arch := machineArch()
		vals := m.once(L, func() []lua.LValue {
			var patterns []string
			for _, p := range macroFiles {
				patterns = append(patterns, strings.Replace(p, "%s", arch, 1))
			}
			return one(lua.LString(readMacroFiles(patterns, filepath.Glob)))
		})
		m.macros = &macros{defined: map[string][]macro{}}
		m.macros.read(directoryMacros + "%_arch " + arch + "\n%_target_cpu " + arch + "\n%_host_cpu " + arch + "\n" + vals[0].String())
	}
	return m.macros
}

// read takes definitions in the form of a file of macros.
func (t *macros) read(text string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		def := strings.TrimSpace(lines[i])
		if !strings.HasPrefix(def, "%") {
			continue
		}
		for i+1 < len(lines) && (strings.HasSuffix(def, `\`) || strings.Count(def, "{") > strings.Count(def, "}")) {
			i++
			def = strings.TrimSuffix(def, `\`) + "\n" + lines[i]
		}
		_ = t.define(def[1:], true)
	}
}

func isMacroName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !(i > 0 && isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

// define takes "NAME BODY"; replace forgets earlier definitions.
func (t *macros) define(def string, replace bool) error {
	def = strings.TrimSpace(def)
	end := strings.IndexAny(def, " \t\n(")
	if end < 0 {
		end = len(def)
	}
	name, rest := def[:end], def[end:]
	if !isMacroName(name) {
		return fmt.Errorf("macro %%%s has an illegal name", name)
	}
	mac := macro{}
	if strings.HasPrefix(rest, "(") {
		mac.parametric = true
		_, rest, _ = strings.Cut(rest, ")")
	}
	mac.body = strings.TrimSpace(rest)
	if len(mac.body) > 1 && mac.body[0] == '{' && matching(mac.body, 0) == len(mac.body)-1 {
		mac.body = mac.body[1 : len(mac.body)-1]
	}
	if mac.body == "" && !replace {
		return fmt.Errorf("macro %%%s has empty body", name)
	}
	if replace {
		t.defined[name] = nil
	}
	t.defined[name] = append(t.defined[name], mac)
	return nil
}

func (t *macros) lookup(name string) (macro, bool) {
	stack := t.defined[name]
	if len(stack) == 0 {
		return macro{}, false
	}
	return stack[len(stack)-1], true
}

// matching gives the place of the brace that closes the one at open, or -1.
func matching(s string, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// expander expands one text within the limits.
type expander struct {
	table *macros
	depth int
	size  int
}

func (e *expander) expand(s string) (string, error) {
	if e.depth++; e.depth > maxExpansionDepth {
		return "", fmt.Errorf("too many levels of recursion in macro expansion")
	}
	defer func() { e.depth-- }()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		n, text, err := e.one(s[i:])
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		i += n - 1
		if e.size += len(text); e.size > maxExpansion {
			return "", fmt.Errorf("the expansion is longer than %d bytes", maxExpansion)
		}
	}
	return b.String(), nil
}

// one expands what begins with the percent sign at s[0]; n bytes are used up.
func (e *expander) one(s string) (n int, text string, err error) {
	switch c := s[1]; {
	case c == '%':
		return 2, "%", nil
	case c == '(' || c == '[':
		return 0, "", fmt.Errorf("%%%c is not supported in a scriptlet", c)
	case c == '{':
		end := matching(s, 1)
		if end < 0 {
			return 0, "", fmt.Errorf("unterminated %%{")
		}
		text, err = e.braced(s[:end+1], s[2:end])
		return end + 1, text, err
	}
	end := 1
	for end < len(s) && (s[end] == '?' || s[end] == '!') {
		end++
	}
	for end < len(s) && (isLetter(s[end]) || isDigit(s[end])) {
		end++
	}
	text, err = e.braced(s[:end], s[1:end])
	return end, text, err
}

// braced expands what stands in %{…}: NAME, ?NAME, !?NAME, ?NAME:TEXT.
func (e *expander) braced(raw, inner string) (string, error) {
	head, value, hasValue := strings.Cut(inner, ":")
	name := strings.TrimLeft(head, "?!")
	marks := head[:len(head)-len(name)]
	conditional, negated := strings.Contains(marks, "?"), strings.Count(marks, "!")%2 == 1
	if !isMacroName(name) {
		if i := strings.IndexAny(name, " \t"); i > 0 && isMacroName(name[:i]) {
			if _, ok := e.table.lookup(name[:i]); ok {
				return "", fmt.Errorf("%s: macros with parameters are not supported in a scriptlet", raw)
			}
		}
		return raw, nil
	}
	mac, defined := e.table.lookup(name)
	switch {
	case conditional && defined == negated:
		return "", nil
	case conditional && hasValue:
		return e.expand(value)
	case conditional && negated:
		return "", nil
	case !defined && conditional:
		return "", nil
	case !defined && hasValue:
		return "", fmt.Errorf("%s is not supported in a scriptlet", raw)
	case !defined:
		return raw, nil
	case mac.parametric || hasValue:
		return "", fmt.Errorf("%s: macros with parameters are not supported in a scriptlet", raw)
	}
	return e.expand(mac.body)
}

func (m *machine) expand(L *lua.LState, s string) string {
	e := expander{table: m.table(L)}
	text, err := e.expand(s)
	if err != nil {
		L.RaiseError("error expanding macro: %s", err.Error())
	}
	return text
}

func (m *machine) rpmExpand(L *lua.LState) int {
	L.Push(lua.LString(m.expand(L, L.CheckString(1))))
	return 1
}

func (m *machine) rpmDefine(L *lua.LState) int {
	if err := m.table(L).define(L.CheckString(1), false); err != nil {
		L.RaiseError("error defining macro: %s", err.Error())
	}
	return 0
}

func (m *machine) rpmUndefine(L *lua.LState) int {
	t, name := m.table(L), L.CheckString(1)
	if stack := t.defined[name]; len(stack) > 0 {
		t.defined[name] = stack[:len(stack)-1]
	}
	return 0
}

func (m *machine) rpmIsdefined(L *lua.LState) int {
	mac, ok := m.table(L).lookup(L.CheckString(1))
	L.Push(lua.LBool(ok))
	L.Push(lua.LBool(mac.parametric))
	return 2
}

func (m *machine) rpmLoad(L *lua.LState) int {
	path := L.CheckString(1)
	t := m.table(L)
	text := m.once(L, func() []lua.LValue {
		data, err := readLimited(path, MaxScript)
		if err != nil {
			return one(lua.LNil)
		}
		return one(lua.LString(data))
	})[0]
	if text == lua.LNil {
		L.Push(lua.LNumber(-1))
		return 1
	}
	t.read(text.String())
	L.Push(lua.LNumber(0))
	return 1
}

// openMacros makes the global table macros, whose fields are the macros.
func (m *machine) openMacros() {
	L := m.L
	mt := L.NewTable()
	L.SetFuncs(mt, map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			name := L.CheckString(2)
			if _, ok := m.table(L).lookup(name); !ok {
				L.Push(lua.LNil)
			} else {
				L.Push(lua.LString(m.expand(L, "%{"+name+"}")))
			}
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			name := L.CheckString(2)
			if L.Get(3) == lua.LNil {
				L.Replace(1, lua.LString(name))
				return m.rpmUndefine(L)
			}
			if err := m.table(L).define(name+" "+L.CheckString(3), false); err != nil {
				L.RaiseError("error defining macro %s", name)
			}
			return 0
		},
	})
	t := L.NewTable()
	L.SetMetatable(t, mt)
	L.SetGlobal("macros", t)
}
