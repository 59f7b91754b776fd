package publish

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// reader asks for what a client asks for, in its order, and verifies it.
type reader struct {
	url    string
	signer *sign.OpenPGPSigner
}

func (r reader) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func (r reader) verify(ctx context.Context, path string, data, signature []byte) error {
	dict, err := gvariant.ParseDict(signature)
	if err != nil {
		return err
	}
	good, err := r.signer.Signed(ctx, data, dict)
	if err == nil && !good {
		err = fmt.Errorf("%s: bad signature", path)
	}
	return err
}

// index reads what flatpak reads: index, signature, sub-summary.
func (r reader) index(ctx context.Context) error {
	data, err := r.get(ctx, "summary.idx")
	if err != nil {
		return err
	}
	signature, err := r.get(ctx, indexSignaturePath(ostree.ChecksumOf(data)))
	if err != nil {
		return err
	}
	if err := r.verify(ctx, "summary.idx", data, signature); err != nil {
		return err
	}
	x, err := DecodeIndex(data)
	if err != nil {
		return err
	}
	for _, e := range x.Entries {
		if _, err := r.get(ctx, subSummaryPath(e.Digest)); err != nil {
			return err
		}
	}
	return nil
}

// summary reads what ostree reads: signature, then summary.
func (r reader) summary(ctx context.Context) error {
	signature, err := r.get(ctx, "summary.sig")
	if err != nil {
		return err
	}
	data, err := r.get(ctx, "summary")
	if err != nil {
		return err
	}
	return r.verify(ctx, "summary", data, signature)
}

// TestReadersDuringPublications reads all the while: those of the index never
// see anything wrong, those of the legacy summary at most have to ask again.
func TestReadersDuringPublications(t *testing.T) {
	c := NewClient(t)
	c.export(platformBuild)
	c.export(appBuild)
	k := NewKey(t, "Example")
	repo := c.open()
	c.publish(k, Options{Repo: repo})
	var commits []ostree.Checksum
	for i := range 2 {
		b := appBuild
		b.files = map[string]string{"app": fmt.Sprint("app ", i)}
		c.export(b)
		commit, err := repo.ResolveRef(appRef)
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, commit)
		k.SignCommits(t, repo)
	}
	r := reader{url: serve(t, c.Path("repo")).URL, signer: k.Signer}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	reads := 0
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := r.index(t.Context()); err != nil {
					t.Errorf("reading the index: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			err := r.summary(t.Context())
			for again := 0; err != nil && again < 100; again++ {
				err = r.summary(t.Context())
			}
			if err != nil {
				t.Errorf("reading the summary, again and again: %v", err)
			}
			reads++
		}
	})
	for i := range 15 {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := txn.SetRef(appRef, commits[i%2]); err != nil {
			t.Fatal(err)
		}
		if _, err := txn.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := c.publish(k, Options{Repo: repo}); len(got.Changes) != 1 && i > 0 {
			t.Errorf("publication %d: got %+v, want one change", i, got)
		}
	}
	stop()
	wg.Wait()
	if reads == 0 {
		t.Error("nobody read")
	}
}
