package flatpak

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// exportFiles are files of an application whose ID is org.example.App and
// which owns org.example.Bus, org.example.Wild.* and nothing else.
var exportFiles = []string{
	"bin/app",
	"share/applications/org.example.App.desktop",
	"share/applications/org.example.App-settings.desktop",
	"share/applications/org.example.App.Sub.desktop",
	"share/applications/org.example.App.Sub-x.y.desktop",
	"share/applications/org.example.App.9.desktop",
	"share/applications/org.example.Apps.desktop",
	"share/applications/org.example.App_.desktop",
	"share/applications/org.example.App+x.desktop",
	"share/applications/app.desktop",
	"share/applications/.org.example.App.desktop",
	"share/applications/org.example.App.desktop~",
	"share/applications/org.example.App.txt",
	"share/applications/deep/er/org.example.App.desktop",
	"share/applications/.hidden/org.example.App.desktop",
	"share/applications/backup~/org.example.App.desktop",
	"share/applications/empty/other.desktop",
	"share/icons/hicolor/64x64/apps/org.example.App.png",
	"share/icons/hicolor/64x64/apps/org.example.App.svgz",
	"share/icons/hicolor/scalable/apps/org.example.App-symbolic.svg",
	"share/icons/hicolor/64x64/apps/other.png",
	"share/icons/hicolor/64x64/apps/org.example.App.xpm",
	"share/icons/hicolor/index.theme",
	"share/icons/org.example.App.ico",
	"share/mime/packages/org.example.App.xml",
	"share/mime/org.example.App.xml",
	"share/dbus-1/services/org.example.App.service",
	"share/dbus-1/services/org.example.App.Sub.service",
	"share/dbus-1/services/org.example.App-x.service",
	"share/dbus-1/services/org.example.App.-x.service",
	"share/dbus-1/services/org.example.Bus.service",
	"share/dbus-1/services/org.example.Bus.Sub.service",
	"share/dbus-1/services/org.example.Wild.service",
	"share/dbus-1/services/org.example.Wild.Sub.Sub.service",
	"share/dbus-1/services/org.example.Talk.service",
	"share/gnome-shell/search-providers/org.example.App.search-provider.ini",
	"share/gnome-shell/search-providers/x.ini",
	"share/metainfo/org.example.App.metainfo.xml",
	"share/metainfo/releases/org.example.App.releases.xml",
	"share/appdata/org.example.App.appdata.xml",
	"share/appdata/org.example.App.txt",
	"share/doc/org.example.App.xml",
}

var exportArgs = []string{"--own-name=org.example.Bus", "--own-name=org.example.Wild.*", "--talk-name=org.example.Talk"}

func TestExportsAsFlatpakCollectsThem(t *testing.T) {
	home := t.TempDir()
	installPlatform(t, home, platformMetadata)
	dir := filepath.Join(home, "app")
	flatpakCommand(t, home, "build-init", "--arch=x86_64", dir, app.ID, "org.example.Platform", "org.example.Platform", "1")
	for _, name := range exportFiles {
		path := filepath.Join(dir, "files", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	flatpakCommand(t, home, append(append([]string{"build-finish", "--command=app"}, exportArgs...), dir)...)
	var want []string
	export := filepath.Join(dir, "export")
	err := filepath.WalkDir(export, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(export, path)
			want = append(want, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, Command: "app", FinishArgs: exportArgs})
	if err != nil {
		t.Fatal(err)
	}
	exports, refused := m.Exports(exportFiles)
	var got []string
	for _, e := range exports {
		got = append(got, e.Target)
	}
	if !slices.Equal(got, want) {
		t.Errorf("exports: got\n%q\nwant\n%q", got, want)
	}
	if len(refused) == 0 {
		t.Error("refused: got none")
	}
	for _, r := range refused {
		if r.Reason == "" {
			t.Errorf("%s is refused without a reason", r.Source)
		}
	}
}

func TestExportsPreferMetainfo(t *testing.T) {
	m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform})
	if err != nil {
		t.Fatal(err)
	}
	exports, refused := m.Exports([]string{"share/appdata/org.example.App.xml", "share/metainfo/org.example.App.xml", "share/krunner/dbusplugins/org.example.App.desktop"})
	want := []Export{{"share/krunner/dbusplugins/org.example.App.desktop", "share/krunner/dbusplugins/org.example.App.desktop"},
		{"share/metainfo/org.example.App.xml", "share/metainfo/org.example.App.xml"}}
	if !slices.Equal(exports, want) {
		t.Errorf("exports: got %v, want %v", exports, want)
	}
	if len(refused) != 1 || refused[0].Source != "share/appdata/org.example.App.xml" {
		t.Errorf("refused: got %v, want the appdata file", refused)
	}
}

func TestNoExports(t *testing.T) {
	m, err := NewMetadata(MetadataOptions{Ref: app, Runtime: platform, FinishArgs: []string{"--no-exports"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, refused := m.Exports(exportFiles); got != nil || refused != nil {
		t.Errorf("exports: got %v and %v, want none", got, refused)
	}
	runtime, err := ParseMetadata([]byte(platformMetadata))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := runtime.Exports([]string{"share/applications/org.example.Platform.desktop"}); got != nil {
		t.Errorf("exports of a runtime: got %v, want none", got)
	}
}
