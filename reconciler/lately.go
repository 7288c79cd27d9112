package reconciler

import (
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
