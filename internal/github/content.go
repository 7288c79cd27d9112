package github

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// GitHub's limits for requests that make content, "in general": what people are notified of.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
const (
	contentPerMinute = 80
	contentPerHour   = 500
)

// content is a RoundTripper that keeps below the limits for requests that make content. One that would
// be above waits, and fails with a *LimitedError if that takes longer than maxWait; all others pass, so
// that checks go on where comments can't. Safe for concurrent use.
type content struct {
	*tally
	next    http.RoundTripper
	maxWait time.Duration
}

// A tally counts the requests that made content. Clients that GitHub counts as one share it.
type tally struct {
	mu     sync.Mutex
	flying int
	made   []time.Time // when each of the last hour was answered, the oldest first
}

func (c *content) RoundTrip(req *http.Request) (*http.Response, error) {
	if !makesContent(req) {
		return c.next.RoundTrip(req)
	}
	for {
		until := c.take(time.Now())
		if until.IsZero() {
			break
		}
		deadline, ok := req.Context().Deadline()
		if time.Until(until) > c.maxWait || ok && deadline.Before(until) {
			return nil, &LimitedError{until}
		}
		if err := sleep(req.Context(), time.Until(until)); err != nil {
			return nil, err
		}
	}
	defer c.done()
	return c.next.RoundTrip(req)
}

// take takes a place among the requests of this time, or returns when there may be one.
func (c *tally) take(now time.Time) (until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.made) > 0 && now.Sub(c.made[0]) >= time.Hour {
		c.made = c.made[1:]
	}
	for _, limit := range []struct {
		n      int
		window time.Duration
	}{{contentPerHour, time.Hour}, {contentPerMinute, time.Minute}} {
		if room := limit.n - c.flying; room <= 0 {
			return now.Add(time.Second)
		} else if len(c.made) >= room {
			if free := c.made[len(c.made)-room].Add(limit.window); free.After(now) {
				return free
			}
		}
	}
	c.flying++
	return time.Time{}
}

func (c *tally) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
	c.made = append(c.made, time.Now())
}

func makesContent(req *http.Request) bool {
	if req.Method != http.MethodPost {
		return false
	}
	for _, end := range []string{"/comments", "/issues", "/pulls", "/reviews"} {
		if strings.HasSuffix(req.URL.Path, end) {
			return true
		}
	}
	return false
}
