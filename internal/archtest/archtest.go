// Package archtest holds the map of the house as a test: which room may import
// which. A new package is a new line in Rooms.
package archtest

// Module is the path that every room's import path starts with.
const Module = "github.com/treewright/treewright"

// leaves stands for every package below internal/.
const leaves = "internal/*"

// A Room names one package and what it may import of this module, tests apart.
type Room struct {
	Path    string   // below Module
	Imports []string // packages below Module; "dir/*" stands for all below dir
}

// ostreeRooms are the packages that together are the OSTree library.
var ostreeRooms = []string{"ostree", "ostree/gvariant", "ostree/archive", "ostree/memory", "ostree/sign", "ostree/delta", "ostree/remote"}

// rpmRooms are the packages that read RPM repositories and resolve them.
var rpmRooms = []string{"rpmrepo", "rpmrepo/rpm", "rpmrepo/solve", "rpmrepo/lockfile"}

// composeRooms are what the rooms below compose stand on.
var composeRooms = []string{"compose/rootfs", "compose/content", "rpmrepo/rpm", "ostree", leaves}

// Rooms is the import table of docs/design.md. Only compose knows both RPM and
// OSTree; internal packages are leaves.
var Rooms = []Room{
	{"cmd/treewright", []string{"server", "server/*", "publish", "publish/*", "compose", "compose/*", "treefile", "ostree", "ostree/*", "rpmrepo", "rpmrepo/*", leaves}},
	{"cmd/bench", []string{"rpmrepo", "rpmrepo/rpm", "rpmrepo/solve", "ostree", "ostree/archive", "ostree/delta", "internal/rpmtest"}},
	{"cmd/boottest", []string{"rpmrepo/rpm", "internal/rpmtest"}},
	{"cmd/demo", []string{"internal/rpmtest"}},
	{"cmd/demo/hello", nil},

	{"server", []string{"compose", "publish", "treefile", "ostree", "ostree/*", leaves}},

	{"publish", append([]string{leaves}, ostreeRooms...)},
	{"publish/mirror", append([]string{"publish", leaves}, ostreeRooms...)},

	{"compose", append(append([]string{"compose/*", "treefile", leaves}, rpmRooms...), ostreeRooms...)},
	{"compose/rootfs", []string{"compose/content", "rpmrepo/rpm", "ostree", leaves}},
	{"compose/content", []string{"rpmrepo/rpm", "ostree", leaves}},
	{"compose/flatpak", composeRooms},
	{"compose/ondisk", composeRooms},
	{"compose/scriptlet", composeRooms},
	{"compose/lua", []string{"rpmrepo/rpm", leaves}},
	{"compose/layout", composeRooms},
	{"compose/rpmdb", composeRooms},
	{"compose/selinux", composeRooms},
	{"compose/initramfs", composeRooms},

	{"treefile", []string{leaves}},
	{"treefiles", nil},

	{"rpmrepo", []string{"rpmrepo/rpm", leaves}},
	{"rpmrepo/rpm", []string{leaves}},
	{"rpmrepo/lockfile", []string{"rpmrepo/rpm", leaves}},
	{"rpmrepo/solve", []string{"rpmrepo/rpm", leaves}},

	{"ostree", []string{"ostree/gvariant", leaves}},
	{"ostree/gvariant", []string{leaves}},
	{"ostree/archive", []string{"ostree", "ostree/gvariant", leaves}},
	{"ostree/memory", []string{"ostree", "ostree/gvariant", leaves}},
	{"ostree/sign", []string{"ostree", "ostree/gvariant", leaves}},
	{"ostree/delta", []string{"ostree", "ostree/gvariant", "ostree/archive", "ostree/sign", leaves}},
	{"ostree/remote", []string{"ostree", "ostree/gvariant", "ostree/archive", "ostree/delta", "ostree/sign", leaves}},

	// Leaves import other leaves alone.
	{"internal/archtest", nil},
	{"internal/atomicfile", nil},
	{"internal/ctxio", nil},
	{"internal/fetch", []string{leaves}},
	{"internal/flatpak", []string{leaves}},
	{"internal/inflate", nil},
	{"internal/keyfile", nil},
	{"internal/origin", []string{leaves}},
	{"internal/privatedir", nil},
	{"internal/progress", nil},
	{"internal/sandbox", []string{leaves}},

	// For tests and the demo alone.
	{"internal/rpmtest", []string{"*"}},
	{"ostree/ostreetest", []string{"*"}},
	{"internal/syscalltest", nil},
}

// TestOnly are the rooms that no part of the program may import.
var TestOnly = []string{"internal/rpmtest", "internal/syscalltest", "ostree/ostreetest"}

// MayTest are the packages that may import them all the same: themselves, and
// the programs that users never install.
var MayTest = []string{"internal/rpmtest", "ostree/ostreetest", "cmd/demo", "cmd/bench", "cmd/boottest"}
