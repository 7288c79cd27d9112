package github

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A class says how soon a write goes out when several wait.
type class int

// The classes. A write that nobody said anything about is a report.
const (
	classReport class = iota // nobody waits for it: proposals, labels, deployments
	classAside               // all is well, and somebody waits for something else
	classAnswer              // somebody waits for it
	classSign                // the first sign of life for what somebody did
)

// ageing is how long a write waits until it counts as one class higher, so that none waits for ever.
const ageing = time.Minute

type classKey struct{}

// withClass says how urgent the writes are that are made with the context.
func withClass(ctx context.Context, c class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

func classOf(ctx context.Context) class {
	c, _ := ctx.Value(classKey{}).(class)
	return c
}

// A gate lets writes pass one at a time, and the next one when interval is over since the one before
// was answered, as GitHub's "Best practices for using the REST API" asks for. Who is next is decided
// when the time has come: the highest class first, and within one whoever has waited longest. Safe
// for concurrent use.
type gate struct {
	interval time.Duration

	mu      sync.Mutex
	waiting []*ticket // in the order of their coming
	busy    bool
	alarm   bool // arrange will be called by itself
	free    time.Time
}

// A ticket is one write that waits.
type ticket struct {
	due time.Time // when it came, less ageing for each class
	in  chan struct{}
}

// enter waits for the turn of a write. Whoever enters leaves.
func (g *gate) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := &ticket{due: time.Now().Add(-time.Duration(classOf(ctx)) * ageing), in: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, t)
	g.arrange()
	g.mu.Unlock()
	select {
	case <-t.in:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := slices.Index(g.waiting, t); at >= 0 {
		g.waiting = slices.Delete(g.waiting, at, at+1)
		return context.Cause(ctx)
	}
	g.busy = false // its turn came just now
	g.arrange()
	return context.Cause(ctx)
}

// leave gives the turn back. sent tells that something was sent, so that the next write has to wait.
func (g *gate) leave(sent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = false
	if sent {
		g.free = time.Now().Add(g.interval)
	}
	g.arrange()
}

// arrange lets the next one in, if nobody is in and the time has come. Its caller holds the lock.
func (g *gate) arrange() {
	if g.busy || g.alarm || len(g.waiting) == 0 {
		return
	}
	if pause := time.Until(g.free); pause > 0 {
		g.alarm = true
		time.AfterFunc(pause, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.alarm = false
			g.arrange()
		})
		return
	}
	next := 0
	for i, t := range g.waiting {
		if t.due.Before(g.waiting[next].due) {
			next = i
		}
	}
	close(g.waiting[next].in)
	g.waiting = slices.Delete(g.waiting, next, next+1)
	g.busy = true
}

// ready returns when a write of this context would be sent without delay. Whoever reads something
// right before writing it calls this first, so that the pause isn't between the two.
func (g *gate) ready(ctx context.Context) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	g.leave(false)
	return nil
}

// paced is a RoundTripper whose writes go through a gate. Reads pass, and so does what an App asks a
// token with: everything else waits for that.
type paced struct {
	next http.RoundTripper
	gate *gate
}

func (p paced) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead || strings.HasSuffix(req.URL.Path, "/access_tokens") {
		return p.next.RoundTrip(req)
	}
	if err := p.gate.enter(req.Context()); err != nil {
		return nil, err
	}
	defer p.gate.leave(true)
	return p.next.RoundTrip(req)
}
