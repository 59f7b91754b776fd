package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/remote"
)

// remoteFlags say how a remote repository is reached.
type remoteFlags struct {
	proxy                          string
	user, passwordFile, bearerFile string
	ca, cert, key                  string
	requests                       int
	collection, content            string
	rate                           int64
}

func (f *remoteFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.proxy, "proxy", "", "proxy `URL`; without it http_proxy, https_proxy and no_proxy count")
	fs.StringVar(&f.user, "user", "", "`NAME` for basic authentication")
	fs.StringVar(&f.passwordFile, "password-file", "", "the password is the first line of `FILE`")
	fs.StringVar(&f.ca, "tls-ca", "", "trust the certificate authorities in `FILE`")
	fs.StringVar(&f.cert, "tls-cert", "", "client certificate `FILE`")
	fs.StringVar(&f.key, "tls-key", "", "client key `FILE`")
	fs.IntVar(&f.requests, "max-requests", 0, "`NUMBER` of requests under way at once (default 24)")
	fs.StringVar(&f.collection, "collection-id", "", "commits must be bound to this collection `ID`")
}

// addMore adds the flags that treewright mirror has no use for.
func (f *remoteFlags) addMore(fs *pflag.FlagSet) {
	fs.StringVar(&f.bearerFile, "bearer-file", "", "the first line of `FILE` is a bearer token")
	fs.StringVar(&f.content, "contenturl", "", "objects and deltas lie at `URL`, or at those that mirrorlist=URL lists")
	fs.Int64Var(&f.rate, "limit-rate", 0, "fetch at most `KB` a second")
}

// options are the remote's options, without keys.
func (f *remoteFlags) options(env *environment) (remote.Options, error) {
	if f.rate < 0 || f.rate > 1<<40 {
		return remote.Options{}, usagef("--limit-rate is a number of kilobytes")
	}
	opts := remote.Options{
		Clock: env.clock, CollectionID: f.collection, MaxRequests: f.requests, UserAgent: "treewright/" + version(),
		Proxy: f.proxy, ProxyFor: proxyFromEnvironment, Username: f.user, LimitRate: 1000 * f.rate,
		CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, Progress: env.drawer().call,
		Warn: func(err error) { env.warn("%v", err) },
	}
	for _, secret := range []struct {
		file string
		to   *string
	}{{f.passwordFile, &opts.Password}, {f.bearerFile, &opts.Bearer}} {
		if secret.file == "" {
			continue
		}
		text, err := firstLine(secret.file)
		if err != nil {
			return remote.Options{}, err
		}
		*secret.to = text
	}
	return opts, nil
}

// open opens the remote at an address that a person named.
func (f *remoteFlags) open(address string, opts remote.Options) (*remote.Remote, error) {
	address, err := remoteAddress(address)
	if err != nil {
		return nil, err
	}
	if f.content != "" {
		if opts.ContentURL, err = remoteAddress(f.content); err != nil {
			return nil, err
		}
	}
	return remote.Open(address, opts)
}

// remoteAddress is where a remote lies that a person names: a URL stays as it is,
// a path counts from the working directory.
func remoteAddress(arg string) (string, error) {
	if strings.Contains(arg, "://") || strings.HasPrefix(arg, "file:") || strings.HasPrefix(arg, "mirrorlist=") {
		return arg, nil
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return "", fmt.Errorf("finding the remote %s: %w", arg, err)
	}
	return path, nil
}
