package treefile

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// JSON returns the flattened treefile as rpm-ostree's --print-only writes it:
// the keys that are set, in a fixed order, variables and repovars left out. It
// ends without a newline.
func (t *Treefile) JSON() ([]byte, error) {
	var compact bytes.Buffer
	if err := t.encode(&compact, func(s spec) bool { return s.flags&hidden == 0 }); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("printing %s: %w", t.Path, err)
	}
	return out.Bytes(), nil
}

// encode writes the keys that are set and wanted as one JSON object.
func (t *Treefile) encode(out *bytes.Buffer, wanted func(spec) bool) error {
	separator := "{"
	for _, s := range specs {
		set, ok := t.layer.settings[s.name]
		if !ok || !wanted(s) {
			continue
		}
		value, err := encodeJSON(printable(s.name, set.value))
		if err != nil {
			return fmt.Errorf("printing %s of %s: %w", s.name, t.Path, err)
		}
		fmt.Fprintf(out, "%s%q:%s", separator, s.name, value)
		separator = ","
	}
	out.WriteString("}")
	return nil
}

// encodeJSON is json.Marshal without its escapes for HTML.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(buf.Bytes()), err
}

// printable turns a value into what encoding/json prints as the treefile
// would have it.
func printable(key string, value any) any {
	switch v := value.(type) {
	case float64:
		return json.Number(formatFloat(v)) // 1.0 stays a float
	case Value:
		if v.kind == kindString {
			return v.text
		}
		return json.RawMessage(v.text)
	case *ExternalFile:
		return v.Name
	case Script:
		return v.Body
	case AddFile:
		return v.printable()
	case RemoveFromPackage:
		return append([]string{v.Package}, v.Patterns...)
	case Check:
		return v.printable(key)
	case *Base:
		return v.printable()
	case map[string]setting:
		m := make(map[string]any, len(v))
		for name, s := range v {
			m[name] = printable(key, s.value)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, s := range v {
			m[name] = printable(key, s)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = printable(key, item)
		}
		return list
	case []string:
		if v == nil {
			return []string{}
		}
	}
	return value
}

func (f AddFile) printable() any {
	if f.User == "" && f.Group == "" && f.mode == "" {
		return []string{f.Name, f.dest}
	}
	m := map[string]string{"source": f.Name, "destination": f.dest}
	for name, value := range map[string]string{"owner": f.User, "group": f.Group, "mode": f.mode} {
		if value != "" {
			m[name] = value
		}
	}
	return m
}

func (c Check) printable(key string) any {
	type printed struct {
		Type     CheckType      `json:"type"`
		Filename string         `json:"filename,omitempty"`
		Entries  map[string]any `json:"entries,omitempty"`
	}
	p := printed{Type: c.Type}
	if c.File != nil {
		p.Filename = c.File.Name
	}
	if c.Type == CheckData {
		p.Entries = map[string]any{}
		for name, ids := range c.Data {
			p.Entries[name] = []any{ids.UID, []uint32{ids.UID}, []uint32{ids.UID, ids.GID}}[ids.form]
		}
	}
	return p
}
