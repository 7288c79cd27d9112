package aws

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tenantry.dev/providers"
)

const (
	// recovery is how long a rate takes to come back from nothing to what it was, evenly.
	recovery = 2 * time.Minute
	// slowest is the part of its rate that a limiter keeps however often it is throttled.
	slowest = 1.0 / 64
	// courtesy is how long a call in the background gives way to calls that people wait for. After that
	// it takes its turn with them, so that a scan comes to an end on a busy day, too.
	courtesy = 10 * time.Second
)

// A pace is the rate at which calls may be made, as the answers to them have shown: it halves when one
// is refused for coming too fast, and then grows evenly. The zero value of cut is a pace that was never
// cut.
type pace struct {
	full rate.Limit // what the table allows
	low  rate.Limit // what was left at the last cut
	cut  time.Time  // when that was
}

// rate is the pace at a time.
func (p pace) rate(now time.Time) rate.Limit {
	if p.cut.IsZero() {
		return p.full
	}
	return min(p.full, p.low+p.full*rate.Limit(now.Sub(p.cut).Seconds()/recovery.Seconds()))
}

// throttled is the pace after a refusal of a call that was sent at a time. Calls that were sent before
// the last cut were sent at the pace before it, and so say nothing about this one.
func (p pace) throttled(sent, now time.Time) pace {
	if !p.cut.IsZero() && sent.Before(p.cut) {
		return p
	}
	return pace{full: p.full, low: max(p.rate(now)/2, p.full*slowest), cut: now}
}

// A limiter holds back the calls that count against one quota. Those that people wait for go first: of
// the others one at a time stands in line with them, and only when no person waits or when courtesy is
// over. Safe for concurrent use.
type limiter struct {
	tokens *rate.Limiter
	turn   chan struct{} // held by the call in the background that is next

	mu     sync.Mutex
	pace   pace
	people int           // calls that people wait for and that have to wait
	nobody chan struct{} // closed when there are none any more; nil while there are none
}

// newLimiter makes a limiter whose burst is one second's worth.
func newLimiter(full rate.Limit) *limiter {
	return &limiter{tokens: rate.NewLimiter(full, burst(full)), turn: make(chan struct{}, 1), pace: pace{full: full}}
}

func burst(limit rate.Limit) int { return max(1, int(limit)) }

// wait returns when a call may be sent, and with an error if ctx ends before that.
func (l *limiter) wait(ctx context.Context) error {
	l.adapt()
	if !providers.Background(ctx) {
		l.enter()
		defer l.leave()
		return l.tokens.Wait(ctx)
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.giveWay(ctx); err != nil {
		return err
	}
	return l.tokens.Wait(ctx)
}

// giveWay waits until no call that people wait for has to wait, for as long as courtesy demands.
func (l *limiter) giveWay(ctx context.Context) error {
	over := time.NewTimer(courtesy)
	defer over.Stop()
	for {
		l.mu.Lock()
		nobody := l.nobody
		l.mu.Unlock()
		if nobody == nil {
			return nil
		}
		select {
		case <-nobody:
		case <-over.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *limiter) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.people++; l.people == 1 {
		l.nobody = make(chan struct{})
	}
}

func (l *limiter) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.people--; l.people == 0 {
		close(l.nobody)
		l.nobody = nil
	}
}

// throttled slows down after a refusal of a call that was sent at a time.
func (l *limiter) throttled(sent time.Time) {
	l.mu.Lock()
	l.pace = l.pace.throttled(sent, time.Now())
	l.mu.Unlock()
	l.adapt()
}

// adapt sets the rate that the pace allows by now.
func (l *limiter) adapt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit := l.pace.rate(time.Now()); limit != l.tokens.Limit() {
		l.tokens.SetLimit(limit)
		l.tokens.SetBurst(burst(limit))
	}
}
