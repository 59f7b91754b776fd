package rpmrepo

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"unsafe"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// maxPackages bounds the packages of one repository.
const maxPackages = 4 << 20

// primaryReader turns the elements of primary.xml into packages. The document:
//
//	<metadata packages="1"><package type="rpm">
//	  <name>acl</name><arch>x86_64</arch><version epoch="0" ver="2.3" rel="1"/>
//	  <checksum type="sha256" pkgid="YES">…</checksum>
//	  <summary>…</summary> <description/> <packager/> <url/>
//	  <time file="1" build="1"/> <size package="1" installed="2" archive="3"/>
//	  <location href="Packages/a/acl-2.3-1.x86_64.rpm"/>
//	  <format>
//	    <rpm:license/> <rpm:vendor/> <rpm:group/> <rpm:buildhost/> <rpm:sourcerpm/>
//	    <rpm:header-range start="4504" end="9000"/>
//	    <rpm:requires><rpm:entry name="libc.so.6()(64bit)" flags="GE" epoch="0" ver="1" rel="2" pre="1"/></rpm:requires>
//	    <file type="dir">/etc/x</file>
//	  </format>
//	</package></metadata>
type primaryReader struct {
	x    *xmlScanner
	pool *stringPool
	pkg  rpm.Metadata // the one being read; its slices are used again
	evr  []byte
	sum  []byte

	number10 [10]byte

	entries *entryCache // with a passing pool

	vendor, source string // of the package before, which often has the same
}

// readPrimary calls fn for each package. The Metadata and its slices are
// overwritten after the call, and with a passing pool its strings, too.
func readPrimary(r io.Reader, pool *stringPool, fn func(*rpm.Metadata) error) error {
	p := primaryReader{x: newXMLScanner(r), pool: pool}
	if pool.passing {
		p.entries = newEntryCache()
	}
	if err := p.x.root("metadata"); err != nil {
		return err
	}
	for n := 0; ; {
		more, err := p.x.child()
		if err != nil {
			return err
		}
		if !more {
			return p.x.done()
		}
		if t := p.x.attr("type"); string(p.x.name) != "package" || t != nil && string(t) != "rpm" {
			if err := p.x.skip(); err != nil {
				return err
			}
			continue
		}
		if n++; n > maxPackages {
			return p.x.errorf("more than %d packages", maxPackages)
		}
		if err := p.readPackage(); err != nil {
			return fmt.Errorf("package %d (%.100s): %w", n, p.pkg.Name, err)
		}
		if err := fn(&p.pkg); err != nil {
			return err
		}
	}
}

// reset empties the package but keeps the memory of its lists.
func (p *primaryReader) reset() {
	m := &p.pkg
	p.pool.forget()
	*m = rpm.Metadata{
		Requires: m.Requires[:0], Provides: m.Provides[:0],
		Conflicts: m.Conflicts[:0], Obsoletes: m.Obsoletes[:0],
		Recommends: m.Recommends[:0], Suggests: m.Suggests[:0],
		Supplements: m.Supplements[:0], Enhances: m.Enhances[:0],
		Files: m.Files[:0],
	}
}

func (p *primaryReader) readPackage() error {
	p.reset()
	m := &p.pkg
	for {
		more, err := p.x.child()
		if err != nil {
			return err
		}
		if !more {
			return p.complete()
		}
		switch string(p.x.name) {
		case "name":
			m.Name, err = p.interned()
		case "arch":
			m.Arch, err = p.interned()
		case "version":
			err = p.version()
		case "checksum":
			err = p.checksum()
		case "summary":
			m.Summary, err = p.copied()
		case "time":
			if m.BuildTime, err = p.number("build"); err == nil {
				err = p.x.skip()
			}
		case "size":
			err = p.sizes()
		case "location":
			m.Location = p.pool.copy(p.x.attr("href"))
			m.BaseURL = p.pool.intern(p.x.attr("base"))
			err = p.x.skip()
		case "format":
			err = p.format()
		default:
			err = p.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

// complete checks that nothing is missing which later work relies on.
func (p *primaryReader) complete() error {
	m := &p.pkg
	missing := ""
	switch {
	case m.Name == "":
		missing = "name"
	case m.Version == "":
		missing = "version"
	case m.Checksum == "":
		missing = "checksum"
	case m.Location == "":
		missing = "location"
	}
	if missing != "" {
		return p.x.errorf("the package has no %s", missing)
	}
	if m.Arch == "" {
		m.Arch = "noarch"
	}
	return nil
}

func (p *primaryReader) version() error {
	m := &p.pkg
	if e := p.x.attr("epoch"); len(e) > 0 {
		epoch, err := strconv.ParseUint(string(e), 10, 32)
		if err != nil {
			return p.x.errorf("epoch %.20q is not a number", e)
		}
		m.Epoch = uint32(epoch)
	}
	m.Version, m.Release = p.pool.intern(p.x.attr("ver")), p.pool.intern(p.x.attr("rel"))
	return p.x.skip()
}

func (p *primaryReader) checksum() error {
	p.sum = append(append(p.sum[:0], p.x.attr("type")...), ':')
	value, err := p.x.content()
	if err != nil {
		return err
	}
	p.sum = append(p.sum, value...)
	if !isSHA256(p.sum) {
		c, err := fetch.ParseChecksum(string(p.sum))
		if err != nil {
			return p.x.errorf("%w", err)
		}
		p.sum = append(p.sum[:0], c.String()...)
	}
	p.pkg.Checksum = p.pool.copy(p.sum)
	return nil
}

// isSHA256 recognizes what nearly every checksum looks like.
func isSHA256(sum []byte) bool {
	const prefix = "sha256:"
	if len(sum) != len(prefix)+64 || string(sum[:len(prefix)]) != prefix {
		return false
	}
	ok := byte('x')
	for _, c := range sum[len(prefix):] {
		ok &= hexClass[c]
	}
	return ok == 'x'
}

// hexClass tells the digits in lower case by an x, which has one bit more than
// a p.
const hexClass = "pppppppppppppppp" + "pppppppppppppppp" + "pppppppppppppppp" + "xxxxxxxxxxpppppp" +
	"pppppppppppppppp" + "pppppppppppppppp" + "pxxxxxxppppppppp" + "pppppppppppppppp" +
	"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp" +
	"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"

func (p *primaryReader) sizes() error {
	return p.numbers("package", &p.pkg.Size, "installed", &p.pkg.InstalledSize)
}

// format reads the part that comes from the package's header.
func (p *primaryReader) format() error {
	m := &p.pkg
	for {
		more, err := p.x.child()
		if err != nil || !more {
			return err
		}
		switch string(p.x.name) {
		case "vendor":
			p.vendor, err = p.same(p.vendor)
			m.Vendor = p.vendor
		case "sourcerpm":
			p.source, err = p.same(p.source)
			m.SourceRPM = p.source
		case "header-range":
			err = p.numbers("start", &m.HeaderStart, "end", &m.HeaderEnd)
		case "requires":
			m.Requires, err = p.deps(m.Requires, p.entries)
		case "provides":
			m.Provides, err = p.provides(m.Provides)
		case "conflicts":
			m.Conflicts, err = p.deps(m.Conflicts, p.entries)
		case "obsoletes":
			m.Obsoletes, err = p.deps(m.Obsoletes, p.entries)
		case "recommends":
			m.Recommends, err = p.deps(m.Recommends, p.entries)
		case "suggests":
			m.Suggests, err = p.deps(m.Suggests, p.entries)
		case "supplements":
			m.Supplements, err = p.deps(m.Supplements, p.entries)
		case "enhances":
			m.Enhances, err = p.deps(m.Enhances, p.entries)
		case "file":
			var path string
			path, err = p.copied()
			m.Files = append(m.Files, path)
		default:
			err = p.x.skip()
		}
		if err != nil {
			return err
		}
	}
}

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

// numbers reads two attributes and leaves the element.
func (p *primaryReader) numbers(name1 string, n1 *int64, name2 string, n2 *int64) (err error) {
	if *n1, err = p.number(name1); err != nil {
		return err
	}
	if *n2, err = p.number(name2); err != nil {
		return err
	}
	return p.x.skip()
}

// deps appends the entries of the current element, which the cache may know.
func (p *primaryReader) deps(list []rpm.Dep, known *entryCache) ([]rpm.Dep, error) {
	for {
		dep, line := known.find(p.x)
		if dep != nil {
			list = append(list, *dep)
			continue
		}
		more, err := p.x.child()
		if err != nil || !more {
			return list, err
		}
		if string(p.x.name) == "entry" {
			dep, err := p.dep()
			if err != nil {
				return list, err
			}
			list = append(list, known.keep(p.x, line, dep))
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

// number reads an attribute that is a size or a time; zero when absent.
func (p *primaryReader) number(name string) (int64, error) {
	v := p.x.attr(name)
	if len(v) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < 0 {
		return 0, p.x.errorf("%s %.30q is not a number that makes sense", name, v)
	}
	return n, nil
}

func (p *primaryReader) interned() (string, error) {
	b, err := p.x.content()
	if err != nil {
		return "", err
	}
	return p.pool.intern(b), nil
}

// same returns the content of the element, which may be what last is.
func (p *primaryReader) same(last string) (string, error) {
	b, err := p.x.content()
	if err != nil || string(b) == last {
		return last, err
	}
	if p.pool.passing {
		return string(b), nil
	}
	return p.pool.copy(b), nil
}

func (p *primaryReader) copied() (string, error) {
	b, err := p.x.content()
	if err != nil {
		return "", err
	}
	return p.pool.copy(b), nil
}
