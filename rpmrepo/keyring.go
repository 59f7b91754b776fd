package rpmrepo

import (
	"context"
	"fmt"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// maxKeyFile bounds a file of keys.
const maxKeyFile = 4 << 20

// Keyring returns the keys of gpgkey. They are read once.
func (r *Repository) Keyring(ctx context.Context) (*rpm.Keyring, error) {
	keys, err := r.keyData(ctx)
	if err != nil {
		return nil, err
	}
	r.keyMu.Lock()
	defer r.keyMu.Unlock()
	if r.ring != nil {
		return r.ring, nil
	}
	ring := &rpm.Keyring{}
	for i, data := range keys {
		more, err := rpm.ReadKeyring(data)
		if err != nil {
			return nil, fmt.Errorf("gpgkey %s of %s: %w", redact(r.cfg.GPGKeys[i]), r.cfg.position(), err)
		}
		ring = ring.Merge(more)
	}
	r.ring = ring
	return ring, nil
}

// keyData returns the content of each gpgkey.
func (r *Repository) keyData(ctx context.Context) ([][]byte, error) {
	r.keyMu.Lock()
	defer r.keyMu.Unlock()
	if r.keys != nil {
		return r.keys, nil
	}
	keys := make([][]byte, 0, len(r.cfg.GPGKeys))
	for _, address := range r.cfg.GPGKeys {
		data, err := r.readKey(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("reading gpgkey of %s: %w", r.cfg.position(), err)
		}
		keys = append(keys, data)
	}
	r.keys = keys
	return keys, nil
}

func (r *Repository) readKey(ctx context.Context, address string) ([]byte, error) {
	_, local, err := fetch.LocalPath(address)
	if err != nil {
		return nil, err
	}
	if r.opts.Offline && !local {
		if r.cache.dir != "" {
			if data, err := r.cache.kept(r.cache.keyPath(address)); err == nil {
				return data, nil
			}
		}
		return nil, fmt.Errorf("%s is %w: run once without cache-only", redact(address), ErrNotCached)
	}
	data, _, err := r.client.ReadAll(ctx, address, fetch.GetOptions{MaxSize: maxKeyFile})
	if err != nil || local || r.cache.dir == "" {
		return data, err
	}
	return data, r.cache.keep(r.cache.keyPath(address), data)
}
