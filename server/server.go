// Package server serves an archive repository over HTTP to ostree and flatpak
// clients: read-only, and only the files that clients ask for.
//
//	GET /summary /summary.sig /summary.idx /summary.idx.sig   may change: no-cache
//	GET /summaries/HEX.gz /summaries/HEX-HEX.delta            named by content: a year
//	GET /summaries/HEX.idx.sig                                no-cache
//	GET /objects/HH/HEX.{filez,dirtree,dirmeta,commit}        named by content: a year
//	GET /objects/HH/HEX.commitmeta                            signatures are added: no-cache
//	GET /deltas/XX/NAME/{superblock,0,1,...}                  no-cache
//	GET /delta-indexes/XX/NAME.index                          no-cache
//	GET /refs/heads/REF /refs/mirrors/COLLECTION/REF          no-cache
//	GET /config                                               rewritten, no-cache
//	GET /NAME.flatpakrepo                                     the one that Options name
//
// Everything else is 404: other files in the folder, folders, and symbolic
// links that lead elsewhere. Which requests real clients make, and what they
// take from the answers, is in libostree's ostree-fetcher and ostree-repo-pull
// and in flatpak's flatpak-dir.c.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options for New. Only Repo is required.
type Options struct {
	Repo            string        // path of the repository
	FlatpakRepoFile string        // a .flatpakrepo file, served as /<its base name>; empty: none
	AccessLog       func(Access)  // called after each request, from many goroutines at once
	Log             *slog.Logger  // what goes wrong on the server's side; nil: nowhere
	ShutdownGrace   time.Duration // how long Serve lets requests finish; zero: 10 s
	// Clock measures requests for AccessLog, and tells which files are too new
	// to have a Last-Modified. Nil: durations are zero, and what may change
	// goes by its ETag alone.
	Clock func() time.Time
}

// Limits of a connection. A client that reads slower than minRate bytes a
// second is cut, after at least minWrite; it resumes with a Range.
const (
	readHeaderTimeout = 15 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 12 * time.Hour // whatever its size
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	defaultGrace      = 10 * time.Second
	minRate           = 16 << 10
	minWrite          = 2 * time.Minute
)

// A Server is an http.Handler over one repository. Close it.
type Server struct {
	opts        Options
	log         *slog.Logger
	repo        *os.Root
	flatpakRepo string // name under which FlatpakRepoFile is served, or empty
}

// New opens the repository for serving. It refuses a folder that is no archive
// repository, since clients can use no other.
func New(opts Options) (*Server, error) {
	if opts.Repo == "" {
		return nil, errors.New("serving: no repository given")
	}
	s := &Server{opts: opts, log: opts.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if f := opts.FlatpakRepoFile; f != "" {
		s.flatpakRepo = filepath.Base(f)
		if !strings.HasSuffix(f, flatpakRepoSuffix) || !plainName(s.flatpakRepo) {
			return nil, fmt.Errorf("serving %s: the name must end in %s and hold letters, digits, - . _ only", f, flatpakRepoSuffix)
		}
		if info, err := os.Stat(f); err != nil {
			return nil, fmt.Errorf("serving: %w", err)
		} else if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("serving %s: it is not a regular file", f)
		}
	}
	repo, err := os.OpenRoot(opts.Repo)
	if err != nil {
		return nil, fmt.Errorf("serving %s: %w", opts.Repo, err)
	}
	s.repo = repo
	if _, err := s.config(); err != nil {
		return nil, errors.Join(fmt.Errorf("serving %s: %w", opts.Repo, err), repo.Close())
	}
	return s, nil
}

// Close releases the repository.
func (s *Server) Close() error { return s.repo.Close() }

// Serve answers requests on ln until ctx is done, then lets the running ones
// finish for at most ShutdownGrace. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	hs := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- hs.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace := s.opts.ShutdownGrace
	if grace == 0 {
		grace = defaultGrace
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := hs.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		err = hs.Close() // those that are still running have had their time
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
