package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/treewright/treewright/internal/rpmtest"
)

// TestMain lets scripts run this test binary as `treewright`.
func TestMain(m *testing.M) {
	if code, ok := helperCode(os.Args); ok {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){
		"treewright": func() { os.Exit(mainCode()) },
	})
}

// TestScripts runs testdata/script/*.txtar: the commands as users type them,
// and the real ostree where it judges the result. scriptCommands lists what they
// have besides testscript's own commands.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: scriptCommands(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOURCE_DATE_EPOCH", "1700000000")
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			env.Values[scriptStateKey{}] = &scriptState{keys: map[string]*rpmtest.Key{}, snapshots: map[string]string{}}
			return nil
		},
	})
}

// oneFile is the one file that a pattern matches: metadata has its checksum in
// its name.
func oneFile(ts *testscript.TestScript, pattern string) string {
	names, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(names) != 1 {
		ts.Fatalf("%s: got %d files, want one", pattern, len(names))
	}
	return names[0]
}

func flipByte(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	path := oneFile(ts, args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	if offset < 0 {
		offset += len(data)
	}
	data[offset] ^= 0xff
	ts.Check(os.WriteFile(path, data, 0o644))
}

func shortenFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shorten FILE BYTES")
	}
	path := oneFile(ts, args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-n))
}
