package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// stagingDir is where files wait, on the same file system, to be renamed into
// place. Whoever holds the publish lock owns it.
const stagingDir = "tmp/publish"

// staging collects the changes to the repository's files and then makes them,
// one step after the other.
type staging struct {
	repo    string
	now     time.Time
	fault   func(step string) error
	steps   []step
	seen    map[string]bool
	written []string
}

// A step is one change that clients can see: a staged file that is renamed to
// path, or something else that run does.
type step struct {
	path   string
	staged string // "" removes path
	run    func() error
}

// newStaging empties what a killed run left behind.
func newStaging(repo string, now time.Time, fault func(string) error) (*staging, error) {
	s := &staging{repo: repo, now: now, fault: fault, seen: map[string]bool{}}
	if err := os.RemoveAll(s.file(stagingDir)); err != nil {
		return nil, err
	}
	return s, os.MkdirAll(s.file(stagingDir), 0o777)
}

func (s *staging) close() error { return os.RemoveAll(s.file(stagingDir)) }

func (s *staging) file(name string) string { return filepath.Join(s.repo, filepath.FromSlash(name)) }

// add stages the content of a file of the repository, on disk.
func (s *staging) add(name string, data []byte) error {
	if s.seen[name] {
		return nil // named by its content: two sub-summaries can be alike
	}
	staged := s.file(path.Join(stagingDir, strconv.Itoa(len(s.steps))))
	if err := writeSynced(staged, data); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	// HTTP caches compare whole seconds.
	modified := s.now
	if old, err := os.Stat(s.file(name)); err == nil && !modified.Truncate(time.Second).After(old.ModTime()) {
		modified = old.ModTime().Truncate(time.Second).Add(time.Second)
	}
	if err := os.Chtimes(staged, modified, modified); err != nil {
		return err
	}
	s.seen[name] = true
	s.steps = append(s.steps, step{path: name, staged: staged})
	return nil
}

func writeSynced(name string, data []byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, f) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// remove stages the removal of a file.
func (s *staging) remove(name string) { s.steps = append(s.steps, step{path: name}) }

// do stages an action, which name describes.
func (s *staging) do(name string, run func() error) {
	s.steps = append(s.steps, step{path: name, run: run})
}

// publish makes the changes in the order in which they were staged. A file in
// a folder is durable before one at the top, which may name it, is seen. Those
// at the top follow each other without a pause: one is the other's signature.
func (s *staging) publish() error {
	folders := map[string]bool{}
	for _, st := range s.steps {
		if s.fault != nil {
			if err := s.fault(st.path); err != nil {
				return err
			}
		}
		dir := path.Dir(st.path)
		if dir == "." {
			if err := s.sync(folders); err != nil {
				return err
			}
		}
		if err := s.publishStep(st); err != nil {
			return fmt.Errorf("publishing %s: %w", st.path, err)
		}
		for ; dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	if len(s.steps) > 0 {
		folders["."] = true
	}
	return s.sync(folders)
}

// sync makes the names in folders durable, and forgets them.
func (s *staging) sync(folders map[string]bool) error {
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		if err := syncDir(s.file(name)); err != nil {
			return err
		}
	}
	clear(folders)
	return nil
}

func (s *staging) publishStep(st step) error {
	if st.run != nil {
		return st.run()
	}
	target := s.file(st.path)
	if st.staged == "" {
		if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	if err := os.Rename(st.staged, target); err != nil {
		return err
	}
	s.written = append(s.written, st.path)
	return nil
}

func syncDir(name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, f) }()
	return f.Sync()
}
