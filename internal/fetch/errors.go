package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// ErrNotFound says that there is no such file: answers 404, 410 and 403 (what
// object stores say of a file that is not there), and absent local files.
var ErrNotFound = errors.New("not found")

// StatusError is an answer other than success. It is ErrNotFound when its
// code says so.
type StatusError struct {
	URL    string // without password
	Code   int
	Status string // the code with the server's words
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: the server answered %s", e.URL, e.Status)
}

// Is makes errors.Is(err, ErrNotFound) true for absent files.
func (e *StatusError) Is(target error) bool {
	return target == ErrNotFound &&
		(e.Code == http.StatusNotFound || e.Code == http.StatusGone || e.Code == http.StatusForbidden)
}

// TooLargeError says that a file is larger than the caller allows.
type TooLargeError struct {
	URL string
	Max int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: larger than the %d bytes that are allowed", e.URL, e.Max)
}

// ChecksumError says that a file is not the expected one.
type ChecksumError struct {
	URL       string
	Got, Want Checksum
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s: its checksum is %s, expected %s", e.URL, e.Got, e.Want)
}

// SizeError says that a file has not the expected size.
type SizeError struct {
	URL       string
	Got, Want int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: its size is %d bytes, expected %d", e.URL, e.Got, e.Want)
}

type redirectError struct{ reason string }

func (e *redirectError) Error() string { return e.reason }

var (
	errNoAnswer = errors.New("no answer in time")
	errTooSlow  = errors.New("the transfer is too slow")
)

// Temporary reports whether err may pass by itself: worth another attempt, or
// another mirror later.
func Temporary(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var status *StatusError
	if errors.As(err, &status) {
		return temporaryStatus(status.Code)
	}
	var (
		tooLarge  *TooLargeError
		size      *SizeError
		checksum  *ChecksumError
		redirect  *redirectError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		alert     tls.AlertError
		dns       *net.DNSError
		op        *net.OpError
		urlErr    *url.Error
	)
	switch {
	case errors.As(err, &tooLarge), errors.As(err, &size), errors.As(err, &checksum), errors.As(err, &redirect):
		return false
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &alert):
		return false
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, errNoAnswer), errors.Is(err, errTooSlow), errors.Is(err, errCut), errors.As(err, &op):
		return true
	}
	return errors.As(err, &urlErr) // what remains is the transport's: EOF, GOAWAY, stream errors
}

func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
