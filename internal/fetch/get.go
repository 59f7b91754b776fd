package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// GetOptions say what a caller accepts.
type GetOptions struct {
	// MaxSize bounds the file; zero is no bound for Get, 16 MiB for ReadAll.
	MaxSize int64
	// IfNoneMatch and IfModifiedSince are the ETag and the LastModified of an
	// earlier Response: when the file is still the same, NotModified is set.
	IfNoneMatch, IfModifiedSince string
	// Fresh asks caches on the way for what the server has now.
	Fresh bool
	// Immutable says that the URL always means the same bytes, which the
	// caller verifies: cut transfers are resumed even when the server names
	// no version.
	Immutable bool
	// Attempts overrides the client's number of tries when not zero.
	Attempts int
}

// Response is an open file. Close the Body in every case.
type Response struct {
	Body         io.ReadCloser
	Size         int64 // -1 when unknown
	ETag         string
	LastModified string
	NotModified  bool   // the Body is empty
	URL          string // after redirects, without password
}

// Get opens the file at rawURL. The Body resumes by itself where it can; a
// read error of it is final, and io.EOF means that all of Size was read.
// Cancelling ctx ends reads, too.
func (c *Client) Get(ctx context.Context, rawURL string, opts GetOptions) (*Response, error) {
	if path, ok, err := LocalPath(rawURL); err != nil {
		return nil, err
	} else if ok {
		return getFile(path, opts)
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	t := &transfer{client: c, url: u, opts: opts, attempts: c.attempts(opts)}
	if err := t.open(ctx, 0); err != nil {
		return nil, err
	}
	return t.response(ctx), nil
}

// ReadAll returns the whole file at rawURL.
func (c *Client) ReadAll(ctx context.Context, rawURL string, opts GetOptions) ([]byte, *Response, error) {
	if opts.MaxSize == 0 {
		opts.MaxSize = 16 << 20
	}
	for attempt := 1; ; attempt++ {
		resp, err := c.Get(ctx, rawURL, opts)
		if err != nil {
			return nil, nil, err
		}
		data, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err == nil {
			return data, resp, nil
		}
		if attempt >= c.attempts(opts) || !Temporary(err) {
			return nil, nil, err
		}
		if err := c.opts.Sleep(ctx, pause(attempt)); err != nil {
			return nil, nil, err
		}
	}
}

func (c *Client) attempts(opts GetOptions) int {
	if opts.Attempts > 0 {
		return opts.Attempts
	}
	return 1 + c.opts.Retries
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) { // its text would show a password
			err = parse.Err
		}
		return nil, fmt.Errorf("reading a URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: want an http, https or file URL, or an absolute path", u.Redacted())
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// redacted returns a URL without its password, for messages.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "the URL"
	}
	return u.Redacted()
}

// transfer is one file on its way: the open answer and how to continue it.
type transfer struct {
	client   *Client
	url      *url.URL
	opts     GetOptions
	attempts int // in a row without progress
	tried    int

	answer *http.Response
	cancel context.CancelCauseFunc
	finish func() // gives back the place among the host's open answers
	total  int64  // size of the whole file, -1 unknown
	etag   string
	date   string
}

// open asks for the bytes from offset on, as often as it makes sense. For an
// offset above zero the answer must continue the version that was begun; when
// it does not, errChanged is returned and answer is nil.
func (t *transfer) open(ctx context.Context, offset int64) error {
	for {
		t.tried++
		wait, err := t.try(ctx, offset)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", t.url.Redacted(), context.Cause(ctx))
		}
		if t.tried >= t.attempts || !Temporary(err) {
			return err
		}
		if err := t.client.opts.Sleep(ctx, max(wait, pause(t.tried))); err != nil {
			return err
		}
	}
}

// try makes one request. It returns the pause that the server asks for.
func (t *transfer) try(ctx context.Context, offset int64) (time.Duration, error) {
	release, err := t.client.acquire(ctx, t.url.Host)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.String(), nil)
	if err != nil {
		cancel(nil)
		release()
		return 0, err
	}
	t.setHeaders(req, offset)
	timer := time.AfterFunc(t.client.opts.Timeout, func() { cancel(errNoAnswer) })
	answer, err := t.client.http.Do(req)
	timer.Stop()
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errNoAnswer) {
			err = fmt.Errorf("%s: %w", t.url.Redacted(), cause)
		}
		cancel(nil)
		release()
		return 0, err
	}
	if err := t.accept(answer, offset); err != nil {
		drain(answer.Body)
		cancel(nil)
		release()
		return retryAfter(answer.Header), err
	}
	t.answer, t.cancel, t.finish = answer, cancel, release
	return 0, nil
}

func (t *transfer) setHeaders(req *http.Request, offset int64) {
	req.Header.Set("User-Agent", t.client.opts.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if t.opts.Fresh {
		req.Header.Set("Cache-Control", "no-cache")
		req.Header.Set("Pragma", "no-cache")
	}
	t.client.authorize(req)
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		if v := t.validator(); v != "" {
			req.Header.Set("If-Range", v)
		}
		return
	}
	if t.opts.IfNoneMatch != "" {
		req.Header.Set("If-None-Match", t.opts.IfNoneMatch)
	}
	if t.opts.IfModifiedSince != "" {
		req.Header.Set("If-Modified-Since", t.opts.IfModifiedSince)
	}
}

// validator names the version of the file strongly enough for If-Range.
func (t *transfer) validator() string {
	if t.etag != "" && !strings.HasPrefix(t.etag, "W/") {
		return t.etag
	}
	return t.date
}

// accept checks an answer against what was asked for and notes its version.
func (t *transfer) accept(answer *http.Response, offset int64) error {
	switch code := answer.StatusCode; {
	case offset > 0 && code == http.StatusPartialContent:
		start, total, err := parseContentRange(answer.Header.Get("Content-Range"))
		if err != nil {
			return fmt.Errorf("%s: %w", t.url.Redacted(), err)
		}
		if start != offset || t.total >= 0 && total >= 0 && total != t.total {
			return errChanged
		}
		if t.total < 0 {
			t.total = total
		}
	case offset > 0 && (code == http.StatusOK || code == http.StatusRequestedRangeNotSatisfiable):
		return errChanged
	case code == http.StatusNotModified && (t.opts.IfNoneMatch != "" || t.opts.IfModifiedSince != ""):
		t.total = 0
	case code == http.StatusOK:
		t.total = answer.ContentLength
	default:
		return &StatusError{URL: answer.Request.URL.Redacted(), Code: code, Status: answer.Status}
	}
	if t.opts.MaxSize > 0 && t.total > t.opts.MaxSize {
		return &TooLargeError{URL: t.url.Redacted(), Max: t.opts.MaxSize}
	}
	if offset == 0 {
		t.etag, t.date = answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	}
	return nil
}

func (t *transfer) response(ctx context.Context) *Response {
	resp := &Response{
		Size:         t.total,
		ETag:         t.etag,
		LastModified: t.date,
		NotModified:  t.answer.StatusCode == http.StatusNotModified,
		URL:          t.answer.Request.URL.Redacted(),
	}
	t.opts.IfNoneMatch, t.opts.IfModifiedSince = "", "" // not for what may follow
	if resp.NotModified {
		t.close()
		resp.Body = http.NoBody
		return resp
	}
	resp.Body = newBody(ctx, t, 0)
	return resp
}

// close ends the open answer, if there is one.
func (t *transfer) close() {
	if t.answer != nil {
		_ = t.answer.Body.Close()
		t.cancel(nil)
		t.finish()
		t.answer = nil
	}
}

// parseContentRange reads "bytes 5-9/10" or "bytes 5-9/*".
func parseContentRange(s string) (start, total int64, err error) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, size, ok2 := strings.Cut(rest, "/")
	first, _, ok3 := strings.Cut(span, "-")
	if ok && ok2 && ok3 {
		total = -1
		if size != "*" {
			total, err = strconv.ParseInt(size, 10, 64)
		}
		if err == nil {
			start, err = strconv.ParseInt(first, 10, 64)
		}
		if err == nil && start >= 0 && total >= -1 {
			return start, total, nil
		}
	}
	return 0, 0, fmt.Errorf("the server's Content-Range %q is unreadable", s)
}

// pause is how long to wait before another attempt: 0.25, 0.5, 1, 2 … 30 s,
// spread so that many transfers do not come back at once.
func pause(tried int) time.Duration {
	d := 250 * time.Millisecond << min(tried-1, 7)
	return min(d, 30*time.Second) * time.Duration(75+rand.IntN(50)) / 100
}

// retryAfter returns the pause that a busy server asks for, at most a minute.
func retryAfter(h http.Header) time.Duration {
	s := h.Get("Retry-After")
	if s == "" {
		return 0
	}
	d := time.Duration(0)
	if n, err := strconv.Atoi(s); err == nil {
		d = time.Duration(min(n, 60)) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		// The server's own clock says how far away its date is.
		if now, err := http.ParseTime(h.Get("Date")); err == nil {
			d = at.Sub(now)
		}
	}
	return min(max(d, 0), time.Minute)
}

// drain reads the little that an error page holds, so that its connection can
// be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}
