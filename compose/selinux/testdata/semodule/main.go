// Command semodule stands for the real one in tests: it makes a file_contexts
// and a policy of the modules of a store, each of which is a text of contexts.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "semodule:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 || args[0] != "-s" || args[2] != "-nB" {
		return fmt.Errorf("arguments %q", args)
	}
	dir := filepath.Join("/etc/selinux", args[1])
	modules, err := filepath.Glob(filepath.Join(dir, "active/modules/*/*/cil"))
	if err != nil {
		return err
	}
	slices.Sort(modules)
	var all strings.Builder
	for _, name := range modules {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if strings.Contains(string(data), "broken") {
			return fmt.Errorf("%s is broken", name)
		}
		all.Write(data)
	}
	for _, name := range []string{"contexts/files/file_contexts", "policy/policy.33"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(all.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
