package rpmrepo

import "github.com/treewright/treewright/rpmrepo/rpm"

// plainPackage reads the next package if it is laid out as nearly all are, and
// is all in the buffer. If not, it has read nothing.
func (p *primaryReader) plainPackage() bool {
	if p.x.pending || p.odd > 100+p.n/4 {
		return false // hardly any is
	}
	c := cursor{x: p.x, b: p.x.buf, i: p.x.pos + blankPrefix(p.x.buf[p.x.pos:])}
	if !c.has("<package ") {
		return false
	}
	p.reset()
	p.x.scratch = p.x.scratch[:0]
	p.plainHead(&c)
	if !c.bad {
		p.plainFormat(&c)
	}
	if c.bad || p.pkg.Name == "" || p.pkg.Version == "" || p.pkg.Location == "" {
		p.odd++
		return false
	}
	p.x.pos = c.i
	return true
}

// plainHead reads a package up to its header's part.
func (p *primaryReader) plainHead(c *cursor) {
	m := &p.pkg
	m.Name = p.pool.internView(c.kept("<package type=\"rpm\">\n  <name", "</name>\n"))
	m.Arch = p.pool.internView(c.kept("  <arch", "</arch>\n"))
	if m.Arch == "" {
		m.Arch = "noarch"
	}
	c.past("  <version epoch=\"")
	m.Epoch = uint32(c.number(9, "\" ver=\""))
	m.Version = p.pool.internView(c.attr("\" rel=\""))
	m.Release = p.pool.internView(c.attr("\"/>\n"))
	sum, _ := c.text("  <checksum type=\"sha256\" pkgid=\"YES\"", "</checksum>\n")
	p.sum = append(append(p.sum[:0], "sha256:"...), sum...)
	if c.bad || !isSHA256(p.sum) {
		c.bad = true
		return
	}
	m.Checksum = p.pool.copy(p.sum)
	m.Summary = p.pool.view(c.kept("  <summary", "</summary>\n"))
	c.text("  <description", "</description>\n")
	c.text("  <packager", "</packager>\n")
	c.text("  <url", "</url>\n")
	c.past("  <time file=\"")
	c.attr("\" build=\"")
	m.BuildTime = c.number(18, "\"/>\n")
	c.past("  <size package=\"")
	m.Size = c.number(18, "\" installed=\"")
	m.InstalledSize = c.number(18, "\" archive=\"")
	c.attr("\"/>\n")
	c.past("  <location href=\"")
	m.Location = p.pool.view(c.attr("\"/>\n"))
}

// plainFormat reads the rest of a package.
func (p *primaryReader) plainFormat(c *cursor) {
	m := &p.pkg
	c.text("  <format>\n    <rpm:license", "</rpm:license>\n")
	m.Vendor = p.pool.internView(c.kept("    <rpm:vendor", "</rpm:vendor>\n"))
	c.text("    <rpm:group", "</rpm:group>\n")
	c.text("    <rpm:buildhost", "</rpm:buildhost>\n")
	m.SourceRPM = p.pool.internView(c.kept("    <rpm:sourcerpm", "</rpm:sourcerpm>\n"))
	c.past("    <rpm:header-range start=\"")
	m.HeaderStart = c.number(18, "\" end=\"")
	m.HeaderEnd = c.number(18, "\"/>\n")
	for c.has("    <rpm:") && !c.bad {
		c.i += len("    <rpm:")
		kind := string(c.until())
		list := dependencies(m, kind)
		if list == nil {
			c.bad = true
			return
		}
		cache := p.entries
		if kind == "provides" {
			cache = nil // of which next to none comes again
		}
		*list = p.plainDeps(c, *list, kind, cache)
	}
	for c.has("    <file") && !c.bad {
		open := "    <file"
		if c.has("    <file type=\"dir\"") {
			open = "    <file type=\"dir\""
		} else if c.has("    <file type=\"ghost\"") {
			open = "    <file type=\"ghost\""
		}
		m.Files = append(m.Files, p.pool.view(c.kept(open, "</file>\n")))
	}
	c.past("  </format>\n</package>")
}

// plainDeps appends the entries of a list, which the cache may know.
func (p *primaryReader) plainDeps(c *cursor, list []rpm.Dep, kind string, cache *entryCache) []rpm.Dep {
	for c.past(">\n"); c.has(entryBlanks+entryTag) && !c.bad; {
		lines := p.plainLines(c, cache)
		cache.find(lines)
		for _, line := range lines {
			tag := c.b[c.i+len(entryBlanks):][:line.n]
			dep, ok := cache.known(line, tag)
			if ok {
				c.i += len(entryBlanks) + line.n + len("\n")
			} else if dep = p.plainEntry(c); c.bad {
				return list
			} else {
				dep = cache.keep(line, tag, dep)
			}
			list = append(list, dep)
		}
		if len(lines) == 0 {
			list = append(list, p.plainEntry(c))
		}
	}
	c.past("    </rpm:")
	c.past(kind)
	c.past(">\n")
	return list
}

const entryBlanks = "      "

// plainLines returns the lines of the next entries.
func (p *primaryReader) plainLines(c *cursor, cache *entryCache) []entryLine {
	if cache == nil {
		return nil
	}
	lines := p.lines[:0]
	for ahead := *c; len(lines) < cap(lines) && ahead.has(entryBlanks+entryTag); {
		ahead.i += len(entryBlanks)
		line := cache.line(ahead.b[ahead.i:])
		ahead.i += line.n
		if line.n == 0 || !ahead.has("\n") {
			break
		}
		ahead.i++
		lines = append(lines, line)
	}
	return lines
}

// plainEntry reads one entry.
func (p *primaryReader) plainEntry(c *cursor) (dep rpm.Dep) {
	c.past(entryBlanks + entryTag + "name=\"")
	name := c.name()
	var flags, epoch, ver, rel []byte
	hasRel := false
	if c.has("\" flags=\"") {
		c.i += len("\" flags=\"")
		flags = c.attr("\" epoch=\"")
		epoch = c.attr("\" ver=\"")
		ver = c.until()
		if hasRel = c.has("\" rel=\""); hasRel {
			c.i += len("\" rel=\"")
			rel = c.until()
		}
	}
	if c.has("\" pre=\"1\"/>") {
		dep.Pre = true
		c.i += len("\" pre=\"1")
	}
	c.past("\"/>\n")
	if len(name) == 0 || c.bad {
		c.bad = true
		return dep
	}
	dep.Name = p.pool.internView(name)
	if len(flags) > 0 && len(ver) > 0 {
		if dep.Flags = depFlags(flags); dep.Flags == 0 {
			c.bad = true
			return dep
		}
		dep.EVR = p.joinEVR(epoch, ver, rel, hasRel)
	}
	return dep
}

// until goes to the end of an attribute's value that needs no decoding.
func (c *cursor) until() []byte {
	start := c.i
	c.i += commonPrefix(c.b[start:])
	return c.b[start:c.i]
}

// name is until for names, which may have to be decoded: "(a &lt; 1 or b)".
func (c *cursor) name() []byte {
	name := c.until()
	if !c.has("&") {
		return name
	}
	start := c.i - len(name)
	for c.has("&") && refSize(c.b[c.i:]) > 0 {
		c.i += refSize(c.b[c.i:])
		c.until()
	}
	return c.decoded(c.b[start:c.i], inAttribute)
}
