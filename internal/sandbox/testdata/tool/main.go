// Command tool is all programs of the tests' tree: as sh it runs a script of
// lines, each one of the commands below; by another name, or with a command as
// its first argument, one command.
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/internal/sandbox"
)

func main() {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "sh" {
		script(args)
		return
	}
	if len(args) > 0 {
		run(args[0], args[1:])
	}
}

// script runs the lines of a file, until one fails; "try" lines may fail.
func script(args []string) {
	f, err := os.Open(args[0])
	if err != nil {
		fail("sh: %v", err)
	}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := sc.Text()
		for i, a := range args {
			line = strings.ReplaceAll(line, fmt.Sprintf("$%d", i), a)
		}
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(line, "#") {
			run(words[0], words[1:])
		}
	}
}

func run(name string, args []string) {
	try := name == "try"
	if try {
		name, args = args[0], args[1:]
	}
	command, ok := commands[name]
	if !ok {
		fail("%s: no such command", name)
	}
	for len(args) < 4 {
		args = append(args, "")
	}
	err := command(args)
	switch {
	case try:
		fmt.Printf("%s: %v\n", name, err)
	case err != nil:
		fail("%s %s: %v", name, strings.TrimSpace(strings.Join(args, " ")), err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
