package scriptlet

import (
	"fmt"
	"path"
	"strings"
)

// isBuiltin tells whether a name is one of rpm's own macros.
func isBuiltin(name string) bool { return canExpand(name) || needsMachine(name) }

// canExpand tells whether it can be expanded here.
func canExpand(name string) bool {
	switch name {
	case "expand", "basename", "dirname", "suffix", "shrink", "shescape", "nil", "dnl", "len", "lower", "upper":
		return true
	}
	return false
}

// needsMachine tells whether it needs the machine, or a state that a scriptlet
// cannot have.
func needsMachine(name string) bool {
	switch name {
	case "lua", "load", "getenv", "getncpus", "getconfdir", "uncompress", "define", "global", "undefine", "echo", "warn", "error",
		"dump", "trace", "verbose", "expr", "exists", "macrobody", "quote", "url2path", "u2p", "P", "S", "gsub", "sub", "rep", "reverse",
		"rpmversion":
		return true
	}
	return false
}

// builtin expands one of rpm's own macros and returns how much of the text it was.
func (x *expansion) builtin(u use, text string, end int, automatic map[string]string) (int, error) {
	switch {
	case !canExpand(u.name):
		return 0, fmt.Errorf("the macro %%%s cannot be expanded when a tree is composed", firstLine(text[:end]))
	case u.name == "nil":
		return end, nil
	case u.name == "dnl":
		if text[0] != '{' {
			end += len(firstLine(text[end:]))
			if end < len(text) {
				end++ // the end of the line as well
			}
		}
		return end, nil
	}
	arg := u.arg
	if !u.hasArg {
		arg = strings.TrimLeft(u.words, " \t")
	}
	value, err := x.sub(arg, automatic)
	if err != nil {
		return end, err
	}
	if u.name == "expand" {
		return end, x.expand(value, automatic)
	}
	x.out.WriteString(textFunction(u.name, value))
	return end, nil
}

func textFunction(name, value string) string {
	switch name {
	case "basename":
		return value[strings.LastIndexByte(value, '/')+1:]
	case "dirname":
		if i := strings.LastIndexByte(value, '/'); i >= 0 {
			return value[:i]
		}
		return value
	case "suffix":
		return strings.TrimPrefix(path.Ext(value), ".")
	case "shrink":
		return strings.Join(strings.Fields(value), " ")
	case "shescape":
		return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	case "len":
		return fmt.Sprint(len(value))
	case "lower":
		return strings.ToLower(value)
	case "upper":
		return strings.ToUpper(value)
	}
	return value
}
