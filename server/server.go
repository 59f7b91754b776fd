// Package server serves an archive repository over HTTP to ostree and flatpak
// clients: read-only, and only the files that clients ask for.
package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Options for New. Only Repo is required.
type Options struct {
	Repo            string        // path of the repository
	FlatpakRepoFile string        // a .flatpakrepo file, served as /<its base name>; empty: none
	AccessLog       func(Access)  // called after each request, from many goroutines at once
	ShutdownGrace   time.Duration // how long Serve lets requests finish; zero: 10 s
	Clock           func() time.Time
}

// An Access is one answered request.
type Access struct {
	Remote   string // address of the client
	Method   string
	Path     string // as asked, decoded
	Status   int
	Bytes    int64 // of the body
	Duration time.Duration
	Agent    string // User-Agent
	Ref      string // Flatpak-Ref header: what a flatpak client installs or updates
}

// A Server is an http.Handler over one repository. Close it.
type Server struct {
	opts Options
}

// New opens the repository for serving.
func New(opts Options) (*Server, error) {
	if opts.Repo == "" {
		return nil, errors.New("serving: no repository given")
	}
	return &Server{opts: opts}, nil
}

// Close releases the repository.
func (s *Server) Close() error { return nil }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// Serve answers requests on ln until ctx is done, then lets the running ones
// finish for at most ShutdownGrace. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error { return ln.Close() }
