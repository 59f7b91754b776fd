package rpmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// Programs makes a package of this machine's own programs and the libraries
// that they need, for scriptlets to run in. It has merged folders: /bin and
// /sbin lead to /usr/bin, /lib and /lib64 to those below /usr.
func Programs(names ...string) (Package, error) {
	p := Package{Name: "programs", Files: []File{
		{Path: "/bin", LinkTo: "usr/bin"}, {Path: "/sbin", LinkTo: "usr/bin"}, {Path: "/lib", LinkTo: "usr/lib"}, {Path: "/lib64", LinkTo: "usr/lib64"},
		{Path: "/usr/bin/"}, {Path: "/usr/lib/"}, {Path: "/usr/lib64/"},
	}}
	var files []string
	for _, name := range names {
		program, err := exec.LookPath(name)
		if err != nil {
			return p, fmt.Errorf("making a package of programs: %w", err)
		}
		if err := p.addFile(program, "/usr/bin/"+name); err != nil {
			return p, err
		}
		out, err := exec.Command("ldd", program).Output()
		if err != nil {
			return p, fmt.Errorf("looking for the libraries of %s: %w", program, err)
		}
		for word := range strings.FieldsSeq(string(out)) {
			if strings.HasPrefix(word, "/") {
				files = append(files, word)
			}
		}
	}
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		if err := p.addFile(file, "/usr"+strings.TrimPrefix(path.Clean(file), "/usr")); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *Package) addFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	p.Files = append(p.Files, File{Path: to, Mode: 0o755, Body: string(data)})
	return nil
}
