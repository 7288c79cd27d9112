package githubbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Fault spoils requests, to see what a client makes of it. Of Status, Reset and LoseAnswer at
// most one is meant; a Delay goes with any of them or alone.
type Fault struct {
	Method string // empty for any
	// Path is a part of the path, such as "/check-runs"; empty for any. Paths of the API are
	// compared without their "/api/v3".
	Path  string
	Skip  int // so many matching requests are let through first
	Count int // how many requests it spoils; 0 for all that follow

	Delay      time.Duration
	Status     int         // answered instead of doing anything
	Message    string      // of that answer; empty for the status's own words
	Header     http.Header // of that answer
	Reset      bool        // the connection breaks before anything is done
	LoseAnswer bool        // the request has its effect, then the connection breaks
}

// SecondaryLimit is GitHub's answer to too many requests at a time. GitHub sends 403 or 429, and
// Retry-After or not; a wait of 0 leaves it out.
func SecondaryLimit(status int, wait time.Duration) Fault {
	f := Fault{
		Status: status, Header: http.Header{},
		Message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
	}
	if wait > 0 {
		f.Header.Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	return f
}

// Inject adds a fault. The first one that matches a request applies.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// A Request is an entry of the log.
type Request struct {
	Method, Path string // the path without the API's base
	Time         time.Time
}

// Write tells whether the request can have changed something: its method isn't GET or HEAD, and it
// isn't git fetching or an App asking for a token.
func (r Request) Write() bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead &&
		!strings.HasSuffix(r.Path, "/git-upload-pack") && !strings.HasSuffix(r.Path, "/access_tokens")
}

// Requests returns the log since ForgetRequests, spoiled requests included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Writes counts the requests of the log that can have changed something.
func (s *Server) Writes() int {
	n := 0
	for _, r := range s.Requests() {
		if r.Write() {
			n++
		}
	}
	return n
}

// ForgetRequests empties the log.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// note logs a request and returns a copy of the fault that it meets, or nil.
func (s *Server) note(kind surface, method, path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{method, path, s.now()})
	if kind == surfaceAPI {
		s.secondary.flying++
	}
	if len(s.requests) > maxLog {
		s.requests = s.requests[len(s.requests)-maxLog/2:]
	}
	for i, f := range s.faults {
		if (f.Method != "" && f.Method != method) || !strings.Contains(path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		found := *f
		if f.Count == 1 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		} else if f.Count > 1 {
			f.Count--
		}
		return &found
	}
	return nil
}

// maxLog bounds the log, because a demo may run for days.
const maxLog = 20000

// before does what a fault does before the request's effect. It returns false when it has
// answered already.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			hangUp(w)
			return false
		}
	}
	switch {
	case f.Reset:
		hangUp(w)
		return false
	case f.Status == 0:
		return true
	}
	message := f.Message
	if message == "" {
		message = http.StatusText(f.Status)
	}
	a := newAnswer()
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	if err := encode(a, errorReply(fail(f.Status, "%s", message))); err != nil {
		a.textf(f.Status, "%v", fmt.Errorf("encode fault: %w", err))
	}
	for k, v := range f.Header {
		a.header[http.CanonicalHeaderKey(k)] = v
	}
	a.send(w, r.Method)
	return false
}
