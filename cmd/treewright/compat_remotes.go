package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
)

// compatRemoteAddFlags are the options of ostree remote add.
type compatRemoteAddFlags struct {
	set, signVerify                         []string
	noGPG, noSign, ifNotExists, force       bool
	gpgImport, backend, content, collection string
}

func compatRemoteAdd(fs *pflag.FlagSet) compatRun {
	f := &compatRemoteAddFlags{}
	fs.StringArrayVar(&f.set, "set", nil, "")
	fs.BoolVar(&f.noGPG, "no-gpg-verify", false, "")
	fs.BoolVar(&f.noSign, "no-sign-verify", false, "")
	fs.StringArrayVar(&f.signVerify, "sign-verify", nil, "")
	fs.BoolVar(&f.ifNotExists, "if-not-exists", false, "")
	fs.BoolVar(&f.force, "force", false, "")
	fs.StringVar(&f.gpgImport, "gpg-import", "", "")
	fs.StringVar(&f.backend, "custom-backend", "", "")
	fs.StringVar(&f.content, "contenturl", "", "")
	fs.StringVar(&f.collection, "collection-id", "", "")
	return f.run
}

func (f *compatRemoteAddFlags) run(_ context.Context, c *compat, args []string) error {
	switch {
	case len(args) < 1 && f.backend != "":
		return compatf("NAME must be specified")
	case len(args) < 2 && f.backend == "":
		return compatf("NAME and URL must be specified")
	case f.ifNotExists && f.force:
		return compatf("Can only specify one of --if-not-exists and --force")
	}
	pairs, err := f.config(args[1:])
	if err != nil {
		return err
	}
	if ostree.ValidateRemote(args[0]) != nil {
		return compatf("Invalid remote name %s", args[0])
	}
	repo, config, err := c.openConfig()
	if err != nil {
		return err
	}
	there := config.Has(remoteGroup(args[0]))
	if there && !f.force && !f.ifNotExists {
		return compatf("Remote configuration for \"%s\" already exists: (in config)", args[0])
	}
	if !there || f.force {
		if err := repo.SetConfigGroup(remoteGroup(args[0]), pairs); err != nil {
			return err
		}
	}
	if f.gpgImport == "" {
		return nil
	}
	keys, err := os.ReadFile(f.gpgImport)
	if err != nil {
		return err
	}
	return c.importKeys(repo, args[0], keys)
}

// config are the keys and values of the remote's group, in ostree's order.
func (f *compatRemoteAddFlags) config(args []string) (pairs [][2]string, err error) {
	add := func(key, value string) {
		pairs = slices.DeleteFunc(pairs, func(p [2]string) bool { return p[0] == key })
		pairs = append(pairs, [2]string{key, value})
	}
	if len(args) > 0 {
		if link, ok := strings.CutPrefix(args[0], "metalink="); ok {
			add("metalink", link)
		} else {
			add("url", args[0])
		}
	}
	if len(args) > 1 {
		add("branches", strings.Join(args[1:], ";")+";")
	}
	if f.content != "" {
		add("contenturl", f.content)
	}
	if f.backend != "" {
		add("custom-backend", f.backend)
	}
	for _, text := range f.set {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, compatf("Missing '=' in KEY=VALUE for --set")
		}
		add(key, value)
	}
	if f.noGPG || f.noSign {
		add("gpg-verify", "false")
	}
	if f.noSign && len(f.signVerify) > 0 {
		return nil, compatf("Cannot specify both --sign-verify and --no-sign-verify")
	}
	if f.noSign {
		add("sign-verify", "false")
	}
	if err := f.addEngines(add); err != nil {
		return nil, err
	}
	if f.collection != "" {
		add("collection-id", f.collection)
	}
	return pairs, nil
}

// addEngines adds what --sign-verify says: engines and their keys.
func (f *compatRemoteAddFlags) addEngines(add func(key, value string)) error {
	var engines []string
	for _, text := range f.signVerify {
		engine, rest, ok := strings.Cut(text, "=")
		if !ok {
			return compatf("Failed to parse KEYTYPE=[inline|file]:DATA in %s", text)
		}
		if err := checkEngine(engine); err != nil {
			return err
		}
		kind, key, ok := strings.Cut(rest, ":")
		name := map[string]string{"inline": "key", "file": "file"}[kind]
		if !ok || name == "" {
			return compatf("Invalid key reference %s, expected inline|file", kind)
		}
		add("verification-"+engine+"-"+name, key)
		engines = append(engines, engine)
	}
	if len(engines) > 0 {
		add("sign-verify", strings.Join(engines, ","))
	}
	return nil
}

// openConfig opens the repository and reads its config.
func (c *compat) openConfig() (*archive.Repo, *keyfile.File, error) {
	repo, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	config, err := repo.Config()
	return repo, config, err
}

// remoteKeysFile is the file of the keys of a remote.
func remoteKeysFile(repo, remote string) string {
	return filepath.Join(repo, remote+".trustedkeys.gpg")
}

func compatRemoteDelete(fs *pflag.FlagSet) compatRun {
	ifExists := fs.Bool("if-exists", false, "")
	return func(_ context.Context, c *compat, args []string) error {
		if len(args) < 1 {
			return compatf("NAME must be specified")
		}
		repo, config, err := c.openConfig()
		if err != nil {
			return err
		}
		if !config.Has(remoteGroup(args[0])) {
			if *ifExists {
				return nil
			}
			return compatf("Remote \"%s\" not found", args[0])
		}
		if err := repo.SetConfigGroup(remoteGroup(args[0]), nil); err != nil {
			return err
		}
		if err := os.Remove(remoteKeysFile(repo.Path(), args[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
}

// remoteURL is the URL of a remote. As for ostree, a metalink is none.
func remoteURL(config *keyfile.File, name string) (string, error) {
	get := remoteConfig(config, name)
	switch {
	case !config.Has(remoteGroup(name)):
		return "", compatf("Remote \"%s\" not found", name)
	case get("url") == "":
		return "", compatf("No \"url\" option in remote \"%s\"", name)
	}
	return get("url"), nil
}

func compatRemoteList(fs *pflag.FlagSet) compatRun {
	urls := fs.BoolP("show-urls", "u", false, "")
	return func(_ context.Context, c *compat, _ []string) error {
		_, config, err := c.openConfig()
		if err != nil {
			return err
		}
		var names []string
		width := 0
		for _, group := range config.Groups() {
			if name, ok := strings.CutPrefix(group, `remote "`); ok {
				names = append(names, strings.TrimSuffix(name, `"`))
				width = max(width, len(name)-1)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if !*urls {
				c.printf("%s\n", name)
				continue
			}
			url, err := remoteURL(config, name)
			if err != nil {
				return err
			}
			c.printf("%-*s  %s\n", width, name, url)
		}
		return nil
	}
}

func compatRemoteShowURL(*pflag.FlagSet) compatRun {
	return func(_ context.Context, c *compat, args []string) error {
		if len(args) < 1 {
			return compatf("NAME must be specified")
		}
		_, config, err := c.openConfig()
		if err != nil {
			return err
		}
		url, err := remoteURL(config, args[0])
		if err == nil {
			c.printf("%s\n", url)
		}
		return err
	}
}

func compatRemoteImport(fs *pflag.FlagSet) compatRun {
	keyrings := fs.StringArrayP("keyring", "k", nil, "")
	stdin := fs.Bool("stdin", false, "")
	return func(_ context.Context, c *compat, args []string) error {
		switch {
		case len(args) < 1:
			return compatf("NAME must be specified")
		case *stdin && len(*keyrings) > 0:
			return compatf("--keyring and --stdin are mutually exclusive")
		case len(args) > 1 || !*stdin && len(*keyrings) == 0:
			return compatf("Keys are taken from --keyring or --stdin, all that there are: treewright chooses none by its ID, nor from gpg's own keyring")
		}
		repo, config, err := c.openConfig()
		if err != nil {
			return err
		}
		if !config.Has(remoteGroup(args[0])) {
			return compatf("Remote \"%s\" not found", args[0])
		}
		var keys []byte
		if *stdin {
			keys, err = io.ReadAll(io.LimitReader(os.Stdin, 64<<20))
		}
		for _, path := range *keyrings {
			data, readErr := os.ReadFile(path)
			keys, err = append(append(keys, data...), '\n'), errors.Join(err, readErr)
		}
		if err != nil {
			return err
		}
		return c.importKeys(repo, args[0], keys)
	}
}

// importKeys adds public keys to those of a remote.
func (c *compat) importKeys(repo *archive.Repo, remote string, data []byte) error {
	added, err := sign.ReadKeyring(data)
	if err != nil {
		return err
	}
	path := remoteKeysFile(repo.Path(), remote)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	n := len(added.Fingerprints())
	binary, err := added.Binary()
	if err != nil {
		return err
	}
	if len(old) > 0 {
		before, err := sign.ReadKeyring(old)
		if err != nil {
			return err
		}
		all, err := sign.ReadKeyring(append(slices.Clone(old), binary...))
		if err != nil {
			return err
		}
		n = len(all.Fingerprints()) - len(before.Fingerprints())
		if binary, err = all.Binary(); err != nil {
			return err
		}
	}
	if err := atomicfile.WriteFile(path, binary, 0o644); err != nil {
		return err
	}
	c.printf("Imported %d GPG key%s to remote \"%s\"\n", n, map[bool]string{true: "", false: "s"}[n == 1], remote)
	return nil
}

// remoteSummary fetches and verifies the summary of a remote.
func (c *compat) remoteSummary(ctx context.Context, args []string, cacheDir string) (*compatRemote, error) {
	if len(args) < 1 {
		return nil, compatf("NAME must be specified")
	}
	repo, err := c.open()
	if err != nil {
		return nil, err
	}
	r, err := c.newRemote(repo, args[0])
	if err != nil {
		return nil, err
	}
	if cacheDir != "" {
		r.cacheDir = cacheDir
	}
	if err := r.openRemote(ctx, compatRequests{retries: 5}); err != nil {
		return nil, err
	}
	defer r.r.Close()
	return r, r.fetchSummary(ctx)
}

func compatRemoteRefs(fs *pflag.FlagSet) compatRun {
	cacheDir := fs.String("cache-dir", "", "")
	return func(ctx context.Context, c *compat, args []string) error {
		r, err := c.remoteSummary(ctx, args, *cacheDir)
		if err != nil {
			return err
		}
		if r.summary == nil {
			return compatf("Remote refs not available; server has no summary file")
		}
		for _, ref := range r.summary.Refs {
			c.printf("%s:%s\n", r.name, ref.Name)
		}
		return nil
	}
}

func compatRemoteSummary(fs *pflag.FlagSet) compatRun {
	cacheDir := fs.String("cache-dir", "", "")
	raw := fs.Bool("raw", false, "")
	return func(ctx context.Context, c *compat, args []string) error {
		r, err := c.remoteSummary(ctx, args, *cacheDir)
		if err != nil {
			return err
		}
		if r.summary == nil {
			return compatf("Remote server has no summary file")
		}
		if err := c.dumpSummary(r.data, *raw); err != nil || *raw || !r.gpgSummary {
			return err
		}
		c.printf("\n")
		return c.dumpSignatures(r.keyring, r.data, r.sigs())
	}
}
