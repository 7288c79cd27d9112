package reconciler

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// An Observer keeps what was observed last, place by place, so that several questions that arrive together
// cost one reading, and a question about few resources costs the reading of those. What this process wrote
// since is in what it keeps, and is read again by the next look. Safe for concurrent use; concurrent
// callers share one reading.
type Observer struct {
	maxAge time.Duration
	turn   chan struct{} // held while the cloud is read

	mu     sync.Mutex // guards what follows; never held while the cloud is read
	kept   keeping
	stale  bool // something was written since, or may have been
	writes int  // counts them
	wrote  map[resource.Address][]written
}

// A keeping is what is known of places. It is never changed, so that it can be read without a lock.
type keeping struct {
	fleet  string
	seen   []resource.Observed           // by address
	listed map[changeset.Place]time.Time // when the last listing of the place began
	failed map[changeset.Place]string    // why it couldn't be read to the end
}

// A written is what one write left of a resource, which nobody read since.
type written struct {
	number int
	answer bool               // there was one; if not, anything may be there
	id     string             // what was there before or is there now; empty if nothing was
	have   *resource.Observed // nil if nothing is there
}

// baseLife is how long a listing may serve looks that read a part of it again. Whatever the schedule of
// whole scans is, what is older counts as unknown.
const baseLife = 24 * time.Hour

// NewObserver makes an observer whose observations may be used again as they are for maxAge.
func NewObserver(maxAge time.Duration) *Observer {
	return &Observer{maxAge: maxAge, turn: make(chan struct{}, 1), wrote: map[resource.Address][]written{}}
}

// Observe returns an observation of everything that is at most as old as the observer allows.
func (o *Observer) Observe(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope) (Observation, error) {
	release, err := o.alone(ctx)
	if err != nil {
		return Observation{}, err
	}
	defer release()
	asked := places(set, scopes)
	o.mu.Lock()
	kept, stale := o.kept, o.stale
	o.mu.Unlock()
	if !stale && kept.has(fleet, asked, o.maxAge) {
		return kept.of(asked), nil
	}
	return o.read(ctx, set, fleet, asked, 0, Part{})
}

// Forget makes the next Observe read the cloud, as after a write.
func (o *Observer) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stale = true
}

// begins notes that something may be written to what is at an address from now on. Until it was read
// again, what is kept of it is doubtful.
func (o *Observer) begins(address resource.Address) {
	o.note(address, written{})
}

// ends notes what a write left at an address in the place of what was there: nothing, if have is the zero
// value.
func (o *Observer) ends(address resource.Address, before, have resource.Observed) {
	o.note(before.Address, written{answer: true, id: before.ID})
	if have.ID != "" {
		o.note(address, written{answer: true, id: have.ID, have: &have})
	}
}

func (o *Observer) note(address resource.Address, w written) {
	if address == (resource.Address{}) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	o.stale = true
	w.number = o.writes
	o.wrote[address] = append(o.wrote[address], w)
}

// alone waits for the observer's turn, and keeps it until release is called.
func (o *Observer) alone(ctx context.Context) (release func(), err error) {
	select {
	case o.turn <- struct{}{}:
		return func() { <-o.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// recall returns what is kept of a fleet, with what was written since; the addresses of that; and the
// number of the last write in it.
func (o *Observer) recall(fleet string) (kept keeping, doubtful []resource.Address, writes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept.fleet != fleet {
		o.kept = keeping{fleet: fleet}
	}
	kept = o.kept
	kept.seen = overwrite(kept.seen, o.wrote)
	return kept, slices.Collect(maps.Keys(o.wrote)), o.writes
}

// keep takes over what was read while the writes up to a number were known. What was written after that
// may be in it or not, so that it goes on top and stays doubtful.
func (o *Observer) keep(kept keeping, writes int) keeping {
	o.mu.Lock()
	defer o.mu.Unlock()
	for address, list := range o.wrote {
		if list = slices.DeleteFunc(list, func(w written) bool { return w.number <= writes }); len(list) == 0 {
			delete(o.wrote, address)
		} else {
			o.wrote[address] = list
		}
	}
	kept.seen = overwrite(kept.seen, o.wrote)
	o.kept = kept
	return kept
}

// overwrite puts what was written in the place of what was seen before. The result is by address, and
// shares nothing with seen if it differs from it.
func overwrite(seen []resource.Observed, wrote map[resource.Address][]written) []resource.Observed {
	if len(wrote) == 0 {
		return seen
	}
	out := slices.DeleteFunc(slices.Clone(seen), func(r resource.Observed) bool {
		return slices.ContainsFunc(wrote[r.Address], func(w written) bool { return w.answer && w.id == r.ID })
	})
	for _, list := range wrote {
		var there []resource.Observed
		for _, w := range list {
			if w.answer {
				there = slices.DeleteFunc(there, func(r resource.Observed) bool { return r.ID == w.id })
			}
			if w.have != nil {
				there = append(there, *w.have)
			}
		}
		out = append(out, there...)
	}
	slices.SortFunc(out, byAddress)
	return out
}

func byAddress(a, b resource.Observed) int { return a.Address.Compare(b.Address) }

func placeOf(r resource.Observed) changeset.Place {
	return changeset.Place{Scope: r.Scope, Kind: r.Address.Kind}
}

// has tells whether all of these places were listed within a time.
func (k keeping) has(fleet string, asked []changeset.Place, within time.Duration) bool {
	return k.fleet == fleet && !slices.ContainsFunc(asked, func(p changeset.Place) bool { return !k.fresh(p, within) })
}

func (k keeping) fresh(p changeset.Place, within time.Duration) bool {
	at, known := k.listed[p]
	return known && time.Since(at) < within
}

// of is what is kept of these places.
func (k keeping) of(asked []changeset.Place) Observation {
	out := Observation{Observed: k.seen, Unseen: map[changeset.Place]string{}}
	wanted := make(map[changeset.Place]bool, len(asked))
	for _, p := range asked {
		wanted[p] = true
		if why, failed := k.failed[p]; failed {
			out.Unseen[p] = why
		}
		if at := k.listed[p]; out.At.IsZero() || at.Before(out.At) {
			out.At = at
		}
	}
	other := func(r resource.Observed) bool { return !wanted[placeOf(r)] }
	if slices.ContainsFunc(out.Observed, other) {
		out.Observed = slices.DeleteFunc(slices.Clone(out.Observed), other)
	}
	out.Unseen = wholeScopes(out.Unseen, asked)
	return out
}
