package mirror

import "testing"

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, ref string
		want         bool
	}{
		{"app/org.x.A/x86_64/stable", "app/org.x.A/x86_64/stable", true},
		{"app/org.x.A/x86_64/stable", "app/org.x.A/x86_64/beta", false},
		{"app/org.x.*/x86_64/stable", "app/org.x.A.Locale/x86_64/stable", true},
		{"app/*", "app/org.x.A/x86_64/stable", true},
		{"app/*", "runtime/org.x.A/x86_64/stable", false},
		{"*", "os/x", true},
		{"*/stable", "app/org.x.A/x86_64/stable", true},
		{"runtime/*/23.08", "runtime/org.x.P/x86_64/23.08", true},
		{"runtime/*/23.08", "runtime/org.x.P/x86_64/24.08", false},
		{"os/?/x", "os/ab/x", false},
		{"os/[ab]/x", "os/a/x", true},
		{"os/[ab]/x", "os/c/x", false},
		{"", "x", false},
	} {
		if got := match(tc.pattern, tc.ref); got != tc.want {
			t.Errorf("match(%q, %q): got %v, want %v", tc.pattern, tc.ref, got, tc.want)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, tc := range []struct {
		refs, arches []string
		ref          string
		want         bool
	}{
		{[]string{"*"}, nil, "app/org.x.A/x86_64/stable", true},
		{[]string{"*"}, []string{"aarch64"}, "app/org.x.A/x86_64/stable", false},
		{[]string{"*"}, []string{"aarch64"}, "os/x86_64/main", true},
		{[]string{"*"}, nil, "appstream2/x86_64", false},
		{[]string{"*"}, nil, "appstream/x86_64", false},
		{[]string{"*"}, nil, "screenshots/x86_64", false},
		{[]string{"*"}, nil, "ostree-metadata", false},
		{[]string{"app/*", "os/*"}, nil, "os/a", true},
	} {
		o := Options{Refs: tc.refs, Arches: tc.arches}
		if got := o.wanted(tc.ref); got != tc.want {
			t.Errorf("%v %v, %s: got %v, want %v", tc.refs, tc.arches, tc.ref, got, tc.want)
		}
	}
}

func TestWantedArch(t *testing.T) {
	for _, tc := range []struct {
		refs, arches []string
		want         bool // x86_64
	}{
		{[]string{"app/a.b.c/x86_64/stable"}, nil, true},
		{[]string{"app/a.b.c/aarch64/stable"}, nil, false},
		{[]string{"app/a.b.c/aarch64/stable", "runtime/*/x86*/*"}, nil, true},
		{[]string{"app/*"}, nil, true},
		{[]string{"os/main"}, nil, true},
		{[]string{"app/*"}, []string{"aarch64"}, false},
	} {
		o := Options{Refs: tc.refs, Arches: tc.arches}
		if got := o.wantedArch("x86_64"); got != tc.want {
			t.Errorf("%v %v: got %v, want %v", tc.refs, tc.arches, got, tc.want)
		}
	}
}

func TestWantsOthers(t *testing.T) {
	for pattern, want := range map[string]bool{
		"app/*": false, "runtime/*/x86_64/*": false, "app/a.b.c/x86_64/stable": false,
		"*": true, "a*": true, "os/main": true, "[ar]*": true,
	} {
		o := Options{Refs: []string{pattern}}
		if got := o.wantsOthers(); got != want {
			t.Errorf("%s: got %v, want %v", pattern, got, want)
		}
	}
}
