package rpmrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Bounds of an updateinfo file.
const (
	maxAdvisories     = 1 << 30 // bytes, uncompressed
	maxAdvisoryLength = 1 << 16 // packages and references of one advisory
)

// An Advisory tells why builds of packages were released.
type Advisory struct {
	ID         string
	Type       string // "security", "bugfix", "enhancement", "newpackage" …
	Title      string
	Severity   string      // "Low", "Moderate", "Important", "Critical"; may be empty
	Packages   []rpm.NEVRA // one may stand twice
	References []Reference
}

// Reference is a page about an advisory.
type Reference struct {
	Type  string // "cve", "bugzilla" …
	ID    string
	URL   string
	Title string
}

// Advisories calls fn for each advisory of the repository, in its order. An
// error of fn ends the reading and is returned as it is. When Advisories itself
// fails, what fn has seen must not be used. ErrNoData says that the repository
// has none.
func (r *Repository) Advisories(ctx context.Context, fn func(*Advisory) error) error {
	return r.scan(ctx, "updateinfo", func(in io.Reader) error {
		return readAdvisories(in, func(a *Advisory) error {
			if err := fn(a); err != nil {
				return &callerError{err}
			}
			return nil
		})
	})
}

// advisoryReader turns updateinfo.xml into advisories. The document:
//
//	<updates>
//	  <update from="updates@example.org" status="stable" type="security" version="2.0">
//	    <id>EX-2026-1</id> <title>bash security update</title> <severity>Important</severity>
//	    <issued date="2026-01-02 03:04:05"/> <release/> <summary/> <description/> <rights/>
//	    <references>
//	      <reference href="https://example.org/CVE-2026-1" id="CVE-2026-1" type="cve" title="CVE-2026-1"/>
//	    </references>
//	    <pkglist>
//	      <collection short="ex"> <name/> <module name="" stream="" version="" context="" arch=""/>
//	        <package name="bash" epoch="0" version="5" release="2" arch="x86_64" src="bash-5-2.src.rpm">
//	          <filename/> <sum type="sha256"/> <reboot_suggested/>
//	        </package>
//	      </collection>
//	    </pkglist>
//	  </update>
//	</updates>
type advisoryReader struct{ x *xmlScanner }

func readAdvisories(r io.Reader, fn func(*Advisory) error) error {
	limited := &io.LimitedReader{R: r, N: maxAdvisories + 1}
	a := advisoryReader{x: newXMLScanner(limited)}
	if err := a.x.root("updates"); err != nil {
		return err
	}
	err := a.children(func(name string) error {
		if name != "update" {
			return a.x.skip()
		}
		update, err := a.update()
		if err != nil {
			return err
		}
		return fn(update)
	})
	if err != nil {
		return err
	}
	if err := a.x.done(); err != nil {
		return err
	}
	if limited.N == 0 {
		return fmt.Errorf("larger than %d bytes", maxAdvisories)
	}
	return nil
}

// children calls fn for each child of the current element; fn must leave it.
func (a *advisoryReader) children(fn func(name string) error) error {
	for {
		more, err := a.x.child()
		if err != nil || !more {
			return err
		}
		if err := fn(string(a.x.name)); err != nil {
			return err
		}
	}
}

func (a *advisoryReader) text(to *string) error {
	b, err := a.x.content()
	*to = string(bytes.TrimSpace(b))
	return err
}

func (a *advisoryReader) update() (*Advisory, error) {
	update := &Advisory{Type: string(a.x.attr("type"))}
	err := a.children(func(name string) error {
		switch name {
		case "id":
			return a.text(&update.ID)
		case "title":
			return a.text(&update.Title)
		case "severity":
			return a.text(&update.Severity)
		case "references":
			return a.children(func(name string) error { return a.reference(name, update) })
		case "pkglist":
			return a.children(func(name string) error { return a.collection(name, update) })
		}
		return a.x.skip()
	})
	if err != nil {
		return nil, err
	}
	if update.ID == "" {
		return nil, a.x.errorf("advisory %.40q has no id", update.Title)
	}
	return update, nil
}

func (a *advisoryReader) reference(name string, update *Advisory) error {
	if name == "reference" {
		if len(update.References) == maxAdvisoryLength {
			return a.x.errorf("advisory %.40q has more than %d references", update.ID, maxAdvisoryLength)
		}
		update.References = append(update.References, Reference{
			Type: string(a.x.attr("type")), ID: string(a.x.attr("id")), URL: string(a.x.attr("href")), Title: string(a.x.attr("title")),
		})
	}
	return a.x.skip()
}

func (a *advisoryReader) collection(name string, update *Advisory) error {
	if name != "collection" {
		return a.x.skip()
	}
	return a.children(func(name string) error {
		if name != "package" {
			return a.x.skip()
		}
		if len(update.Packages) == maxAdvisoryLength {
			return a.x.errorf("advisory %.40q names more than %d packages", update.ID, maxAdvisoryLength)
		}
		n := rpm.NEVRA{Name: string(a.x.attr("name")), Arch: string(a.x.attr("arch"))}
		n.Version, n.Release = string(a.x.attr("version")), string(a.x.attr("release"))
		if epoch := strings.TrimSpace(string(a.x.attr("epoch"))); epoch != "" {
			e, err := strconv.ParseUint(epoch, 10, 32)
			if err != nil {
				return a.x.errorf("advisory %.40q: package %.40q has the epoch %.20q", update.ID, n.Name, epoch)
			}
			n.Epoch = uint32(e)
		}
		if n.Name == "" || n.Version == "" {
			return a.x.errorf("advisory %.40q names a package without a name or version", update.ID)
		}
		update.Packages = append(update.Packages, n)
		return a.x.skip()
	})
}
