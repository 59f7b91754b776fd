package publish

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// Static deltas lie in deltas/, in folders named by the checksums of the
// commits, 43 characters of base64 with "_" for "/": FR/OM…-TO, or TO/… for a
// delta from nothing. Clients that see indexed-deltas=true in the config look
// for delta-indexes/XX/REST.index, XX/REST being the commit they want:
//
//	a{sv}  'ostree.static-deltas': <a{sv}>   "FROMHEX-TOHEX" or "TOHEX" to
//	                                         <ay>, the SHA-256 of the superblock
const (
	deltasDir       = "deltas"
	deltaIndexesDir = "delta-indexes"
	superblock      = "superblock"
)

// delta is one static delta. From is zero when it starts from nothing.
type delta struct {
	from, to ostree.Checksum
	digest   ostree.Checksum // of the superblock
}

// name is how summary and delta index call the delta.
func (d delta) name() string {
	if d.from.IsZero() {
		return d.to.String()
	}
	return d.from.String() + "-" + d.to.String()
}

func encodeDeltaName(c ostree.Checksum) string {
	return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(c[:]), "/", "_")
}

func decodeDeltaName(s string) (ostree.Checksum, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(s, "_", "/"))
	if err != nil {
		return ostree.Checksum{}, err
	}
	return ostree.ChecksumFromBytes(b)
}

// parseDelta reads the names of a delta's two folders.
func parseDelta(first, second string) (d delta, ok bool) {
	from, to, two := strings.Cut(first+second, "-")
	if !two {
		from, to = "", from
	}
	var err error
	if d.to, err = decodeDeltaName(to); err != nil {
		return d, false
	}
	if two {
		d.from, err = decodeDeltaName(from)
	}
	return d, err == nil && len(first) == 2
}

// listDeltas finds the deltas of the repository, sorted by name. Folders with
// other names are none of ours.
func (p *publication) listDeltas(ctx context.Context) error {
	root := filepath.Join(p.repo.Path(), deltasDir)
	firsts, err := readDir(root)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		if err := ctx.Err(); err != nil {
			return err
		}
		seconds, err := readDir(filepath.Join(root, first))
		if err != nil {
			return err
		}
		for _, second := range seconds {
			d, ok := parseDelta(first, second)
			if !ok {
				continue
			}
			d.digest, err = digestFile(filepath.Join(root, first, second, superblock))
			if errors.Is(err, fs.ErrNotExist) {
				continue // being written or deleted
			}
			if err != nil {
				return err
			}
			p.deltas = append(p.deltas, d)
		}
	}
	slices.SortFunc(p.deltas, func(a, b delta) int { return strings.Compare(a.name(), b.name()) })
	return nil
}

// readDir lists the folders in a folder, none when it does not exist.
func readDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func digestFile(path string) (sum ostree.Checksum, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer func() { err = joinClose(err, f) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, fmt.Errorf("reading %s: %w", path, err)
	}
	return ostree.Checksum(h.Sum(nil)), nil
}

// deltaDict is what summary and delta index say about deltas; nothing when
// there is none.
func deltaDict(deltas []delta) gvariant.Dict {
	if len(deltas) == 0 {
		return nil
	}
	list := make(gvariant.Dict, len(deltas))
	for i, d := range deltas {
		list[i] = gvariant.Entry{Key: d.name(), Value: gvariant.Bytes(d.digest[:])}
	}
	return gvariant.Dict{{Key: ostree.KeyStaticDeltas, Value: list.Encode()}}
}

// prepareDeltaIndexes stages the index of each commit that deltas end at, and
// the removal of those that lead to none.
func (p *publication) prepareDeltaIndexes(context.Context) error {
	byTarget := map[ostree.Checksum][]delta{}
	for _, d := range p.deltas {
		byTarget[d.to] = append(byTarget[d.to], d)
	}
	wanted := map[string]bool{}
	for _, to := range slices.SortedFunc(maps.Keys(byTarget), ostree.Checksum.Compare) {
		name := encodeDeltaName(to)
		path := deltaIndexesDir + "/" + name[:2] + "/" + name[2:] + ".index"
		wanted[path] = true
		old, err := p.read(path)
		if err != nil {
			return err
		}
		data := deltaDict(byTarget[to]).Encode().Data()
		if old == nil || string(old) != string(data) {
			if err := p.staging.add(path, data); err != nil {
				return err
			}
		}
	}
	return p.removeDeltaIndexes(wanted)
}

func (p *publication) removeDeltaIndexes(wanted map[string]bool) error {
	root := filepath.Join(p.repo.Path(), deltaIndexesDir)
	firsts, err := readDir(root)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		entries, err := os.ReadDir(filepath.Join(root, first))
		if err != nil {
			return err
		}
		for _, e := range entries {
			path := deltaIndexesDir + "/" + first + "/" + e.Name()
			name, ok := strings.CutSuffix(first+e.Name(), ".index")
			if _, err := decodeDeltaName(name); ok && err == nil && !wanted[path] {
				p.staging.remove(path)
			}
		}
	}
	return nil
}
