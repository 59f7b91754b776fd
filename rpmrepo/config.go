package rpmrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// RepoConfig is one repository, as a section of a .repo file describes it.
type RepoConfig struct {
	ID   string
	Name string

	// Where it is: the first of Metalink, MirrorList and BaseURLs that is
	// set. URLs (http, https, file) or absolute paths.
	Metalink   string
	MirrorList string
	BaseURLs   []string

	Enabled        bool
	Priority       int // the lower one wins; 99 when unset
	Cost           int // the lower one wins among equal priorities; 1000 when unset
	Excludes       []string
	Includes       []string // empty: all packages
	ModuleHotfixes bool     // packages are exempt from module filtering
	NoGroups       bool     // enablegroups=0

	GPGCheck     bool     // packages must be signed
	RepoGPGCheck bool     // repomd.xml must be signed
	GPGKeys      []string // URLs or absolute paths of the keys

	Transport Transport

	// Vars are those that were substituted; mirror lists may use them, too.
	Vars Vars
	// File and Line are where it is defined; empty for a plain directory.
	File string
	Line int

	problem error // why it cannot be used; reading it is no error yet
}

// Transport is how a repository's servers are reached. Zero values mean the
// client's own settings.
type Transport struct {
	Proxy              string // URL, credentials included
	NoProxy            bool   // ask the servers directly
	Username, Password string
	UserAgent          string
	CAFile             string
	CertFile, KeyFile  string
	InsecureTLS        bool
	IPVersion          int // 4 or 6
	Timeout            time.Duration
	MinRate            int64
	Retries            int
	MaxPerHost         int
}

// Warning is something in a .repo file that has no effect, or not the one
// that its author expects.
type Warning struct {
	File string
	Line int
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text) }

// ReadOptions configure reading .repo files.
type ReadOptions struct {
	Vars Vars
	// Warn hears of what is not honoured; nil drops it.
	Warn func(Warning)
}

// ReadRepoFiles reads every .repo file of a folder, in the order of their
// names. A repository that is defined twice is an error.
func ReadRepoFiles(dir string, opts ReadOptions) ([]RepoConfig, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for .repo files: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".repo"); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var repos []RepoConfig
	seen := map[string]RepoConfig{}
	for _, name := range names {
		more, err := ReadRepoFile(filepath.Join(dir, name+".repo"), opts)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			if first, ok := seen[r.ID]; ok {
				return nil, fmt.Errorf("%s:%d: repository %s is defined already at %s:%d", r.File, r.Line, r.ID, first.File, first.Line)
			}
			seen[r.ID] = r
		}
		repos = append(repos, more...)
	}
	return repos, nil
}

// maxRepoFile bounds a .repo file.
const maxRepoFile = 4 << 20

// ReadRepoFile reads one .repo file. Relative paths in it start at its folder.
func ReadRepoFile(path string, opts ReadOptions) ([]RepoConfig, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a .repo file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxRepoFile {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", path, maxRepoFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a .repo file: %w", err)
	}
	return ParseRepoFile(string(data), path, opts)
}

// ParseRepoFile reads the text of a .repo file that lies at the absolute path.
func ParseRepoFile(text, path string, opts ReadOptions) ([]RepoConfig, error) {
	sections, err := parseINI(text)
	if err != nil {
		return nil, atFile(path, err)
	}
	var repos []RepoConfig
	ids := map[string]int{}
	for _, s := range sections {
		p := sectionParser{file: path, section: s, opts: opts}
		if s.name == "main" {
			p.warn(s.line, "[main] of a .repo file is not read, by dnf neither: put the keys into the repositories' sections")
			continue
		}
		repo, err := p.parse()
		if err != nil {
			return nil, atFile(path, err)
		}
		if line, ok := ids[repo.ID]; ok {
			return nil, fmt.Errorf("%s:%d: repository %s is defined already in line %d", path, s.line, repo.ID, line)
		}
		ids[repo.ID] = s.line
		repos = append(repos, repo)
	}
	return repos, nil
}

// atFile turns a lineError into file:line.
func atFile(path string, err error) error {
	var at *lineError
	if errors.As(err, &at) {
		return fmt.Errorf("%s:%d: %w", path, at.line, at.err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// DirConfig is the repository in a plain directory that has repodata/. It is
// enabled, its packages need no signature, and its ID is the directory's name.
func DirConfig(dir string) (RepoConfig, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return RepoConfig{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, "repodata", "repomd.xml")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return RepoConfig{}, fmt.Errorf("%s is no repository: it has no repodata/repomd.xml (createrepo_c %s makes it)", dir, dir)
		}
		return RepoConfig{}, fmt.Errorf("looking at a repository: %w", err)
	}
	repo := newRepoConfig(cleanID(filepath.Base(dir)))
	repo.BaseURLs = []string{dir}
	return repo, nil
}

// newRepoConfig returns dnf's defaults.
func newRepoConfig(id string) RepoConfig {
	return RepoConfig{ID: id, Name: id, Enabled: true, Priority: 99, Cost: 1000}
}

// cleanID replaces the characters that IDs cannot have.
func cleanID(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && idByte(byte(r)) {
			return r
		}
		return '-'
	}, name)
}

func idByte(c byte) bool { return isWord(c) || c == '-' || c == '.' || c == ':' }

// position names the repository with the place of its definition.
func (c *RepoConfig) position() string {
	if c.File == "" {
		return "repository " + c.ID
	}
	return fmt.Sprintf("repository %s (%s:%d)", c.ID, c.File, c.Line)
}

// Check reports why the repository cannot be used: an unset variable in an
// address, or no address at all.
func (c *RepoConfig) Check() error {
	err := c.problem
	if err == nil && c.Metalink == "" && c.MirrorList == "" && len(c.BaseURLs) == 0 {
		err = errors.New("has no baseurl, mirrorlist or metalink")
	}
	if err == nil && (c.GPGCheck || c.RepoGPGCheck) && len(c.GPGKeys) == 0 {
		err = errors.New("wants signatures (gpgcheck or repo_gpgcheck) but has no gpgkey: name the key's file or URL; keys of the build host are never used")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.position(), err)
	}
	return nil
}
