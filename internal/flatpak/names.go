package flatpak

import (
	"fmt"
	"strings"
)

// validBusName checks a well-known name on a message bus, or "PREFIX.*" for
// every name below a prefix.
func validBusName(name string) error {
	base := strings.TrimSuffix(name, ".*")
	if base == "" || len(base) > 255 || !strings.Contains(base, ".") {
		return fmt.Errorf("%q is no bus name, such as org.example.Service or org.example.*", name)
	}
	for _, e := range strings.Split(base, ".") {
		if e == "" || digit(e[0]) {
			return fmt.Errorf("bus name %q has an element that is empty or starts with a digit", name)
		}
		for i := range len(e) {
			if c := e[i]; !letter(c) && !digit(c) && c != '-' {
				return fmt.Errorf("bus name %q holds %q", name, c)
			}
		}
	}
	return nil
}

// validSetting refuses what a key file could not give back.
func validSetting(s setting) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	switch {
	case s.group == "" || strings.ContainsAny(s.group, "[]") || strings.ContainsFunc(s.group, control):
		return fmt.Errorf("%q is no name for a group", s.group)
	case s.key == "" || strings.TrimSpace(s.key) != s.key || strings.ContainsAny(s.key, "=[]#") || strings.ContainsFunc(s.key, control):
		return fmt.Errorf("%q is no name for a key", s.key)
	}
	for _, text := range []string{s.group, s.key, s.value} {
		if err := validText(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	return nil
}

// validUSB checks a device query: rules joined by "+", each "all", "cls:CC:*",
// "cls:CC:SS", "dev:PPPP" or "vnd:VVVV".
func validUSB(query string) error {
	for _, rule := range strings.Split(query, "+") {
		kind, value, _ := strings.Cut(rule, ":")
		ok := false
		switch kind {
		case "all":
			ok = rule == "all"
		case "cls":
			class, sub, two := strings.Cut(value, ":")
			ok = two && hexDigits(class, 2) && (sub == "*" || hexDigits(sub, 2))
		case "dev":
			ok = hexDigits(value, 4) && strings.Contains(query, "vnd:")
		case "vnd":
			ok = hexDigits(value, 4)
		}
		if !ok {
			return fmt.Errorf("%q is no USB rule; there are all, cls:CC:SS, cls:CC:*, vnd:VVVV and vnd:VVVV+dev:PPPP", rule)
		}
	}
	return nil
}

func hexDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
