package treefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxKickstarts bounds how many files %include each other.
const maxKickstarts = 256

// parseKickstart reads the part of a kickstart file that says which packages
// to install, as a table with packages, exclude-packages and recommends:
//
//	%packages --exclude-weakdeps
//	bash
//	-firewalld
//	%end
//	%include more.ks
//
// Other commands are errors, as they are in rpm-ostree.
func parseKickstart(data []byte, path string) (*node, error) {
	k := &kickstart{
		packages: &node{kind: nodeList, line: 1},
		excludes: &node{kind: nodeList, line: 1},
	}
	if err := k.file(data, path); err != nil {
		return nil, err
	}
	root := &node{kind: nodeTable, line: 1, entries: []entry{
		{"packages", 1, k.packages},
		{"exclude-packages", 1, k.excludes},
	}}
	if k.noWeak {
		root.entries = append(root.entries, entry{"recommends", 1, &node{kind: nodeBool, line: 1, value: false}})
	}
	return root, nil
}

type kickstart struct {
	packages, excludes *node
	noWeak             bool
	seen               []os.FileInfo
}

func (k *kickstart) file(data []byte, path string) error {
	var includes []string
	inPackages := false
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case inPackages && line == "%end":
			inPackages = false
		case inPackages:
			if err := k.item(line, i+1); err != nil {
				return err
			}
		default:
			words, err := splitShell(line)
			if err != nil {
				return &syntaxError{line: i + 1, err: err}
			}
			switch {
			case words[0] == "%packages":
				inPackages = true
				if err := k.options(words[1:]); err != nil {
					return &syntaxError{line: i + 1, err: err}
				}
			case words[0] == "%include" && len(words) == 2:
				includes = append(includes, words[1])
			case words[0] == "%include":
				return syntaxAt(i+1, "%%include takes one file")
			default:
				return syntaxAt(i+1, "%s is not understood: of a kickstart file only %%packages and %%include are", words[0])
			}
		}
	}
	if inPackages {
		return syntaxAt(strings.Count(string(data), "\n")+1, "%%end of %%packages is missing")
	}
	for _, name := range includes {
		if err := k.include(filepath.Join(filepath.Dir(path), name)); err != nil {
			return fmt.Errorf("%%include %s: %w", name, err)
		}
	}
	return nil
}

func (k *kickstart) options(words []string) error {
	for _, word := range words {
		if word != "--exclude-weakdeps" {
			return fmt.Errorf("%%packages %s is not understood: only --exclude-weakdeps is", word)
		}
		k.noWeak = true
	}
	return nil
}

func (k *kickstart) item(line string, at int) error {
	if strings.HasPrefix(line, "@") || strings.HasPrefix(line, "-@") {
		return syntaxAt(at, "%s: package groups are not supported, name the packages", line)
	}
	if name, ok := strings.CutPrefix(line, "-"); ok {
		k.excludes.items = append(k.excludes.items, &node{kind: nodeString, line: at, text: name})
	} else {
		k.packages.items = append(k.packages.items, &node{kind: nodeString, line: at, text: "'" + line + "'"})
	}
	return nil
}

func (k *kickstart) include(path string) error {
	data, info, err := readFile(path)
	if err != nil {
		return err
	}
	for _, before := range k.seen {
		if os.SameFile(before, info) {
			return errors.New("the file was already included")
		}
	}
	if k.seen = append(k.seen, info); len(k.seen) > maxKickstarts {
		return fmt.Errorf("more than %d kickstart files include each other", maxKickstarts)
	}
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	if err := k.file(data, path); err != nil {
		var at *syntaxError
		if errors.As(err, &at) {
			return fmt.Errorf("line %d: %w", at.line, at.err)
		}
		return err
	}
	return nil
}
