// Package flatpak gives a tree that was assembled from packages the form of a
// flatpak runtime or application.
//
//	runtime                         application
//	/usr/…   → /files/…             /app/…  → /files/…
//	/etc/…   → /files/etc/…
//	           /metadata                      /metadata
//	                                          /export/…   what the host sees
//
// All of it belongs to root, directories have mode 0755, files 0755 when their
// owner may execute them and 0644 otherwise; there are no extended attributes:
// clients store nothing else.
//
// A runtime made here says of which packages it is made, in
// /files/share/treewright/packages.json, so that applications are resolved
// against it without its package repositories:
//
//	{"version":1,"packages":[{"name":"glibc","epoch":0,"version":"2.36","release":"1",
//	  "arch":"x86_64","requires":["…"],"provides":["libc.so.6()(64bit)",…]},…]}
package flatpak
