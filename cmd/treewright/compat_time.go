package main

import (
	"fmt"
	"strings"
	"time"
)

// compatLayouts are the forms of dates that scripts give.
func compatLayouts() []string {
	return []string{
		"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", time.RFC3339, time.RFC1123Z, time.RFC1123,
		time.UnixDate, time.ANSIC, "Mon Jan 2 15:04:05 -0700 2006", "January 2 2006", "January 2, 2006", "Jan 2 2006", "2 January 2006", "2 Jan 2006",
		"January 02 2006",
	}
}

// compatTime reads a date as ostree does: one of the usual forms, "@SECONDS",
// or a distance such as "1 week ago".
func compatTime(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	var seconds int64
	if n, err := fmt.Sscanf(text, "@%d", &seconds); n == 1 && err == nil {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range compatLayouts() {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	switch text {
	case "now", "today":
		return now, nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	}
	var n int
	var unit, word string
	if count, _ := fmt.Sscanf(text, "%d %s %s", &n, &unit, &word); count < 2 || count == 3 && word != "ago" {
		return now, fmt.Errorf("%q is no date", text)
	}
	if word == "ago" {
		n = -n
	}
	switch strings.TrimSuffix(unit, "s") {
	case "second", "sec":
		return now.Add(time.Duration(n) * time.Second), nil
	case "minute", "min":
		return now.Add(time.Duration(n) * time.Minute), nil
	case "hour":
		return now.Add(time.Duration(n) * time.Hour), nil
	case "day":
		return now.AddDate(0, 0, n), nil
	case "week":
		return now.AddDate(0, 0, 7*n), nil
	case "month":
		return now.AddDate(0, n, 0), nil
	case "year":
		return now.AddDate(n, 0, 0), nil
	}
	return now, fmt.Errorf("%q is no date", text)
}
