package reconciler

import (
	"context"
	"maps"
	"sync"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const (
	// firstWord is how long an application goes on before its check says how far it is. Most are over by then.
	firstWord = 15 * time.Second
	// rarest is the longest time between two such words.
	rarest = 2 * time.Minute
	// wordTimeout bounds the writing of one, and with that how long the result may have to wait for it.
	wordTimeout = 20 * time.Second
)

// A narrator has the check of a commit say how far its application is: rarely, and never when there is nothing
// new to say. That is a courtesy: it holds up no write and fails nothing.
type narrator struct {
	daemon *Daemon
	quit   chan struct{} // closed to end it
	ended  chan struct{} // closed when it has

	mu    sync.Mutex
	so    report.Result // without outcomes
	by    map[resource.Address]changeset.Outcome
	fresh bool // something came since the last word
}

// narrate begins to tell of an application. The caller stops it.
func (d *Daemon) narrate(ctx context.Context) *narrator {
	n := &narrator{daemon: d, quit: make(chan struct{}), ended: make(chan struct{})}
	go n.run(ctx)
	return n
}

// stop ends it, once, and waits for the word that is being written, so that none comes after whatever is said then.
func (n *narrator) stop() {
	close(n.quit)
	<-n.ended
}

// begin takes up a pass: what it set out to do, and what became of the passes before.
func (n *narrator) begin(r *result, cs changeset.Changeset) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.so, n.by = r.report(), maps.Clone(r.outcomes)
	n.so.Planned = cs
	if n.so.Digest == "" {
		n.so.Digest = cs.Digest
	}
	if n.by == nil {
		n.by = map[resource.Address]changeset.Outcome{}
	}
}

// hear takes an outcome as it comes.
func (n *narrator) hear(o changeset.Outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.by[o.Address], n.fresh = o, true
}

// news is the check as of now. False if nothing has changed since the last time.
func (n *narrator) news(now time.Time) (Check, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.fresh {
		return Check{}, false
	}
	n.fresh = false
	so := n.so
	so.Outcomes, so.Now = sortedOutcomes(n.by), now
	title, text := report.Applying(so)
	return Check{Name: checkApply, Commit: Commit(so.Commit), Title: title, Summary: text, ExternalID: so.Digest}, true
}

func (n *narrator) run(ctx context.Context) {
	defer close(n.ended)
	started, troubled := time.Now(), false
	timer := time.NewTimer(firstWord)
	defer timer.Stop()
	for {
		select {
		case <-n.quit:
			return
		case <-timer.C:
		}
		if c, ok := n.news(time.Now().UTC()); ok {
			if err := n.write(ctx, c); err != nil && !troubled {
				troubled = true
				n.daemon.Log.Warn("the check doesn't say how far the commit is; that changes nothing else", "commit", c.Commit.Short(), "error", err)
			}
		}
		timer.Reset(pace(time.Since(started)))
	}
}

// write is seen through when the run is told to end: what was sent half may arrive after what is said then.
func (n *narrator) write(ctx context.Context, c Check) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wordTimeout)
	defer cancel()
	return n.daemon.check(ctx, c)
}

// pace is the time until the next word: the longer it goes on, the rarer they are.
func pace(elapsed time.Duration) time.Duration {
	return min(max(elapsed/10, firstWord), rarest)
}
