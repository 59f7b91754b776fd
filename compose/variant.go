package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/treewright/treewright/ostree/gvariant"
)

// parseJSON reads a JSON object and keeps the difference between 1 and 1.0.
func parseJSON(data []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	err := dec.Decode(&m)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("it is of the kind %s, not an object", wrong.Value)
	case err != nil:
		return nil, err
	case m == nil:
		return nil, errors.New("it is null, not an object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return m, nil
}

// maxDepth bounds the nesting of metadata.
const maxDepth = 32

// toVariant turns a value of JSON, YAML or TOML into a GVariant as json-glib
// does for rpm-ostree: a string is s, a boolean b, an integer x, another number
// d, a list av, a table a{sv}, null mv. Numbers are big-endian, as all of a
// commit's metadata is in the commits that rpm-ostree makes.
func toVariant(v any) (gvariant.Value, error) { return variantAt(v, 0) }

func variantAt(v any, depth int) (gvariant.Value, error) {
	if depth > maxDepth {
		return gvariant.Value{}, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil:
		return gvariant.Nothing("v"), nil
	case bool:
		return gvariant.Bool(v), nil
	case string:
		return variantText(v)
	case json.Number:
		return variantNumber(v)
	case int:
		return variantInt(int64(v)), nil
	case int64:
		return variantInt(v), nil
	case uint64:
		if v > math.MaxInt64 {
			return gvariant.Value{}, fmt.Errorf("the number %d is too large", v)
		}
		return variantInt(int64(v)), nil
	case float64:
		return variantFloat(v), nil
	case []any:
		list := make([]gvariant.Value, len(v))
		for i := range v {
			item, err := variantAt(v[i], depth+1)
			if err != nil {
				return gvariant.Value{}, err
			}
			list[i] = gvariant.Variant(item)
		}
		return gvariant.Array("v", list...), nil
	case map[string]any:
		d, err := variantDict(v, depth)
		return d.Encode(), err
	}
	return gvariant.Value{}, fmt.Errorf("a value of type %T has no place in metadata", v)
}

// variantDict converts a table; its keys are sorted.
func variantDict(m map[string]any, depth int) (gvariant.Dict, error) {
	var d gvariant.Dict
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := checkText(key); err != nil {
			return nil, err
		}
		v, err := variantAt(m[key], depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		d = append(d, gvariant.Entry{Key: key, Value: v})
	}
	return d, nil
}

func variantText(s string) (gvariant.Value, error) {
	if err := checkText(s); err != nil {
		return gvariant.Value{}, err
	}
	return gvariant.String(s), nil
}

func checkText(s string) error {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return fmt.Errorf("the text %.60q is not UTF-8 or holds a NUL", s)
	}
	return nil
}

func variantNumber(n json.Number) (gvariant.Value, error) {
	if i, err := n.Int64(); err == nil {
		return variantInt(i), nil
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		return gvariant.Value{}, fmt.Errorf("the number %s is too large", n)
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		return gvariant.Value{}, fmt.Errorf("the number %s is too large", n)
	}
	return variantFloat(f), nil
}

func variantInt(i int64) gvariant.Value {
	return gvariant.Int64(int64(gvariant.BE64(uint64(i))))
}

func variantFloat(f float64) gvariant.Value {
	return gvariant.Double(math.Float64frombits(bits.ReverseBytes64(math.Float64bits(f))))
}
