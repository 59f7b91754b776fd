package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type forkTest struct{ name, body, stdin, want, wantErr string }

func forkTests(dir, log string) []forkTest {
	return []forkTest{
		{name: "exec and wait", body: `
local pid = posix.fork()
if pid == 0 then posix.exec("/bin/echo", "child")
elseif pid > 0 then print(posix.wait(pid) == pid) end`, want: "child\ntrue\n"},
		{name: "exit", body: `
local pid = posix.fork()
if pid == 0 then io.stdout:write("child\n") os.exit(0)
elseif pid > 0 then posix.wait(pid) print("parent") else io.stderr:write("fork failed") end`, want: "child\nparent\n"},
		{name: "effects before the fork happen once", body: `
local f = io.open("` + log + `", "a") f:write("once\n") f:close()
local made = posix.mkdir("` + dir + `/made")
local now = os.clock()
print(made)
local pid = posix.fork()
if pid == 0 then print("child", made, posix.stat("` + dir + `/made", "type")) os.exit(3) end
posix.wait(pid)
for l in io.lines("` + log + `") do print(l) end`, want: "0\nchild\t0\tdirectory\nonce\n"},
		{name: "cwd, environment, umask and files are inherited", body: `
posix.chdir("/usr") posix.setenv("TW_A", "b") posix.umask("rwx------")
local f = io.open("` + dir + `/shared", "w+") f:write("one ")
local pid = posix.fork()
if pid == 0 then
  f:write(posix.getcwd(), " ", os.getenv("TW_A"), " ", posix.umask(), " ") f:close() os.exit()
end
posix.wait(pid) f:write("end") f:seek("set") print(f:read("a"))`, want: "one /usr b rwx------ end\n"},
		{name: "input is shared", stdin: "a\nb\nc\n", body: `
print(rpm.next_file())
local pid = posix.fork()
if pid == 0 then print("child", rpm.next_file()) os.exit() end
posix.wait(pid)`, want: "a\nchild\tb\n"},
		{name: "redirect2null", body: `
local pid = posix.fork()
if pid == 0 then posix.redirect2null(1) print("lost") posix.exec("/bin/echo", "lost") end
posix.wait(pid) print("kept")`, want: "kept\n"},
		{name: "fork in a loop and in a child", body: `
for i = 1, 2 do
  local pid = posix.fork()
  if pid == 0 then
    local inner = posix.fork()
    if inner == 0 then print("inner", i) os.exit() end
    posix.wait(inner) print("child", i) os.exit()
  end
  posix.wait(pid)
end`, want: "inner\t1\nchild\t1\ninner\t2\nchild\t2\n"},
		{name: "exec of nothing", body: `
local pid = posix.fork()
if pid == 0 then print(posix.exec("/nonexistent")) os.exit(1) end
posix.wait(pid)`, want: "nil\t/nonexistent: No such file or directory\t2\n"},
		{name: "runaway", body: `
local pid = posix.fork()
if pid > 0 then posix.wait(pid) print("parent") end`, want: "parent\n", wantErr: "warning: runaway fork() in Lua script\n"},
	}
}

func TestFork(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for _, test := range forkTests(dir, log) {
		t.Run(test.name, func(t *testing.T) {
			got := runBody(t, test.body, test.stdin)
			if got.stdout != test.want || got.stderr != test.wantErr || got.code != 0 {
				t.Errorf("got %q, %q, code %d, want %q, %q", got.stdout, got.stderr, got.code, test.want, test.wantErr)
			}
		})
	}
	if data, err := os.ReadFile(log); err != nil || strings.Count(string(data), "once") != 1 {
		t.Errorf("got %q, %v, want one line", data, err)
	}
}
