package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/treewright/treewright/internal/fetch"
)

// mirrorListPrefix stands before the URL of a list of mirrors, as in the config
// of libostree's remotes.
const mirrorListPrefix = "mirrorlist="

const (
	maxMirrorList = 1 << 20
	maxMirrors    = 64
)

// bases are the URLs at which one and the same repository lies, the preferred
// one first. A list of mirrors is read when it is first needed.
type bases struct {
	text string // as it was given

	mu   sync.Mutex
	urls []string        // without a trailing slash; nil: not read yet
	down map[string]bool // those that could not be asked, which come last
}

// newBases checks text: a URL or path of a repository, or "mirrorlist=" and the
// URL of a list.
func newBases(text string) (*bases, error) {
	list, isList := strings.CutPrefix(text, mirrorListPrefix)
	base, err := checkBase(list)
	if err != nil {
		return nil, err
	}
	b := &bases{text: list}
	if !isList {
		b.text, b.urls = base, []string{base}
	}
	return b, nil
}

// checkBase returns a repository's URL without a trailing slash.
func checkBase(rawURL string) (string, error) {
	base := strings.TrimRight(rawURL, "/")
	if _, local, err := fetch.LocalPath(base); err != nil || local {
		return base, err
	}
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return "", fmt.Errorf("the remote's URL cannot be read: want http, https, file: or an absolute path")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the remote's URL %s: want http, https, file: or an absolute path, without a query", u.Redacted())
	}
	return base, nil
}

// host returns the host of the URL that was given.
func (b *bases) host() []string {
	if u, err := url.Parse(b.text); err == nil && u.Host != "" {
		return []string{u.Host}
	}
	return nil
}

// failed notes that a mirror could not be asked.
func (b *bases) failed(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down == nil {
		b.down = map[string]bool{}
	}
	b.down[url] = true
}

// inOrder returns the URLs, those that failed last.
func (b *bases) inOrder() []string {
	if len(b.down) == 0 {
		return b.urls
	}
	var up, down []string
	for _, u := range b.urls {
		if b.down[u] {
			down = append(down, u)
		} else {
			up = append(up, u)
		}
	}
	return append(up, down...)
}

// list returns the URLs.
func (b *bases) list(ctx context.Context, client *fetch.Client) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.urls != nil {
		return b.inOrder(), nil
	}
	data, _, err := client.ReadAll(ctx, b.text, fetch.GetOptions{MaxSize: maxMirrorList})
	if err == nil {
		b.urls, err = parseMirrorList(data)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of mirrors %s: %w", Redact(b.text), err)
	}
	return b.urls, nil
}

// parseMirrorList reads one URL a line; "#" starts a comment. A list of the
// network names no files of this machine.
func parseMirrorList(data []byte) ([]string, error) {
	var urls []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() && len(urls) < maxMirrors {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		base, err := checkBase(line)
		if err != nil || !strings.HasPrefix(base, "http") {
			continue // libostree passes over what it cannot use, too
		}
		urls = append(urls, base)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(urls) == 0 {
		return nil, errors.New("it names no http or https URL")
	}
	return urls, nil
}

// basesOf returns where a file of the repository may lie: objects and deltas
// have a place of their own if the options say so, but not signatures.
func (r *Remote) basesOf(name string) *bases {
	if strings.HasSuffix(name, ".commitmeta") {
		return r.meta
	}
	for _, dir := range []string{"objects/", "deltas/", "delta-indexes/"} {
		if strings.HasPrefix(name, dir) {
			return r.content
		}
	}
	return r.meta
}

// each has get fetch a file from one mirror after the other, until it is there.
// When no mirror has it, the error is ErrNotFound; when one could not be asked
// and none has it, it says why.
func (r *Remote) each(ctx context.Context, name string, get func(url string) error) error {
	at := r.basesOf(name)
	urls, err := at.list(ctx, r.client)
	if err != nil {
		return err
	}
	var failed error
	for _, base := range urls {
		err := get(base + "/" + name)
		if err == nil || ctx.Err() != nil {
			return r.fetchError(name, err)
		}
		if !errors.Is(err, fetch.ErrNotFound) {
			at.failed(base)
		}
		if failed == nil || errors.Is(failed, fetch.ErrNotFound) {
			failed = err
		}
	}
	return r.fetchError(name, failed)
}
