package rpmrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Bounds of a modules file.
const (
	maxModules    = 128 << 20
	maxModuleDocs = 200_000
)

// Modules describe which packages of a repository belong to which stream of
// which module.
type Modules struct {
	Streams  []ModuleStream
	Defaults []ModuleDefault // one for a module
	// Notes say which documents do not count, because libmodulemd drops them.
	Notes []string
}

// ModuleStream is one build of a stream.
type ModuleStream struct {
	Name, Stream  string
	Version       string // a number
	Context, Arch string
	StaticContext bool // the context is a name, not made from the dependencies
	Requires      []ModuleRequire
	Artifacts     []rpm.NEVRA
}

// NSVCA is the whole name: name:stream:version:context:arch.
func (s *ModuleStream) NSVCA() string {
	return s.Name + ":" + s.Stream + ":" + s.Version + ":" + s.Context + ":" + s.Arch
}

// ModuleRequire is what a stream needs: a stream of another module, one of
// Streams unless that is empty. Streams that start with - are those that it does
// not go with.
type ModuleRequire struct {
	Module  string
	Streams []string
}

// ModuleDefault names the stream of a module that is used when none is asked
// for. Stream is empty when there is none.
type ModuleDefault struct {
	Module   string
	Modified uint64
	Stream   string
}

// Modules reads the repository's modules. ErrNoData says that it has none.
func (r *Repository) Modules(ctx context.Context) (*Modules, error) {
	var m *Modules
	err := r.scan(ctx, "modules", func(in io.Reader) (err error) {
		m, err = readModules(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// moduleDoc is the part of a document that counts, of all kinds together:
//
//	---
//	document: modulemd
//	version: 2
//	data:
//	  name: nodejs
//	  stream: "18"
//	  version: 8080020240202
//	  context: 63b34585
//	  arch: x86_64
//	  dependencies:
//	  - requires: {platform: [el8]}
//	  artifacts:
//	    rpms: ["nodejs-1:18.19.0-1.module_el8.x86_64"]
//	...
//	---
//	document: modulemd-defaults
//	version: 1
//	data: {module: nodejs, modified: 201909, stream: "10"}
type moduleDoc struct {
	Document string    `yaml:"document"`
	Version  int       `yaml:"version"`
	Data     yaml.Node `yaml:"data"`
}

type moduleData struct {
	Name         string          `yaml:"name"`
	Stream       string          `yaml:"stream"`
	Version      string          `yaml:"version"`
	Context      string          `yaml:"context"`
	Arch         string          `yaml:"arch"`
	Static       bool            `yaml:"static_context"`
	Dependencies moduleNeeds     `yaml:"dependencies"`
	Artifacts    moduleArtifacts `yaml:"artifacts"`
}

type moduleArtifacts struct {
	RPMs []string `yaml:"rpms"`
}

// moduleNeeds are the dependencies: a list since version 2.
type moduleNeeds []ModuleRequire

type moduleDefaults struct {
	Module   string `yaml:"module"`
	Modified uint64 `yaml:"modified"`
	Stream   string `yaml:"stream"`
}

// modulesReader knows what was read.
type modulesReader struct {
	*Modules
	streams  map[string]bool // NSVCA
	defaults map[string]int  // places by module
}

// readModules reads modules.yaml. Documents of other kinds (translations,
// obsoletes) say nothing about which packages can be chosen.
func readModules(r io.Reader) (*Modules, error) {
	limited := &io.LimitedReader{R: r, N: maxModules + 1}
	d := yaml.NewDecoder(limited)
	m := &modulesReader{Modules: &Modules{}, streams: map[string]bool{}, defaults: map[string]int{}}
	for n := 1; ; n++ {
		err := m.read(d)
		if limited.N == 0 {
			return nil, fmt.Errorf("larger than %d bytes", maxModules)
		}
		if errors.Is(err, io.EOF) {
			// The decoder may end before the file does.
			_, err = io.Copy(io.Discard, r)
			return m.Modules, err
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if n > maxModuleDocs {
			return nil, fmt.Errorf("more than %d documents", maxModuleDocs)
		}
	}
}

// read reads the next document.
func (m *modulesReader) read(d *yaml.Decoder) (err error) {
	defer func() {
		// The decoder is others' code, and its input is hostile.
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML that makes sense: %v", p)
		}
	}()
	var doc moduleDoc
	if err := d.Decode(&doc); err != nil {
		return err
	}
	switch {
	case doc.Document == "modulemd" && (doc.Version == 1 || doc.Version == 2):
		return m.addStream(&doc)
	case doc.Document == "modulemd-defaults" && doc.Version == 1:
		return m.addDefault(&doc)
	case doc.Document == "modulemd" || doc.Document == "modulemd-defaults":
		return fmt.Errorf("%s of version %d is not known", doc.Document, doc.Version)
	}
	return nil
}

func (m *modulesReader) addStream(doc *moduleDoc) error {
	var data moduleData
	if err := doc.Data.Decode(&data); err != nil {
		return fmt.Errorf("%s: %w", doc.Document, err)
	}
	s := ModuleStream{
		Name: data.Name, Stream: data.Stream, Version: data.Version, Context: data.Context, Arch: data.Arch,
		StaticContext: data.Static, Requires: data.Dependencies,
	}
	for _, word := range []string{s.Name, s.Stream, s.Context, s.Arch} {
		if !moduleWord(word) {
			return fmt.Errorf("module %.40q: %.40q cannot be part of its name", s.Name, word)
		}
	}
	if s.Name == "" || s.Stream == "" {
		return errors.New("a module without name or stream")
	}
	if s.Version == "" {
		s.Version = "0"
	}
	if strings.Trim(s.Version, "0123456789") != "" || len(s.Version) > 20 {
		return fmt.Errorf("module %.40q: version %.40q is not a number", s.Name, s.Version)
	}
	for _, text := range data.Artifacts.RPMs {
		n, err := rpm.ParseNEVRA(text)
		if err != nil || !strings.Contains(text, ":") {
			m.Notes = append(m.Notes, fmt.Sprintf("the module %s does not count: its artifact %.100q is not name-epoch:version-release.arch", s.NSVCA(), text))
			return nil
		}
		s.Artifacts = append(s.Artifacts, n)
	}
	if m.streams[s.NSVCA()] {
		m.Notes = append(m.Notes, fmt.Sprintf("the module %s is there twice: the first one counts", s.NSVCA()))
		return nil
	}
	m.streams[s.NSVCA()] = true
	m.Streams = append(m.Streams, s)
	return nil
}

func (m *modulesReader) addDefault(doc *moduleDoc) error {
	var data moduleDefaults
	if err := doc.Data.Decode(&data); err != nil {
		return fmt.Errorf("%s: %w", doc.Document, err)
	}
	if data.Module == "" || !moduleWord(data.Module) || !moduleWord(data.Stream) {
		return fmt.Errorf("defaults of module %.40q, stream %.40q: not names", data.Module, data.Stream)
	}
	d := ModuleDefault(data)
	if i, ok := m.defaults[d.Module]; ok {
		m.Defaults[i] = d // within a file the last one counts, however old
		return nil
	}
	m.defaults[d.Module] = len(m.Defaults)
	m.Defaults = append(m.Defaults, d)
	return nil
}

// moduleWord reports whether a word can stand in the name of a dependency.
func moduleWord(s string) bool {
	return len(s) <= 1000 && !strings.ContainsAny(s, "():<>=*?[]\"'\\") && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' })
}

// UnmarshalYAML reads both forms of dependencies:
//
//	requires: {platform: f28}                    # version 1
//	- requires: {platform: [f28], other: [-a]}   # version 2
func (n *moduleNeeds) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode {
		var one struct {
			Requires map[string]string `yaml:"requires"`
		}
		if err := node.Decode(&one); err != nil {
			return err
		}
		all := make(map[string][]string, len(one.Requires))
		for name, stream := range one.Requires {
			all[name] = []string{stream}
		}
		return n.add(all)
	}
	var list []struct {
		Requires map[string][]string `yaml:"requires"`
	}
	if err := node.Decode(&list); err != nil {
		return err
	}
	for _, one := range list {
		if err := n.add(one.Requires); err != nil {
			return err
		}
	}
	return nil
}

func (n *moduleNeeds) add(requires map[string][]string) error {
	names := make([]string, 0, len(requires))
	for name := range requires {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		streams := requires[name]
		for _, s := range append([]string{name}, streams...) {
			if s == "" || !moduleWord(s) {
				return fmt.Errorf("dependency on module %.40q: %.40q is no name", name, s)
			}
		}
		*n = append(*n, ModuleRequire{Module: name, Streams: streams})
	}
	return nil
}

// Merge adds the modules of another repository. Of two defaults for one module
// the one that was modified last counts; when both are of the same time and do
// not agree, the module has none. One without a stream says nothing.
func (m *Modules) Merge(o *Modules) {
	m.Streams = append(m.Streams, o.Streams...)
	m.Notes = append(m.Notes, o.Notes...)
	places := make(map[string]int, len(m.Defaults))
	for i, d := range m.Defaults {
		places[d.Module] = i
	}
	for _, d := range o.Defaults {
		i, ok := places[d.Module]
		if !ok {
			places[d.Module] = len(m.Defaults)
			m.Defaults = append(m.Defaults, d)
			continue
		}
		switch have := &m.Defaults[i]; {
		case d.Stream == "":
		case have.Stream == "" || d.Modified > have.Modified:
			*have = d
		case d.Modified == have.Modified && d.Stream != have.Stream:
			have.Stream = ""
		}
	}
}
