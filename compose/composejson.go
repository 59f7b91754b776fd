package compose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// composeJSON is what --write-composejson-to writes: the fields of rpm-ostree.
type composeJSON struct {
	Ref             string `json:"ref,omitempty"`
	MetadataTotal   int64  `json:"ostree-n-metadata-total"`
	MetadataWritten int64  `json:"ostree-n-metadata-written"`
	ContentTotal    int64  `json:"ostree-n-content-total"`
	ContentWritten  int64  `json:"ostree-n-content-written"`
	CacheHits       int64  `json:"ostree-n-cache-hits"`
	BytesWritten    int64  `json:"ostree-content-bytes-written"`
	Commit          string `json:"ostree-commit"`
	Parent          string `json:"ostree-parent-commit,omitempty"`
	ContentChecksum string `json:"ostree-content-checksum"`
	Version         string `json:"ostree-version,omitempty"`
	Timestamp       string `json:"ostree-timestamp"`
	InputHash       string `json:"rpm-ostree-inputhash,omitempty"`
	PkgDiff         []any  `json:"pkgdiff,omitzero"`
}

// checkFiles sees, before anything is committed, that the files which the
// options ask for can be written.
func (p *Plan) checkFiles() error {
	for _, name := range []string{p.opts.ComposeJSONFile, p.opts.CommitIDFile, p.opts.StampFile} {
		if name == "" {
			continue
		}
		dir := filepath.Dir(name)
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("writing %s: %w", name, &fs.PathError{Op: "access", Path: dir, Err: err})
		}
	}
	return nil
}

// writeFiles writes the files that the options ask for, the stamp last: who sees
// it may read the others.
func (p *Plan) writeFiles(ctx context.Context, r *Result) error {
	if name := p.opts.ComposeJSONFile; name != "" {
		data, err := p.composeJSON(ctx, r)
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(name, data, 0o644); err != nil {
			return err
		}
		if err := os.Chmod(name, 0o644); err != nil { // whatever the umask
			return err
		}
	}
	if name := p.opts.CommitIDFile; name != "" {
		if err := atomicfile.WriteFile(name, []byte(r.Commit.String()), 0o666); err != nil {
			return err
		}
	}
	return p.Stamp()
}

// Stamp touches StampFile when the input changed. Execute does it as well; a
// dry run calls it.
func (p *Plan) Stamp() error {
	name := p.opts.StampFile
	if name == "" || !p.Changed() {
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Chtimes(name, time.Time{}, p.opts.Now)
	}
	if err != nil {
		return fmt.Errorf("touching the stamp: %w", err)
	}
	return nil
}

func (p *Plan) composeJSON(ctx context.Context, r *Result) ([]byte, error) {
	s := r.Stats
	c := composeJSON{
		Ref: r.Ref, MetadataTotal: s.MetaTotal, MetadataWritten: s.MetaNew, ContentTotal: s.FilesTotal, ContentWritten: s.FilesNew,
		CacheHits: r.CacheHits, BytesWritten: s.BytesStored, Commit: r.Commit.String(), ContentChecksum: r.Content.String(),
		Version: r.Version, InputHash: r.InputHash, Timestamp: time.Unix(int64(r.Timestamp), 0).UTC().Format(time.RFC3339),
	}
	if !r.Parent.IsZero() {
		c.Parent = r.Parent.String()
		diff, err := p.packageDiff(ctx, r)
		if err != nil {
			return nil, err
		}
		c.PkgDiff = diff
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", p.opts.ComposeJSONFile, err)
	}
	return append(data, '\n'), nil
}

// The kinds of differences in pkgdiff.
const (
	diffAdded = iota
	diffRemoved
	diffUpgraded
	diffDowngraded
)

// packageDiff compares the packages with those of the parent, in the form of
// rpm-ostree: [name, kind, {"PreviousPackage": [name, evr, arch], "NewPackage": …}].
// A parent that is not here, or has no list, gives none.
func (p *Plan) packageDiff(ctx context.Context, r *Result) ([]any, error) {
	parent, err := p.opts.Repo.Commit(ctx, r.Parent)
	if errors.Is(err, archive.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("comparing packages with the parent: %w", err)
	}
	list, ok := parent.Metadata.Get(keyPackages)
	if !ok || list.Type() != "a(sssss)" {
		return nil, nil
	}
	return diffPackages(readPackageList(list), p.nevras()), nil
}

func readPackageList(v gvariant.Value) []rpm.NEVRA {
	list := make([]rpm.NEVRA, 0, v.Len())
	for _, row := range v.All() {
		n := rpm.NEVRA{Name: row.Index(0).Str(), Arch: row.Index(4).Str()}
		n.EVR = rpm.ParseEVR(row.Index(1).Str() + ":" + row.Index(2).Str() + "-" + row.Index(3).Str())
		list = append(list, n)
	}
	return list
}

// diffPackages pairs packages by name and architecture. What is installed in
// several versions is added and removed.
func diffPackages(before, after []rpm.NEVRA) []any {
	type key struct{ name, arch string }
	rows := map[key][2][]rpm.NEVRA{}
	for side, list := range [][]rpm.NEVRA{before, after} {
		for _, n := range list {
			k := key{n.Name, n.Arch}
			r := rows[k]
			r[side] = append(r[side], n)
			rows[k] = r
		}
	}
	diff := []any{}
	for k, r := range rows {
		old := slices.DeleteFunc(slices.Clone(r[0]), func(n rpm.NEVRA) bool { return slices.Contains(r[1], n) })
		fresh := slices.DeleteFunc(slices.Clone(r[1]), func(n rpm.NEVRA) bool { return slices.Contains(r[0], n) })
		if len(old) == 1 && len(fresh) == 1 {
			kind := diffUpgraded
			if fresh[0].EVR.Compare(old[0].EVR) < 0 {
				kind = diffDowngraded
			}
			diff = append(diff, []any{k.name, kind, map[string]any{"PreviousPackage": diffRow(old[0]), "NewPackage": diffRow(fresh[0])}})
			continue
		}
		for _, n := range old {
			diff = append(diff, []any{k.name, diffRemoved, map[string]any{"PreviousPackage": diffRow(n)}})
		}
		for _, n := range fresh {
			diff = append(diff, []any{k.name, diffAdded, map[string]any{"NewPackage": diffRow(n)}})
		}
	}
	slices.SortFunc(diff, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return diff
}

func diffRow(n rpm.NEVRA) []string { return []string{n.Name, n.EVR.String(), n.Arch} }
