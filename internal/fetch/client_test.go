package fetch

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))

	pauses := new(sleeps)
	_, _, err := newTestClient(t, Options{Sleep: pauses.sleep}).ReadAll(t.Context(), s.URL, GetOptions{})
	wantError(t, err, "certificate")
	if pauses.count() != 0 {
		t.Error("a wrong certificate was tried again")
	}
	for _, opts := range []Options{{CAFile: ca}, {InsecureTLS: true}} {
		data, _, err := newTestClient(t, opts).ReadAll(t.Context(), s.URL, GetOptions{})
		if err != nil || string(data) != "HTTP/2.0" {
			t.Errorf("got %q, %v, want HTTP/2.0", data, err)
		}
	}
	_, err = New(Options{CAFile: filepath.Join(t.TempDir(), "absent")})
	wantError(t, err, "no such file")
	writeFile(t, ca, []byte("nonsense"))
	_, err = New(Options{CAFile: ca})
	wantError(t, err, "no certificate in PEM form")
}

func TestClientCertificate(t *testing.T) {
	cert, key := makeCertificate(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	certFile, keyFile, both := filepath.Join(dir, "c"), filepath.Join(dir, "k"), filepath.Join(dir, "both")
	writeFile(t, certFile, cert)
	writeFile(t, keyFile, key)
	writeFile(t, both, append(cert, key...))
	for _, opts := range []Options{{CertFile: certFile, KeyFile: keyFile}, {CertFile: both}} {
		opts.InsecureTLS = true
		data, _, err := newTestClient(t, opts).ReadAll(t.Context(), s.URL, GetOptions{})
		if err != nil || string(data) != "builder" {
			t.Errorf("got %q, %v", data, err)
		}
	}
	_, _, err := newTestClient(t, Options{InsecureTLS: true, Retries: -1}).ReadAll(t.Context(), s.URL, GetOptions{})
	wantError(t, err, "tls")
	_, err = New(Options{CertFile: certFile})
	wantError(t, err, "client certificate")
	_, err = New(Options{KeyFile: keyFile})
	wantError(t, err, "without a client certificate")
}

func makeCertificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "builder"},
		NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey})
}

func TestRedirects(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "plain", r.Header.Get("Authorization"), r.Header.Get("More"))
	})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/fine":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/end":
			fmt.Fprint(w, "end", r.Header.Get("Authorization"), r.Header.Get("More"))
		}
	}))
	t.Cleanup(secure.Close)
	up := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, secure.URL+"/end", http.StatusFound) })

	pauses := new(sleeps)
	c := newTestClient(t, Options{InsecureTLS: true, Bearer: "token", Header: http.Header{"more": {"+words"}}, Sleep: pauses.sleep})
	for path, part := range map[string]string{
		"/down": "refused a redirect from https",
		"/file": "refused a redirect to file",
		"/loop": "10 redirects",
	} {
		_, _, err := c.ReadAll(t.Context(), secure.URL+path, GetOptions{})
		wantError(t, err, part)
	}
	if pauses.count() != 0 {
		t.Error("a refused redirect was tried again")
	}
	for u, want := range map[string]string{secure.URL + "/fine": "endBearer token+words", up.URL: "end"} {
		data, resp, err := c.ReadAll(t.Context(), u, GetOptions{})
		if err != nil || string(data) != want || resp.URL != secure.URL+"/end" {
			t.Errorf("%s: got %q, %+v, %v, want %q", u, data, resp, err, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Authorization")) })
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	withUser := strings.Replace(s.URL, "http://", "http://own:pw@", 1)
	for _, tc := range []struct {
		opts Options
		url  string
		want string
	}{
		{Options{}, s.URL, ""},
		{Options{Username: "user", Password: "pass"}, s.URL, "Basic dXNlcjpwYXNz"},
		{Options{Username: "user", Password: "pass", AuthHosts: []string{u.Host}}, s.URL, "Basic dXNlcjpwYXNz"},
		{Options{Username: "user", Password: "pass", AuthHosts: []string{u.Hostname()}}, s.URL, "Basic dXNlcjpwYXNz"},
		{Options{Username: "user", Password: "pass", AuthHosts: []string{"example.com"}}, s.URL, ""},
		{Options{Bearer: "t"}, s.URL, "Bearer t"},
		{Options{Bearer: "t"}, withUser, "Basic b3duOnB3"},
	} {
		data, _, err := newTestClient(t, tc.opts).ReadAll(t.Context(), tc.url, GetOptions{})
		if err != nil || string(data) != tc.want {
			t.Errorf("%+v: got %q, %v, want %q", tc.opts, data, err, tc.want)
		}
	}
	_, _, err = newTestClient(t, Options{Retries: -1}).ReadAll(t.Context(), "http://user:secret@127.0.0.1:1/", GetOptions{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error: got %v, want one without the password", err)
	}
}

// proxyServer is a forward proxy for http and CONNECT.
func proxyServer(t *testing.T, used *atomic.Int32) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
			http.Error(w, "who are you", http.StatusProxyAuthRequired)
			return
		}
		used.Add(1)
		if r.Method != http.MethodConnect {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			_, _ = io.Copy(w, resp.Body)
			return
		}
		tunnel(w, r.Host)
	})
}

func tunnel(w http.ResponseWriter, host string) {
	server, err := net.Dial("tcp", host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(server, buf) }()
	_, _ = io.Copy(client, server)
}

func TestProxy(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "content") })
	secure := httptest.NewTLSServer(plain.Config.Handler)
	t.Cleanup(secure.Close)
	var used atomic.Int32
	p := proxyServer(t, &used)
	withUser := strings.Replace(p.URL, "http://", "http://user:pass@", 1)
	address, err := url.Parse(withUser)
	if err != nil {
		t.Fatal(err)
	}
	for i, opts := range []Options{{Proxy: withUser}, {ProxyFor: http.ProxyURL(address)}} {
		opts.InsecureTLS = true
		c := newTestClient(t, opts)
		for _, u := range []string{plain.URL, secure.URL} {
			used.Store(0)
			data, _, err := c.ReadAll(t.Context(), u, GetOptions{})
			if err != nil || string(data) != "content" || used.Load() != 1 {
				t.Errorf("%d %s: got %q, %v, proxy used %d times", i, u, data, err, used.Load())
			}
		}
		direct, err := c.With(func(o *Options) { o.Proxy, o.ProxyFor = "", nil })
		if err != nil {
			t.Fatal(err)
		}
		defer direct.Close()
		used.Store(0)
		if _, _, err := direct.ReadAll(t.Context(), plain.URL, GetOptions{}); err != nil || used.Load() != 0 {
			t.Errorf("without proxy: got %v, proxy used %d times", err, used.Load())
		}
	}
	for s, part := range map[string]string{
		"proxy.example.com:80": "proxy",
		"ftp://x":              "want an address that starts with",
		"http://":              "names no host",
		"http://u:secret@a b/": "invalid character",
	} {
		_, err := New(Options{Proxy: s})
		wantError(t, err, part)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: shows the password", err)
		}
	}
}

func TestIPVersion(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }) // on 127.0.0.1
	if _, _, err := newTestClient(t, Options{IPVersion: 4}).ReadAll(t.Context(), s.URL, GetOptions{}); err != nil {
		t.Error(err)
	}
	_, _, err := newTestClient(t, Options{IPVersion: 6, Retries: -1}).ReadAll(t.Context(), s.URL, GetOptions{})
	wantError(t, err, "tcp6")
}

func TestWithKeepsRetries(t *testing.T) {
	c := newTestClient(t, Options{Retries: -1})
	d, err := c.With(func(o *Options) { o.UserAgent = "x" })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Retries() != 0 {
		t.Errorf("retries: got %d, want 0", d.Retries())
	}
}
