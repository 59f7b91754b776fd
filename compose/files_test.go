package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
)

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestFiles checks what the pipelines around a compose look at.
func TestFiles(t *testing.T) {
	packages := base()
	w := newWorkshop(t, osTree, packages...)
	dir := t.TempDir()
	id, stamp, composed := filepath.Join(dir, "id"), filepath.Join(dir, "stamp"), filepath.Join(dir, "compose.json")
	files := func(o *compose.Options) {
		o.CommitIDFile, o.StampFile, o.ComposeJSONFile = id, stamp, composed
		o.MetadataStrings = []string{"version=41"}
	}
	r := w.compose(files)
	data, err := os.ReadFile(id)
	if err != nil || len(data) != 64 || string(data) != r.Commit.String() {
		t.Errorf("commit id: got %q, %v, want the 64 characters of %s", data, err, r.Commit)
	}
	if w.ref("test/x86_64/os") != "" || r.Ref != "" {
		t.Error("the ref was written although the caller wants the commit id")
	}
	var got map[string]any
	data, err = os.ReadFile(composed)
	w.must(err)
	w.must(json.Unmarshal(data, &got))
	for key, want := range map[string]any{
		"ostree-commit": r.Commit.String(), "ostree-content-checksum": r.Content.String(), "ostree-version": "41",
		"ostree-timestamp": "2025-06-15T15:06:40Z", "rpm-ostree-inputhash": r.InputHash, "ref": nil, "pkgdiff": nil,
		"ostree-n-content-total": float64(r.Stats.FilesTotal), "ostree-n-content-written": float64(r.Stats.FilesNew),
		"ostree-n-metadata-total": float64(r.Stats.MetaTotal), "ostree-content-bytes-written": float64(r.Stats.BytesStored),
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	if info, err := os.Stat(composed); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("compose.json: got %v, %v", info, err)
	}
	first := r.Commit.String()
	w.must(os.Remove(stamp))
	w.must(os.Remove(id))
	unchanged := func(o *compose.Options) { files(o); o.PreviousCommit = first }
	if r := w.compose(unchanged); r.Changed {
		t.Errorf("got %+v, want nothing to do", r)
	}
	for _, name := range []string{id, stamp} {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was written although nothing changed: %v", name, err)
		}
	}
	packages[1].Version, packages[2].Epoch = "2", 0
	w.setPackages(append(packages, pkg("added", file("/usr/added", "")))...)
	w.write("tree.yaml", osTree+"packages: [filesystem, setup, tools, added]\n")
	w.compose(func(o *compose.Options) { files(o); o.CommitIDFile = ""; o.Parent = first })
	data, err = os.ReadFile(composed)
	w.must(err)
	w.must(json.Unmarshal(data, &got))
	diff, err := json.Marshal(got["pkgdiff"])
	w.must(err)
	want := `[["added",0,{"NewPackage":["added","1-1","noarch"]}],` +
		`["setup",2,{"NewPackage":["setup","2-1","noarch"],"PreviousPackage":["setup","1-1","noarch"]}],` +
		`["tools",3,{"NewPackage":["tools","2-1","x86_64"],"PreviousPackage":["tools","1:2-1","x86_64"]}]]`
	if string(diff) != want || got["ref"] != "test/x86_64/os" || got["ostree-parent-commit"] != first {
		t.Errorf("got the differences\n%s\nwant\n%s\nand ref %v, parent %v", diff, want, got["ref"], got["ostree-parent-commit"])
	}
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	before := snapshot(t, w.repo)
	for _, adjust := range []func(*compose.Options, string){
		func(o *compose.Options, name string) { o.CommitIDFile = name },
		func(o *compose.Options, name string) { o.ComposeJSONFile = name },
		func(o *compose.Options, name string) { o.StampFile = name },
	} {
		_, err := w.try(func(o *compose.Options) { adjust(o, "/no/such/folder/file") })
		wantError(t, err, "/no/such/folder/file")
	}
	if snapshot(t, w.repo) != before {
		t.Error("the repository changed")
	}
}

func TestStampIsTouched(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	stamp := filepath.Join(t.TempDir(), "stamp")
	w.must(os.WriteFile(stamp, nil, 0o644))
	old := time.Unix(1_000_000_000, 0)
	w.must(os.Chtimes(stamp, old, old))
	p, err := w.plan(func(o *compose.Options) { o.StampFile = stamp })
	w.must(err)
	w.must(p.Stamp()) // as a dry run does
	if info, err := os.Stat(stamp); err != nil || !info.ModTime().Equal(now) {
		t.Errorf("got %v, %v, want the time %s", info, err, now)
	}
}

func TestDownloadOnlyAndCacheOnly(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	cacheOnly := func(o *compose.Options) { o.CacheOnly = true }
	r := w.compose(func(o *compose.Options) { o.DownloadOnly = true })
	if !r.Changed || !r.Commit.IsZero() || w.ref("test/x86_64/os") != "" {
		t.Errorf("got %+v", r)
	}
	w.must(os.RemoveAll(filepath.Join(w.rpms, "Packages")))
	if r := w.compose(cacheOnly); r.Commit.IsZero() {
		t.Errorf("got %+v", r)
	}
}

func TestPlanPrints(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	p, err := w.plan()
	w.must(err)
	var text bytes.Buffer
	w.must(p.WriteText(&text))
	for _, want := range []string{"tools-1:2-1.x86_64", `requested as "tools"`, "3 packages", "ref: test/x86_64/os", "input: " + p.InputHash, "previous commit: none"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got\n%s\nwant %q in it", &text, want)
		}
	}
	data, err := json.Marshal(p)
	w.must(err)
	var got struct {
		Changed   bool
		InputHash string `json:"input-hash"`
		Packages  []struct{ Name, NEVRA, Checksum, Reason string }
	}
	w.must(json.Unmarshal(data, &got))
	if !got.Changed || got.InputHash != p.InputHash || len(got.Packages) != 3 || got.Packages[2].Name != "tools" ||
		!strings.HasPrefix(got.Packages[2].Checksum, "sha256:") {
		t.Errorf("got %s", data)
	}
	w.compose()
	p, err = w.plan()
	w.must(err)
	text.Reset()
	w.must(p.WriteText(&text))
	if !strings.Contains(text.String(), "nothing to do") {
		t.Errorf("got\n%s", &text)
	}
}
