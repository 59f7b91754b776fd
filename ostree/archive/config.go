package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/keyfile"
)

// config is what the package heeds of the config file.
type config struct {
	collectionID   string
	fsync          bool
	perObjectFsync bool
	locking        bool
	lockTimeout    time.Duration // negative: for ever
	tmpExpiry      time.Duration
	minFreePercent int
	minFreeBytes   int64 // used when not 0
	zlibLevel      int
	tombstones     bool // leave a note for each commit that is deleted
}

func newConfig(o InitOptions) []byte {
	var f keyfile.File
	f.Set("core", "repo_version", "1")
	f.Set("core", "mode", "archive-z2")
	if o.CollectionID != "" {
		f.Set("core", "collection-id", o.CollectionID)
	}
	return f.Encode()
}

// configReader collects the first error of many keys.
type configReader struct {
	f   *keyfile.File
	err error
}

func (c *configReader) fail(group, key, value, want string) {
	if c.err == nil {
		c.err = fmt.Errorf("config: [%s] %s=%s: want %s", group, key, value, want)
	}
}

func (c *configReader) number(group, key string, byDefault, low, high int) int {
	s, ok := c.f.Get(group, key)
	if !ok {
		return byDefault
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < low || n > high {
		c.fail(group, key, s, fmt.Sprintf("a number from %d to %d", low, high))
		return byDefault
	}
	return n
}

func (c *configReader) flag(group, key string, byDefault bool) bool {
	s, ok := c.f.Get(group, key)
	switch strings.TrimSpace(s) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	if ok {
		c.fail(group, key, s, "true or false")
	}
	return byDefault
}

// size reads "100MB": the C tool's MB is 1024 * 1024 bytes.
func (c *configReader) size(group, key string) int64 {
	s, ok := c.f.Get(group, key)
	if !ok {
		return 0
	}
	for suffix, shift := range map[string]int{"MB": 20, "GB": 30, "TB": 40} {
		digits, found := strings.CutSuffix(strings.TrimSpace(s), suffix)
		if !found {
			continue
		}
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && n < math.MaxInt64>>shift {
			return n << shift
		}
	}
	c.fail(group, key, s, "a number with MB, GB or TB behind it")
	return 0
}

func parseConfig(f *keyfile.File) (config, error) {
	if v, _ := f.Get("core", "repo_version"); v != "1" {
		return config{}, fmt.Errorf("config: repo_version is %q, not 1", v)
	}
	switch mode, _ := f.Get("core", "mode"); mode {
	case "archive", "archive-z2":
	default:
		return config{}, fmt.Errorf("config: the mode is %q; only archive can be served to clients: pull it into an archive repository", mode)
	}
	c := configReader{f: f}
	out := config{
		fsync:          c.flag("core", "fsync", true),
		perObjectFsync: c.flag("core", "per-object-fsync", false),
		locking:        c.flag("core", "locking", true),
		lockTimeout:    time.Duration(c.number("core", "lock-timeout-secs", 300, -1, math.MaxInt32)) * time.Second,
		tmpExpiry:      time.Duration(c.number("core", "tmp-expiry-secs", 86400, 0, math.MaxInt32)) * time.Second,
		minFreePercent: c.number("core", "min-free-space-percent", 3, 0, 99),
		minFreeBytes:   c.size("core", "min-free-space-size"),
		tombstones:     c.flag("core", "tombstone-commits", false),
		zlibLevel:      c.number("archive", "zlib-level", 6, 1, 9),
	}
	out.collectionID, _ = f.Get("core", "collection-id")
	if _, both := f.Get("core", "min-free-space-percent"); both && out.minFreeBytes > 0 {
		c.err = errors.Join(c.err, errors.New("config: min-free-space-percent and min-free-space-size exclude each other"))
	}
	return out, c.err
}

// SetConfig gives a key of the config file a value, atomically. The value ""
// removes the key. A running Repo heeds it, all but zlib-level.
func (r *Repo) SetConfig(group, key, value string) error {
	return r.changeConfig(func(f *keyfile.File) bool {
		if old, ok := f.Get(group, key); ok == (value != "") && old == value {
			return false
		}
		if value == "" {
			f.Delete(group, key)
		} else {
			f.Set(group, key, value)
		}
		return true
	})
}

// SetConfigGroup replaces a group of the config file, atomically, by the given
// keys and values. Without any the group is removed.
func (r *Repo) SetConfigGroup(group string, keysAndValues [][2]string) error {
	return r.changeConfig(func(f *keyfile.File) bool {
		f.DeleteGroup(group)
		for _, kv := range keysAndValues {
			f.Set(group, kv[0], kv[1])
		}
		return true
	})
}

// changeConfig writes the config file anew, if change says that it differs.
func (r *Repo) changeConfig(change func(*keyfile.File) bool) (err error) {
	lock, err := r.Lock(context.Background(), "config")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	f, err := r.Config()
	if err != nil {
		return err
	}
	if !change(f) {
		return nil
	}
	parsed, err := parseConfig(f)
	if err != nil {
		return fmt.Errorf("repository %s: %w", r.path, err)
	}
	path := filepath.Join(r.path, "config")
	if err := atomicfile.WriteFile(path, f.Encode(), fileMode); err != nil {
		return err
	}
	r.mu.Lock()
	r.config = parsed
	r.mu.Unlock()
	return os.Chmod(path, fileMode)
}
