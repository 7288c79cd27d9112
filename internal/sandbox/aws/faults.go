package awsbox

import (
	"net/http"
	"slices"
	"time"
)

// A Fault is something that goes wrong with one call. The zero Fault is none.
type Fault struct {
	// Delay comes first: the call, or its answer, is held up for so long. Before the effect it also
	// models a request that is carried out although its sender gave up.
	Delay time.Duration
	// Drop cuts the connection without an answer. In an After hook that is the lost response.
	Drop bool
	// Code, if set, is answered as an error with Status (default 500) and Message.
	Code    string
	Status  int
	Message string
}

// A Hook decides about one call. Hooks run without the sandbox's lock, so that they may call its
// methods or wait; they run in the order in which they were added, and the first fault counts.
type Hook func(Call) Fault

// Before adds a hook that runs before the effect: with a Drop or a Code the effect doesn't happen.
// The function returned takes the hook out.
func (s *Server) Before(h Hook) (remove func()) { return s.hook(&s.before, h) }

// After adds a hook that runs after the effect, whether the operation worked or not: with a Drop or
// a Code only the answer is lost. The function returned takes the hook out.
func (s *Server) After(h Hook) (remove func()) { return s.hook(&s.after, h) }

func (s *Server) hook(list *[]Hook, h Hook) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(slices.Clone(*list), h)
	at := len(*list) - 1
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if at < len(*list) {
			changed := slices.Clone(*list)
			changed[at] = func(Call) Fault { return Fault{} } // keeps the places of the others
			*list = changed
		}
	}
}

func (s *Server) hooks(before bool) []Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before {
		return s.before
	}
	return s.after
}

// hooked runs hooks; stop means that answer is what the caller gets.
func (s *Server) hooked(c *call, p protocol, hooks []Hook, requestID string) (answer response, stop bool) {
	for _, h := range hooks {
		f := h(c.Call)
		wait(f.Delay)
		if f.Drop {
			return response{dropped: true}, true
		}
		if f.Code != "" {
			status := f.Status
			if status == 0 {
				status = http.StatusInternalServerError
			}
			return p.fail(c, fail(status, f.Code, "%s", f.Message), requestID), true
		}
	}
	return response{}, false
}
