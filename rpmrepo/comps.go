package rpmrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
)

// Bounds of a comps file.
const (
	maxComps        = 64 << 20
	maxCompsEntries = 1 << 20 // groups, environments and what they list
)

// Comps are the groups and environments that repositories offer.
type Comps struct {
	Groups       []Group
	Environments []Environment
}

// Group is a set of packages with a name.
type Group struct {
	ID       string
	Name     string
	Packages []GroupPackage
}

// PackageKind is how a package belongs to a group. Kinds can be joined.
type PackageKind uint8

// The kinds of packages in a group.
const (
	KindMandatory PackageKind = 1 << iota
	KindDefault
	KindOptional
	KindConditional
)

// DefaultKinds are what dnf installs of a group unless told otherwise.
const DefaultKinds = KindMandatory | KindDefault | KindConditional

// GroupPackage is one package of a group.
type GroupPackage struct {
	Name         string
	Kind         PackageKind // zero for a kind that is not known: it is never installed
	Requires     string      // installed only when this is
	BaseArchOnly bool        // no build for another architecture than the base one
}

// Environment is a set of groups with a name.
type Environment struct {
	ID       string
	Name     string
	Groups   []string // IDs
	Optional []string // IDs of groups that are only offered
}

// Comps reads the repository's groups. ErrNoData says that it has none.
func (r *Repository) Comps(ctx context.Context) (*Comps, error) {
	var c *Comps
	err := r.scan(ctx, "group", func(in io.Reader) (err error) {
		c, err = readComps(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// compsReader turns comps.xml into groups. The document:
//
//	<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
//	<comps>
//	  <group>
//	    <id>core</id> <name>Core</name> <name xml:lang="de">Kern</name> <description/>
//	    <default>false</default> <uservisible>true</uservisible> <display_order>10</display_order>
//	    <packagelist>
//	      <packagereq type="mandatory" basearchonly="true">bash</packagereq>
//	      <packagereq type="conditional" requires="gtk">gtk-help</packagereq>
//	    </packagelist>
//	  </group>
//	  <environment>
//	    <id>server</id> <name>Server</name>
//	    <grouplist><groupid>core</groupid></grouplist>
//	    <optionlist><groupid default="true">debugging</groupid></optionlist>
//	  </environment>
//	  <category/> <langpacks/>
//	</comps>
//
// Categories order groups on screens; langpacks name packages for languages.
// dnf installs neither for a group, and both are passed over.
type compsReader struct {
	x       *xmlScanner
	entries int
	all     Comps
}

func readComps(r io.Reader) (*Comps, error) {
	limited := &io.LimitedReader{R: r, N: maxComps + 1}
	plain, err := withoutDoctype(limited, "comps")
	if err != nil {
		return nil, err
	}
	c := compsReader{x: newXMLScanner(plain)}
	if err := c.x.root("comps"); err != nil {
		return nil, err
	}
	if err := c.elements(); err != nil {
		return nil, err
	}
	if err := c.x.done(); err != nil {
		return nil, err
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("larger than %d bytes", maxComps)
	}
	// A file that lists a group twice means it as one.
	merged := &Comps{}
	merged.Merge(&c.all)
	return merged, nil
}

// children calls fn for each child of the current element; fn must leave it.
func (c *compsReader) children(fn func(name string) error) error {
	for {
		more, err := c.x.child()
		if err != nil || !more {
			return err
		}
		if c.entries++; c.entries > maxCompsEntries {
			return c.x.errorf("more than %d elements", maxCompsEntries)
		}
		if err := fn(string(c.x.name)); err != nil {
			return err
		}
	}
}

func (c *compsReader) elements() error {
	return c.children(func(name string) error {
		switch name {
		case "group":
			return c.group()
		case "environment":
			return c.environment()
		}
		return c.x.skip()
	})
}

// text returns the content of the current element without blanks around it.
func (c *compsReader) text() (string, error) {
	b, err := c.x.content()
	return string(bytes.TrimSpace(b)), err
}

// label sets an ID or a name; translations are passed over.
func (c *compsReader) label(to *string) (err error) {
	if c.x.attr("lang") != nil {
		return c.x.skip()
	}
	*to, err = c.text()
	return err
}

func (c *compsReader) group() error {
	var g Group
	err := c.children(func(name string) error {
		switch name {
		case "id":
			return c.label(&g.ID)
		case "name":
			return c.label(&g.Name)
		case "packagelist":
			return c.packages(&g)
		}
		return c.x.skip()
	})
	if err != nil {
		return err
	}
	if g.ID == "" {
		return c.x.errorf("group %.40q has no id", g.Name)
	}
	c.all.Groups = append(c.all.Groups, g)
	return nil
}

func (c *compsReader) packages(g *Group) error {
	return c.children(func(name string) (err error) {
		if name != "packagereq" {
			return c.x.skip()
		}
		p := GroupPackage{
			Kind:         packageKind(c.x.attr("type")),
			Requires:     string(bytes.TrimSpace(c.x.attr("requires"))),
			BaseArchOnly: string(c.x.attr("basearchonly")) == "true",
		}
		if p.Name, err = c.text(); err != nil {
			return err
		}
		if p.Name == "" {
			return c.x.errorf("group %.40q lists a package without a name", g.ID)
		}
		g.Packages = append(g.Packages, p)
		return nil
	})
}

// packageKind reads the type attribute, which may be left out.
func packageKind(b []byte) PackageKind {
	switch string(b) {
	case "mandatory":
		return KindMandatory
	case "default":
		return KindDefault
	case "optional":
		return KindOptional
	case "conditional":
		return KindConditional
	}
	if b == nil {
		return KindMandatory
	}
	return 0
}

func (c *compsReader) environment() error {
	var e Environment
	err := c.children(func(name string) error {
		switch name {
		case "id":
			return c.label(&e.ID)
		case "name":
			return c.label(&e.Name)
		case "grouplist":
			return c.groupIDs(&e.Groups)
		case "optionlist":
			return c.groupIDs(&e.Optional)
		}
		return c.x.skip()
	})
	if err != nil {
		return err
	}
	if e.ID == "" {
		return c.x.errorf("environment %.40q has no id", e.Name)
	}
	c.all.Environments = append(c.all.Environments, e)
	return nil
}

func (c *compsReader) groupIDs(to *[]string) error {
	return c.children(func(name string) error {
		if name != "groupid" {
			return c.x.skip()
		}
		id, err := c.text()
		if err == nil && id != "" {
			*to = append(*to, id)
		}
		return err
	})
}

// String lists the kinds as a group spec writes them.
func (k PackageKind) String() string {
	var b []byte
	for i, name := range kindNames() {
		if k&(1<<i) != 0 {
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = append(b, name...)
		}
	}
	if len(b) == 0 {
		return strconv.Itoa(int(k))
	}
	return string(b)
}

func kindNames() [4]string { return [4]string{"mandatory", "default", "optional", "conditional"} }
