package lua

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var errBadMode = errors.New("bad mode")

// munchMode applies a mode written as "0644", "rw-r--r--" or "u+x,go-w" to mode.
func munchMode(mode uint32, text string) (uint32, bool) {
	switch {
	case text == "":
		return 0, false
	case text[0] >= '0' && text[0] <= '7':
		v, err := strconv.ParseUint(text, 8, 32)
		return uint32(v), err == nil
	case text[0] == 'r' || text[0] == '-':
		return munchLetters(mode, text)
	}
	for _, part := range strings.Split(text, ",") {
		var ok bool
		if mode, ok = munchPart(mode, strings.ReplaceAll(part, " ", "")); !ok {
			return 0, false
		}
	}
	return mode, true
}

// munchLetters reads the nine letters that ls shows; any other letter in a
// place leaves its bit.
func munchLetters(mode uint32, text string) (uint32, bool) {
	mode &^= unix.S_ISUID | unix.S_ISGID
	for i := range 9 {
		if i >= len(text) {
			break
		}
		bit := uint32(0o400) >> i
		switch c := text[i]; {
		case c == "rwx"[i%3]:
			mode |= bit
		case c == '-':
			mode &^= bit
		case c == 's' && i == 2:
			mode |= unix.S_ISUID | bit
		case c == 's' && i == 5:
			mode |= unix.S_ISGID | bit
		case c == 's':
			return 0, false
		}
	}
	return mode, true
}

func munchPart(mode uint32, part string) (uint32, bool) {
	var who uint32
	for len(part) > 0 {
		bits, ok := map[byte]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o1007, 'a': 0o7777}[part[0]]
		if !ok {
			break
		}
		who |= bits
		part = part[1:]
	}
	if who == 0 {
		who = 0o7777
	}
	if part == "" || strings.IndexByte("+-=", part[0]) < 0 {
		return 0, false
	}
	var bits uint32
	for _, c := range part[1:] {
		bit, ok := map[rune]uint32{'r': 0o444, 'w': 0o222, 'x': 0o111, 's': 0o6000}[c]
		if !ok {
			return 0, false
		}
		bits |= bit
	}
	switch {
	case bits == 0:
	case part[0] == '+':
		mode |= bits & who
	case part[0] == '-':
		mode &^= bits & who
	default:
		mode = bits & who
	}
	return mode, true
}

// modeText writes the nine letters of a mode.
func modeText(mode uint32) string {
	text := []byte("rwxrwxrwx")
	for i := range text {
		if mode&(0o400>>i) == 0 {
			text[i] = '-'
		}
	}
	special := func(at int, set bool) {
		if set {
			text[at] = map[bool]byte{true: 's', false: 'S'}[text[at] == 'x']
		}
	}
	special(2, mode&unix.S_ISUID != 0)
	special(5, mode&unix.S_ISGID != 0)
	return string(text)
}

func randomLetters() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b [6]byte
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b[:])
}
