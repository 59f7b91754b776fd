package keyfile

import (
	"errors"
	"slices"
	"testing"
)

const config = `# kept
[core]
repo_version=1
mode = archive-z2
spaced=  two words 
escaped=\sa\tb\\n\nc
list=a;b\;c;d\\;

[remote "x"]
url=http://h/?a=b
url=http://second/
Name[de]=Stück
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ group, key, want string }{
		{"core", "repo_version", "1"},
		{"core", "mode", "archive-z2"},
		{"core", "spaced", "two words "},
		{"core", "escaped", " a\tb\\n\nc"},
		{`remote "x"`, "url", "http://second/"},
		{`remote "x"`, "Name[de]", "Stück"},
	} {
		if got, ok := f.Get(tt.group, tt.key); !ok || got != tt.want {
			t.Errorf("Get(%q, %q): got %q, %v, want %q", tt.group, tt.key, got, ok, tt.want)
		}
	}
	if got, want := f.List("core", "list"), []string{"a", "b;c", `d\`}; !slices.Equal(got, want) {
		t.Errorf("List: got %q, want %q", got, want)
	}
	if got, want := f.Groups(), []string{"core", `remote "x"`}; !slices.Equal(got, want) {
		t.Errorf("Groups: got %q, want %q", got, want)
	}
	if got, want := f.Keys(`remote "x"`), []string{"url", "Name[de]"}; !slices.Equal(got, want) {
		t.Errorf("Keys: got %q, want %q", got, want)
	}
	if got := f.Line("core", "mode"); got != 4 {
		t.Errorf("Line: got %d, want 4", got)
	}
	if got := f.Line(`remote "x"`, ""); got != 9 {
		t.Errorf("Line of a group: got %d, want 9", got)
	}
	if got := string(f.Encode()); got != config {
		t.Errorf("Encode: got %q, want the input", got)
	}
}

func TestSet(t *testing.T) {
	f, err := Parse([]byte("# c\n[a]\nx=1\n# tail\n\n[b]\ny=2\n"))
	if err != nil {
		t.Fatal(err)
	}
	f.Set("a", "x", " one\n")
	f.Set("a", "new", "n")
	f.Set("c", "z", "3")
	f.SetList("c", "l", []string{"p;q", "r"})
	f.Delete("b", "y")
	want := "# c\n[a]\nx=\\sone\\n\nnew=n\n# tail\n\n[b]\n\n[c]\nz=3\nl=p\\;q;r;\n"
	if got := string(f.Encode()); got != want {
		t.Errorf("Encode: got %q, want %q", got, want)
	}
	if got := f.List("c", "l"); !slices.Equal(got, []string{"p;q", "r"}) {
		t.Errorf("List: got %q, want p;q and r", got)
	}
	f.DeleteGroup("a")
	if f.Has("a") || !f.Has("b") {
		t.Errorf("groups after DeleteGroup: got %q, want b and c", f.Groups())
	}
}

func TestParseINI(t *testing.T) {
	f, err := ParseINI([]byte("; c\n[main]\nkeepcache = 1\n[r]\nname: The Repo = x\nbaseurl=http://a/\n  http://b/\n# between\n\thttp://c/\nexcludepkgs=a*, b c\nback\\slash=\\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ key, want string }{
		{"name", "The Repo = x"},
		{"baseurl", "http://a/\nhttp://b/\nhttp://c/"},
		{`back\slash`, `\n`},
	} {
		if got, _ := f.Get("r", tt.key); got != tt.want {
			t.Errorf("Get(%q): got %q, want %q", tt.key, got, tt.want)
		}
	}
	if got, want := f.List("r", "excludepkgs"), []string{"a*", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("List: got %q, want %q", got, want)
	}
	if got := f.Line("r", "excludepkgs"); got != 10 {
		t.Errorf("Line: got %d, want 10", got)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		parse      func([]byte) (*File, error)
		line       int
	}{
		{"key before group", "a=1\n", Parse, 1},
		{"no separator", "[g]\nabc\n", Parse, 2},
		{"empty key", "[g]\n=1\n", Parse, 2},
		{"open header", "[g\n", Parse, 1},
		{"empty header", "[]\n", Parse, 1},
		{"nested header", "[a[b]\n", Parse, 1},
		{"not UTF-8", "[g]\na=\xff\n", Parse, 2},
		{"NUL", "[g]\na=\x00\n", Parse, 2},
		{"colon is no separator", "[g]\na:b\n", Parse, 2},
		{"continues nothing", "[g]\n  x\n", ParseINI, 2},
		{"continues a blank line", "[g]\na=1\n\n  x\n", ParseINI, 4},
	} {
		_, err := tt.parse([]byte(tt.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != tt.line {
			t.Errorf("%s: got %v, want an error in line %d", tt.name, err, tt.line)
		}
	}
}

func TestWindowsLineEnds(t *testing.T) {
	f, err := Parse([]byte("\ufeff[g]\r\na=1\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := f.Get("g", "a"); got != "1" {
		t.Errorf("Get: got %q, want 1", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(config))
	f.Add([]byte("[r]\nname: x\nbaseurl=a\n b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (*File, error){Parse, ParseINI} {
			file, err := parse(data)
			if err != nil {
				continue
			}
			for _, g := range file.Groups() {
				for _, k := range file.Keys(g) {
					checkSame(t, parse, file, g, k)
				}
			}
		}
	})
}

// checkSame sets a key to what it holds, and reads the file back.
func checkSame(t *testing.T, parse func([]byte) (*File, error), f *File, group, key string) {
	want, _ := f.Get(group, key)
	f.Set(group, key, want)
	again, err := parse(f.Encode())
	if err != nil {
		t.Fatalf("reading back: %v", err)
	}
	if got, _ := again.Get(group, key); got != want && f.syntax == glib {
		t.Errorf("[%s] %s: got %q, want %q", group, key, got, want)
	}
}
