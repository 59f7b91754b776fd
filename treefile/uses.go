package treefile

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// KeyFinalizeD is the name under which Keys lists executable files of
// finalize.d folders: rpm-ostree runs them, though no key names them.
const KeyFinalizeD = "finalize.d"

// A KeyUse is one key that the flattened treefile sets.
type KeyUse struct {
	Key string
	// Position of the setting; of the outermost one where several files add
	// to one list.
	Position
	// By is the key that implied this one: container or edition. Empty: the
	// key itself is written.
	By string
	// Default is true when the value is what the key has when nobody sets it.
	Default bool
}

// Keys returns every key that is set, in alphabetical order, except those that
// have no effect beyond this package: the includes, variables, basearch, edition,
// bootstrap-packages, metadata, rojig, platform-module.
func (t *Treefile) Keys() []KeyUse {
	var uses []KeyUse
	for key, s := range t.layer.settings {
		if sp, _ := specOf(key); sp.flags&consumed == 0 {
			uses = append(uses, KeyUse{Key: key, Position: s.at, By: s.by, Default: isDefault(sp, s.value)})
		}
	}
	if len(t.FinalizeD) > 0 {
		uses = append(uses, KeyUse{Key: KeyFinalizeD, Position: t.FinalizeD[0].Position})
	}
	slices.SortFunc(uses, func(a, b KeyUse) int { return cmp.Compare(a.Key, b.Key) })
	return uses
}

// Key returns where key is set, and false when no file sets it.
func (t *Treefile) Key(key string) (KeyUse, bool) {
	for _, use := range t.Keys() {
		if use.Key == key {
			return use, true
		}
	}
	return KeyUse{}, false
}

func isDefault(s spec, value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]setting:
		return len(v) == 0
	}
	return reflect.DeepEqual(value, s.def)
}

// Unbuilt returns an error for every key that is set to something other than
// its default and that built refuses. It names the key, the file and the line.
func (t *Treefile) Unbuilt(built func(KeyUse) bool) error {
	var errs []error
	for _, use := range t.Keys() {
		if use.Default || built(use) {
			continue
		}
		err := errors.New("treewright does not do what this key asks for yet: remove it, or set it to its default")
		if use.By != "" {
			err = fmt.Errorf("the key %s stands for this one, and treewright does not do what it asks for yet", use.By)
		}
		errs = append(errs, &Error{Position: use.Position, Key: use.Key, Err: err})
	}
	return errors.Join(errs...)
}
