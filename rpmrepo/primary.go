package rpmrepo

import (
	"fmt"
	"io"
	"strconv"

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
	lines   [32]entryLine
	n, odd  int // packages, and those of them that plainPackage left

	vendor, source string // of the package before, which often has the same
}

// readPrimary calls fn for each package. The Metadata and its slices are
// overwritten after the call, and with a passing pool its strings, too.
func readPrimary(r io.Reader, pool *stringPool, fn func(*rpm.Metadata) error) error {
	return newPrimaryReader(r, pool).read(fn)
}

func newPrimaryReader(r io.Reader, pool *stringPool) *primaryReader {
	p := &primaryReader{x: newXMLScanner(r), pool: pool}
	if pool.passing {
		p.entries = newEntryCache()
	}
	return p
}

func (p *primaryReader) read(fn func(*rpm.Metadata) error) error {
	if err := p.x.root("metadata"); err != nil {
		return err
	}
	for {
		if !p.plainPackage() {
			more, err := p.nextPackage()
			if err != nil {
				return err
			}
			if !more {
				return p.x.done()
			}
		}
		if p.n++; p.n > maxPackages {
			return p.x.errorf("more than %d packages", maxPackages)
		}
		if err := fn(&p.pkg); err != nil {
			return err
		}
	}
}

// nextPackage reads the next package; false at the end.
func (p *primaryReader) nextPackage() (bool, error) {
	for {
		more, err := p.x.child()
		if err != nil || !more {
			return false, err
		}
		if t := p.x.attr("type"); string(p.x.name) == "package" && (t == nil || string(t) == "rpm") {
			break
		}
		if err := p.x.skip(); err != nil {
			return false, err
		}
	}
	if err := p.readPackage(); err != nil {
		return false, fmt.Errorf("package %d (%.100s): %w", p.n+1, p.pkg.Name, err)
	}
	return true, nil
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
		case "provides":
			m.Provides, err = p.provides(m.Provides)
		case "file":
			var path string
			path, err = p.copied()
			m.Files = append(m.Files, path)
		default:
			if list := dependencies(m, string(p.x.name)); list != nil {
				*list, err = p.deps(*list, p.entries)
			} else {
				err = p.x.skip()
			}
		}
		if err != nil {
			return err
		}
	}
}

// dependencies returns the list that an element of the format fills, nil for
// one that is no list of dependencies.
func dependencies(m *rpm.Metadata, element string) *[]rpm.Dep {
	switch element {
	case "requires":
		return &m.Requires
	case "provides":
		return &m.Provides
	case "conflicts":
		return &m.Conflicts
	case "obsoletes":
		return &m.Obsoletes
	case "recommends":
		return &m.Recommends
	case "suggests":
		return &m.Suggests
	case "supplements":
		return &m.Supplements
	case "enhances":
		return &m.Enhances
	}
	return nil
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
