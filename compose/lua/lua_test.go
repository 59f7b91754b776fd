package lua

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	got := Command("%post(a-1-1.noarch)", []string{"1", "2"})
	want := []string{"lua-scriptlet", "%post(a-1-1.noarch)", "2", "1", "2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := Helper([]string{"treewright", "compose"}); ok {
		t.Error("got a helper for another command")
	}
	if code, ok := Helper([]string{"treewright", "lua-scriptlet", "x", "5", "y"}); !ok || code != 1 {
		t.Errorf("got %d, %v for a wrong count, want 1, true", code, ok)
	}
}

func TestArguments(t *testing.T) {
	got := runBody(t, "print(arg[1], arg[2] + 1, math.type(arg[3]), arg[4], type(opt))\nreturn 0", "", "1", "2", "3x")
	if want := "<lua>\t2\tinteger\t3x\ttable\n"; got.stdout != want || got.code != 0 {
		t.Errorf("got %+v, want %q", got, want)
	}
}

func TestNextFile(t *testing.T) {
	got := runBody(t, `local f = rpm.next_file() while f do print(f) f = rpm.next_file() end`, "/usr/a\n/usr/b\n")
	if want := "/usr/a\n/usr/b\n"; got.stdout != want {
		t.Errorf("got %q, want %q", got.stdout, want)
	}
}

func TestScriptErrors(t *testing.T) {
	tests := []struct{ body, want string }{
		{"print(1)\nerror('no')", `[string "test"]:2: no`},
		{"error('FATAL: kernel too old', 0)", `FATAL: kernel too old`},
		{"local x = 1 // 2\n\nlocal y = nil\ny.z = 1 & 2", `[string "test"]:4: attempt to index a non-table object(nil) with key 'z'`},
		{"\n\nposix.frobnicate('/x')", `[string "test"]:3: attempt to call a nil value ('posix.frobnicate')`},
		{"local ok = print('x') or nosuch(1)", `[string "test"]:1: attempt to call a nil value ('nosuch')`},
		{"\n\nposix.mkdir()", `[string "test"]:3: bad argument #1 to `},
		{"x = = 1", `[string "test"]:1: unexpected symbol near '='`},
		{"if true then\n\nprint(1)", `[string "test"]:3: 'end' expected (to close 'if' at line 1) near '<eof>'`},
		{"x = 'a\nb'", `[string "test"]:1: unfinished string`},
		{"local c <const> = 1\nc = 2", `[string "test"]:2: attempt to assign to const variable 'c'`},
		{"local f <close> = io.open('/etc/passwd')", `[string "test"]:1: the attribute <close> is not supported`},
		{"\nos.exit(1)", `[string "test"]:2: exit not permitted in this context`},
		{"x = ('x'):rep(1 << 40)", `[string "test"]:1: resulting string too large`},
		{"string.rep('x')", `[string "test"]:1: bad argument #2 to `},
		{"\nrpm.expand('%(rm -rf /)')", `[string "test"]:2: error expanding macro: %( is not supported`},
		{"rpm.define('a %b') rpm.define('b %a') rpm.expand('%a')", `[string "test"]:1: error expanding macro: too many levels`},
		{"local function f() return f() + 1 end f()", `stack overflow`},
		{"goto nowhere", `nowhere`},
		{"t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1 << 20) .. i end", `it takes more than 512 MiB of memory`},
	}
	for _, test := range tests {
		got := runBody(t, test.body, "")
		if got.code != 1 || !strings.HasPrefix(got.stderr, "lua script failed: ") || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%s\n got %d, %q\nwant %q", test.body, got.code, got.stderr, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Check("x", "posix.mkdir('/never')\nreturn 0"); err != nil {
		t.Error(err)
	}
	if err := Check("%post(a)", "a = 1\nb = = 2"); err == nil || !strings.HasPrefix(err.Error(), `[string "%post(a)"]:2: `) {
		t.Errorf("got %v, want an error of line 2", err)
	}
	if err := Check("x", strings.Repeat(" ", MaxScript+1)); err == nil {
		t.Error("got nil for a script that is too long")
	}
	for _, body := range []string{
		"return " + strings.Repeat("(", 100000), "x = " + strings.Repeat("- ", 100000) + "1",
		"x = 1" + strings.Repeat("+1", 100000), "f" + strings.Repeat("()", 100000),
		strings.Repeat("do ", 100000), "x = " + strings.Repeat("{", 100000), "x = 'a'" + strings.Repeat("..'a'", 100000),
		"if a then " + strings.Repeat("elseif a then ", 100000) + "end",
	} {
		if err := Check("x", body); err == nil {
			t.Errorf("got nil for %.20s…", body)
		}
	}
}

// What the host's rpm does differently or cannot do.
func TestBeyondHost(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	tests := []struct{ body, want string }{
		{"local a <const>, b = 1, 2 print(a + b)", "3\n"},
		{`print(rpm.execute("/bin/false")) print(rpm.execute("/nonexistent")) print(rpm.execute("sh", "-c", "kill -9 $$"))`,
			"nil\texit code\t1\nnil\tNo such file or directory\t2\nnil\texit signal\t9\n"},
		{`print(rpm.spawn({"sh", "-c", "echo hi"}, {stdout = "` + out + `"})) for l in io.lines("` + out + `") do print(l) end`, "0\nhi\n"},
		{`print(rpm.spawn({"sh", "-c", "exit 5"})) print(pcall(rpm.spawn, {}))`, "nil\texit code\t5\nfalse\t[string \"test\"]:1: command not supplied\n"},
		{`print(table.concat(rpm.glob("/etc/pass*d"), " "), #rpm.glob("/nonexistent*"), rpm.glob("/nonexistent*", "c")[1])`, "/etc/passwd\t0\t/nonexistent*\n"},
		{`local f, name = posix.mkstemp("` + dir + `/XXXXXX") f:write("x") f:close() print(posix.stat(name, "size"), posix.stat(name, "mode"))
			print(posix.utime(name, 1000, 2000), posix.stat(name, "mtime"), posix.unlink(name))`, "1\trw-------\n0\t1000\t0\n"},
		{`local id = rpm.register("h", function(a) print("hook", a[1]) end) rpm.call("h", 7) rpm.unregister("h", id) rpm.call("h", 8)`, "hook\t7\n"},
		{`print(rpm.expand("%{_libdir} %_arch") ~= "%{_libdir} %_arch", rpm.load("/nonexistent"))`, "true\t-1\n"},
		{`print(posix.mkfifo("` + dir + `/p"), posix.stat("` + dir + `/p", "type"), posix.symlink("p", "` + dir + `/l"), posix.readlink("` + dir + `/l"), posix.link("` + dir + `/p", "` + dir + `/q"))`,
			"0\tfifo\t0\tp\t0\n"},
		{`io.write("a") print("b") os.execute("echo c") print("d")`, "ab\nc\nd\n"},
	}
	for _, test := range tests {
		if got := runBody(t, test.body, ""); got.stdout != test.want || got.code != 0 {
			t.Errorf("%s\n got %+v\nwant %q", test.body, got, test.want)
		}
	}
}

func TestScriptMissing(t *testing.T) {
	code, ok := Helper(append([]string{"treewright"}, append(Command("x", nil), filepath.Join(t.TempDir(), "none"))...))
	if code != 1 || !ok {
		t.Errorf("got %d, %v, want 1, true", code, ok)
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("got a file")
	}
}
