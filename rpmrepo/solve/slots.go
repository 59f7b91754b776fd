package solve

// slots is a table with open addressing: its length is a power of two, and some
// of it is free. What has another hash need not be looked at, which is far away
// in memory.
type slots []slot

type slot struct {
	id   int32 // zero: free
	hash uint32
}

// tooFull reports whether a table of so many places has so many entries that
// it must grow.
func tooFull(entries, places int) bool { return entries > places/4*3 }

// put enters what is not in the table.
func (t slots) put(s slot) {
	mask := len(t) - 1
	i := int(s.hash) & mask
	for t[i].id != 0 {
		i = (i + 1) & mask
	}
	t[i] = s
}

// roomFor returns the table, or a larger one that so many entries do not make
// too full.
func (t slots) roomFor(entries int) slots {
	n := len(t)
	for tooFull(entries, n) {
		n *= 2
	}
	if n == len(t) {
		return t
	}
	larger := make(slots, n)
	for _, s := range t {
		if s.id != 0 {
			larger.put(s)
		}
	}
	return larger
}

// valid checks a table that was read: each entry is one of n, and places are
// free, where each search ends.
func (t slots) valid(n int) bool {
	used := 0
	for _, s := range t {
		if uint32(s.id) >= uint32(n) {
			return false
		}
		if s.id != 0 {
			used++
		}
	}
	return used < n && len(t) >= 4 && !tooFull(n, len(t)) && len(t)&(len(t)-1) == 0
}

// roomy doubles a list that is full: append adds a quarter to large ones, and
// so copies them more often.
func roomy[T any](list []T) []T {
	if len(list) == cap(list) {
		return withRoom(list, len(list)+64)
	}
	return list
}

// withRoom returns a list that n entries can be appended to. Memory that is not
// used is not touched.
func withRoom[T any](list []T, n int) []T {
	if cap(list)-len(list) >= n {
		return list
	}
	return append(make([]T, 0, len(list)+n), list...)
}
