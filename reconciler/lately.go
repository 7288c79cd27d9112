package reconciler

import (
	"context"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"tenantry.dev/schema"
)

// Everything is read on the schedule of drift scans, and before the first work after a start. All work in
// between stands on that: a commit, the look for drift after it, a decision on drift, the plan of a pull
// request. What that work is about is read again for it; see narrow. So is everything when the last try at
// a commit didn't come to its end.

// lately is how old what the daemon knows of the cloud may be for work in between.
func (d *Daemon) lately() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return lately(d.fleet.drift, time.Now())
}

// lately is twice the time between whole scans, so that work doesn't wait while one is under way or had no
// luck, and a day at most; without a schedule it is a day.
func lately(schedule string, now time.Time) time.Duration {
	scans, err := cron.ParseStandard(schedule)
	if err != nil {
		return baseLife
	}
	next := scans.Next(now.UTC())
	return min(baseLife, 2*scans.Next(next).Sub(next))
}

// expectScan has the next look for drift read everything.
func (d *Daemon) expectScan() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.whole++
}

// nextLook is how a look for drift is made: everything is read if that is due, and is due until done is
// called.
func (d *Daemon) nextLook() (q Question, done func()) {
	d.mu.Lock()
	due := d.whole
	d.mu.Unlock()
	if due == 0 {
		return Question{Within: d.lately()}, func() {}
	}
	d.Reconciler.Observer.Forget()
	return Question{}, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.whole -= due // what became due meanwhile stays so
	}
}

// pass is how the cloud is looked at for one pass of a commit. The last pass, and all after a try that
// failed, take nothing for known.
func (d *Daemon) pass(fleet *schema.Fleet, last bool) Question {
	q := Question{Correct: fleet.CorrectDrift}
	if last || d.astray {
		d.Reconciler.Observer.Forget()
		return q
	}
	q.Within = d.lately()
	return q
}

// judgedUntil is when something expires in the commit that the cloud was last brought to, so that it may
// ask for something else from then on; zero if nothing does.
func (d *Daemon) judgedUntil(ctx context.Context) (time.Time, error) {
	text, err := d.Reconciler.State.Get(ctx, stateUntil)
	if err != nil {
		return time.Time{}, fmt.Errorf("recall when something expires: %w", err)
	}
	until, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // nothing expires
	}
	return until, nil
}

// concluded remembers that the cloud is as a target wants it, and until when that can be said.
func (d *Daemon) concluded(ctx context.Context, t Target) error {
	until := ""
	if at := t.Fleet.Until; !at.IsZero() {
		until = at.UTC().Format(time.RFC3339Nano)
	}
	if err := d.Reconciler.State.Put(ctx, stateUntil, until); err != nil {
		return fmt.Errorf("remember when something expires: %w", err)
	}
	return d.converged(ctx, string(t.Commit))
}
