package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type listedPackage struct {
	ImportPath string
	Imports    []string
	Name       string
	Doc        string
}

func list(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Name,Doc", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func allowed(room Room, path string) bool {
	return slices.ContainsFunc(room.Imports, func(pattern string) bool {
		if dir, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(path, dir)
		}
		return path == pattern
	})
}

func TestImports(t *testing.T) {
	rooms := map[string]Room{}
	for _, r := range Rooms {
		rooms[r.Path] = r
	}
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, Module+"/")
		room, ok := rooms[path]
		if !ok {
			t.Errorf("%s: no line in the table: add one, and a package comment", path)
			continue
		}
		if p.Doc == "" {
			t.Errorf("%s: no package comment", path)
		}
		for _, imp := range p.Imports {
			dep, ours := strings.CutPrefix(imp, Module+"/")
			if !ours {
				continue
			}
			if !allowed(room, dep) {
				t.Errorf("%s imports %s, which the table does not allow", path, dep)
			}
			if slices.Contains(TestOnly, dep) && !slices.Contains(MayTest, path) {
				t.Errorf("%s imports %s, which is for tests", path, dep)
			}
		}
	}
}
