package rpmrepo

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
)

const fullUpdates = `<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="a@example.org" status="stable" type="security" version="2.0">
    <id>EX-2026-1</id><title>bash &amp; more</title><severity>Important</severity><issued date="2026-01-02 03:04:05"/>
    <references><reference href="https://example.org/1" id="CVE-2026-1" type="cve" title="CVE-2026-1 in bash"/>
      <reference href="https://example.org/2" id="2" type="bugzilla"/></references>
    <pkglist><collection short="a"><name>a</name><module name="m" stream="1" version="2" context="c" arch="x86_64"/>
      <package name="bash" epoch="1" version="5" release="2" arch="x86_64" src="bash-5-2.src.rpm"><filename>b.rpm</filename><sum type="sha256">00</sum></package></collection>
      <collection><package name="sh" version="1" release="1" arch="noarch"/></collection></pkglist>
  </update>
  <update type="bugfix"><id>EX-2026-2</id></update>
  <other/>
</updates>
`

func advisories(doc string) (list []Advisory, err error) {
	err = readAdvisories(strings.NewReader(doc), func(a *Advisory) error {
		list = append(list, *a)
		return nil
	})
	return list, err
}

func TestReadAdvisories(t *testing.T) {
	list, err := advisories(fullUpdates)
	if err != nil {
		t.Fatal(err)
	}
	want := "[{ID:EX-2026-1 Type:security Title:bash & more Severity:Important Packages:[bash-1:5-2.x86_64 sh-1-1.noarch] " +
		"References:[{Type:cve ID:CVE-2026-1 URL:https://example.org/1 Title:CVE-2026-1 in bash} {Type:bugzilla ID:2 URL:https://example.org/2 Title:}]} " +
		"{ID:EX-2026-2 Type:bugfix Title: Severity: Packages:[] References:[]}]"
	if got := fmt.Sprintf("%+v", list); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReadAdvisoriesRefuses(t *testing.T) {
	pkg := func(attrs string) string {
		return "<updates><update><id>a</id><pkglist><collection><package " + attrs + "/></collection></pkglist></update></updates>"
	}
	for doc, part := range map[string]string{
		"":                                    "in the middle",
		"<comps/>":                            "not <updates>",
		"<updates><update/></updates>":        "no id",
		"<updates></updates>x":                "outside",
		pkg(`name="a" version="1" epoch="x"`): "epoch",
		pkg(`name="a" version="1" epoch="99999999999"`): "epoch",
		pkg(`version="1"`): "without a name",
		"<updates><update><id>a</id><references>" + strings.Repeat("<reference/>", maxAdvisoryLength+1): "references",
	} {
		if _, err := advisories(doc); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.60q: got %v, want an error with %q", doc, err, part)
		}
	}
}

// TestAdvisoriesOfRepository reads what the real tool added to a repository.
func TestAdvisoriesOfRepository(t *testing.T) {
	dir := rpmtest.Repo(t, rpmtest.Package{Name: "bash"})
	r, err := Open(t.Context(), RepoConfig{ID: "r", BaseURLs: []string{dir}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Advisories(t.Context(), nil); !errors.Is(err, ErrNoData) {
		t.Errorf("a repository without advisories: got %v, want ErrNoData", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "updateinfo.xml")
	if err := os.WriteFile(file, []byte(fullUpdates), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("modifyrepo_c", file, filepath.Join(dir, "repodata")).CombinedOutput(); err != nil {
		t.Fatalf("modifyrepo_c (of createrepo_c): %v\n%s", err, out)
	}
	if r, err = Open(t.Context(), RepoConfig{ID: "r", BaseURLs: []string{dir}}, Options{}); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var ids []string
	err = r.Advisories(t.Context(), func(a *Advisory) error {
		ids = append(ids, a.ID)
		return nil
	})
	if got := fmt.Sprint(ids); err != nil || got != "[EX-2026-1 EX-2026-2]" {
		t.Errorf("got %s, %v, want both advisories", got, err)
	}
	stop := errors.New("enough")
	if err := r.Advisories(t.Context(), func(*Advisory) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the caller's own error", err)
	}
}

// FuzzAdvisories: what is read, another parser reads the same.
func FuzzAdvisories(f *testing.F) {
	f.Add(fullUpdates)
	f.Add("<updates><update type='security'><id>a</id></update></updates>")
	f.Fuzz(func(t *testing.T, doc string) {
		list, err := advisories(doc)
		if err != nil {
			return
		}
		var root struct {
			Updates []struct {
				Packages []struct{} `xml:"pkglist>collection>package"`
			} `xml:"update"`
		}
		if err := xml.Unmarshal([]byte(doc), &root); err != nil {
			return // encoding/xml is stricter in places
		}
		if len(root.Updates) != len(list) {
			t.Fatalf("got %d advisories, want %d", len(list), len(root.Updates))
		}
		for i, u := range root.Updates {
			if len(u.Packages) != len(list[i].Packages) {
				t.Errorf("advisory %d: got %d packages, want %d", i, len(list[i].Packages), len(u.Packages))
			}
		}
	})
}
