package reconciler

import (
	"sync"
	"time"
)

const (
	// rationShare is the part of a whole look that looks for events may cost within rationTime, and
	// leastRation what they may cost in a small fleet, in resources read.
	rationShare = 8
	rationTime  = 10 * time.Minute
	leastRation = 50
	// stormLasts is how long a storm is let rage before everything is looked at once, and calm the least
	// time between two of such looks.
	stormLasts = time.Minute
	calm       = 15 * time.Minute
)

// A ration bounds what looks for events cost, however many come: what goes beyond it waits for one look
// at everything, which tells as much and costs the same whatever happened. Safe for concurrent use.
type ration struct {
	mu    sync.Mutex
	spent float64 // of the share, as of at
	at    time.Time
	until time.Time // when the look at everything is, if one is promised
	last  time.Time // when the last of those was
}

// allows tells whether so many resources may be read for events in a fleet of so many, and counts them if so.
// While a look at everything is promised, none may.
func (r *ration) allows(cost, fleet int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := float64(max(leastRation, fleet/rationShare))
	r.spent = max(0, r.spent-most*now.Sub(r.at).Seconds()/rationTime.Seconds())
	r.at = now
	if !r.until.IsZero() || r.spent+float64(cost) > most {
		return false
	}
	r.spent += float64(cost)
	return true
}

// exceeded promises a look at everything and returns when; fresh tells that it wasn't promised before.
func (r *ration) exceeded(now time.Time) (at time.Time, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.until.IsZero() {
		return r.until, false
	}
	r.until = now.Add(stormLasts)
	if earliest := r.last.Add(calm); !r.last.IsZero() && earliest.After(r.until) {
		r.until = earliest
	}
	return r.until, true
}

// looked notes that everything was looked at, beginning at a time. Who was promised that, has it.
func (r *ration) looked(began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.until.IsZero() {
		r.last = began
	}
	r.until, r.spent, r.at = time.Time{}, 0, began
}
