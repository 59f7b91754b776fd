package treefile

import (
	"path/filepath"
	"strings"
)

// Base is the commit that packages are put on top of.
type Base struct {
	// Ref is a ref or the checksum of a commit.
	Ref string
	// Repo is the repository that has it: a URL, or a path, resolved against the
	// folder of the file that names it. Empty: the one that is composed into.
	Repo string
	// Keyring holds the keys of which one must have signed the commit of another
	// repository; nil asks for no signature.
	Keyring *ExternalFile
	Position

	repo string // as written
}

// readBase reads a ref, or a table with ref, repo and keyring.
func readBase(r *reader, key string, n *node) (any, bool) {
	b := &Base{Position: r.at(n.line)}
	if n.kind != nodeTable {
		ref, ok := readString(r, key, n)
		if !ok {
			return nil, false
		}
		b.Ref = ref.(string)
		return b, r.needsRef(key, n, b)
	}
	fields, ok := r.record(key, n, "repo", "ref", "keyring")
	if !ok {
		return nil, false
	}
	if b.Ref, ok = r.field(key, n, fields, "ref"); !ok || !r.needsRef(key, n, b) {
		return nil, false
	}
	if repo, has := fields["repo"]; has {
		if b.repo, ok = r.str(key+".repo", repo); !ok {
			return nil, false
		}
		b.Repo = r.address(b.repo)
	}
	keyring, has := fields["keyring"]
	if !has {
		return b, true
	}
	if b.Repo == "" {
		r.fail(keyring.line, key+".keyring", "nothing is checked when the base is of the repository itself: name the other one as repo, or remove the keyring")
		return nil, false
	}
	name, ok := r.str(key+".keyring", keyring)
	if !ok {
		return nil, false
	}
	f, ok := r.external(key+".keyring", keyring, name)
	b.Keyring = &f
	return b, ok
}

// address resolves a repository's path; a URL stays as it is.
func (r *reader) address(name string) string {
	if strings.Contains(name, "://") || strings.HasPrefix(name, "file:") || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

func (r *reader) needsRef(key string, n *node, b *Base) bool {
	if b.Ref == "" {
		r.fail(n.line, key, "names no ref")
	}
	return b.Ref != ""
}

// printable is the base as the treefile has it.
func (b *Base) printable() any {
	if b.repo == "" {
		return b.Ref
	}
	table := map[string]string{"repo": b.repo, "ref": b.Ref}
	if b.Keyring != nil {
		table["keyring"] = b.Keyring.Name
	}
	return table
}
