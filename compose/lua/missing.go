package lua

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua"
)

const notFunction = "attempt to call a non-function object"

var (
	messageLine = regexp.MustCompile(`:(\d+): ` + notFunction + `$`)
	calledName  = regexp.MustCompile(`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\(`)
)

// nameMissing says which function a script called that does not exist: the
// interpreter underneath gives the line alone.
func (m *machine) nameMissing(message string) string {
	at := messageLine.FindStringSubmatch(message)
	if at == nil {
		return message
	}
	n, err := strconv.Atoi(at[1])
	lines := strings.Split(m.source, "\n")
	if err != nil || n < 1 || n > len(lines) {
		return message
	}
	for _, call := range calledName.FindAllStringSubmatch(lines[n-1], -1) {
		if !keywords[call[1]] && m.isMissing(call[1]) {
			return strings.TrimSuffix(message, notFunction) + "attempt to call a nil value ('" + call[1] + "')"
		}
	}
	return message
}

// isMissing tells whether a name of the global tables has no value.
func (m *machine) isMissing(name string) bool {
	var v lua.LValue = m.L.G.Global
	for part := range strings.SplitSeq(name, ".") {
		t, ok := v.(*lua.LTable)
		if !ok {
			return false
		}
		v = t.RawGetString(part)
	}
	return v == lua.LNil
}
