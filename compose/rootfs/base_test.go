package rootfs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/rpmtest"
)

// TestRulesOnBase: the last package of a rule, put on top of a tree of the
// others, gives what all of them give together. Only a directory of the base does
// not become a link.
func TestRulesOnBase(t *testing.T) {
	for _, tc := range rules() {
		if len(tc.packages) < 2 {
			continue
		}
		if tc.name == "the link's package comes last" || tc.name == "links below links" {
			tc.wantErr = []string{"a directory and a symbolic link"}
		}
		t.Run(tc.name, func(t *testing.T) {
			s, packages, _ := importAll(t, tc.packages)
			last := len(packages) - 1
			below, _, err := rootfs.Assemble(t.Context(), packages[:last], tc.opts)
			if err != nil {
				return // the others alone are no tree
			}
			opts := tc.opts
			opts.Base = &rootfs.Base{Tree: below, Packages: packages[:last]}
			tree, _, err := rootfs.Assemble(t.Context(), packages[last:], opts)
			if len(tc.wantErr) > 0 {
				for _, word := range tc.wantErr {
					if err == nil || !strings.Contains(err.Error(), word) {
						t.Errorf("got the error %v, want one with %q", err, word)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, s, tree); !slices.Equal(got, tc.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
		})
	}
}

// TestUnownedOnBase: a file that no package owns gives way, and is reported; a
// directory does not.
func TestUnownedOnBase(t *testing.T) {
	below := rootfs.New()
	for _, err := range []error{below.AddFile("usr/f", 0o600, []byte("unowned")), below.AddFile("usr/d/f", 0o600, []byte("unowned")),
		below.AddSymlink("lib", "usr/lib")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := below.Mkdir("usr/lib"); err != nil {
		t.Fatal(err)
	}
	_, packages, _ := importAll(t, []rpmtest.Package{pkg("a", rpmtest.File{Path: "/usr/f", Body: "a"}, rpmtest.File{Path: "/lib/x", Body: "x"})})
	tree, report, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{Base: &rootfs.Base{Tree: below}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(report.Replaced, []string{"/usr/f"}) || tree.Lookup("usr/f").Mode&0o777 != 0o644 {
		t.Errorf("got the replaced files %q, want /usr/f", report.Replaced)
	}
	if n := tree.Lookup("usr/lib/x"); n == nil {
		t.Error("the file below the base's link is not where the link leads")
	}
	_, packages, _ = importAll(t, []rpmtest.Package{pkg("b", rpmtest.File{Path: "/usr/d", Body: "b"})})
	if _, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{Base: &rootfs.Base{Tree: tree}}); err == nil || !strings.Contains(err.Error(), "a directory and a file") {
		t.Errorf("got %v, want a conflict", err)
	}
}
