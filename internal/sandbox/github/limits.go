package githubbox

import (
	"net/http"
	"strconv"
	"time"
)

// window is the length of time that the primary rate limit counts over.
const window = time.Hour

// limits count requests by caller.
type limits struct {
	max  int
	used map[string]*usage
}

type usage struct {
	n     int
	reset time.Time
}

func newLimits(limit int) limits {
	if limit == 0 {
		limit = 5000
	}
	return limits{max: limit, used: map[string]*usage{}}
}

func (l *limits) of(key string, now time.Time) *usage {
	u := l.used[key]
	if u == nil || !now.Before(u.reset) {
		u = &usage{reset: now.Add(window)}
		l.used[key] = u
	}
	return u
}

// check refuses a caller that has used up its requests.
func (l *limits) check(key string, now time.Time, counts bool, h http.Header) error {
	u := l.of(key, now)
	if !counts || u.n < l.max {
		return nil
	}
	return fail(http.StatusForbidden, "API rate limit exceeded for %s.", key)
}

// finish counts a request and writes the headers. An answer of 304 to somebody known is free.
func (l *limits) finish(a *answer, key string, now time.Time, counts bool) {
	u := l.of(key, now)
	free := a.status == http.StatusNotModified && key != "anonymous"
	if counts && !free && u.n < l.max {
		u.n++
	}
	set := func(name string, n int64) {
		if a.header.Get(name) == "" {
			a.header.Set(name, strconv.FormatInt(n, 10))
		}
	}
	set("X-RateLimit-Limit", int64(l.max))
	set("X-RateLimit-Remaining", int64(l.max-u.n))
	set("X-RateLimit-Used", int64(u.n))
	set("X-RateLimit-Reset", u.reset.Unix())
	a.header.Set("X-RateLimit-Resource", "core")
}

// Exhaust uses up what is left of a caller's requests in this hour. The key is a login; an App's
// is that of its bot.
func (s *Server) Exhaust(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.of(login, s.now()).n = s.limits.max
}

func (c *call) rateLimit() (reply, error) {
	u := c.s.limits.of(c.by.key(), c.s.now())
	core := object{
		"limit": c.s.limits.max, "remaining": c.s.limits.max - u.n, "used": u.n, "reset": u.reset.Unix(), "resource": "core",
	}
	search := object{"limit": 30, "remaining": 30, "used": 0, "reset": u.reset.Unix(), "resource": "search"}
	return ok(object{"resources": object{"core": core, "search": search}, "rate": core})
}
