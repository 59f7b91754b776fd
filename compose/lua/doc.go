// Package lua runs the Lua scriptlets of packages (`%post -p <lua>`).
//
// A scriptlet never runs in the composing process: a Lua script can do what
// its process can do. The composing process calls Check, which compiles and
// runs nothing, and then starts this same binary again inside the sandbox with
// the arguments of Command followed by the path of the script; Helper, the
// first thing that main calls, sees those arguments, runs the script and gives
// the exit code:
//
//	treewright lua-scriptlet NAME COUNT ARG... SCRIPT
//
// A failure is one line on the standard error output and exit code 1:
//
//	lua script failed: [string "NAME"]:LINE: message
//
// # Language
//
// The interpreter underneath knows Lua 5.1 and goto; rpm embeds 5.3 or 5.4.
// The script is therefore parsed by this package with the grammar of 5.4
// (https://www.lua.org/manual/5.4/manual.html#9) and what 5.1 does not have is
// rewritten: operators become calls, string escapes become decimal ones,
// attributes go. Every token stays on its line, so that messages name the line
// of the package's own script. The libraries string, table, math, utf8, io and
// os are those of 5.4. docs/lua.md lists what differs.
//
// # Modules
//
// The tables posix and rpm are those of rpm
// (https://rpm.org/docs/latest/man/rpm-lua.7): same names, same results, same
// `nil, message, number` on failure.
//
// # Fork
//
// A Go process has many threads and cannot be forked. posix.fork starts this
// binary once more, and the child runs the same script from its start in a
// replay: each function that reads or changes the world outside of the script
// gives the results which the parent recorded, without acting, until the same
// call of posix.fork is reached, which gives 0. From there on the child acts.
// Open files, working directory, umask and environment are the inherited ones.
package lua
