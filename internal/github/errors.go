package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Errors that a caller decides by. They come wrapped with the operation and the object.
var (
	// ErrLimited: GitHub asks us to wait for longer than a call may take; nothing is sent until
	// then. The error is a *LimitedError, which knows the time. Try again later.
	ErrLimited = errors.New("GitHub's request limit is used up")
	// ErrCredentials: GitHub doesn't accept the App's key or the token. Trying again is useless.
	ErrCredentials = errors.New("GitHub refuses the credentials")
	// ErrNotInstalled: the App exists and isn't installed on the repository, or was suspended.
	ErrNotInstalled = errors.New("the GitHub App is not installed on this repository")
	// ErrDenied: the credentials are good and lack a permission.
	ErrDenied = errors.New("GitHub denies the permission")
	// ErrGrants: the App was granted less than it needs, or more than it may have.
	ErrGrants = errors.New("the GitHub App's permissions are not Tenantry's")
	// ErrNoDifference: the watched branch already has all that the proposal says, so there is
	// nothing to open a pull request for.
	ErrNoDifference = errors.New("the branch already has this content")
)

// A LimitedError says until when GitHub wants no requests. It is an ErrLimited.
type LimitedError struct{ Until time.Time }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("%v until %s", ErrLimited, e.Until.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrLimited) true.
func (e *LimitedError) Is(target error) bool { return target == ErrLimited }

// An opError is an error of one operation, with every token taken out of its text. What it wraps
// decides errors.Is and errors.As and is never printed.
type opError struct {
	text  string
	cause []error
}

func (e *opError) Error() string   { return e.text }
func (e *opError) Unwrap() []error { return e.cause }

// fail wraps an error with the operation, adds the sentinel that its status stands for, and
// redacts it. It returns nil for nil.
func fail(operation string, err error) error {
	if err == nil {
		return nil
	}
	var (
		done     *opError
		redirect *url.Error
	)
	if errors.As(err, &done) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &opError{redact(operation + ": " + err.Error()), []error{err}}
	}
	cause := []error{err}
	switch statusOf(err) {
	case http.StatusUnauthorized:
		cause = append(cause, ErrCredentials)
	case http.StatusForbidden:
		cause = append(cause, ErrDenied)
	}
	if errors.As(err, &redirect) {
		err = redirect.Err // the address says nothing that the operation doesn't
	}
	text := operation + ": " + err.Error()
	for _, sentinel := range cause[1:] {
		text = operation + ": " + sentinel.Error() + ": " + err.Error()
	}
	return &opError{redact(text), cause}
}

// statusOf is the HTTP status of GitHub's answer, or 0 if the error is none.
func statusOf(err error) int {
	var answer *gh.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

// gone tells whether GitHub says that the object doesn't exist.
func gone(err error) bool {
	status := statusOf(err)
	return status == http.StatusNotFound || status == http.StatusGone
}

// secretText matches what GitHub's tokens and signed assertions look like: gh?_…, github_pat_…
// and JSON Web Tokens. Their length and alphabet have changed before, so both are taken widely.
var secretText = regexp.MustCompile(`\b(gh[a-z]_|github_pat_)[A-Za-z0-9_.=+/-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.=-]+`)

// redact takes tokens out of a text.
func redact(text string) string { return secretText.ReplaceAllString(text, masked) }
