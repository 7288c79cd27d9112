package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// busyRest is how long events wait for another turn while something is written, or everything is read.
const busyRest = time.Second

// heard acts on the events that were received: what they are about is read again, and drift that this shows
// is handled as a scan's is. Nothing is decided by an event. What is written meanwhile has to be at its
// end, so that no half of a change of ours looks like somebody's; and a scan too, so that no two of them
// speak about one drift at a time.
func (d *Daemon) heard(ctx context.Context) error {
	if ready, at := d.ears.rested(time.Now()); !ready {
		d.noLater(keyEvents, at)
		return nil
	}
	release, free := d.undisturbed()
	if !free {
		d.noLater(keyEvents, time.Now().Add(busyRest))
		return nil
	}
	defer release()
	target, err := d.reconciled(ctx)
	if err != nil {
		return err
	}
	return d.hearing(ctx, func(h hearing) error {
		if target.Fleet == nil {
			return nil // nothing was brought to anything yet, so that nothing drifts
		}
		return d.act(ctx, target, h)
	})
}

// hearing has a look act on what was heard so far. If it fails, another one will.
func (d *Daemon) hearing(ctx context.Context, look func(hearing) error) error {
	h := d.ears.hear()
	if err := look(h); err != nil {
		d.ears.again(h)
		return err
	}
	d.settled(ctx, h)
	return nil
}

// settled has what was heard be done with.
func (d *Daemon) settled(ctx context.Context, h hearing) {
	d.ears.settle(h.events)
	d.confirm(ctx, h.dones)
}

// unheard has what was heard wait for a look of its own.
func (d *Daemon) unheard(h hearing) {
	d.ears.again(h)
	if len(h.events) > 0 {
		d.noLater(keyEvents, time.Now().Add(gathering))
	}
}

// undisturbed keeps scans away until release is called, unless there is one or something is written.
func (d *Daemon) undisturbed() (release func(), free bool) {
	select {
	case d.scanning <- struct{}{}:
	default:
		return nil, false
	}
	if len(d.writing) > 0 {
		<-d.scanning
		return nil, false
	}
	return func() { <-d.scanning }, true
}

// scanAlone waits until nobody else looks for drift, and keeps it so until release is called.
func (d *Daemon) scanAlone(ctx context.Context) (release func(), err error) {
	select {
	case d.scanning <- struct{}{}:
		return func() { <-d.scanning }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d *Daemon) act(ctx context.Context, t Target, h hearing) error {
	kinds, err := d.Reconciler.kinds(ctx, t.Fleet)
	if err != nil {
		return err
	}
	m := d.understand(t.Fleet, kinds, h.events)
	places, next := d.ears.places(m.places, time.Now())
	if !next.IsZero() {
		d.noLater(keyEvents, next)
	}
	part := Part{Resources: slices.Collect(maps.Keys(m.resources)), Places: places}
	if part.empty() && !h.storm {
		return nil
	}
	if h.storm || !d.affordable(part) {
		at, fresh := d.ration.exceeded(time.Now())
		if fresh {
			d.Log.Warn("more events than are looked into one by one; everything is looked at once", "at", at.UTC().Format(time.RFC3339))
		}
		d.later(keyStorm, at)
		return nil
	}
	d.Log.Debug("events", "count", len(h.events), "resources", len(part.Resources), "places", len(part.Places))
	s, err := d.glimpse(ctx, t, part)
	if err != nil {
		return err
	}
	d.attribute(m.unknown) // what they are about may have been found by now
	return d.decide(ctx, s)
}

// affordable tells whether a part may be read for events, and counts it if so.
func (d *Daemon) affordable(part Part) bool {
	cost, known := len(part.Resources), d.Reconciler.Observer.count()
	for _, p := range part.Places {
		cost += 1 + known[p]
	}
	return d.ration.allows(cost, known[changeset.Place{}], time.Now())
}

// glimpse is a scan that reads a part again, and all else that the plan has something to say of.
func (d *Daemon) glimpse(ctx context.Context, t Target, part Part) (scan, error) {
	release, err := d.alone(ctx)
	if err != nil {
		return scan{}, err
	}
	defer release()
	began := time.Now()
	s, err := d.lookAt(ctx, t, Question{Within: d.lately(), Part: part})
	d.ears.looked(time.Since(began), time.Now())
	return s, err
}

// A meaning is what events are about.
type meaning struct {
	resources map[resource.Address]bool
	places    map[changeset.Place]bool
	unknown   []providers.Event // those that name nothing that is known
}

// understand finds what events are about: the known resources that they name, of the kinds that they may be
// about; else those kinds, where they happened.
func (d *Daemon) understand(fleet *schema.Fleet, kinds map[string]resource.Kind, events []providers.Event) meaning {
	m := meaning{resources: map[resource.Address]bool{}, places: map[changeset.Place]bool{}}
	scopes := fleet.Scopes()
	for i, found := range d.attribute(events) {
		for _, address := range found {
			m.resources[address] = true
		}
		if len(found) > 0 {
			continue
		}
		m.unknown = append(m.unknown, events[i])
		for _, name := range events[i].Kinds {
			kind, driven := kinds[name]
			p := changeset.Place{Scope: events[i].Scope, Kind: name}
			if kind.Global {
				p.Scope.Region = resource.Global
			}
			if driven && slices.Contains(scopes, p.Scope) {
				m.places[p] = true
			}
		}
	}
	return m
}

// attribute remembers of the known resources that events name who wrote to them, and returns them, event by
// event.
func (d *Daemon) attribute(events []providers.Event) [][]resource.Address {
	found := d.Reconciler.Observer.callees(events)
	for i, list := range found {
		for _, address := range list {
			d.ears.remember(address, events[i])
		}
	}
	return found
}

// callees are the known resources that events name, of the kinds that each may be about, event by event.
func (o *Observer) callees(events []providers.Event) [][]resource.Address {
	names := map[string]bool{}
	for _, event := range events {
		for _, name := range event.Names {
			names[name] = name != ""
		}
	}
	o.mu.Lock()
	seen := overwrite(o.kept.seen, o.wrote)
	o.mu.Unlock()
	named := map[string][]int{} // in seen
	for i, r := range seen {
		texts := map[string]bool{r.ID: true}
		for _, value := range r.Outputs {
			texts[value] = true
		}
		for text := range texts {
			if names[text] {
				named[text] = append(named[text], i)
			}
		}
	}
	out := make([][]resource.Address, len(events))
	for i, event := range events {
		for _, name := range event.Names {
			for _, at := range named[name] {
				if r := seen[at]; mayMean(event, r) && !slices.Contains(out[i], r.Address) {
					out[i] = append(out[i], r.Address)
				}
			}
		}
	}
	return out
}

// mayMean tells whether an event may be about a resource that it names: by kind, account and region. What
// has no region is logged in one that AWS chose.
func mayMean(event providers.Event, r resource.Observed) bool {
	return r.Scope.Account == event.Scope.Account && (r.Scope.Region == event.Scope.Region || r.Scope.Region == resource.Global) &&
		slices.Contains(event.Kinds, r.Address.Kind)
}

// count is how many resources are known in each place, and at the zero place, in all.
func (o *Observer) count() map[changeset.Place]int {
	o.mu.Lock()
	seen := overwrite(o.kept.seen, o.wrote)
	o.mu.Unlock()
	out := map[changeset.Place]int{{}: len(seen)}
	for _, r := range seen {
		out[placeOf(r)]++
	}
	return out
}

// kinds are those that may be in a fleet's accounts.
func (r *Reconciler) kinds(ctx context.Context, fleet *schema.Fleet) (map[string]resource.Kind, error) {
	known, err := r.State.Owners(ctx)
	if err != nil {
		return nil, fmt.Errorf("recall what was applied: %w", err)
	}
	open, err := r.State.Unanswered(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the log for creates without an answer: %w", err)
	}
	set, err := r.Providers(fleet, kindsOf(known, open))
	if err != nil {
		return nil, fmt.Errorf("drivers: %w", err)
	}
	return set.Kinds(), nil
}

// deeds are the writes to what drifted that events told of. They are kept with the drift, for as long as it
// lasts: a later scan has to say the same of it.
func (d *Daemon) deeds(ctx context.Context, s scan) (map[resource.Address][]report.Deed, error) {
	state := d.Reconciler.State
	text, err := state.Get(ctx, stateDeeds)
	kept := map[string][]report.Deed{}
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("recall who wrote to what drifted: %w", err)
	}
	out, now := map[resource.Address][]report.Deed{}, map[string][]report.Deed{}
	if len(s.plan.Changeset.Unseen) > 0 {
		maps.Copy(now, kept) // what can't be seen may have drifted still
	}
	for _, change := range s.changes {
		list := newest(append(d.ears.of(change.Address), kept[change.Address.String()]...))
		if len(list) > 0 {
			out[change.Address], now[change.Address.String()] = list, list
		}
	}
	fresh, err := json.Marshal(now)
	if len(now) == 0 {
		fresh = nil
	}
	if err == nil && string(fresh) != text {
		err = state.Put(ctx, stateDeeds, string(fresh))
	}
	if err != nil {
		return nil, fmt.Errorf("remember who wrote to what drifted: %w", err)
	}
	return out, nil
}
