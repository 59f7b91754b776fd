package publish

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/treewright/treewright/ostree"
)

// keptIndexSignatures is how many signatures of older indexes stay: a client
// that has read an index just before it was replaced asks for its signature.
const keptIndexSignatures = 16

// collectGarbage deletes from summaries/ what no client asks for: sub-summaries
// that neither the index nor its history names, differences that do not lead
// to a sub-summary of the index, and old signatures. Other names stay.
func (p *publication) collectGarbage() error {
	dir := filepath.Join(p.repo.Path(), "summaries")
	entries, err := os.ReadDir(dir)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	current, known := map[string]bool{}, map[string]bool{}
	for _, e := range p.index.Entries {
		current[e.Digest.String()] = true
		known[e.Digest.String()] = true
		for _, h := range e.History {
			known[h.String()] = true
		}
	}
	var signatures []fs.DirEntry
	for _, e := range entries {
		stem, ext, _ := strings.Cut(e.Name(), ".")
		from, to, _ := strings.Cut(stem, "-")
		old := false
		switch {
		case !e.Type().IsRegular():
		case ext == "gz" && isDigest(stem):
			old = !known[stem]
		case ext == "delta" && isDigest(from) && isDigest(to):
			old = !current[to]
		case ext == "idx.sig" && isDigest(stem) && stem != p.indexDigest.String():
			signatures = append(signatures, e)
		}
		if old {
			if err := p.discard(dir, e.Name()); err != nil {
				return err
			}
		}
	}
	return p.discardSignatures(dir, signatures)
}

func isDigest(s string) bool {
	_, err := ostree.ParseChecksum(s)
	return err == nil
}

// discardSignatures keeps the newest.
func (p *publication) discardSignatures(dir string, signatures []fs.DirEntry) error {
	modified := map[string]time.Time{}
	for _, e := range signatures {
		info, err := e.Info()
		if err != nil {
			return err
		}
		modified[e.Name()] = info.ModTime()
	}
	slices.SortFunc(signatures, func(a, b fs.DirEntry) int {
		if c := modified[b.Name()].Compare(modified[a.Name()]); c != 0 {
			return c
		}
		return strings.Compare(a.Name(), b.Name())
	})
	for _, e := range signatures[min(len(signatures), keptIndexSignatures):] {
		if err := p.discard(dir, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (p *publication) discard(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !isNotExist(err) {
		return fmt.Errorf("removing an old state: %w", err)
	}
	p.result.Removed = append(p.result.Removed, "summaries/"+name)
	return nil
}
