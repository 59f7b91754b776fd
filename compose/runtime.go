package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	flatpaktree "github.com/treewright/treewright/compose/flatpak"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// runtimeInfo is what an application needs to know of its runtime.
type runtimeInfo struct {
	ref       string
	metadata  []byte // its metadata file
	packages  []byte // its list of packages
	installed []*rpm.Metadata
	files     []string // paths that the application sees
}

// Limits of a runtime, which may be mirrored from elsewhere: of its metadata file,
// and of its paths, which a few objects can make many of.
const (
	maxRuntimeMetadata = 1 << 20
	maxRuntimePaths    = 4 << 20
)

// findRuntime reads the runtime of an application from the repository.
func (p *Plan) findRuntime(ctx context.Context) error {
	t := p.opts.Treefile.Flatpak
	if t == nil || t.Ref.Kind == flatpak.Runtime {
		return nil
	}
	ref := flatpak.Ref{Kind: flatpak.Runtime, ID: t.Runtime.ID, Arch: t.Runtime.Arch, Branch: t.Runtime.Branch}.String()
	if p.opts.Repo == nil {
		return fmt.Errorf("%s: the application is resolved against %s: name the repository that has it", t.Position, ref)
	}
	r, err := readRuntime(ctx, p.opts.Repo, ref)
	if err != nil {
		return fmt.Errorf("%s: reading the runtime %s: %w", t.Position, ref, err)
	}
	p.runtime = r
	return nil
}

func readRuntime(ctx context.Context, repo *archive.Repo, ref string) (*runtimeInfo, error) {
	sum, err := repo.ResolveRef(ref)
	if errors.Is(err, archive.ErrNotExist) {
		return nil, errors.New("the repository does not have it: compose it into the same repository first")
	}
	if err != nil {
		return nil, err
	}
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return nil, err
	}
	r := &runtimeInfo{ref: ref}
	list := map[string]ostree.Checksum{}
	err = ostree.Walk(ctx, repo, commit.RootTree, commit.RootMeta, func(path string, e ostree.Entry) error {
		if len(r.files) > maxRuntimePaths {
			return fmt.Errorf("it has more than %d paths", maxRuntimePaths)
		}
		r.note(strings.Trim(path, "/"), e, list)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := r.mergeSbin(ctx, repo, list["files/sbin"]); err != nil {
		return nil, err
	}
	const packages = "files/" + flatpaktree.PackagesFile
	if _, ok := list[packages]; !ok {
		return nil, fmt.Errorf("it has no %s: treewright did not compose it, so its packages are not known; compose a runtime of your own", packages)
	}
	if r.packages, err = readObject(ctx, repo, list[packages], flatpaktree.MaxPackagesFile); err != nil {
		return nil, err
	}
	if r.metadata, err = readObject(ctx, repo, list["metadata"], maxRuntimeMetadata); err != nil {
		return nil, err
	}
	r.installed, err = flatpaktree.DecodePackages(r.packages)
	return r, err
}

// note keeps an entry of the runtime's tree: the paths that an application sees
// below /usr, in their old place too where programs lie in /bin and /sbin.
func (r *runtimeInfo) note(path string, e ostree.Entry, list map[string]ostree.Checksum) {
	if e.Type == ostree.ObjectFile {
		list[path] = e.File
	}
	below, ok := strings.CutPrefix(path, "files/")
	if !ok {
		return
	}
	r.files = append(r.files, "/usr/"+below)
	if strings.HasPrefix(below, "bin/") || strings.HasPrefix(below, "sbin/") || strings.HasPrefix(below, "etc/") {
		r.files = append(r.files, "/"+below)
	}
}

// mergeSbin adds the paths that a link of /usr/sbin to bin gives programs.
func (r *runtimeInfo) mergeSbin(ctx context.Context, repo *archive.Repo, sbin ostree.Checksum) error {
	if sbin.IsZero() {
		return nil
	}
	h, _, f, err := repo.OpenFile(ctx, sbin)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil || h.Symlink != "bin" {
		return err
	}
	for _, path := range r.files {
		if name, ok := strings.CutPrefix(path, "/usr/bin/"); ok {
			r.files = append(r.files, "/usr/sbin/"+name, "/sbin/"+name)
		}
	}
	return nil
}

func readObject(ctx context.Context, repo *archive.Repo, sum ostree.Checksum, limit int64) (_ []byte, err error) {
	if sum.IsZero() {
		return nil, errors.New("it has no metadata file")
	}
	_, size, f, err := repo.OpenFile(ctx, sum)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size > limit {
		return nil, fmt.Errorf("object %s has %d bytes; at most %d are read", sum, size, limit)
	}
	return io.ReadAll(f)
}

// repoOptions are those of a repository with the runtime's packages.
func (r *runtimeInfo) repoOptions() solve.RepoOptions {
	return solve.RepoOptions{ID: "@" + r.ref, Installed: true}
}

// addTo makes the runtime's packages known to the resolver as installed. Paths
// of its tree belong to a package of their own: who owns them does not matter.
func (r *runtimeInfo) addTo(repo *solve.Repo) {
	for _, m := range r.installed {
		repo.Add(m)
	}
	repo.Add(&rpm.Metadata{
		NEVRA: rpm.NEVRA{Name: "files of " + r.ref, EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"},
		Files: r.files,
	})
}
