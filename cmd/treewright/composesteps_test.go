package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStepsAsUsers installs, postprocesses and commits as root and as somebody
// else: all get the tree of compose tree.
func TestStepsAsUsers(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, oddPackages())
	views := []view{{name: "plain", umask: "0022"}, {name: "private", umask: "0077"}}
	if os.Geteuid() == 0 {
		views = append(views, view{name: "nobody", umask: "0022", user: otherUser})
	}
	for i, v := range views {
		own := filepath.Join(dir, fmt.Sprint("own", i))
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if v.user != 0 {
			if err := os.Chown(own, int(v.user), sharedGroup); err != nil {
				t.Fatal(err)
			}
		}
		v.run(t, own, binary, "repo", "init", "repo")
		v.run(t, own, binary, "compose", "tree", "--repo=repo", "--cachedir=cache", "--write-composejson-to=tree.json", "../os.yaml")
		if out := v.run(t, own, binary, "compose", "install", "--cachedir=cache", "--write-report-to=report.json", "../os.yaml", "work"); !strings.Contains(out, "rootfs: work/rootfs\n") {
			t.Errorf("%s: compose install: got %s", v.name, out)
		}
		v.run(t, own, binary, "compose", "postprocess", "work/rootfs", "../os.yaml", "--cachedir=cache")
		if out := v.run(t, own, binary, "compose", "postprocess", "work/rootfs", "../os.yaml", "--cachedir=cache"); !strings.Contains(out, "nothing to do") {
			t.Errorf("%s: compose postprocess again: got %s", v.name, out)
		}
		v.run(t, own, binary, "compose", "commit", "--repo=repo", "--cachedir=cache", "--write-composejson-to=commit.json", "../os.yaml", "work/rootfs")
		var got [2]map[string]any
		for k, name := range []string{"tree.json", "commit.json"} {
			data, err := os.ReadFile(filepath.Join(own, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &got[k]); err != nil {
				t.Fatal(err)
			}
		}
		const key = "ostree-content-checksum"
		if got[0][key] == nil || got[0][key] != got[1][key] {
			t.Errorf("%s: got the tree %v, want %v:\n%s", v.name, got[1][key], got[0][key], v.run(t, own, binary, "diff", "--repo=repo", "example/x86_64/os"))
		}
		if got[1]["ostree-parent-commit"] != got[0]["ostree-commit"] || got[1]["rpm-ostree-inputhash"] != nil {
			t.Errorf("%s: compose.json of the commit: got %v", v.name, got[1])
		}
		if out := v.run(t, own, binary, "diff", "--repo=repo", fmt.Sprint(got[0]["ostree-commit"]), fmt.Sprint(got[1]["ostree-commit"])); out != "the trees are alike\n" {
			t.Errorf("%s: diff: got %s", v.name, out)
		}
	}
}
