package selinux

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sort"
	"strings"
)

// maxSize bounds the words of what an automaton remembers; beyond, it forgets
// its states and goes on.
const maxSize = 8 << 20

// automaton finds all specifications that match a path in one pass over its
// bytes. It is one deterministic automaton of all of them, whose states are made
// when a path first comes to them. Only the specifications whose literal
// beginning a path has had are compiled.
type automaton struct {
	specs    []*spec
	sorted   []int32             // indexes of specs, by prefix
	programs map[string]*program // by rest
	states   map[string]*state   // by their key
	start    *state
	size     int // of all states, in words
	limit    int // of size
	steps    uint64
}

// program is what follows the prefix of a specification. Many specifications
// share one.
type program struct {
	inst  []syntax.Inst
	start uint32
	seen  []uint64 // by instruction: the step that visited it last
}

// state is where all specifications are after some bytes of a path.
type state struct {
	trie    trie
	threads []thread // ascending
	matches []int32  // specs that match when the path ends here, the last first
	next    []edge
	table   *[256]*state // replaces next when that grows
}

// edge leads to the state after one more byte.
type edge struct {
	c  byte
	to *state
}

// thread is a specification and the instruction that it waits at.
type thread uint64

func newThread(spec int32, pc uint32) thread { return thread(spec)<<32 | thread(pc) }

func (t thread) spec() int32 { return int32(t >> 32) }
func (t thread) pc() uint32  { return uint32(t) }

// trie stands for the prefixes sorted[low:high], which have the same first depth
// bytes. All of them are longer than that.
type trie struct{ low, high, depth int32 }

func newAutomaton(specs []*spec, sorted []int32) *automaton {
	slices.SortFunc(sorted, func(a, b int32) int {
		if c := strings.Compare(specs[a].prefix, specs[b].prefix); c != 0 {
			return c
		}
		return int(a) - int(b)
	})
	a := &automaton{specs: specs, sorted: sorted, programs: map[string]*program{}, limit: maxSize}
	a.forget()
	return a
}

// forget drops all states.
func (a *automaton) forget() {
	a.states, a.size = map[string]*state{}, 0
	s := builder{automaton: a}
	a.start = s.state(trie{high: int32(len(a.sorted))})
}

// match returns the specifications that match path, the last first. The slice is
// valid until the next call.
func (a *automaton) match(path string) []int32 {
	s := a.start
	for i := range len(path) {
		next := s.after(path[i])
		if next == nil {
			next = a.step(s, path[i])
		}
		if len(next.threads) == 0 && next.trie.low == next.trie.high && len(next.matches) == 0 {
			return nil
		}
		s = next
	}
	return s.matches
}

// after returns the known state after c.
func (s *state) after(c byte) *state {
	if s.table != nil {
		return s.table[c]
	}
	for i := range s.next {
		if s.next[i].c == c {
			return s.next[i].to
		}
	}
	return nil
}

// remember notes the state after c.
func (a *automaton) remember(s *state, c byte, to *state) {
	const most = 8
	if s.table == nil && len(s.next) < most {
		s.next = append(s.next, edge{c, to})
		return
	}
	if s.table == nil {
		a.size += len(s.table)
		s.table = new([256]*state)
		for _, e := range s.next {
			s.table[e.c] = e.to
		}
		s.next = nil
	}
	s.table[c] = to
}

// step makes the state after c.
func (a *automaton) step(s *state, c byte) *state {
	if a.size > a.limit {
		a.forget()
	}
	b := builder{automaton: a}
	for i, t := range s.threads {
		if i == 0 || t.spec() != s.threads[i-1].spec() {
			a.steps++
		}
		p := a.program(a.specs[t.spec()].translation)
		in := &p.inst[t.pc()]
		if in.MatchRune(rune(c)) {
			b.follow(p, t.spec(), in.Out)
		}
	}
	next := b.state(a.below(s.trie, c))
	a.remember(s, c, next)
	return next
}

// below narrows a trie to the prefixes that go on with c.
func (a *automaton) below(t trie, c byte) trie {
	list := a.sorted[t.low:t.high]
	at := func(i int) byte { return a.specs[list[i]].prefix[t.depth] }
	low := sort.Search(len(list), func(i int) bool { return at(i) >= c })
	high := low + sort.Search(len(list)-low, func(i int) bool { return at(low+i) > c })
	if low == high {
		return trie{}
	}
	return trie{t.low + int32(low), t.low + int32(high), t.depth + 1}
}

// program returns the compiled form of a specification's rest.
func (a *automaton) program(t translation) *program {
	p := a.programs[t.rest]
	if p == nil {
		code := compile(t)
		p = &program{inst: code.Inst, start: uint32(code.Start), seen: make([]uint64, len(code.Inst))}
		a.programs[t.rest] = p
	}
	return p
}

// compile makes a program of the rest of a translation.
func compile(t translation) *syntax.Prog {
	re, err := t.parse()
	if err != nil {
		panic(err) // translate lets nothing else through
	}
	code, err := syntax.Compile(re.Simplify())
	if err != nil {
		panic(err) // it never is
	}
	return code
}

// builder collects what a new state consists of.
type builder struct {
	*automaton
	threads []thread
	matches []int32
}

// begin adds the begin of a specification's rest.
func (b *builder) begin(spec int32) {
	if b.specs[spec].rest == "" {
		b.matches = append(b.matches, spec)
		return
	}
	b.steps++
	p := b.program(b.specs[spec].translation)
	b.follow(p, spec, p.start)
}

// follow adds all instructions that pc leads to without a byte.
func (b *builder) follow(p *program, spec int32, pc uint32) {
	if p.seen[pc] == b.steps {
		return
	}
	p.seen[pc] = b.steps
	switch in := &p.inst[pc]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		b.follow(p, spec, in.Out)
		b.follow(p, spec, in.Arg)
	case syntax.InstCapture, syntax.InstNop:
		b.follow(p, spec, in.Out)
	case syntax.InstMatch:
		b.matches = append(b.matches, spec)
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		b.threads = append(b.threads, newThread(spec, pc))
	}
}

// state returns the state of what was collected, at a place in the prefixes.
func (b *builder) state(t trie) *state {
	for t.low < t.high && len(b.specs[b.sorted[t.low]].prefix) == int(t.depth) {
		b.begin(b.sorted[t.low])
		t.low++
	}
	if t.low == t.high {
		t = trie{}
	}
	slices.Sort(b.threads)
	slices.Sort(b.matches)
	slices.Reverse(b.matches)
	key := make([]byte, 0, 16+8*len(b.threads)+4*len(b.matches))
	for _, n := range []int32{t.low, t.high, t.depth, int32(len(b.threads))} {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	for _, n := range b.threads {
		key = binary.LittleEndian.AppendUint64(key, uint64(n))
	}
	for _, n := range b.matches {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	if s := b.states[string(key)]; s != nil {
		return s
	}
	s := &state{trie: t, threads: b.threads, matches: b.matches}
	b.states[string(key)] = s
	b.size += 2*len(b.threads) + len(b.matches) + 32
	return s
}
