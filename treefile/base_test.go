package treefile

import (
	"path/filepath"
	"testing"
)

func TestBase(t *testing.T) {
	for text, want := range map[string]Base{
		"base: a/b":        {Ref: "a/b"},
		"base: {ref: a/b}": {Ref: "a/b"},
		"base: {ref: a/b, repo: https://example.org/r}":      {Ref: "a/b", Repo: "https://example.org/r"},
		"base: {ref: a/b, repo: file:/r}":                    {Ref: "a/b", Repo: "file:/r"},
		"base: {ref: a/b, repo: /r}":                         {Ref: "a/b", Repo: "/r"},
		"base: {ref: a/b, repo: ../r}":                       {Ref: "a/b", Repo: "../r"},
		"base: {ref: 'a/${basearch}', repo: /r, keyring: k}": {Ref: "a/x86_64", Repo: "/r", Keyring: &ExternalFile{Name: "k"}},
	} {
		tf := mustLoad(t, "a.yaml", map[string]string{"a.yaml": text + "\n", "k": "key"})
		got := tf.Base
		if want.Repo == "../r" {
			want.Repo = filepath.Join(tf.Dir, want.Repo)
		}
		if got.Ref != want.Ref || got.Repo != want.Repo || (got.Keyring == nil) != (want.Keyring == nil) || got.Line != 1 {
			t.Errorf("%s: got %q %q %v at %s, want %q %q %v", text, got.Ref, got.Repo, got.Keyring, got.Position, want.Ref, want.Repo, want.Keyring)
		}
	}
}
