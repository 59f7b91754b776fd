package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
)

// compatRemote is a remote as the repository's config describes it.
type compatRemote struct {
	c    *compat
	repo *archive.Repo
	name string
	url  string
	get  func(key string) string

	collection string // that commits must be bound to

	gpg, gpgSummary bool
	keyring         *sign.Keyring
	engines         []compatEngine // that must sign commits, any of them
	summaryEngines  []compatEngine // that must sign the summary

	r        *remote.Remote
	cacheDir string
	summary  *ostree.Summary
	data     []byte // of the summary
	linked   []byte // that is, if a metalink led to it
	sig      []byte // of summary.sig
}

// remoteGroup is the group of the config about a remote.
func remoteGroup(name string) string { return fmt.Sprintf("remote %q", name) }

// remoteConfig gives the values of that group.
func remoteConfig(config *keyfile.File, name string) func(key string) string {
	return func(key string) string {
		v, _ := config.Get(remoteGroup(name), key)
		return strings.TrimSpace(v)
	}
}

// newRemote reads the config of a remote.
func (c *compat) newRemote(repo *archive.Repo, name string) (*compatRemote, error) {
	config, err := repo.Config()
	if err != nil {
		return nil, err
	}
	if !config.Has(remoteGroup(name)) {
		return nil, compatf("Remote \"%s\" not found", name)
	}
	r := &compatRemote{c: c, repo: repo, name: name, cacheDir: filepath.Join(repo.Path(), "tmp", "cache"), get: remoteConfig(config, name)}
	r.url, r.collection = r.get("url"), r.get("collection-id")
	switch {
	case r.get("custom-backend") != "":
		return nil, compatf("Cannot fetch via libostree - remote '%s' uses custom backend '%s'", name, r.get("custom-backend"))
	case r.get("unconfigured-state") != "":
		return nil, compatf("remote unconfigured-state: %s", r.get("unconfigured-state"))
	case r.url == "" && r.get("metalink") == "":
		return nil, compatf("No \"url\" option in remote \"%s\"", name)
	}
	r.gpg = r.get("gpg-verify") != "false"
	r.gpgSummary = r.get("gpg-verify-summary") == "true"
	if r.gpg || r.gpgSummary {
		if r.keyring, err = c.keyringOf(repo.Path(), name, r.get("gpgkeypath")); err != nil {
			return nil, err
		}
	}
	if r.engines, err = r.verifiers(r.get("sign-verify")); err != nil {
		return nil, err
	}
	r.summaryEngines, err = r.verifiers(r.get("sign-verify-summary"))
	return r, err
}

// verifiers reads a value of sign-verify: true for any engine that has keys, or
// the names of engines.
func (r *compatRemote) verifiers(value string) ([]compatEngine, error) {
	switch value {
	case "", "false":
		return nil, nil
	case "true":
		var found []compatEngine
		for _, name := range []string{"ed25519", "spki", "dummy"} {
			e, err := r.engine(name)
			if err != nil {
				return nil, err
			}
			if e != nil {
				found = append(found, *e)
			}
		}
		if len(found) == 0 {
			return nil, compatf("No keys found for any required signapi type")
		}
		return found, nil
	}
	var found []compatEngine
	for _, name := range strings.FieldsFunc(value, func(c rune) bool { return c == ';' || c == ',' }) {
		if err := checkEngine(name); err != nil {
			return nil, err
		}
		e, err := r.engine(name)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, compatf("No keys found for required signapi type %s", name)
		}
		found = append(found, *e)
	}
	return found, nil
}

// engine makes the verifier of an engine, nil when it has no keys.
func (r *compatRemote) engine(name string) (*compatEngine, error) {
	sources := []string{r.get("verification-" + name + "-key")}
	if file := r.get("verification-" + name + "-file"); file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sources = append(sources, string(data))
	}
	if strings.TrimSpace(strings.Join(sources, "")) == "" {
		return nil, nil
	}
	if name == "dummy" && !r.c.dummy() {
		return nil, nil
	}
	return r.c.engineOf(name, sources)
}

// compatRequests say how a remote is asked.
type compatRequests struct {
	url     string // instead of that of the config
	retries int
	deltas  remote.DeltaUse
	agent   string // what follows our own name
	header  http.Header
}

// openRemote prepares the requests.
func (r *compatRemote) openRemote(ctx context.Context, o compatRequests) error {
	if o.retries == 0 {
		o.retries = -1
	}
	opts := remote.Options{
		Clock: r.c.env.clock, Retries: o.retries, UserAgent: strings.TrimSpace("treewright/" + version() + " " + o.agent), Header: o.header,
		Proxy: r.get("proxy"), ProxyFor: proxyFromEnvironment,
		CAFile: r.get("tls-ca-path"), CertFile: r.get("tls-client-cert-path"), KeyFile: r.get("tls-client-key-path"),
		InsecureTLS: r.get("tls-permissive") == "true", Deltas: o.deltas, ContentURL: r.get("contenturl"),
	}
	base := cmp.Or(o.url, r.url)
	if base == "" {
		var err error
		if base, err = r.followMetalink(ctx, opts); err != nil {
			return err
		}
	}
	list := ""
	if rest, ok := strings.CutPrefix(base, "mirrorlist="); ok {
		list, base = "mirrorlist=", rest
	}
	scheme, _, ok := strings.Cut(base, "://")
	if !ok || scheme != "http" && scheme != "https" && scheme != "file" {
		return compatf("Invalid URI scheme in %s", base)
	}
	if before, host, ok := strings.Cut(strings.TrimPrefix(base, scheme+"://"), "@"); ok && !strings.Contains(before, "/") {
		opts.Username, opts.Password, _ = strings.Cut(before, ":")
		base = scheme + "://" + host
	}
	cookie, err := r.cookies(base)
	if err != nil {
		return err
	}
	if cookie != "" {
		opts.Header = opts.Header.Clone()
		if opts.Header == nil {
			opts.Header = http.Header{}
		}
		opts.Header.Set("Cookie", cookie)
	}
	r.r, err = remote.Open(list+base, opts)
	return err
}

// cookies are those that ostree remote add-cookie has stored for a URL, in the
// file NAME.cookies.txt. A line of it is DOMAIN, whether that means hosts below
// it too, PATH, whether https alone gets it, when it ends, NAME and VALUE, with
// tabs between.
func (r *compatRemote) cookies(text string) (string, error) {
	data, err := os.ReadFile(filepath.Join(r.repo.Path(), r.name+".cookies.txt"))
	if errors.Is(err, os.ErrNotExist) || r.name == "" {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 7 || strings.HasPrefix(line, "# ") {
			continue
		}
		domain, host := strings.TrimPrefix(strings.TrimPrefix(f[0], "#HttpOnly_"), "."), u.Hostname()
		ends, err := strconv.ParseInt(f[4], 10, 64)
		if host != domain && !(f[1] == "TRUE" && strings.HasSuffix(host, "."+domain)) || !strings.HasPrefix(u.Path+"/", strings.TrimSuffix(f[2], "/")+"/") ||
			f[3] == "TRUE" && u.Scheme != "https" || err != nil || ends > 0 && ends < r.c.env.clock().Unix() {
			continue
		}
		all = append(all, f[5]+"="+f[6])
	}
	return strings.Join(all, "; "), nil
}

// fetchSummary fetches and verifies the summary, unless a copy is there that
// the remote's present signature signs. A remote may have none.
func (r *compatRemote) fetchSummary(ctx context.Context) (err error) {
	if r.sig, err = r.r.ReadFile(ctx, "summary.sig", 4<<20); errors.Is(err, remote.ErrNotFound) {
		r.sig, err = nil, nil
	}
	if err != nil {
		return err
	}
	if r.sig == nil && r.gpgSummary {
		if _, err := r.r.ReadFile(ctx, "summary", ostree.MaxMetadataSize); errors.Is(err, remote.ErrNotFound) {
			return compatf("GPG verification enabled, but no summary found (use gpg-verify-summary=false in remote config to disable)")
		}
		return compatf("GPG verification enabled, but no summary signatures found (use gpg-verify-summary=false in remote config to disable)")
	}
	if r.sig == nil && len(r.summaryEngines) > 0 {
		return compatf("Signatures verification enabled, but no summary.sig found (use sign-verify-summary=false in remote config to disable)")
	}
	if done, err := r.cachedSummary(); done || err != nil {
		return err
	}
	if r.data = r.linked; r.data == nil {
		r.data, err = r.r.ReadFile(ctx, "summary", ostree.MaxMetadataSize)
	}
	if errors.Is(err, remote.ErrNotFound) {
		r.data = nil
		if r.gpgSummary || len(r.summaryEngines) > 0 {
			return compatf("GPG verification enabled, but no summary found (check that the configured URL in remote config is correct)")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.verifySummary(); err != nil {
		return err
	}
	if r.summary, err = ostree.DecodeSummary(r.data); err != nil {
		return err
	}
	return r.storeSummary()
}

func (r *compatRemote) cachePath() string { return filepath.Join(r.cacheDir, "summaries", r.name) }

// cachedSummary takes the copy, if it is of the present signature. A copy that
// this does not sign is fetched again; OSTREE_REPO_TEST_ERROR makes it an
// error, so that ostree's tests see that it was noticed.
func (r *compatRemote) cachedSummary() (done bool, err error) {
	old, err := os.ReadFile(r.cachePath() + ".sig")
	if err != nil || r.sig == nil || !bytes.Equal(old, r.sig) || r.noCache() {
		return false, nil
	}
	if r.data, err = os.ReadFile(r.cachePath()); err != nil {
		return false, nil
	}
	err = r.verifySummary()
	if err == nil {
		r.summary, err = ostree.DecodeSummary(r.data)
	}
	if err == nil {
		return true, nil
	}
	if r.c.env.getenv("OSTREE_REPO_TEST_ERROR") == "invalid-cache" {
		return false, compatf("OSTREE_REPO_TEST_ERROR_INVALID_CACHE: %v", err)
	}
	return false, nil
}

func (r *compatRemote) noCache() bool { return r.c.env.getenv("OSTREE_SKIP_CACHE") != "" }

func (r *compatRemote) storeSummary() error {
	if r.sig == nil || r.noCache() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.cachePath()), 0o777); err != nil {
		return err
	}
	for path, data := range map[string][]byte{r.cachePath(): r.data, r.cachePath() + ".sig": r.sig} {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := atomicfile.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sigs are the signatures of the summary; none of a file that holds no such.
func (r *compatRemote) sigs() gvariant.Dict {
	dict, err := gvariant.ParseDict(r.sig)
	if err != nil {
		return nil
	}
	return dict
}

func (r *compatRemote) verifySummary() error {
	if !r.gpgSummary && len(r.summaryEngines) == 0 {
		return nil
	}
	return r.verify(r.data, r.sigs(), r.gpgSummary, r.summaryEngines)
}

// verifyCommit checks the signatures of a commit that the remote wants checked.
func (r *compatRemote) verifyCommit(data []byte, dict gvariant.Dict) error {
	return r.verify(data, dict, r.gpg, r.engines)
}

func (r *compatRemote) verify(data []byte, dict gvariant.Dict, gpg bool, engines []compatEngine) error {
	if gpg {
		if _, ok := dict.Get(sign.KeyOpenPGP); !ok {
			return compatf("GPG verification enabled, but no signatures found (use gpg-verify=false in remote config to disable)")
		}
		keyring := r.keyring
		if keyring == nil {
			keyring = &sign.Keyring{}
		}
		_, err := keyring.Verify(data, dict, r.c.env.clock())
		switch {
		case errors.Is(err, sign.ErrBad):
			return compatf("BAD signature: %v", err)
		case errors.Is(err, sign.ErrUnknownKey):
			return compatf("Can't check signature: public key not found")
		case err != nil:
			return err
		}
	}
	if len(engines) == 0 {
		return nil
	}
	if !slices.ContainsFunc(engines, func(e compatEngine) bool { _, ok := dict.Get("ostree.sign." + e.name); return ok }) {
		return compatf("No signatures found (use sign-verify=false in remote config to disable)")
	}
	var errs []error
	for _, e := range engines {
		err := e.verify(data, dict)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
