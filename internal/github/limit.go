package github

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How requests are held back. GitHub's page on rate limits ("Rate limits for the REST API")
// asks for Retry-After first, then for X-RateLimit-Reset if nothing remains, and else for a minute
// that grows.
const (
	secondaryWait    = time.Minute
	secondaryWaitMax = 15 * time.Minute
	limitAttempts    = 5
)

// Limits is what GitHub last said about the hourly limit. The zero value means that it said
// nothing yet.
type Limits struct {
	Limit     int
	Remaining int
	Reset     time.Time
}

// limits is a RoundTripper that obeys GitHub's limits. A limited request is sent again after the
// wait that GitHub asks for, since a limited request has had no effect; if that is longer than
// maxWait, or than the request's context allows, it fails with a *LimitedError at once, and so
// does every later request until that time, without being sent. Safe for concurrent use.
//
// The headers about limits don't reach the client above: go-github keeps its own account of them,
// which knows only some of the cases, and would refuse to send.
type limits struct {
	*gauge // maybe other clients', too

	next    http.RoundTripper
	maxWait time.Duration
}

func (l *limits) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		if err := l.wait(req); err != nil {
			return nil, err
		}
		again, err := resend(req, attempt)
		if err != nil {
			return nil, err
		}
		resp, err := l.next.RoundTrip(again)
		if err != nil {
			return nil, err
		}
		if !l.observe(resp) {
			hideLimits(resp.Header)
			return resp, nil
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		if attempt == limitAttempts {
			return nil, &LimitedError{l.blockedUntil()}
		}
	}
}

// wait returns when requests are welcome again, or fails if that takes too long.
func (l *limits) wait(req *http.Request) error {
	for {
		until := l.blockedUntil()
		pause := time.Until(until)
		if pause <= 0 {
			return nil
		}
		deadline, ok := req.Context().Deadline()
		if pause > l.maxWait || ok && deadline.Before(until) {
			return &LimitedError{until}
		}
		if err := sleep(req.Context(), pause); err != nil {
			return err
		}
	}
}

func (l *limits) blockedUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// last returns what the latest answer said about the hourly limit.
func (l *limits) last() Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// observe learns from an answer and tells whether it says that the request was held back.
func (l *limits) observe(resp *http.Response) (limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	reset, exhausted := l.primary(resp, now)
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		l.strikes = 0
		if exhausted {
			l.block(reset)
		}
		return false
	}
	after, told := retryAfter(resp.Header, now)
	switch {
	case told:
		l.block(after)
	case exhausted:
		l.block(reset)
	case resp.StatusCode == http.StatusTooManyRequests, speaksOfLimit(resp):
		l.block(now.Add(min(secondaryWait<<l.strikes, secondaryWaitMax)))
		l.strikes = min(l.strikes+1, 4)
	default:
		return false // a 403 that is about permissions
	}
	return true
}

// block lets no request pass before t. An earlier promise of a later time stands.
func (l *limits) block(t time.Time) {
	if t.After(l.until) {
		l.until = t
	}
}

// primary reads the hourly limit of the REST API. Other resources, such as search, count apart.
// The reset is a time on GitHub's clock, so it is taken relative to the answer's Date.
func (l *limits) primary(resp *http.Response, now time.Time) (reset time.Time, exhausted bool) {
	h := resp.Header
	if kind := h.Get("X-RateLimit-Resource"); kind != "" && kind != "core" {
		return time.Time{}, false
	}
	remaining, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	reset = now.Add(time.Unix(seconds, 0).Sub(serverTime(h, now)))
	limit, err := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	if err != nil {
		limit = 0
	}
	l.seen = Limits{Limit: limit, Remaining: remaining, Reset: reset}
	return reset, remaining <= 0
}

// serverTime is the answer's Date, or now if it has none.
func serverTime(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return now
}

// retryAfter reads Retry-After in both of its forms (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) (time.Time, bool) {
	value := h.Get("Retry-After")
	if value == "" {
		return time.Time{}, false
	}
	if seconds, err := strconv.Atoi(value); err == nil {
		return now.Add(time.Duration(max(seconds, 1)) * time.Second), true
	}
	if t, err := http.ParseTime(value); err == nil {
		return now.Add(max(t.Sub(serverTime(h, now)), time.Second)), true
	}
	return time.Time{}, false
}

// speaksOfLimit tells whether the body is GitHub's message about a secondary limit, which may
// come without any header. The body can be read again afterwards.
func speaksOfLimit(resp *http.Response) bool {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body = readCloser{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	if err != nil {
		return false
	}
	text := strings.ToLower(string(body))
	return strings.Contains(text, "secondary rate limit") || strings.Contains(text, "abuse detection")
}

type readCloser struct {
	io.Reader
	io.Closer
}

func hideLimits(h http.Header) {
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Used", "Retry-After"} {
		h.Del(name)
	}
}
