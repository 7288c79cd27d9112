package github

import (
	"strings"
	"sync"
	"time"
)

// Traffic is where clients of one process meet that GitHub counts as one: those of an App for the repositories
// of one owner, which is one installation, and those of one token. Made with the same Traffic, they write one at
// a time, and what one of them is told to wait for, all of them wait for ("Rate limits for the REST API", "Best
// practices for using the REST API"). The zero Traffic is ready to use. Safe for concurrent use.
type Traffic struct {
	mu    sync.Mutex
	lanes map[payer]*lane
}

// A payer is whom GitHub counts requests against.
type payer struct {
	api   string
	app   int64
	owner string // of the installation; empty for the App itself
	token Secret // if there is no App
}

// A lane is what the requests of one payer share.
type lane struct {
	gauge gauge
	gate  gate
	tally tally
}

// lane returns the one of a payer, for writes that are interval apart at least. Without Traffic each client has its
// own.
func (t *Traffic) lane(p payer, interval time.Duration) *lane {
	l := &lane{}
	if t != nil {
		p.owner = strings.ToLower(p.owner)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.lanes == nil {
			t.lanes = map[payer]*lane{}
		}
		if t.lanes[p] == nil {
			t.lanes[p] = l
		}
		l = t.lanes[p]
	}
	l.gate.mu.Lock()
	defer l.gate.mu.Unlock()
	l.gate.interval = max(l.gate.interval, interval)
	return l
}

// A gauge is what is known of GitHub's limits.
type gauge struct {
	mu      sync.Mutex
	until   time.Time // no request before this time
	strikes int       // secondary limits in a row that named no time
	seen    Limits
}
