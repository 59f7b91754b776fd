package publish

import (
	"strings"
	"testing"
)

func TestRepoFile(t *testing.T) {
	k := NewKey(t, "Example")
	f := RepoFile{URL: "https://example.org/repo", Title: "Two\nlines", Comment: " c;d\\e", DefaultBranch: "stable", Subset: "staff", Keys: k.Public}
	data, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[Flatpak Repo]\nVersion=1\nUrl=https://example.org/repo/\n", "Title=Two\\nlines\n", "Comment=\\sc;d\\\\e\n",
		"DefaultBranch=stable\n", "Subset=staff\n", "GPGKey="} {
		if !strings.Contains(string(data), want) {
			t.Errorf("file: got\n%s\nwant %q in it", data, want)
		}
	}
	if strings.Contains(string(data), "Collection") {
		t.Errorf("file: got\n%s\nwant no collection ID", data)
	}
	for says, bad := range map[string]RepoFile{
		"no http":   {URL: "repo"},
		"password":  {URL: "https://me:secret@example.org/"},
		"branch":    {URL: "https://example.org/", DefaultBranch: "/"},
		"keys":      {URL: "https://example.org/", Keys: []byte("x")},
		"parse":     {URL: "://"},
		"https://":  {URL: "https:///repo"},
		"address o": {URL: "ftp://example.org/"},
	} {
		if data, err := bad.Encode(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: got %q, %v, want an error that says %q", bad, data, err, says)
		}
	}
}
