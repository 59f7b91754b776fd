package flatpak

import (
	"strings"
	"testing"
)

func TestParseRef(t *testing.T) {
	long := "org.example." + strings.Repeat("a", 244)
	for _, c := range []struct {
		in   string
		want Ref
		bad  bool
	}{
		{in: "app/org.example.App/x86_64/stable", want: Ref{App, "org.example.App", "x86_64", "stable"}},
		{in: "runtime/org.example.Platform.Locale/aarch64/1.0", want: Ref{Runtime, "org.example.Platform.Locale", "aarch64", "1.0"}},
		{in: "app/org.example.My-App/x86_64/-_9.x", want: Ref{App, "org.example.My-App", "x86_64", "-_9.x"}},
		{in: "app/org._e.A9/i386/1", want: Ref{App, "org._e.A9", "i386", "1"}},
		{in: "app/" + long[:255] + "/arm/1", want: Ref{App, long[:255], "arm", "1"}},
		{in: "app/" + long + "/arm/1", bad: true},
		{in: "", bad: true},
		{in: "app", bad: true},
		{in: "app/org.example.App/x86_64", bad: true},
		{in: "app/org.example.App/x86_64/stable/more", bad: true},
		{in: "appstream/x86_64", bad: true},
		{in: "fedora/x86_64/iot", bad: true},
		{in: "app/org.App/x86_64/stable", bad: true},
		{in: "app/org.my-example.App/x86_64/stable", bad: true},
		{in: "app/.org.example.App/x86_64/stable", bad: true},
		{in: "app/org.example.App./x86_64/stable", bad: true},
		{in: "app/org.example.9App/x86_64/stable", bad: true},
		{in: "app/org.exämple.App/x86_64/stable", bad: true},
		{in: "app/org.example.App/x86-64/stable", bad: true},
		{in: "app/org.example.App//stable", bad: true},
		{in: "app/org.example.App/x86_64/.stable", bad: true},
		{in: "app/org.example.App/x86_64/", bad: true},
		{in: "app/../x86_64/stable", bad: true},
	} {
		got, err := ParseRef(c.in)
		if c.bad != (err != nil) || got != c.want {
			t.Errorf("ParseRef(%q): got %+v, %v, want %+v, an error: %v", c.in, got, err, c.want, c.bad)
		}
		if err == nil && got.String() != c.in {
			t.Errorf("String of %q: got %q", c.in, got.String())
		}
	}
}

func TestCompleteName(t *testing.T) {
	def := Name{"org.example.App", "x86_64", "stable"}
	for in, want := range map[string]string{
		"org.a.B":       "org.a.B/x86_64/stable",
		"org.a.B/arm":   "org.a.B/arm/stable",
		"org.a.B//7":    "org.a.B/x86_64/7",
		"org.a.B/arm/7": "org.a.B/arm/7",
	} {
		if got, err := CompleteName(in, def); err != nil || got.String() != want {
			t.Errorf("CompleteName(%q): got %v, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "org.a", "org.a.B/x/y/z", "org.a.B/!"} {
		if got, err := CompleteName(in, def); err == nil {
			t.Errorf("CompleteName(%q): got %v, want an error", in, got)
		}
	}
}

func TestRefArch(t *testing.T) {
	for ref, want := range map[string]string{
		"app/org.example.App/x86_64/stable": "x86_64",
		"runtime/org.example.P/aarch64/1":   "aarch64",
		"app/org.example.App":               "",
		"app/org.example.App/x86_64":        "",
		"app/org.example.App/x86-64/1":      "",
		"appstream/x86_64":                  "x86_64",
		"appstream2/arm":                    "arm",
		"appstream2/staff-x86_64":           "x86_64",
		"fedora/x86_64/iot":                 "",
		"ostree-metadata":                   "",
	} {
		if got := RefArch(ref); got != want {
			t.Errorf("RefArch(%q): got %q, want %q", ref, got, want)
		}
	}
	for ref, want := range map[string]string{
		"appstream2/staff-x86_64": "staff", "appstream2/x86_64": "", "appstream/a-b": "", "app/a-b": "",
	} {
		if got := AppstreamSubset(ref); got != want {
			t.Errorf("AppstreamSubset(%q): got %q, want %q", ref, got, want)
		}
	}
	for ref, want := range map[string]bool{
		"app/x": true, "runtime/x": true, "appstream/x": true, "appstream2/x": true, "fedora/x": false, "app": false, "screenshots/x86_64": false,
	} {
		if got := IsFlatpakRef(ref); got != want {
			t.Errorf("IsFlatpakRef(%q): got %v, want %v", ref, got, want)
		}
	}
}

func TestArchOf(t *testing.T) {
	for in, want := range map[string]string{"x86_64": "x86_64", "i686": "i386", "armhfp": "arm", "armv7hl": "arm", "ppc64le": "ppc64le"} {
		if got, err := ArchOf(in); err != nil || got != want {
			t.Errorf("ArchOf(%q): got %q, %v, want %q", in, got, err, want)
		}
	}
	if got, err := ArchOf("noarch"); err == nil {
		t.Errorf("ArchOf(noarch): got %q, want an error", got)
	}
}

func TestSizes(t *testing.T) {
	var s Sizes
	s.AddFile(0, 30)
	s.AddFile(1, 31)
	s.AddFile(512, 40)
	s.AddFile(513, 41)
	s.AddExtraData([]ExtraData{{Size: 5, InstalledSize: 7}})
	if want := (Sizes{Installed: 512 + 512 + 1024 + 7, Download: 30 + 31 + 40 + 41 + 5}); s != want {
		t.Errorf("sizes: got %+v, want %+v", s, want)
	}
}

func TestTimestamp(t *testing.T) {
	for _, c := range [][3]uint64{{0, 5, 5}, {4, 9, 9}, {9, 9, 10}, {20, 9, 21}} {
		if got := Timestamp(c[0], c[1]); got != c[2] {
			t.Errorf("Timestamp(%d, %d): got %d, want %d", c[0], c[1], got, c[2])
		}
	}
}
