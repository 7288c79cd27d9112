package awsbox

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// An identity is who a key belongs to.
type identity struct {
	account string
	arn     string
	id      string    // as GetCallerIdentity's UserId
	token   string    // the session's; empty for the base credentials
	until   time.Time // when the session ends; zero for never
	role    string    // the ARN of the role that was assumed; empty for the base credentials
	tags    map[string]string
}

// A scope is what a signature says about where a request goes.
type scope struct{ key, region, service string }

// scopeOf reads the credential of Signature Version 4:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
func scopeOf(r *http.Request) scope {
	_, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return scope{}
	}
	credential, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return scope{}
	}
	return scope{key: parts[0], region: parts[2], service: parts[3]}
}

// Why a caller isn't let in; each service has its own code for it.
var (
	errUnknownKey = errors.New("the security token included in the request is invalid")
	errExpired    = errors.New("the security token included in the request is expired")
)

// identify finds the owner of the key. The caller holds the lock.
func (s *Server) identify(r *http.Request, scope scope) (identity, error) {
	who, ok := s.sessions[scope.key]
	if !ok || r.Header.Get("X-Amz-Security-Token") != who.token {
		return identity{}, errUnknownKey
	}
	if !who.until.IsZero() && !s.opts.Now().Before(who.until) {
		return who, errExpired
	}
	return who, nil
}
