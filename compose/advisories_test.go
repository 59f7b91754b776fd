package compose_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

const someAdvisories = `<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update type="security"><id>EX-2</id><title>t</title><severity>Critical</severity>
    <references><reference href="https://example.org/1" id="CVE-2026-1" type="cve"/>
      <reference href="https://example.org/2" id="2" type="bugzilla" title="CVE-2026-2 tools: bad"/>
      <reference href="https://example.org/3" id="3" type="bugzilla" title="another bug"/></references>
    <pkglist><collection><package name="tools" epoch="1" version="2" release="1" arch="x86_64"/>
      <package name="tools" epoch="1" version="2" release="1" arch="x86_64"/>
      <package name="setup" epoch="0" version="1" release="1" arch="noarch"/>
      <package name="absent" version="1" release="1" arch="noarch"/></collection></pkglist></update>
  <update type="security"><id>EX-1</id><pkglist><collection><package name="setup" version="1" release="1" arch="noarch"/></collection></pkglist></update>
  <update type="security"><id>EX-3</id><pkglist><collection><package name="setup" version="1" release="2" arch="noarch"/></collection></pkglist></update>
  <update type="bugfix"><id>EX-4</id><pkglist><collection><package name="setup" version="1" release="1" arch="noarch"/></collection></pkglist></update>
</updates>
`

// TestAdvisories: security advisories of packages of the tree are in the commit,
// beside it, or nowhere, as the real client sees them.
func TestAdvisories(t *testing.T) {
	const want = "[('EX-1', 1, 0, ['setup-1-1.noarch'], @a{sv} {}), ('EX-2', 1, 4, ['setup-1-1.noarch', 'tools-1:2-1.x86_64'], " +
		"{'cve_references': <[('https://example.org/1', 'CVE-2026-1'), ('https://example.org/2', 'CVE-2026-2 tools: bad')]>})]"
	for _, c := range []struct{ key, inline, detached string }{
		{"", want, ""},
		{"advisories-metadata: inline\n", want, ""},
		{"advisories-metadata: detached\n", "", want},
		{"advisories-metadata: disabled\n", "", ""},
	} {
		w := newWorkshop(t, osTree+c.key, base()...)
		addMetadata(t, w.rpms, "updateinfo", "updateinfo.xml", someAdvisories)
		r := w.compose()
		if got := w.commitKey(r.Commit, "rpmostree.advisories"); got != c.inline {
			t.Errorf("%q: got in the commit\n%s\nwant\n%s", c.key, got, c.inline)
		}
		if got := w.detachedKey(r.Commit, "rpmostree.advisories"); got != c.detached {
			t.Errorf("%q: got beside the commit\n%s\nwant\n%s", c.key, got, c.detached)
		}
	}
}

// TestNoAdvisories: without any, commits have no key; damaged ones are an error.
func TestNoAdvisories(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	if got := w.commitKey(w.compose().Commit, "rpmostree.advisories"); got != "" {
		t.Errorf("got advisories %s, want none", got)
	}
	addMetadata(t, w.rpms, "updateinfo", "updateinfo.xml", "<updates/>")
	files, err := filepath.Glob(filepath.Join(w.rpms, "repodata", "*updateinfo*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got the files %q, %v", files, err)
	}
	w.must(os.Remove(files[0]))
	if r := w.compose(force); len(r.Report.Warnings) != 1 || !strings.Contains(r.Report.Warnings[0], "no advisories of repository test") {
		t.Errorf("advisories that the server lacks: got the warnings %q, want one", r.Report.Warnings)
	}
	addMetadata(t, w.rpms, "updateinfo", "updateinfo.xml", "<updates><update/></updates>")
	_, err = w.try(force)
	wantError(t, err, "updateinfo", "no id")
}

// commitKey is a key of a commit as the real client prints it, numbers read as
// big-endian; empty without it.
func (w *workshop) commitKey(sum ostree.Checksum, key string) string {
	w.t.Helper()
	return w.printedKey(sum, key, "--print-metadata-key=", func(r *archive.Repo) (gvariant.Dict, error) {
		c, err := r.Commit(w.t.Context(), sum)
		if err != nil {
			return nil, err
		}
		return c.Metadata, nil
	})
}

// detachedKey is the same for what lies beside the commit.
func (w *workshop) detachedKey(sum ostree.Checksum, key string) string {
	w.t.Helper()
	return w.printedKey(sum, key, "--print-detached-metadata-key=", func(r *archive.Repo) (gvariant.Dict, error) { return r.CommitMeta(sum) })
}

func (w *workshop) printedKey(sum ostree.Checksum, key, flag string, read func(*archive.Repo) (gvariant.Dict, error)) string {
	w.t.Helper()
	repo, err := archive.Open(w.repo, archive.Options{})
	w.must(err)
	d, err := read(repo)
	w.must(errors.Join(err, repo.Close()))
	if _, has := d.Get(key); !has {
		return ""
	}
	text := strings.TrimSpace(strings.ReplaceAll(w.ostree("show", flag+key, sum.String()), "uint32 ", ""))
	for _, n := range []struct{ stored, read string }{{"16777216", "1"}, {"67108864", "4"}} {
		text = strings.ReplaceAll(text, n.stored, n.read)
	}
	return text
}
