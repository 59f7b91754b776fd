package compose

import (
	"context"
	"fmt"
	"os"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo"
)

// makeCacheDir makes the folder of the cache, for its owner alone. One that is
// there keeps its mode: it may be anything; its rooms see to their own folders.
func makeCacheDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the cache: %w", err)
	}
	return nil
}

// PrunedCache counts what PruneCache removed and kept.
type PrunedCache struct {
	Packages int   `json:"packages"` // unpacked packages that were forgotten
	Files    int   `json:"files"`    // removed
	Freed    int64 `json:"freed"`    // bytes
	Kept     int64 `json:"kept"`     // bytes
}

// PruneCache makes a compose cache smaller than maxSize bytes: what was not used
// for longest goes first. Unpacked packages get at least half of the room, and
// all that metadata and downloads leave. It waits until no compose uses the
// cache.
func PruneCache(ctx context.Context, dir string, maxSize int64) (PrunedCache, error) {
	var done PrunedCache
	repos, err := rpmrepo.Prune(ctx, cachePath(dir, reposCache), maxSize/2)
	done.Files, done.Freed, done.Kept = repos.Files, repos.Freed, repos.Kept
	if err != nil {
		return done, err
	}
	unpacked, err := content.Prune(ctx, cachePath(dir, contentCache), maxSize-repos.Kept)
	done.Packages = unpacked.Packages
	done.Files += unpacked.Files
	done.Freed += unpacked.Freed
	done.Kept += unpacked.Kept
	return done, err
}
