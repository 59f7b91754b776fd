package scriptlet

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of an expansion: macros may call themselves.
const (
	maxMacroDepth  = 64
	maxMacroOutput = 4 << 20
	maxMacroWork   = 16 << 20 // bytes looked at, and as much for each macro as 256
)

// A macro is a definition. Parametric ones take arguments.
type macro struct {
	body       string
	opts       string
	parametric bool
}

// macros are definitions, as read from the tree.
type macros struct{ table map[string]macro }

// expand expands text as rpm does when it runs a scriptlet. A macro that nobody
// defined stays as it is. What would run a program or read the machine is an
// error that names the line.
func (m *macros) expand(text string) (string, error) {
	x := expansion{macros: m}
	if err := x.expand(text, nil); err != nil {
		return "", err
	}
	return x.out.String(), nil
}

// An expansion is one run over a text.
type expansion struct {
	macros *macros
	out    strings.Builder
	depth  int
	work   int
}

var errMacroLimit = errors.New("the macros call themselves, or make too much text")

// expand writes the expansion of text. Automatic are the macros of the arguments
// of the parametric macro that text is the body of.
func (x *expansion) expand(text string, automatic map[string]string) error {
	if x.depth++; x.depth > maxMacroDepth {
		return errMacroLimit
	}
	defer func() { x.depth-- }()
	x.work += len(text)
	for i := 0; i < len(text); {
		if x.out.Len() > maxMacroOutput || x.work > maxMacroWork {
			return errMacroLimit
		}
		next := strings.IndexByte(text[i:], '%')
		if next < 0 || i+next+1 == len(text) {
			x.out.WriteString(text[i:])
			return nil
		}
		x.out.WriteString(text[i : i+next])
		if i += next + 1; text[i] == '%' {
			x.out.WriteByte('%')
			i++
			continue
		}
		n, err := x.call(text[i:], automatic)
		if err != nil {
			if x.depth == 1 && !errors.Is(err, errMacroLimit) {
				return fmt.Errorf("line %d: %w", 1+strings.Count(text[:i], "\n"), err)
			}
			return err
		}
		i += n
	}
	return nil
}

// A use of a macro in a text, taken apart.
type use struct {
	name           string
	negate, exists bool   // !, ?
	arg            string // after a colon
	hasArg         bool
	words          string // after a blank
}

// call expands the macro that text starts with, its percent sign left out, and
// returns how much of the text that was.
func (x *expansion) call(text string, automatic map[string]string) (int, error) {
	end := macroEnd(text)
	x.work += 256 + max(end, 0)
	switch {
	case end < 0:
		return 0, fmt.Errorf("%%%s has no end", firstLine(text))
	case text[0] == '(':
		return 0, fmt.Errorf("the macro %%%s would run a program on the composing machine", firstLine(text[:end]))
	case text[0] == '[':
		return 0, fmt.Errorf("the expression %%%s cannot be expanded", firstLine(text[:end]))
	}
	u := parseUse(text, end)
	if u.name == "" {
		x.out.WriteByte('%')
		return 0, nil
	}
	value, found := x.find(u.name, automatic)
	builtin := !found && isBuiltin(u.name)
	switch {
	case u.exists || u.name[0] == '-':
		if (found || builtin) == u.negate {
			return end, nil
		}
		if u.hasArg && u.arg != "" {
			return end, x.expand(u.arg, automatic)
		}
		if !found {
			return end, nil
		}
		return end, x.apply(u, value, automatic)
	case builtin:
		return x.builtin(u, text, end, automatic)
	case !found:
		x.out.WriteByte('%')
		return 0, nil
	}
	if value.parametric && text[0] != '{' && end < len(text) && isBlank(text[end]) {
		line := firstLine(text[end:])
		u.words = line
		return end + len(line), x.apply(u, value, automatic)
	}
	return end, x.apply(u, value, automatic)
}

func (x *expansion) find(name string, automatic map[string]string) (macro, bool) {
	if body, ok := automatic[name]; ok {
		return macro{body: body}, true
	}
	m, ok := x.macros.table[name]
	return m, ok
}

// apply writes what a macro is.
func (x *expansion) apply(u use, m macro, outer map[string]string) error {
	if !m.parametric {
		return x.expand(m.body, outer)
	}
	var args []string
	switch {
	case u.exists: // such a use has no arguments
	case u.hasArg:
		text, err := x.sub(u.arg, outer)
		if err != nil {
			return err
		}
		args = []string{text}
	default:
		text, err := x.sub(u.words, outer)
		if err != nil {
			return err
		}
		args = strings.Fields(text)
	}
	automatic, err := arguments(u.name, m.opts, args)
	if err != nil {
		return err
	}
	return x.expand(m.body, automatic)
}

// sub returns the expansion of a part of the text.
func (x *expansion) sub(text string, automatic map[string]string) (string, error) {
	inner := expansion{macros: x.macros, depth: x.depth, work: x.work}
	err := inner.expand(text, automatic)
	x.work = inner.work
	return inner.out.String(), err
}

// arguments are the automatic macros of a call.
func arguments(name, opts string, args []string) (map[string]string, error) {
	auto := map[string]string{"0": name, "**": strings.Join(args, " ")}
	for opts != "-" && len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		if args = args[1:]; word == "--" {
			break
		}
		for j := 1; j < len(word); j++ {
			at := strings.IndexByte(opts, word[j])
			if at < 0 || word[j] == ':' {
				return nil, fmt.Errorf("the macro %%%s has no option -%c", name, word[j])
			}
			flag := "-" + word[j:j+1]
			auto[flag] = flag
			if !strings.HasPrefix(opts[at+1:], ":") {
				continue
			}
			value := word[j+1:]
			if value == "" {
				if len(args) == 0 {
					return nil, fmt.Errorf("the option %s of the macro %%%s wants an argument", flag, name)
				}
				value, args = args[0], args[1:]
			}
			auto[flag], auto[flag+"*"] = flag+" "+value, value
			break
		}
	}
	auto["*"], auto["#"] = strings.Join(args, " "), fmt.Sprint(len(args))
	for i, a := range args {
		auto[fmt.Sprint(i+1)] = a
	}
	return auto, nil
}
