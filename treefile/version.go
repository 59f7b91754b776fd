package treefile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var versionTag = regexp.MustCompile(`<([a-zA-Z]+):([^>]*)>`)

// NextVersion returns the version that follows last, the version of the
// previous commit (empty: none), for automatic-version-prefix and
// automatic-version-suffix (empty: "."). <date:FMT> in the prefix stands for
// now in UTC; with it the counter starts at 0, without it the bare prefix
// comes first and then 1. Other tags stay as they are.
//
//	10                 10, then 10.1, 10.2
//	10.<date:%Y%m%d>   10.20250131.0, then 10.20250131.1
func NextVersion(prefix, suffix, last string, now time.Time) (string, error) {
	if suffix == "" {
		suffix = "."
	}
	dated := false
	var dateErr error
	prefix = versionTag.ReplaceAllStringFunc(prefix, func(tag string) string {
		m := versionTag.FindStringSubmatch(tag)
		if m[1] != "date" {
			return tag
		}
		dated = true
		text, err := formatDate(m[2], now.UTC())
		if err != nil {
			dateErr = fmt.Errorf("automatic-version-prefix %q: %w", prefix, err)
		}
		return text
	})
	if dateErr != nil {
		return "", dateErr
	}
	first := prefix
	if dated {
		first = prefix + suffix + "0"
	}
	rest, ok := strings.CutPrefix(last, prefix)
	switch {
	case !ok:
		return first, nil
	case rest == "" && dated:
		return first, nil
	case rest == "":
		return prefix + suffix + "1", nil
	}
	if rest, ok = strings.CutPrefix(rest, suffix); !ok {
		return first, nil
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	count := uint64(0)
	if digits != "" {
		var err error
		if count, err = strconv.ParseUint(digits, 10, 63); err != nil {
			return "", fmt.Errorf("the counter of version %q is too large to go on", last)
		}
	}
	return fmt.Sprintf("%s%s%d", prefix, suffix, count+1), nil
}

// dateFields are the letters of g_date_time_format that Go's layouts know,
// with the words of the C locale.
var dateFields = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan",
	'd': "02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM",
	'S': "05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
	'c': "Mon Jan _2 15:04:05 2006", 'D': "01/02/06", 'e': "_2", 'F': "2006-01-02",
	'r': "03:04:05 PM", 'R': "15:04", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
}

// formatDate formats t by the rules of g_date_time_format.
func formatDate(format string, t time.Time) (string, error) {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		pad := byte(0)
		if i++; i < len(format) && strings.IndexByte("_-0", format[i]) >= 0 {
			pad = format[i]
			i++
		}
		if i == len(format) {
			return "", fmt.Errorf("the date format %q ends in the middle of a field", format)
		}
		text, ok := dateField(format[i], t)
		if !ok {
			return "", fmt.Errorf("the date format %q has no field %%%c", format, format[i])
		}
		out.WriteString(repad(text, pad))
	}
	return out.String(), nil
}

func dateField(c byte, t time.Time) (string, bool) {
	year, week := t.ISOWeek()
	switch c {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100), true
	case 'f':
		return t.Format(".000000")[1:], true
	case 'g':
		return fmt.Sprintf("%02d", year%100), true
	case 'G':
		return fmt.Sprintf("%04d", year), true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1), true
	case 'P':
		return strings.ToLower(t.Format("PM")), true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case 'V':
		return fmt.Sprintf("%02d", week), true
	case 'w':
		return strconv.Itoa(int(t.Weekday())), true
	}
	layout, ok := dateFields[c]
	return t.Format(layout), ok
}

// repad replaces the padding of a number: '_' by spaces, '0' by zeros, '-' by
// nothing.
func repad(text string, pad byte) string {
	bare := strings.TrimLeft(text, " 0")
	if bare == "" {
		bare = text[len(text)-1:]
	}
	switch pad {
	case '-':
		return bare
	case '_':
		return strings.Repeat(" ", len(text)-len(bare)) + bare
	case '0':
		return strings.Repeat("0", len(text)-len(bare)) + bare
	}
	return text
}
