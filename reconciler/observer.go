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
// since is in what it keeps, and is read again by the next look. Safe for concurrent use: who needs
// everything shares one reading, and who needs little doesn't wait for it.
type Observer struct {
	maxAge time.Duration
	turn   chan struct{} // held while everything is read

	mu      sync.Mutex // guards what follows; never held while the cloud is read
	kept    keeping
	stale   bool // something was written since everything was read, or may have been
	writes  int  // counts them
	wrote   map[resource.Address][]written
	looking map[*glance]bool
}

// A keeping is what is known of places. It is never changed, so that it can be read without a lock.
type keeping struct {
	fleet  string
	seen   []resource.Observed           // by address
	listed map[changeset.Place]time.Time // when the last listing of the place began
	failed map[changeset.Place]string    // why it couldn't be read to the end
}

// A written is what one write left of a resource.
type written struct {
	number int
	proven bool // it was read since; it is kept for looks that began before it
	scope  resource.Scope
	id     string             // what is not any more as it was known; empty if that isn't known
	have   *resource.Observed // what it is now; nil if it isn't at the address
}

// A glance is one look while it is under way.
type glance struct {
	kept     keeping            // what was known before, with what was written since
	doubtful []resource.Address // of that, what nobody read since it was written
	writes   int                // the number of the last write before it
}

// baseLife is how long a listing may serve looks that read a part of it again. Whatever the schedule of
// whole scans is, what is older counts as unknown.
const baseLife = 24 * time.Hour

// NewObserver makes an observer whose observations may be used again as they are for maxAge.
func NewObserver(maxAge time.Duration) *Observer {
	return &Observer{maxAge: maxAge, turn: make(chan struct{}, 1), wrote: map[resource.Address][]written{}, looking: map[*glance]bool{}}
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

// begins notes that something may be written, in a scope, to what is at these addresses from now on. Until
// it was read again, what is kept of it is doubtful.
func (o *Observer) begins(scope resource.Scope, addresses ...resource.Address) {
	for _, address := range addresses {
		o.note(address, written{scope: scope})
	}
}

// ends notes what a write made of what was there before; either is the zero value if it is nothing. What
// was deleted is kept until a look finds it gone.
func (o *Observer) ends(before, after resource.Observed) {
	if after.ID == "" {
		return
	}
	if before.Address != after.Address && before.ID == after.ID { // it was moved
		o.note(before.Address, written{scope: before.Scope, id: before.ID})
	}
	o.note(after.Address, written{scope: after.Scope, id: after.ID, have: &after})
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

// alone waits for the turn of whoever reads everything, and keeps it until release is called.
func (o *Observer) alone(ctx context.Context) (release func(), err error) {
	select {
	case o.turn <- struct{}{}:
		return func() { <-o.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// begin begins a look at a fleet. It is to be ended with end.
func (o *Observer) begin(fleet string) *glance {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept.fleet != fleet {
		o.kept = keeping{fleet: fleet}
	}
	g := &glance{kept: o.kept, writes: o.writes}
	for address, list := range o.wrote {
		if slices.ContainsFunc(list, func(w written) bool { return !w.proven }) {
			g.doubtful = append(g.doubtful, address)
		}
	}
	g.kept.seen = overwrite(g.kept.seen, o.wrote)
	o.looking[g] = true
	return g
}

// end ends a look. What nobody needs any more of what was written is forgotten.
func (o *Observer) end(g *glance) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.looking, g)
	oldest := o.writes
	for other := range o.looking {
		oldest = min(oldest, other.writes)
	}
	for address, list := range o.wrote {
		list = slices.DeleteFunc(list, func(w written) bool {
			_, known := o.kept.listed[changeset.Place{Scope: w.scope, Kind: address.Kind}]
			return (w.proven || !known) && w.number <= oldest
		})
		if o.wrote[address] = list; len(list) == 0 {
			delete(o.wrote, address)
		}
	}
}

// keep takes over what a look found. What was written after its beginning may be in that or not, so that
// it goes on top and is doubtful, whoever read it since.
func (o *Observer) keep(g *glance, found findings) keeping {
	o.mu.Lock()
	defer o.mu.Unlock()
	base := o.kept
	if base.fleet != g.kept.fleet {
		base = g.kept // somebody looked at another fleet meanwhile
	}
	base.seen = overwrite(base.seen, o.wrote)
	for address, list := range o.wrote {
		for i, w := range list {
			read := found.asked[changeset.Place{Scope: w.scope, Kind: address.Kind}]
			list[i].proven = w.number <= g.writes && (w.proven || read)
		}
	}
	o.kept = base.with(found)
	o.kept.seen = overwrite(o.kept.seen, o.wrote)
	if found.all {
		o.stale = o.writes != g.writes
	}
	return o.kept
}

// overwrite puts what was written, and not read since, in the place of what was seen before. The result is
// by address, and shares nothing with seen if it differs from it.
func overwrite(seen []resource.Observed, wrote map[resource.Address][]written) []resource.Observed {
	var there []resource.Observed
	open := map[resource.Address][]written{}
	for address, list := range wrote {
		var left []resource.Observed
		for _, w := range list {
			if w.id == "" || w.proven {
				continue
			}
			open[address] = append(open[address], w)
			left = slices.DeleteFunc(left, w.replaces)
			if w.have != nil {
				left = append(left, *w.have)
			}
		}
		there = append(there, left...)
	}
	if len(open) == 0 {
		return seen
	}
	return replace(seen, func(r resource.Observed) bool {
		return slices.ContainsFunc(open[r.Address], func(w written) bool { return w.replaces(r) })
	}, there)
}

// replaces tells whether what was known at an address isn't so any more.
func (w written) replaces(r resource.Observed) bool { return w.id == r.ID && w.scope == r.Scope }

// replace returns a list, which is by address, without some and with others.
func replace(list []resource.Observed, without func(resource.Observed) bool, with []resource.Observed) []resource.Observed {
	slices.SortFunc(with, byAddress)
	out := make([]resource.Observed, 0, len(list)+len(with))
	for _, r := range list {
		for len(with) > 0 && byAddress(with[0], r) < 0 {
			out, with = append(out, with[0]), with[1:]
		}
		if !without(r) {
			out = append(out, r)
		}
	}
	return append(out, with...)
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
	for _, p := range asked {
		if why, failed := k.failed[p]; failed {
			out.Unseen[p] = why
		}
		if at := k.listed[p]; out.At.IsZero() || at.Before(out.At) {
			out.At = at
		}
	}
	wanted := setOf(asked)
	other := func(r resource.Observed) bool { return !wanted[placeOf(r)] }
	if slices.ContainsFunc(out.Observed, other) {
		out.Observed = replace(out.Observed, other, nil)
	}
	out.Unseen = wholeScopes(out.Unseen, asked)
	return out
}

// A findings is what one look found.
type findings struct {
	all    bool                     // that everything was to be read
	asked  map[changeset.Place]bool // the places that it was about
	again  []resource.Observed      // what was to be read by itself, as it was known before
	read   []resource.Observed      // what came of that
	listed map[changeset.Place]bool // what was listed
	at     time.Time                // when that began
	seen   []resource.Observed      // what came of that
	// failed and unlisted have the places of which something couldn't be read, and those that couldn't
	// be listed.
	failed, unlisted map[changeset.Place]string
}

// with returns what is known with what a look found.
func (k keeping) with(f findings) keeping {
	type one struct {
		address resource.Address
		id      string
	}
	again := map[one]bool{}
	for _, r := range f.again {
		again[one{r.Address, r.ID}] = true
	}
	read := slices.DeleteFunc(slices.Clone(f.read), func(r resource.Observed) bool { return f.listed[placeOf(r)] })
	next := keeping{fleet: k.fleet, listed: map[changeset.Place]time.Time{}, failed: map[changeset.Place]string{}}
	maps.Copy(next.listed, k.listed)
	maps.Copy(next.failed, k.failed)
	maps.Copy(next.failed, f.failed)
	for p := range f.listed { // which has the last word
		next.listed[p] = f.at
		delete(next.failed, p)
	}
	maps.Copy(next.failed, f.unlisted)
	old := func(p changeset.Place) bool { return f.at.Sub(next.listed[p]) >= baseLife }
	maps.DeleteFunc(next.failed, func(p changeset.Place, _ string) bool { return old(p) })
	next.seen = replace(k.seen, func(r resource.Observed) bool {
		return f.listed[placeOf(r)] || again[one{r.Address, r.ID}] || old(placeOf(r))
	}, slices.Concat(read, f.seen))
	maps.DeleteFunc(next.listed, func(p changeset.Place, _ time.Time) bool { return old(p) })
	return next
}
