package selinux

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rootfs"
)

func TestLoad(t *testing.T) {
	const dir = "selinux/targeted/contexts/files/file_contexts"
	for _, tc := range []struct {
		name string
		tree map[string]string
		path string
		want string
	}{
		{"usr/etc", map[string]string{"usr/etc/selinux/config": config, "usr/etc/" + dir: "/a u:r:a:s0\n"}, "/a", "u:r:a:s0"},
		{"etc", map[string]string{"etc/selinux/config": config, "etc/" + dir: "/a u:r:a:s0\n"}, "/a", "u:r:a:s0"},
		{"etc before usr/etc", map[string]string{"etc/selinux/config": config, "etc/" + dir: "/a u:r:a:s0\n",
			"usr/etc/selinux/config": "SELINUXTYPE=other\n"}, "/a", "u:r:a:s0"},
		{"the last type", map[string]string{"etc/selinux/config": "SELINUXTYPE=minimum\nSELINUXTYPE=targeted  \n", "etc/" + dir: "/a u:r:a:s0\n"}, "/a", "u:r:a:s0"},
		{"homedirs", map[string]string{"etc/selinux/config": config, "etc/" + dir: "/a.* u:r:a:s0\n", "etc/" + dir + ".homedirs": "/a/h.* u:r:h:s0\n"}, "/a/h", "u:r:h:s0"},
		{"local", map[string]string{"etc/selinux/config": config, "etc/" + dir: "/a.* u:r:a:s0\n", "etc/" + dir + ".homedirs": "/a/h.* u:r:h:s0\n", "etc/" + dir + ".local": "/a/h.* u:r:l:s0\n"}, "/a/h", "u:r:l:s0"},
		{"subs", map[string]string{"etc/selinux/config": config, "etc/" + dir: "/a u:r:a:s0\n", "etc/" + dir + ".subs": "/b /c\n", "etc/" + dir + ".subs_dist": "/c /a\n"}, "/b", "u:r:a:s0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Load(files(t, tc.tree), read)
			must(t, err)
			if c.Policy != "targeted" {
				t.Errorf("policy: got %q, want targeted", c.Policy)
			}
			if got, ok := c.Label(tc.path, 0); got != tc.want || !ok {
				t.Errorf("%s: got %q %v, want %q", tc.path, got, ok, tc.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	const dir = "usr/etc/selinux/targeted/contexts/files"
	for _, tc := range []struct {
		name     string
		tree     map[string]string
		noPolicy bool
		want     string
	}{
		{"no config", map[string]string{"usr/etc/passwd": ""}, true, "there is no usr/etc/selinux/config; add the package selinux-policy-targeted, or set selinux: false"},
		{"no contexts", map[string]string{"usr/etc/selinux/config": config}, true, "there is no " + dir + "/file_contexts"},
		{"compiled alone", map[string]string{"usr/etc/selinux/config": config, dir + "/file_contexts.bin": ""}, false, "only its compiled form .bin"},
		{"no type", map[string]string{"usr/etc/selinux/config": "SELINUX=permissive\n"}, false, `SELINUXTYPE="" names no policy`},
		{"type outside", map[string]string{"usr/etc/selinux/config": "SELINUXTYPE=../x\n"}, false, `SELINUXTYPE="../x" names no policy`},
		{"type above", map[string]string{"usr/etc/selinux/config": "SELINUXTYPE=..\n"}, false, `SELINUXTYPE=".." names no policy`},
		{"config is a link", map[string]string{"usr/etc/selinux/config": "-> /etc/passwd"}, false, "reading /usr/etc/selinux/config: it is no regular file"},
		{"contexts are a folder", map[string]string{"usr/etc/selinux/config": config, dir + "/file_contexts/": ""}, false, "it is no regular file"},
		{"bad line", map[string]string{"usr/etc/selinux/config": config, dir + "/file_contexts": "/a x\n", dir + "/file_contexts.local": "\n/b(\n"}, false,
			"reading the policy in " + dir + ": file_contexts.local:2: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(files(t, tc.tree), read)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if none := new(NoPolicyError); errors.As(err, &none) != tc.noPolicy {
				t.Errorf("is a NoPolicyError: got %v, want %v", !tc.noPolicy, tc.noPolicy)
			}
		})
	}
}

func TestLoadUnreadable(t *testing.T) {
	tree := files(t, map[string]string{"etc/selinux/config": config})
	_, err := Load(tree, func(*rootfs.Node) ([]byte, error) { return nil, os.ErrPermission })
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "/etc/selinux/config") {
		t.Errorf("got %v, want one of /etc/selinux/config", err)
	}
	tree.Lookup("etc/selinux/config").Size = maxFile + 1
	if _, err := Load(tree, read); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB") {
		t.Errorf("got %v, want that it is too large", err)
	}
}
