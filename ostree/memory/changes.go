package memory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// changes are what a transaction does to what can change.
type changes struct {
	refs     map[string]ostree.Checksum // by path; zero: delete
	expected map[string]ostree.Checksum
	names    map[string]string // of the refs, by path
	metas    []metaChange
	partial  map[ostree.Checksum]bool // true: mark, false: clear
}

type metaChange struct {
	commit ostree.Checksum
	fn     func(gvariant.Dict) (gvariant.Dict, error)
}

func (t *txn) SetCommitMeta(commit ostree.Checksum, d gvariant.Dict) {
	v := d.Encode() // a copy
	t.UpdateCommitMeta(commit, func(gvariant.Dict) (gvariant.Dict, error) {
		if d == nil {
			return nil, nil
		}
		return append(gvariant.Dict{}, v.Dict()...), v.Check()
	})
}

func (t *txn) UpdateCommitMeta(commit ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes.metas = append(t.changes.metas, metaChange{commit, fn})
}

func (t *txn) MarkPartial(commit ostree.Checksum) { t.setPartial(commit, true) }

func (t *txn) ClearPartial(commit ostree.Checksum) { t.setPartial(commit, false) }

func (t *txn) setPartial(commit ostree.Checksum, partial bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes.partial[commit] = partial
}

func (t *txn) SetRef(ref string, c ostree.Checksum) error {
	if c.IsZero() {
		return fmt.Errorf("ref %s: no commit given", ref)
	}
	return t.changeRef(ref, c, t.changes.refs)
}

func (t *txn) DeleteRef(ref string) error {
	return t.changeRef(ref, ostree.Checksum{}, t.changes.refs)
}

func (t *txn) ExpectRef(ref string, old ostree.Checksum) error {
	return t.changeRef(ref, old, t.changes.expected)
}

func (t *txn) changeRef(ref string, c ostree.Checksum, in map[string]ostree.Checksum) error {
	path, err := ostree.RefPath(ref)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	in[path], t.changes.names[path] = c, ref
	return nil
}

// apply changes what readers see, all of it at once.
func (t *txn) apply(refs map[string]ostree.Checksum, metas map[ostree.Checksum][]byte) {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.objects, t.drop())
	for c, data := range metas {
		if data == nil {
			delete(s.metas, c)
		} else {
			s.metas[c] = data
		}
	}
	for c, partial := range t.changes.partial {
		if partial {
			s.partial[c] = true
		} else {
			delete(s.partial, c)
		}
	}
	s.refs = refs
}

// newRefs returns the refs as they shall be. Nobody else changes them: the
// caller holds store.changing.
func (t *txn) newRefs() (map[string]ostree.Checksum, error) {
	t.store.mu.RLock()
	refs := maps.Clone(t.store.refs)
	t.store.mu.RUnlock()
	for path, want := range t.changes.expected {
		if got := refs[path]; got != want {
			return nil, fmt.Errorf("ref %s: %w: it shows %s, not %s", t.changes.names[path], ostree.ErrRefChanged, orNone(got), orNone(want))
		}
	}
	var set []string
	for path, c := range t.changes.refs {
		if c.IsZero() {
			delete(refs, path)
			continue
		}
		n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
		if _, ok := t.object(n); !ok {
			return nil, fmt.Errorf("ref %s: %w", t.changes.names[path], &ostree.MissingError{Object: n})
		}
		refs[path] = c
		set = append(set, path)
	}
	return refs, checkNesting(refs, set)
}

func orNone(c ostree.Checksum) string {
	if c.IsZero() {
		return "no commit"
	}
	return c.String()
}

// checkNesting refuses refs of which one would be a folder of another where
// refs are files: every store's refs can lie on disk.
func checkNesting(refs map[string]ostree.Checksum, set []string) error {
	if len(set) == 0 {
		return nil
	}
	folders := map[string]string{} // with a ref that lies in each
	for _, path := range slices.Sorted(maps.Keys(refs)) {
		for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
			folders[path[:i]] = path
		}
	}
	slices.Sort(set)
	for _, path := range set {
		if below, ok := folders[path]; ok {
			return fmt.Errorf("ref %s: there is a ref %s: delete it first", path, below)
		}
		for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
			if _, ok := refs[path[:i]]; ok {
				return fmt.Errorf("ref %s: there is a ref %s: delete it first", path, path[:i])
			}
		}
	}
	return nil
}

// newMetas runs the changes of detached metadata. The result has nil for what
// goes.
func (t *txn) newMetas() (map[ostree.Checksum][]byte, error) {
	dicts := map[ostree.Checksum]gvariant.Dict{}
	for _, m := range t.changes.metas {
		d, ok := dicts[m.commit]
		if !ok {
			var err error
			if d, err = t.store.CommitMeta(m.commit); err != nil {
				return nil, err
			}
		}
		d, err := m.fn(d)
		if err != nil {
			return nil, fmt.Errorf("detached metadata of commit %s: %w", m.commit, err)
		}
		dicts[m.commit] = d
	}
	out := map[ostree.Checksum][]byte{}
	for commit, d := range dicts {
		out[commit] = nil
		if d == nil {
			continue
		}
		data, err := encodeMeta(commit, d)
		if err != nil {
			return nil, err
		}
		out[commit] = data
	}
	return out, nil
}
