package rpmrepo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/treewright/treewright/internal/fetch"
)

const (
	maxMirrorFile = 4 << 20
	maxMirrors    = 1000 // read of a list
	triedMirrors  = 10   // asked for one file
)

// source is where a repository's files come from: addresses of the same
// folder, in the order in which they are asked. It is safe for concurrent use.
type source struct {
	client *fetch.Client
	warn   func(string)

	mu       sync.Mutex
	bases    []string
	failures map[string]int
}

func newSource(client *fetch.Client, bases []string, warn func(string)) *source {
	return &source{client: client, warn: warn, bases: bases, failures: map[string]int{}}
}

// order returns the addresses to ask for a file: those that failed least
// first.
func (s *source) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	bases := slices.Clone(s.bases)
	slices.SortStableFunc(bases, func(a, b string) int { return s.failures[a] - s.failures[b] })
	return bases[:min(len(bases), triedMirrors)]
}

// all returns every address.
func (s *source) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bases)
}

// prefer makes base the first one to ask.
func (s *source) prefer(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.bases, base); i > 0 {
		s.bases = slices.Insert(slices.Delete(slices.Clone(s.bases), i, i+1), 0, base)
	}
}

func (s *source) failed(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[base]++
}

// each calls fn with one address after the other until it succeeds. Among
// several addresses each gets one attempt; only when all have failed in ways
// that may pass, a second round has the client's patience.
func (s *source) each(ctx context.Context, fn func(base string, attempts int) error) error {
	bases := s.order()
	attempts := 1
	if len(bases) == 1 {
		attempts = 0
	}
	for {
		var errs []error
		again := attempts == 1
		for i, base := range bases {
			err := fn(base, attempts)
			if err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			s.failed(base)
			errs = append(errs, err)
			again = again && fetch.Temporary(err)
			if i+1 < len(bases) && s.warn != nil {
				s.warn(fmt.Sprintf("%v; trying the next mirror", err))
			}
		}
		if !again {
			return allFailed(errs)
		}
		attempts = 0
	}
}

// allFailed says why no address helped.
func allFailed(errs []error) error {
	switch len(errs) {
	case 0:
		return errors.New("no mirror to ask")
	case 1:
		return errs[0]
	}
	return fmt.Errorf("all %d mirrors failed: %w", len(errs), errors.Join(errs...))
}

// parseMirrorList reads a list of addresses, one a line.
func parseMirrorList(data []byte, vars Vars) ([]string, error) {
	var bases []string
	for line := range strings.SplitSeq(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(bases) == maxMirrors {
			continue
		}
		line, _ = vars.Substitute(line)
		if webURL(line) {
			bases = append(bases, line)
		}
	}
	if len(bases) == 0 {
		return nil, errors.New("names no http or https mirror")
	}
	return bases, nil
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// metalink is what a metalink file says of repomd.xml: its mirrors, and which
// contents are right: the newest, and older ones that mirrors may still have.
type metalink struct {
	bases  []string
	newest wantedFile
	older  []wantedFile
}

type wantedFile struct {
	size     int64
	checksum fetch.Checksum
}

func (w wantedFile) matches(data []byte) bool {
	h := w.checksum.Hasher()
	if h == nil || w.size > 0 && int64(len(data)) != w.size {
		return false
	}
	h.Write(data)
	return w.checksum.Sum(h) == w.checksum
}

type metalinkFile struct {
	Name   string `xml:"name,attr"`
	Size   int64  `xml:"size"`
	Hashes []struct {
		Type  string `xml:"type,attr"`
		Value string `xml:",chardata"`
	} `xml:"verification>hash"`
	Alternates []metalinkFile `xml:"alternates>alternate"`
	URLs       []metalinkURL  `xml:"resources>url"`
}

type metalinkURL struct {
	Preference int    `xml:"preference,attr"`
	Value      string `xml:",chardata"`
}

// parseMetalink reads the metalink 3 files of mirror managers:
//
//	<metalink version="3.0" xmlns="http://www.metalinker.org/"><files>
//	 <file name="repomd.xml"> <size>4096</size>
//	  <verification><hash type="sha256">…</hash></verification>
//	  <mm0:alternates><mm0:alternate> <size/> <verification/> </mm0:alternate></mm0:alternates>
//	  <resources><url protocol="https" preference="99">https://…/repodata/repomd.xml</url></resources>
//	 </file></files></metalink>
func parseMetalink(data []byte) (*metalink, error) {
	var doc struct {
		XMLName xml.Name       `xml:"metalink"`
		Files   []metalinkFile `xml:"files>file"`
	}
	if err := xml.NewDecoder(bytes.NewReader(data)).Decode(&doc); err != nil {
		return nil, fmt.Errorf("not a metalink: %w", err)
	}
	i := slices.IndexFunc(doc.Files, func(f metalinkFile) bool { return f.Name == "repomd.xml" })
	if i < 0 {
		return nil, errors.New("the metalink does not speak of repomd.xml")
	}
	file := &doc.Files[i]
	m := &metalink{newest: file.wanted()}
	if m.newest.checksum.IsZero() {
		return nil, errors.New("the metalink has no checksum of repomd.xml that is strong enough")
	}
	for _, a := range file.Alternates {
		if w := a.wanted(); !w.checksum.IsZero() {
			m.older = append(m.older, w)
		}
	}
	slices.SortStableFunc(file.URLs, func(a, b metalinkURL) int {
		return cmp.Compare(b.Preference, a.Preference)
	})
	for _, u := range file.URLs {
		base, ok := strings.CutSuffix(strings.TrimSpace(u.Value), "repodata/repomd.xml")
		if ok && webURL(base) && len(m.bases) < maxMirrors {
			m.bases = append(m.bases, base)
		}
	}
	if len(m.bases) == 0 {
		return nil, errors.New("the metalink names no http or https mirror")
	}
	return m, nil
}

// wanted returns the size and the strongest checksum; weak ones do not count.
func (f *metalinkFile) wanted() wantedFile {
	w := wantedFile{size: f.Size}
	for _, algorithm := range []string{"sha512", "sha384", "sha256"} {
		for _, h := range f.Hashes {
			if !strings.EqualFold(h.Type, algorithm) {
				continue
			}
			if c, err := fetch.NewChecksum(algorithm, strings.TrimSpace(h.Value)); err == nil {
				w.checksum = c
				return w
			}
		}
	}
	return w
}

// locate finds the repository's addresses. The metalink is nil unless there is
// one.
func locate(ctx context.Context, client *fetch.Client, cfg *RepoConfig) (bases []string, link *metalink, err error) {
	list := cfg.Metalink
	if list == "" {
		list = cfg.MirrorList
	}
	if list == "" {
		return cfg.BaseURLs, nil, nil
	}
	data, _, err := client.ReadAll(ctx, list, fetch.GetOptions{MaxSize: maxMirrorFile, Fresh: true})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the list of mirrors: %w", err)
	}
	if cfg.Metalink != "" || bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		link, err = parseMetalink(data)
		if err == nil {
			bases = link.bases
		}
	} else {
		bases, err = parseMirrorList(data, cfg.Vars)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the list of mirrors %s: %w", redact(list), err)
	}
	return bases, link, nil
}
