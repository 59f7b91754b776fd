package scriptlet

import (
	"fmt"
	"path"
	"strings"
)

// builtins are rpm's own macros: true for those that can be expanded here, and
// false for those that need the machine or a state that a scriptlet cannot have.
func builtins() map[string]bool {
	return map[string]bool{
		"expand": true, "basename": true, "dirname": true, "suffix": true, "shrink": true, "quote": false,
		"shescape": true, "exists": false, "nil": true, "dnl": true, "len": true, "lower": true, "upper": true,
		"lua": false, "load": false, "getenv": false, "getncpus": false, "getconfdir": false, "uncompress": false,
		"define": false, "global": false, "undefine": false, "echo": false, "warn": false, "error": false,
		"dump": false, "trace": false, "verbose": false, "expr": false, "macrobody": false, "url2path": false,
		"u2p": false, "P": false, "S": false, "gsub": false, "sub": false, "rep": false, "reverse": false, "rpmversion": false,
	}
}

func isBuiltin(name string) bool {
	_, ok := builtins()[name]
	return ok
}

// builtin expands one of rpm's own macros and returns how much of the text it was.
func (x *expansion) builtin(u use, text string, end int, automatic map[string]string) (int, error) {
	switch {
	case !builtins()[u.name]:
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
