package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
)

// compatDeltaFlags are the options of ostree static-delta generate.
type compatDeltaFlags struct {
	from, to, endian         string
	empty, ifNotExists, swap bool
	fallback, bsdiff, chunk  int64
	opts                     delta.GenerateOptions
	signing                  compatSigning
	keysFile                 string
}

func compatDeltaGenerate(fs *pflag.FlagSet) compatRun {
	f := &compatDeltaFlags{}
	fs.StringVar(&f.from, "from", "", "")
	fs.StringVar(&f.to, "to", "", "")
	fs.BoolVar(&f.empty, "empty", false, "")
	fs.BoolVar(&f.opts.Inline, "inline", false, "")
	fs.BoolVar(&f.opts.DisableBsdiff, "disable-bsdiff", false, "")
	fs.BoolVarP(&f.ifNotExists, "if-not-exists", "n", false, "")
	fs.StringVar(&f.endian, "set-endianness", "", "")
	fs.BoolVar(&f.swap, "swap-endianness", false, "")
	fs.Int64Var(&f.fallback, "min-fallback-size", delta.DefaultMinFallbackSize/megabyte, "")
	fs.Int64Var(&f.bsdiff, "max-bsdiff-size", delta.DefaultMaxBsdiffSize/megabyte, "")
	fs.Int64Var(&f.chunk, "max-chunk-size", delta.DefaultMaxChunkSize/megabyte, "")
	fs.StringVar(&f.opts.File, "filename", "", "")
	fs.StringArrayVar(&f.signing.keys, "sign", nil, "")
	fs.StringVar(&f.signing.signType, "sign-type", "ed25519", "")
	fs.StringVar(&f.keysFile, "keys-file", "", "")
	// These follow ostree where treewright has its reasons to differ.
	f.opts.PatchBelow, f.opts.ObjectSizes = 64<<10, true
	return f.run
}

func (f *compatDeltaFlags) run(ctx context.Context, c *compat, args []string) error {
	if len(args) > 0 {
		f.to = args[0]
	}
	switch {
	case f.to == "":
		return compatf("TO revision must be specified")
	case f.empty && f.from != "":
		return compatf("Cannot specify both --empty and --from=REV")
	case f.endian != "" && f.endian != "l" && f.endian != "B":
		return compatf("Invalid endianness '%s'", f.endian)
	case f.endian != "" && f.swap:
		return compatf("Cannot specify both --swap-endianness and --set-endianness")
	}
	repo, err := c.open()
	if err != nil {
		return err
	}
	name, err := f.name(ctx, c, repo)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(string(delta.FolderOf(repo, name)), "superblock")); f.ifNotExists && err == nil {
		c.printf("Delta %s already exists.\n", name)
		return nil
	}
	from := "empty"
	if !name.From.IsZero() {
		from = name.From.String()
	}
	keys := compatKeys{file: f.keysFile}
	if f.signing.keys, err = keys.all(f.signing.keys); err != nil {
		return err
	}
	signers, err := f.signing.signers(c)
	if err != nil {
		return err
	}
	c.printf("Generating static delta:\n  From: %s\n  To:   %s\n", from, name.To)
	f.sizes()
	s, err := delta.Generate(ctx, repo, name, f.opts)
	if err != nil {
		return err
	}
	if err := signDelta(ctx, repo, name, f.opts.File, signers); err != nil {
		return err
	}
	return c.reportDelta(ctx, repo, s, f.opts.File)
}

// name finds the delta's commits: without --from and --empty it starts from
// the parent.
func (f *compatDeltaFlags) name(ctx context.Context, c *compat, repo *archive.Repo) (n delta.Name, err error) {
	if n.To, err = c.resolve(ctx, repo, f.to); err != nil || f.empty {
		return n, err
	}
	if f.from != "" {
		n.From, err = c.resolve(ctx, repo, f.from)
		return n, err
	}
	commit, err := repo.Commit(ctx, n.To)
	if err != nil {
		return n, err
	}
	if n.From = commit.Parent; n.From.IsZero() {
		return n, compatf("Commit %s has no parent", n.To)
	}
	return n, nil
}

// sizes turns megabytes, as ostree counts them, into bytes.
func (f *compatDeltaFlags) sizes() {
	f.opts.BigEndian = f.swap || f.endian == "B"
	f.opts.MinFallbackSize, f.opts.MaxBsdiffSize, f.opts.MaxChunkSize = f.fallback*megabyte, f.bsdiff*megabyte, f.chunk*megabyte
	if f.fallback == 0 {
		f.opts.MinFallbackSize = -1
	}
	f.opts.DisableBsdiff = f.opts.DisableBsdiff || f.bsdiff == 0
}

// reportDelta says on standard error, as ostree does, what the delta is made of.
func (c *compat) reportDelta(ctx context.Context, repo *archive.Repo, s *delta.Superblock, file string) error {
	var parts delta.Parts = delta.FolderOf(repo, s.Name)
	if file != "" {
		parts = delta.Folder(filepath.Dir(file))
	}
	rolled, patched := 0, 0
	var packed, unpacked int64
	for i, p := range s.Parts {
		packed, unpacked = packed+p.Size, unpacked+p.Unpacked
		content, err := s.Contents(ctx, parts, i)
		if err != nil {
			return err
		}
		patched += content.Patches
		rolled += max(content.Reads-content.Patches, 0)
		fmt.Fprintf(c.env.stderr, "part %d n:%d compressed:%d uncompressed:%d\n", i+1, len(p.Objects), p.Size, p.Unpacked)
	}
	fmt.Fprintf(c.env.stderr, "uncompressed=%d compressed=%d\nrollsum=%d objects\nbsdiff=%d objects\n", unpacked, packed, rolled, patched)
	return nil
}

func compatDeltaList(*pflag.FlagSet) compatRun { return listing("(No static deltas)", delta.List) }

func compatDeltaIndexes(*pflag.FlagSet) compatRun {
	return listing("(No static deltas indexes)", func(_ context.Context, repo *archive.Repo) ([]ostree.Checksum, error) { return delta.Indexes(repo) })
}

// listing prints what the repository has of something, or what it says when it
// has nothing.
func listing[T fmt.Stringer](none string, of func(context.Context, *archive.Repo) ([]T, error)) compatRun {
	return func(ctx context.Context, c *compat, _ []string) error {
		repo, err := c.open()
		if err != nil {
			return err
		}
		all, err := of(ctx, repo)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			c.printf("%s\n", none)
		}
		for _, item := range all {
			c.printf("%s\n", item)
		}
		return nil
	}
}

// compatDeltaName reads the name of a delta on a command line.
func compatDeltaName(args []string) (delta.Name, error) {
	if len(args) < 1 {
		return delta.Name{}, compatf("DELTA must be specified")
	}
	n, err := delta.ParseName(args[0])
	if err != nil {
		for _, part := range strings.SplitN(args[0], "-", 2) {
			if _, err := ostree.ParseChecksum(part); err != nil {
				return n, compatf("Invalid rev %s", part)
			}
		}
	}
	return n, err
}

// openDelta opens the repository and reads the name of a delta.
func (c *compat) openDelta(args []string) (repo *archive.Repo, n delta.Name, err error) {
	if n, err = compatDeltaName(args); err == nil {
		repo, err = c.open()
	}
	return repo, n, err
}

func compatDeltaShow(*pflag.FlagSet) compatRun {
	return func(ctx context.Context, c *compat, args []string) error {
		repo, n, err := c.openDelta(args)
		if err != nil {
			return err
		}
		folder := delta.FolderOf(repo, n)
		s, err := folder.Superblock()
		if err != nil {
			return err
		}
		return c.describeDelta(ctx, s, folder)
	}
}

// describeDelta prints a delta as ostree static-delta show does.
func (c *compat) describeDelta(ctx context.Context, s *delta.Superblock, parts delta.Parts) error {
	from := "From <scratch>"
	if !s.From.IsZero() {
		from = "From: " + s.From.String()
	}
	signed := map[bool]string{true: "yes", false: "no"}[s.Signed != nil]
	c.printf("Delta: %s\nSigned: %s\n%s\nTo: %s\nEndianness: %s\nTimestamp: %d\nNumber of parents: 0\n",
		s.Name, signed, from, s.To, deltaOrder(s), s.Timestamp)
	var size, unpacked, fallback, fallbackUnpacked int64
	for _, f := range s.Fallbacks {
		c.printf("  %s\n", f.Object)
		fallback, fallbackUnpacked = fallback+f.Size, fallbackUnpacked+f.Unpacked
	}
	c.printf("Number of fallback entries: %d\n", len(s.Fallbacks))
	c.printTotal("Total Fallback Size", fallback)
	c.printTotal("Total Fallback Uncompressed Size", fallbackUnpacked)
	c.printf("Number of parts: %d\n", len(s.Parts))
	for i, p := range s.Parts {
		content, err := s.Contents(ctx, parts, i)
		if err != nil {
			return err
		}
		c.printf("PartMeta%d: nobjects=%d size=%d usize=%d\n", i, len(p.Objects), p.Size, p.Unpacked)
		c.printf("PartPayload%d: nmodes=%d nxattrs=%d blobsize=%d opsize=%d\n", i, content.Modes, content.Xattrs, content.Blob, content.Ops)
		c.printf("PartPayloadOps%d: openspliceclose=%d open=%d write=%d setread=%d unsetread=%d close=%d bspatch=%d\n",
			i, content.Whole, content.Opened, content.Writes, content.Reads, content.Ends, content.Closed, content.Patches)
		size, unpacked = size+p.Size, unpacked+p.Unpacked
	}
	c.printTotal("Total Part Size", size)
	c.printTotal("Total Part Uncompressed Size", unpacked)
	c.printTotal("Total Size", size+fallback)
	c.printTotal("Total Uncompressed Size", unpacked+fallbackUnpacked)
	return nil
}

func (c *compat) printTotal(what string, n int64) { c.printf("%s: %d (%s)\n", what, n, compatSize(n)) }

// deltaOrder is the byte order of a superblock. Those of old tools do not say it.
func deltaOrder(s *delta.Superblock) string {
	big, said := s.BigEndian()
	text := map[bool]string{true: "big", false: "little"}[big]
	if !said {
		text += " (heuristic)"
	}
	return text
}

func compatDeltaDelete(*pflag.FlagSet) compatRun {
	return func(ctx context.Context, c *compat, args []string) error {
		repo, n, err := c.openDelta(args)
		if err != nil {
			return err
		}
		if err := delta.Delete(ctx, repo, n); errors.Is(err, archive.ErrNotExist) {
			return compatf("Can't find delta %s", n)
		} else if err != nil {
			return err
		}
		return nil
	}
}

// deleteDeltasTo deletes the deltas that lead to a commit.
func deleteDeltasTo(ctx context.Context, repo *archive.Repo, to ostree.Checksum) error {
	names, err := delta.List(ctx, repo)
	for _, n := range names {
		if n.To == to && err == nil {
			err = delta.Delete(ctx, repo, n)
		}
	}
	return err
}

func compatDeltaReindex(fs *pflag.FlagSet) compatRun {
	to := fs.String("to", "", "")
	return func(ctx context.Context, c *compat, _ []string) error {
		repo, err := c.open()
		if err != nil {
			return err
		}
		if *to == "" {
			return delta.Reindex(ctx, repo)
		}
		commit, err := c.resolve(ctx, repo, *to)
		if err != nil {
			return err
		}
		return delta.Reindex(ctx, repo, commit)
	}
}
