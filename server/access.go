package server

import (
	"io"
	"net/http"
	"time"
)

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

// A recorder counts what a handler writes, without keeping the kernel from
// sending a file by itself.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom hands a file to the connection, which has sendfile.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) statusCode() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
