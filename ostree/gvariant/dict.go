package gvariant

import (
	"iter"
	"slices"
)

// Dict is an a{sv} that keeps its order. The zero Dict is empty and usable.
// Where a key stands twice, the first one counts, as in GLib.
type Dict []Entry

// Entry is one key of a Dict. Value is what the variant holds, without its box.
type Entry struct {
	Key   string
	Value Value
}

// ParseDict takes data as an a{sv} in normal form.
func ParseDict(data []byte) (Dict, error) {
	if err := typVarDict.check(data, 0); err != nil {
		return nil, err
	}
	return Value{typVarDict, data}.Dict(), nil
}

// Dict returns a value of type a{sv}, and nil when v is of another type.
func (v Value) Dict() Dict {
	if v.t == nil || v.t.str != "a{sv}" {
		return nil
	}
	n := v.Len()
	if n == 0 {
		return nil
	}
	d := make(Dict, n)
	for i := range n {
		e := v.Index(i)
		d[i] = Entry{e.Index(0).Str(), e.Index(1).Unwrap()}
	}
	return d
}

// VarDict makes a value of type a{sv} of the entries in their order.
func VarDict(entries ...Entry) Value {
	vs := make([]Value, len(entries))
	for i, e := range entries {
		members := []Value{String(e.Key), Variant(e.Value)}
		vs[i] = Value{typEntry, typEntry.appendTuple(members)}
	}
	return array(typVarDict, vs)
}

// Encode makes a value of type a{sv} of the dictionary.
func (d Dict) Encode() Value { return VarDict(d...) }

// Get returns the value under key.
func (d Dict) Get(key string) (Value, bool) {
	i := d.index(key)
	if i < 0 {
		return Value{}, false
	}
	return d[i].Value, true
}

// Str returns the string under key, "" when there is none.
func (d Dict) Str(key string) string {
	v, _ := d.Get(key)
	return v.Str()
}

// Set replaces the value under key where it stands, or appends it.
func (d *Dict) Set(key string, v Value) {
	if i := d.index(key); i >= 0 {
		(*d)[i].Value = v
		return
	}
	*d = append(*d, Entry{key, v})
}

// Delete removes every entry of key.
func (d *Dict) Delete(key string) {
	if d.index(key) >= 0 {
		*d = slices.DeleteFunc(slices.Clone(*d), func(e Entry) bool { return e.Key == key })
	}
}

// Sort orders the entries by key, so that a dictionary that was filled from
// a map gives the same bytes every time.
func (d Dict) Sort() {
	slices.SortStableFunc(d, func(a, b Entry) int {
		switch {
		case a.Key < b.Key:
			return -1
		case a.Key > b.Key:
			return 1
		}
		return 0
	})
}

// Clone returns a copy whose entries can be changed apart.
func (d Dict) Clone() Dict { return slices.Clone(d) }

// All iterates over the elements or members of v.
func (v Value) All() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		for i := range v.Len() {
			if !yield(i, v.Index(i)) {
				return
			}
		}
	}
}

func (d Dict) index(key string) int {
	return slices.IndexFunc(d, func(e Entry) bool { return e.Key == key })
}
