package githubbox

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Secondary are GitHub's limits beside the hourly one, and the pause between writes that it asks for. A
// number of 0 is no limit.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
type Secondary struct {
	Points     int           // a minute: one for a read, five for a write
	PerMinute  int           // requests that make content: comments, issues, pull requests, reviews
	PerHour    int           // the same
	Gap        time.Duration // between the answer to a write and the next one
	Concurrent int           // requests at the same time
	// Minute is what counts as one; a test may have little time. The hour has sixty of them.
	Minute time.Duration
}

// GitHubsLimits are the numbers that GitHub documents.
func GitHubsLimits() Secondary {
	return Secondary{Points: 900, PerMinute: 80, PerHour: 500, Gap: time.Second, Concurrent: 100, Minute: time.Minute}
}

// secondary is the state of the limits, by caller.
type secondary struct {
	Secondary
	flying  int
	points  map[string][]spent
	content map[string][]time.Time
	written map[string]time.Time
	broken  map[string]int
}

type spent struct {
	at     time.Time
	points int
}

// Limit switches GitHub's secondary limits on, and forgets what was counted, also of the hour.
func (s *Server) Limit(l Secondary) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.Minute = cmp.Or(l.Minute, time.Minute)
	s.limits.used = map[string]*usage{}
	s.secondary = secondary{
		Secondary: l, flying: s.secondary.flying, points: map[string][]spent{}, content: map[string][]time.Time{},
		written: map[string]time.Time{}, broken: map[string]int{},
	}
}

// Broken counts how often each of the limits was broken since they were switched on.
func (s *Server) Broken() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.secondary.broken)
}

// isWrite leaves out what an App asks a token with, which nothing can wait for.
func isWrite(method, path string) bool { return Request{Method: method, Path: path}.Write() }

// makesContent tells whether a request makes what people are notified of.
func makesContent(method, path string) bool {
	if method != http.MethodPost {
		return false
	}
	for _, end := range []string{"/comments", "/issues", "/pulls", "/reviews"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}

// check counts a request and refuses it if that breaks a limit.
func (l *secondary) check(key, method, path string, now time.Time, h http.Header) error {
	if l.Minute == 0 || key == "anonymous" {
		return nil
	}
	write := isWrite(method, path)
	recent := l.points[key]
	for len(recent) > 0 && now.Sub(recent[0].at) >= l.Minute {
		recent = recent[1:]
	}
	cost, total := 1, 0
	if write {
		cost = 5
	}
	for _, s := range recent {
		total += s.points
	}
	l.points[key] = append(recent, spent{now, cost})
	switch {
	case l.Points > 0 && total+cost > l.Points:
		return l.refuse("points", h)
	case l.Concurrent > 0 && l.flying > l.Concurrent:
		return l.refuse("concurrent requests", h)
	case write && l.Gap > 0 && now.Sub(l.written[key]) < l.Gap:
		return l.refuse("pause between writes", h)
	case !makesContent(method, path):
		return nil
	}
	made := l.content[key]
	for len(made) > 0 && now.Sub(made[0]) >= 60*l.Minute {
		made = made[1:]
	}
	minute := 0
	for _, at := range made {
		if now.Sub(at) < l.Minute {
			minute++
		}
	}
	l.content[key] = append(made, now)
	switch {
	case l.PerMinute > 0 && minute >= l.PerMinute:
		return l.refuse("content a minute", h)
	case l.PerHour > 0 && len(made) >= l.PerHour:
		return l.refuse("content an hour", h)
	}
	return nil
}

func (l *secondary) refuse(limit string, h http.Header) error {
	l.broken[limit]++
	h.Set("Retry-After", strconv.Itoa(max(1, int(l.Minute/time.Second))))
	return fail(http.StatusForbidden, "You have exceeded a secondary rate limit (%s). Please wait a few minutes before you try again.", limit)
}

// wrote notes when a write was answered.
func (l *secondary) wrote(key, method, path string, now time.Time) {
	if l.Minute != 0 && isWrite(method, path) {
		l.written[key] = now
	}
}
