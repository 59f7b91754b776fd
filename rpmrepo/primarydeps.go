package rpmrepo

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// provides is deps for provides, of which next to none comes again, but nearly
// every package provides itself, written in one way.
func (p *primaryReader) provides(list []rpm.Dep) ([]rpm.Dep, error) {
	m := &p.pkg
	if tag := p.x.peekEmpty(); len(tag) > 0 {
		e := append(append(p.evr[:0], `<rpm:entry name="`...), m.Name...)
		e = strconv.AppendUint(append(e, `" flags="EQ" epoch="`...), uint64(m.Epoch), 10)
		e = append(append(append(e, `" ver="`...), m.Version...), `" rel="`...)
		e = append(append(e, m.Release...), `"/>`...)
		p.evr = e
		if bytes.Equal(tag, e) && isVerbatim(m.Name) && isVerbatim(m.Version) && isVerbatim(m.Release) {
			p.x.pos += len(tag)
			epoch := strconv.AppendUint(p.number10[:0], uint64(m.Epoch), 10)
			self := rpm.Dep{Name: m.Name, Flags: rpm.EQ}
			self.EVR = p.joinEVR(epoch, []byte(m.Version), []byte(m.Release), true)
			list = append(list, self)
		}
	}
	return p.deps(list, nil)
}

// isVerbatim reports whether a value is written in XML as it is.
func isVerbatim(s string) bool {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	return len(s) > 0 && plainPrefix(b) == len(b) && bytes.IndexByte(b, '"') < 0
}

// deps appends the entries of the current element, which the cache may know.
func (p *primaryReader) deps(list []rpm.Dep, known *entryCache) ([]rpm.Dep, error) {
	for {
		ahead := p.x.ahead()
		line := known.line(ahead)
		if line.n > 0 {
			p.lines[0] = line
			known.find(p.lines[:1])
			line = p.lines[0]
			if dep, ok := known.known(line, ahead[:line.n]); ok {
				p.x.pos += line.n
				list = append(list, dep)
				continue
			}
		}
		end := p.x.off + int64(p.x.pos+line.n)
		more, err := p.x.child()
		if err != nil || !more {
			return list, err
		}
		if string(p.x.name) == "entry" {
			dep, err := p.dep()
			if err != nil {
				return list, err
			}
			// The line was cut at the first >. It is the tag if that ends there, too.
			if line.n > 0 && p.x.pending && p.x.off+int64(p.x.pos) == end {
				dep = known.keep(line, p.x.buf[p.x.pos-line.n:p.x.pos], dep)
			}
			list = append(list, dep)
		}
		if err := p.x.skip(); err != nil {
			return list, err
		}
	}
}

// dep reads one entry from its attributes. An entry with a comparison but
// without a version has no version.
func (p *primaryReader) dep() (dep rpm.Dep, err error) {
	var name, kind, flags, epoch, ver, rel []byte
	hasRel := false
	for _, a := range p.x.attrs {
		switch string(a.name) {
		case "name":
			name = a.value
		case "kind":
			kind = a.value
		case "flags":
			flags = a.value
		case "epoch":
			epoch = a.value
		case "ver":
			ver = a.value
		case "rel":
			rel, hasRel = a.value, true
		case "pre":
			dep.Pre = string(a.value) == "1"
		}
	}
	if len(name) == 0 {
		return dep, p.x.errorf("a dependency without a name")
	}
	if len(kind) > 0 {
		p.evr = append(append(append(p.evr[:0], kind...), ':'), name...)
		name = p.evr
	}
	dep.Name = p.pool.intern(name)
	if len(flags) == 0 || len(ver) == 0 {
		return dep, nil
	}
	if dep.Flags = depFlags(flags); dep.Flags == 0 {
		return dep, p.x.errorf("dependency %.100s: comparison %.20q is not known", dep.Name, flags)
	}
	dep.EVR = p.joinEVR(epoch, ver, rel, hasRel)
	return dep, nil
}

func depFlags(b []byte) rpm.Flags {
	switch string(b) {
	case "EQ":
		return rpm.EQ
	case "LT":
		return rpm.LT
	case "GT":
		return rpm.GT
	case "LE":
		return rpm.LT | rpm.EQ
	case "GE":
		return rpm.GT | rpm.EQ
	case "NE":
		return rpm.LT | rpm.GT
	}
	return 0
}

// joinEVR returns [epoch:]ver[-rel]. A zero epoch is left out, unless the
// version itself would then read as one with an epoch.
func (p *primaryReader) joinEVR(epoch, ver, rel []byte, hasRel bool) string {
	p.evr = p.evr[:0]
	if zero := len(epoch) == 0 || string(epoch) == "0"; !zero {
		p.evr = append(append(p.evr, epoch...), ':')
	} else if i := digits(ver); i < len(ver) && i > 0 && ver[i] == ':' {
		p.evr = append(p.evr, '0', ':')
	}
	p.evr = append(p.evr, ver...)
	if hasRel {
		p.evr = append(append(p.evr, '-'), rel...)
	}
	return p.pool.intern(p.evr)
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}
