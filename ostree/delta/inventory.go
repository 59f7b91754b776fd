package delta

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// wanted is an object that the delta must give to clients. There may be
// millions.
type wanted struct {
	name ostree.ObjectName
	path string // a place where the file is in the new tree, if there is an old one
}

// item is a wanted object at work.
type item struct {
	wanted

	kind    itemKind
	header  ostree.FileHeader
	size    int64           // of the object, unpacked
	old     ostree.Checksum // of the old file
	matches []match
	patch   *spool // nil: none
}

// itemKind is how an object is written.
type itemKind int

const (
	wholeItem itemKind = iota
	chunksItem
	patchItem
	fallbackItem
)

// cost is about how many bytes of a part the item takes.
func (it *item) cost() int64 {
	switch it.kind {
	case chunksItem:
		return it.size - matched(it.matches)
	case patchItem:
		return it.patch.n
	}
	return it.size
}

// inventory lists the objects of the new commit that the old one lacks:
// dirtrees and dirmetas, then files, each in the order of the tree. It also
// makes the index of old files.
func (g *generator) inventory(ctx context.Context, n Name) ([]wanted, *ostree.Commit, error) {
	g.old = oldIndex{repo: g.repo, byPath: map[string]ostree.Checksum{}, byName: map[string][]ostree.Checksum{}, byStem: map[string][]ostree.Checksum{}, infos: map[ostree.Checksum]fileInfo{}}
	have := map[ostree.ObjectName]bool{}
	if !n.From.IsZero() {
		_, err := g.each(ctx, n.From, have, func(n ostree.ObjectName, dir, base string) {
			if n.Type == ostree.ObjectFile {
				g.old.add(path.Join(dir, base), n.Checksum)
			}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("the commit that it starts from: %w", err)
		}
	}
	var metas, files []wanted
	commit, err := g.each(ctx, n.To, have, func(o ostree.ObjectName, dir, base string) {
		w := wanted{name: o}
		if o.Type != ostree.ObjectFile {
			metas = append(metas, w)
			return
		}
		if !n.From.IsZero() {
			w.path = path.Join(dir, base)
		}
		files = append(files, w)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("the commit that it leads to: %w", err)
	}
	return append(metas, files...), commit, nil
}

// each calls fn for each object of a commit's tree that seen has not, and adds
// it there. Files have a base below dir.
func (g *generator) each(ctx context.Context, c ostree.Checksum, seen map[ostree.ObjectName]bool, fn func(n ostree.ObjectName, dir, base string)) (*ostree.Commit, error) {
	commit, err := g.repo.Commit(ctx, c)
	if err != nil {
		return nil, err
	}
	if partial, err := g.repo.IsPartial(c); partial || err != nil {
		return nil, errors.Join(err, fmt.Errorf("commit %s is partial: pull all of it first", c))
	}
	visit := func(sum ostree.Checksum, typ ostree.ObjectType, dir, base string) bool {
		n := ostree.ObjectName{Checksum: sum, Type: typ}
		if seen[n] {
			return false
		}
		seen[n] = true
		fn(n, dir, base)
		return true
	}
	type dir struct {
		ostree.TreeDir
		path string
	}
	stack := []dir{{ostree.TreeDir{Tree: commit.RootTree, Meta: commit.RootMeta}, "/"}}
	for len(stack) > 0 {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		visit(d.Meta, ostree.ObjectDirMeta, d.path, "")
		if !visit(d.Tree, ostree.ObjectDirTree, d.path, "") {
			continue
		}
		tree, err := g.repo.DirTree(ctx, d.Tree)
		if err != nil {
			return nil, err
		}
		for _, f := range tree.Files {
			visit(f.Checksum, ostree.ObjectFile, d.path, f.Name)
		}
		for i := len(tree.Dirs) - 1; i >= 0; i-- {
			stack = append(stack, dir{tree.Dirs[i], path.Join(d.path, tree.Dirs[i].Name)})
		}
	}
	return commit, nil
}

// maxCandidates bounds how many old files of one name are looked at.
const maxCandidates = 64

// oldIndex finds the old file that a new one may be made of.
type oldIndex struct {
	repo           *archive.Repo
	byPath         map[string]ostree.Checksum
	byName, byStem map[string][]ostree.Checksum

	mu    sync.Mutex
	infos map[ostree.Checksum]fileInfo
}

type fileInfo struct {
	size   int64
	usable bool // a regular file that every client can read
}

func (x *oldIndex) add(file string, c ostree.Checksum) {
	x.byPath[file] = c
	name := path.Base(file)
	if l := x.byName[name]; len(l) < maxCandidates {
		x.byName[name] = append(l, c)
	}
	if stem := stemOf(name); stem != "" && len(x.byStem[stem]) < maxCandidates {
		x.byStem[stem] = append(x.byStem[stem], c)
	}
}

// stemOf is the part of a name that stays when its version changes.
func stemOf(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	return stem
}

// packed are files in which a small change changes all that follows.
func packed(name string) bool {
	for _, ext := range []string{".xz", ".bz2", ".zst"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// find returns the old file that is most like a new one: at the same path, of
// the same name, of the same stem; then the one whose size is closest.
func (x *oldIndex) find(ctx context.Context, file string, size int64) (best ostree.Checksum, err error) {
	name := path.Base(file)
	if packed(name) {
		return best, nil
	}
	var same []ostree.Checksum
	if c, ok := x.byPath[file]; ok {
		same = []ostree.Checksum{c}
	}
	for _, list := range [][]ostree.Checksum{same, x.byName[name], x.byStem[stemOf(name)]} {
		least := int64(-1)
		for _, c := range list {
			info, err := x.info(ctx, c)
			if err != nil {
				return best, err
			}
			apart := max(info.size-size, size-info.size)
			if info.usable && apart <= size*3/10 && (least < 0 || apart < least) {
				best, least = c, apart
			}
		}
		if least >= 0 {
			return best, nil
		}
	}
	return best, nil
}

func (x *oldIndex) info(ctx context.Context, c ostree.Checksum) (fileInfo, error) {
	x.mu.Lock()
	info, ok := x.infos[c]
	x.mu.Unlock()
	if ok {
		return info, nil
	}
	h, size, err := stat(ctx, x.repo, c)
	if err != nil {
		return info, err
	}
	info = fileInfo{size, !h.IsSymlink() && size > 0 && h.Mode&0o004 != 0}
	x.mu.Lock()
	x.infos[c] = info
	x.mu.Unlock()
	return info, nil
}

// stat reads the header of a content object.
func stat(ctx context.Context, repo *archive.Repo, c ostree.Checksum) (ostree.FileHeader, int64, error) {
	h, size, r, err := repo.OpenFile(ctx, c)
	if err != nil {
		return h, 0, err
	}
	return h, size, r.Close()
}
