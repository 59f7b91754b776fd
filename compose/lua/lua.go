package lua

import (
	"fmt"
	"os"
	"strconv"
)

// MaxScript is the size in bytes up to which a script is accepted.
const MaxScript = 4 << 20

// The words that start the helper, in os.Args[1].
const (
	runWord   = "lua-scriptlet"
	childWord = "lua-scriptlet-child"
)

// Command gives the arguments, the program left out, with which this binary
// runs the script called name with rpm's arguments args ("1", "2"). The path
// of the script is to be appended as the last argument.
func Command(name string, args []string) []string {
	return append([]string{runWord, name, strconv.Itoa(len(args))}, args...)
}

// Check compiles the script called name without running it. The error names
// script and line.
func Check(name, body string) error {
	if len(body) > MaxScript {
		return fmt.Errorf("%s: the script is %d bytes long, more than the limit of %d", chunkName(name), len(body), MaxScript)
	}
	m := newMachine(config{name: name})
	defer m.close()
	_, err := m.compile(prologue+body, chunkName(name))
	return err
}

// Helper runs a script when args, the process's own with its program first,
// ask for it; ok tells whether they did. The program then exits with code.
func Helper(args []string) (code int, ok bool) {
	if len(args) < 2 {
		return 0, false
	}
	switch args[1] {
	case runWord:
		cfg, body, err := readCommand(args[2:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "lua script failed:", err)
			return 1, true
		}
		return runScript(cfg, body), true
	case childWord:
		return runChild(args[2:]), true
	}
	return 0, false
}

// readCommand takes apart what Command put together and reads the script.
func readCommand(args []string) (config, string, error) {
	if len(args) < 3 {
		return config{}, "", fmt.Errorf("reading the command line: %d arguments after %s, want at least 3", len(args), runWord)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n != len(args)-3 {
		return config{}, "", fmt.Errorf("reading the command line: %q is not the number of arguments", args[1])
	}
	path := args[len(args)-1]
	body, err := readScript(path)
	if err != nil {
		return config{}, "", fmt.Errorf("reading script %s: %w", path, err)
	}
	return config{name: args[0], args: args[2 : 2+n]}, body, nil
}

func readScript(path string) (string, error) {
	data, err := readLimited(path, MaxScript)
	return string(data), err
}

// chunkName is the form in which Lua shows a chunk's name in messages.
func chunkName(name string) string {
	return `[string "` + name + `"]`
}
