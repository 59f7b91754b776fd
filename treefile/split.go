package treefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// splitSpecs splits an element of a package list at white space, except where
// single quotes hold words together: corge 'quuz >= 1.0'.
func splitSpecs(element string) ([]string, error) {
	parts := strings.Split(element, "'")
	if len(parts)%2 == 0 {
		return nil, fmt.Errorf("a single quote is not closed in %q", element)
	}
	var specs []string
	for i, part := range parts {
		if i%2 == 1 {
			specs = append(specs, part)
		} else {
			specs = append(specs, strings.Fields(part)...)
		}
	}
	return specs, nil
}

// sortedSet sorts words and drops the repeated ones.
func sortedSet(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return slices.Compact(words)
}

var errQuote = errors.New("a quote is not closed")

// splitShell splits text into words as a shell does: white space, both kinds
// of quotes, backslashes, and comments from # to the end of the line.
func splitShell(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '#':
			if inWord {
				word.WriteByte(c)
				continue
			}
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '\'', '"':
			end, err := quoted(text, i, &word)
			if err != nil {
				return nil, err
			}
			i, inWord = end, true
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("a backslash at the very end")
			}
			if text[i] != '\n' {
				word.WriteByte(text[i])
				inWord = true
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// quoted adds what stands between the quote at text[start] and its partner to
// word, and returns where the partner is.
func quoted(text string, start int, word *strings.Builder) (int, error) {
	quote := text[start]
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			return i, nil
		case c == '\\' && quote == '"' && i+1 < len(text) && strings.IndexByte("\\\"$`\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, errQuote
}
