package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/treewright/treewright/internal/rpmtest"
)

// TestMain lets scripts run this test binary as `treewright`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"treewright": func() { os.Exit(mainCode()) },
	})
}

// TestScripts runs testdata/script/*.txtar: the commands as users type them,
// and the real ostree where it judges the result.
//
// Besides testscript's own commands: `mkrepo DIR FILE` makes an rpm-md
// repository of the packages that FILE describes (a JSON list of
// rpmtest.Package), `expand FILE...` replaces $WORK in files, `flip FILE OFFSET` changes one byte (negative: from the
// end), `shorten FILE N` cuts N bytes off its end.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkrepo":  makeRepo,
			"expand":  expandFiles,
			"flip":    flipByte,
			"shorten": shortenFile,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOURCE_DATE_EPOCH", "1700000000")
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			return nil
		},
	})
}

func makeRepo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkrepo DIR FILE")
	}
	var packages []rpmtest.Package
	if err := json.Unmarshal([]byte(ts.ReadFile(args[1])), &packages); err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if err := rpmtest.WriteRepo(ts.MkAbs(args[0]), rpmtest.RepoOptions{}, packages...); err != nil {
		ts.Fatalf("making %s: %v", args[0], err)
	}
}

func flipByte(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	path := ts.MkAbs(args[0])
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
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-n))
}

func expandFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := strings.ReplaceAll(ts.ReadFile(file), "$WORK", ts.Getenv("WORK"))
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}
