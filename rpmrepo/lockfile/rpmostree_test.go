package lockfile_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/rpmrepo/lockfile"
)

func TestRPMOSTreeReads(t *testing.T) {
	f, err := lockfile.Parse([]byte(`{
 "metadata": {"rpmmd_repos": {"r": {"generated": "2025-01-02T03:04:05.678+01:00"}}, "generated": null},
 "packages": {
  "gtk+": {"evra": "1:2.0-1.fc40.x86_64", "digest": "sha256:cafe", "metadata": {"sourcerpm": "gtk", "any": [1, {"thing": null}]}},
  "any": {"evr": "1.0-1", "digest": null, "metadata": null},
  "dots": {"evra": "1.2.3-4.5.noarch"}
 }}`), false)
	if err != nil {
		t.Fatal(err)
	}
	list := f.Packages[lockfile.AnyArch]
	if got, want := text(list), "any-1.0-1 dots-1.2.3-4.5.noarch gtk+-1:2.0-1.fc40.x86_64"; got != want || f.Format != lockfile.RPMOSTree {
		t.Fatalf("got %s, want %s", got, want)
	}
	if p := list[2]; p.Checksum != "sha256:cafe" || p.Source != "gtk" || p.EVR.Epoch != 1 || p.EVR.Release != "1.fc40" {
		t.Errorf("got %+v", p)
	}
	if p := list[0]; p.Checksum != "" || p.Repo != "" || p.Arch != "" {
		t.Errorf("got %+v, want any architecture, checksum and repository", p)
	}
	if got := f.Repos["r"]; !got.Equal(time.Date(2025, 1, 2, 2, 4, 5, 678e6, time.UTC)) || !f.Generated.IsZero() {
		t.Errorf("got %s, %s", got, f.Generated)
	}
}

func TestRPMOSTreeRefuses(t *testing.T) {
	tests := map[string]string{
		`{}`:                                "no key 'packages'",
		`{"packages": null}`:                "no key 'packages'",
		`{"packages": []}`:                  "packages: want a table, got a list",
		`{"packages": {}, "unknown": 1}`:    `the key "unknown" is unknown`,
		`{"packages": {}, "Packages": {}}`:  `the key "Packages" is unknown`,
		`{"packages": {"a": "1-1.noarch"}}`: "packages: a: want a table, got a string",
		`{"packages": {"a": {}}}`:           "want one of evra and evr",
		`{"packages": {"a": {"evr": "1-1", "evra": "1-1.noarch"}}}`:      "want one of evra and evr",
		`{"packages": {"a": {"evr": "1-1", "arch": "noarch"}}}`:          `the key "arch" is unknown`,
		`{"packages": {"a": {"evr": ""}}}`:                               "has no version",
		`{"packages": {"a": {"evr": 1}}}`:                                "evr: want a string, got the number 1",
		`{"packages": {"a": {"evra": "noarch"}}}`:                        "want [epoch:]version-release.arch",
		`{"packages": {"a": {"evra": "1-1."}}}`:                          "want [epoch:]version-release.arch",
		`{"packages": {"": {"evr": "1-1"}}}`:                             "a name is empty",
		`{"packages": {"a": {"evr": "1-1", "metadata": 1}}}`:             "metadata: want a table",
		`{"packages": {"a": {"evr": "1-1", "digest": false}}}`:           "digest: want a string, got a boolean",
		`{"packages": {}, "metadata": []}`:                               "metadata: want a table",
		`{"packages": {}, "metadata": {"made": 1}}`:                      `the key "made" is unknown`,
		`{"packages": {}, "metadata": {"generated": "yesterday"}}`:       "is not a time",
		`{"packages": {}, "metadata": {"rpmmd_repos": 1}}`:               "rpmmd_repos: want a table",
		`{"packages": {}, "metadata": {"rpmmd_repos": {"r": {}}}}`:       "generated is missing",
		`{"packages": {}, "metadata": {"rpmmd_repos": {"r": {"x": 1}}}}`: `the key "x" is unknown`,
	}
	for data, want := range tests {
		if _, err := lockfile.Parse([]byte(data), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", data, err, want)
		}
	}
}

func TestRPMOSTreeWrites(t *testing.T) {
	packages := []lockfile.Package{build(t, "glibc-2-1.x86_64"), build(t, "glibc-2-1.i686"), build(t, "a-1:1-1.noarch"), build(t, "b<&>-1-1.noarch")}
	packages[2].Source = "asrc"
	got, err := lockfile.EncodeRPMOSTree(packages, map[string]time.Time{"r": day, "q": time.Unix(0, 0)}, day)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`{
  "packages": {
    "a": {
      "evra": "1:1-1.noarch",
      "digest": "SUM",
      "metadata": {
        "sourcerpm": "asrc"
      }
    },
    "b<&>": {
      "evra": "1-1.noarch",
      "digest": "SUM"
    },
    "glibc": {
      "evra": "2-1.x86_64",
      "digest": "SUM"
    }
  },
  "metadata": {
    "generated": "2025-06-15T00:00:00Z",
    "rpmmd_repos": {
      "q": {
        "generated": "1970-01-01T00:00:00Z"
      },
      "r": {
        "generated": "2025-06-15T18:14:15Z"
      }
    }
  }
}`, "SUM", sumA)
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	name := filepath.Join(t.TempDir(), "lock")
	if err := lockfile.WriteRPMOSTree(name, packages, nil, day); err != nil {
		t.Fatal(err)
	}
	f, err := lockfile.Read(name)
	if err != nil || text(f.Packages[lockfile.AnyArch]) != "a-1:1-1.noarch b<&>-1-1.noarch glibc-2-1.x86_64" {
		t.Errorf("got %+v, %v", f, err)
	}
	packages[0].Arch = ""
	if err := lockfile.WriteRPMOSTree(name, packages, nil, day); err == nil {
		t.Error("a build without architecture was written")
	}
}

func TestSourceName(t *testing.T) {
	for file, want := range map[string]string{"gtk-doc-1.2-3.fc40.src.rpm": "gtk-doc", "a-1.src.rpm": "", "": "", "-1-1": ""} {
		if got := lockfile.SourceName(file); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
