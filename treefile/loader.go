package treefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// Limits of includes. The depth is rpm-ostree's.
const (
	maxIncludeDepth = 50
	maxFiles        = 1000
)

// A loader reads one treefile with all its includes.
type loader struct {
	opts      Options
	variables map[string]Value // what conditions see and what is substituted
	seen      []os.FileInfo    // files read, to find loops and diamonds
	files     []string
	finalizeD map[string]ExternalFile
}

func (ld *loader) load(path string) (*Treefile, error) {
	ld.variables = map[string]Value{}
	for name, v := range ld.opts.Variables {
		if name == "basearch" {
			return nil, errorAt(Position{}, name, "cannot define reserved variable '%s'", name)
		}
		ld.variables[name] = v
	}
	ld.finalizeD = map[string]ExternalFile{}
	root, err := ld.file(path, Position{File: path}, 0)
	if err != nil {
		return nil, err
	}
	root.overrideRepoPackages()
	if v, ok := ld.opts.Variables["releasever"]; ok {
		root.settings["releasever"] = setting{value: v}
	}
	t := &Treefile{
		Path: path, Dir: filepath.Dir(path), Arch: ld.opts.Arch, Files: ld.files,
		Variables: ld.variables, layer: &root.layer,
	}
	for _, name := range mapKeys(ld.finalizeD) {
		t.FinalizeD = append(t.FinalizeD, ld.finalizeD[name])
	}
	if err := t.substitute(ld.opts.Warn); err != nil {
		return nil, err
	}
	t.fill()
	if err := errors.Join(t.fillFlatpak(), t.validate()); err != nil {
		return nil, err
	}
	t.warnDeprecated(ld.opts.Warn)
	return t, nil
}

// file reads path and merges into it what it includes. at is what named it.
func (ld *loader) file(path string, at Position, depth int) (*fileLayer, error) {
	root, err := ld.open(path)
	if err != nil {
		return nil, ld.wrap(path, at, err)
	}
	r := &reader{
		file: path, dir: filepath.Dir(path), warn: ld.opts.Warn, files: true,
		strict: formatOf(path) != formatJSON,
	}
	f, err := readLayer(r, root, ld.opts.Arch)
	if err != nil {
		return nil, err
	}
	if err := ld.readFinalizeD(r.dir); err != nil {
		return nil, err
	}
	return f, ld.expand(f, depth)
}

// wrap gives an error about a whole file its position: a line of the file, or
// the include that named a file that cannot be read.
func (ld *loader) wrap(path string, at Position, err error) error {
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return &Error{Position: Position{File: path, Line: syntax.line}, Err: syntax.err}
	}
	if at.File == path && at.Line == 0 {
		return &Error{Position: at, Err: err}
	}
	return &Error{Position: at, Key: keyInclude, Err: fmt.Errorf("including %s: %w", path, err)}
}

// expand folds in the variables of f and merges what it includes.
func (ld *loader) expand(f *fileLayer, depth int) error {
	for name, v := range f.variables {
		if _, ok := ld.variables[name]; !ok {
			ld.variables[name] = v
		}
	}
	includes := f.includes
	for _, c := range f.conditionals {
		holds, err := ld.holds(c)
		if err != nil {
			return err
		}
		if c.inline != nil {
			if err := ld.inline(f, c, holds, depth); err != nil {
				return err
			}
		} else if holds {
			includes = append(includes, c.files...)
		}
	}
	for _, inc := range includes {
		if depth == maxIncludeDepth {
			return errorAt(inc.at, keyInclude, "Reached maximum include depth %d", maxIncludeDepth)
		}
		included, err := ld.file(inc.resolve(f.reader.dir), inc.at, depth+1)
		if err != nil {
			return err
		}
		f.merge(&included.layer)
	}
	return nil
}

// holds evaluates every condition, so that a mistake shows even when an
// earlier condition decides.
func (ld *loader) holds(c conditional) (bool, error) {
	all := true
	for _, cond := range c.all {
		ok, err := cond.holds(ld.variables)
		if err != nil {
			return false, &Error{Position: c.at, Key: keyConditionalInclude + ".if", Err: err}
		}
		all = all && ok
	}
	return all, nil
}

// inline reads the table of a conditional-include as a treefile of its own.
// It is checked even when the condition does not hold, its external files
// apart.
func (ld *loader) inline(f *fileLayer, c conditional, holds bool, depth int) error {
	r := &reader{file: f.reader.file, dir: f.reader.dir, strict: f.reader.strict, files: holds, warn: f.reader.warn}
	in, err := readLayer(r, c.inline, ld.opts.Arch)
	if err != nil || !holds {
		return err
	}
	if err := ld.expand(in, depth); err != nil {
		return err
	}
	f.merge(&in.layer)
	return nil
}

// open reads a file in the format that its name tells.
func (ld *loader) open(path string) (*node, error) {
	data, info, err := readFile(path)
	if err != nil {
		return nil, err
	}
	for _, before := range ld.seen {
		if os.SameFile(before, info) {
			return nil, fmt.Errorf("include loop detected; %s was already included: a treefile can include a file once only, by whatever way", path)
		}
	}
	if ld.seen = append(ld.seen, info); len(ld.seen) > maxFiles {
		return nil, fmt.Errorf("more than %d treefiles include each other", maxFiles)
	}
	ld.files = append(ld.files, path)
	return parse(formatOf(path), data, path)
}

type format uint8

const (
	formatJSON format = iota
	formatYAML
	formatTOML
	formatKickstart
)

func formatOf(path string) format {
	switch filepath.Ext(path) {
	case ".yaml", ".yml":
		return formatYAML
	case ".toml":
		return formatTOML
	case ".ks":
		return formatKickstart
	}
	return formatJSON
}

// parse reads data as a table of keys. path is for files that a kickstart
// names.
func parse(f format, data []byte, path string) (*node, error) {
	if !utf8.Valid(data) {
		return nil, errNotUTF8
	}
	switch f {
	case formatYAML:
		return parseYAML(data)
	case formatTOML:
		return parseTOML(data)
	case formatKickstart:
		return parseKickstart(data, path)
	}
	return parseJSON(data)
}

// readFile reads a regular file of bounded size.
func readFile(path string) (data []byte, info os.FileInfo, err error) {
	// A FIFO would block the opening itself.
	if info, err = os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, nil, err
	}
	data, err = io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxFileSize {
		return nil, nil, fmt.Errorf("%s is larger than %d MiB", path, maxFileSize>>20)
	}
	return data, info, nil
}

// readFinalizeD notes the executable files of dir/finalize.d, which rpm-ostree
// runs on the host. A file of an included treefile's folder replaces one of
// the same name.
func (ld *loader) readFinalizeD(dir string) error {
	folder := filepath.Join(dir, "finalize.d")
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return &Error{Position: Position{File: folder}, Err: err}
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return &Error{Position: Position{File: folder}, Err: err}
		}
		if info.Mode().IsRegular() && info.Mode()&0o100 != 0 {
			path := filepath.Join(folder, e.Name())
			ld.finalizeD[e.Name()] = ExternalFile{Name: e.Name(), Path: path, Mode: info.Mode() & modeBits, Position: Position{File: path}}
		}
	}
	return nil
}
