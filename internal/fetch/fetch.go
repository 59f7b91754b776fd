// Package fetch reads files by URL: http, https, file: and plain absolute
// paths. One Client is one pool of connections (HTTP/2 where the server has
// it) with one set of credentials and limits.
//
// Transfers that are cut are resumed with Range requests: If-Range with the
// answer's ETag or date guards against mixing two versions of a file. What
// fails in passing (408, 425, 429, 5xx, cut and refused connections) is tried
// again after a growing pause, or after the pause that the server asks for.
// An https URL never leads to an http one, whatever the server redirects to.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"
)

// Options configure a Client. The zero value works.
type Options struct {
	// UserAgent is sent with each request; "treewright" when empty.
	UserAgent string

	// Proxy is the URL of the proxy for all requests (http, https, socks5),
	// with user:password@ when it wants them. When empty, ProxyFor chooses.
	Proxy string
	// ProxyFor chooses the proxy of a request, as http.ProxyFromEnvironment
	// does. Nil means none.
	ProxyFor func(*http.Request) (*url.URL, error)

	// Username and Password are sent as basic authentication, Bearer as a
	// bearer token, to the hosts of AuthHosts ("host" or "host:port"), or to
	// every host that is asked directly when AuthHosts is empty. A redirect
	// to another host never takes them along.
	Username, Password string
	Bearer             string
	AuthHosts          []string

	// Header holds more fields for each request. They go to the same hosts as
	// credentials.
	Header http.Header

	// CAFile holds the authorities (PEM) to trust instead of the system's.
	CAFile string
	// CertFile and KeyFile hold a client certificate; both may be one file.
	CertFile, KeyFile string
	// InsecureTLS accepts any server certificate.
	InsecureTLS bool

	// IPVersion, when 4 or 6, keeps to addresses of that kind.
	IPVersion int

	// Retries is how many times a failed request is repeated; zero means 4, a
	// negative number none.
	Retries int
	// MaxPerHost bounds the open answers of one host; zero means 16. Who holds
	// that many waits for ever for one more.
	MaxPerHost int
	// Timeout is how long a server may take to answer; zero means 30 s.
	Timeout time.Duration
	// A transfer slower than MinRate bytes a second (zero means 1000) during
	// SlowTime (zero means Timeout) of waiting is cut, and tried again.
	MinRate  int64
	SlowTime time.Duration
	// LimitRate, when not zero, is how many bytes a second are read at most,
	// of all answers together.
	LimitRate int64
	// Sleep waits between attempts; nil waits on a timer.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client fetches files. It is safe for concurrent use.
type Client struct {
	opts      Options
	transport *http.Transport
	http      *http.Client
	limiter   limiter

	mu    sync.Mutex
	slots map[string]chan struct{} // by host: a place for each open answer
}

// New returns a client. It fails when a certificate file or the proxy's URL
// cannot be used.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts, slots: map[string]chan struct{}{}}
	o := &c.opts
	o.setDefaults()
	tlsConfig, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	proxy := o.ProxyFor
	if o.Proxy != "" {
		u, err := parseProxy(o.Proxy)
		if err != nil {
			return nil, err
		}
		proxy = http.ProxyURL(u)
	}
	dialer := &net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second}
	c.transport = &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if o.IPVersion == 4 || o.IPVersion == 6 {
				network = fmt.Sprintf("tcp%d", o.IPVersion)
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: o.Timeout,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: o.Timeout, PingTimeout: o.Timeout},
		// Bytes are wanted as they lie on the server: sizes, checksums and
		// ranges are those of the stored file.
		DisableCompression:  true,
		MaxIdleConns:        100,
		MaxIdleConnsPerHost: o.MaxPerHost,
		IdleConnTimeout:     90 * time.Second,
		ReadBufferSize:      64 << 10,
	}
	c.http = &http.Client{Transport: c.transport, CheckRedirect: c.checkRedirect}
	return c, nil
}

func (o *Options) setDefaults() {
	if o.UserAgent == "" {
		o.UserAgent = "treewright"
	}
	switch {
	case o.Retries == 0:
		o.Retries = 4
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.MaxPerHost <= 0 {
		o.MaxPerHost = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MinRate <= 0 {
		o.MinRate = 1000
	}
	if o.SlowTime <= 0 {
		o.SlowTime = o.Timeout
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
}

// With returns a client with changed options and a pool of its own.
func (c *Client) With(change func(*Options)) (*Client, error) {
	opts := c.opts
	if opts.Retries == 0 {
		opts.Retries = -1
	}
	change(&opts)
	return New(opts)
}

// Retries returns how many times a failed request is repeated.
func (c *Client) Retries() int { return c.opts.Retries }

// Close drops the idle connections. The client stays usable.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func (o *Options) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureTLS}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the certificate authorities: %s holds no certificate in PEM form", o.CAFile)
		}
	}
	if o.CertFile != "" {
		key := o.KeyFile
		if key == "" {
			key = o.CertFile
		}
		cert, err := tls.LoadX509KeyPair(o.CertFile, key)
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate %s: %w", o.CertFile, err)
		}
		config.Certificates = []tls.Certificate{cert}
	} else if o.KeyFile != "" {
		return nil, fmt.Errorf("client key %s is given without a client certificate", o.KeyFile)
	}
	return config, nil
}

func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) { // its text would show the password
			err = parse.Err
		}
		return nil, fmt.Errorf("the proxy's address: %w", err)
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("proxy %s: want an address that starts with http://, https:// or socks5://", u.Redacted())
	}
	if u.Host == "" {
		return nil, fmt.Errorf("proxy %s: names no host", u.Redacted())
	}
	return u, nil
}

// checkRedirect keeps https on https and credentials with their host.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return &redirectError{"stopped after 10 redirects"}
	}
	last := via[len(via)-1].URL
	switch {
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return &redirectError{"refused a redirect to " + req.URL.Redacted()}
	case last.Scheme == "https" && req.URL.Scheme == "http":
		return &redirectError{"refused a redirect from https to " + req.URL.Redacted()}
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
		for name := range c.opts.Header {
			req.Header.Del(name)
		}
	}
	return nil
}

// authorize adds the fields and credentials that belong to the URL's host.
func (c *Client) authorize(req *http.Request) {
	o := &c.opts
	if len(o.AuthHosts) > 0 && !slices.Contains(o.AuthHosts, req.URL.Host) && !slices.Contains(o.AuthHosts, req.URL.Hostname()) {
		return
	}
	for name, values := range o.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if o.Username == "" && o.Password == "" && o.Bearer == "" {
		return
	}
	switch {
	case req.URL.User != nil: // the URL's own come first
	case o.Bearer != "":
		req.Header.Set("Authorization", "Bearer "+o.Bearer)
	default:
		req.SetBasicAuth(o.Username, o.Password)
	}
}

// acquire waits for a place among the open answers of a host and returns what
// gives it back.
func (c *Client) acquire(ctx context.Context, host string) (release func(), err error) {
	c.mu.Lock()
	slots := c.slots[host]
	if slots == nil {
		slots = make(chan struct{}, c.opts.MaxPerHost)
		c.slots[host] = slots
	}
	c.mu.Unlock()
	select {
	case slots <- struct{}{}:
		return sync.OnceFunc(func() { <-slots }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
