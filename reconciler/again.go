package reconciler

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Part is what of the cloud is to be read again.
type Part struct {
	Resources []resource.Address // those that were seen the last time; others have no effect
	Owners    []resource.Owner   // all that was seen of them the last time
	Places    []changeset.Place  // a kind in a scope each, listed as a whole
	Unseen    bool               // and the places that couldn't be read the last time
}

// Again returns what was observed last with a part of it read again, at a cost that depends on the part
// alone. What was written since is read again in any case, and a place that wasn't listed for a day is
// listed. It hastens a look at the cloud and never takes the place of one: what nobody asked to be read
// again may have changed.
func (o *Observer) Again(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, part Part) (Observation, error) {
	return o.again(ctx, set, fleet, scopes, baseLife, part)
}

// again is Again, with places listed that weren't within a time.
func (o *Observer) again(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, within time.Duration, part Part) (Observation, error) {
	release, err := o.alone(ctx)
	if err != nil {
		return Observation{}, err
	}
	defer release()
	return o.read(ctx, set, fleet, places(set, scopes), within, part)
}

// read reads what is asked for of some places, and what isn't known of them: everything, if it has to be
// known from now on. It is to be called by whoever has the turn.
func (o *Observer) read(ctx context.Context, set providers.Set, fleet string, asked []changeset.Place, within time.Duration, part Part) (Observation, error) {
	kept, doubtful, writes := o.recall(fleet)
	part.Resources = slices.Concat(part.Resources, doubtful)
	list := kept.toList(asked, within, part)
	again, rest := kept.divide(set, asked, list, part)
	read, err := readAgain(ctx, set, again)
	if err != nil {
		return Observation{}, err
	}
	for _, p := range read.elsewhere {
		list[p] = true
	}
	now := time.Now()
	fresh, err := observePlaces(ctx, set, fleet, slices.SortedFunc(maps.Keys(list), comparePlaces))
	if err != nil {
		return Observation{}, err
	}
	next := keeping{fleet: fleet, listed: maps.Clone(kept.listed), failed: maps.Clone(kept.failed)}
	next.seen = slices.DeleteFunc(slices.Concat(rest, read.found), func(r resource.Observed) bool { return list[placeOf(r)] })
	next.seen = append(next.seen, fresh.Observed...)
	slices.SortFunc(next.seen, byAddress)
	next.note(list, now, read.failed, fresh.Unseen)
	out := o.keep(next, writes).of(asked)
	out.listed = list
	if within <= 0 {
		o.fresh(writes)
	}
	return out, nil
}

// fresh notes that everything was read while the writes up to a number were known.
func (o *Observer) fresh(writes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stale = o.writes != writes
}

// toList are the places to be listed: those that are asked for, that weren't listed within a time, and, if
// that is asked for, that couldn't be read.
func (k keeping) toList(asked []changeset.Place, within time.Duration, part Part) map[changeset.Place]bool {
	list := map[changeset.Place]bool{}
	for _, p := range asked {
		_, failed := k.failed[p]
		if !k.fresh(p, within) || failed && part.Unseen || slices.Contains(part.Places, p) {
			list[p] = true
		}
	}
	return list
}

// A few resources of a place are read one by one. More than that are so as well if they are a small share of
// what is there; otherwise a listing costs less, and tells more.
const (
	few        = 10
	smallShare = 4 // one in so many
)

// divide tells what is to be read one by one from what stays as it is known. The places to be listed are
// in neither; what can't or had better not be read by itself adds its place to them.
func (k keeping) divide(set providers.Set, asked []changeset.Place, list map[changeset.Place]bool, part Part) (again, rest []resource.Observed) {
	resources, owners, here := setOf(part.Resources), setOf(part.Owners), setOf(asked)
	wanted := func(r resource.Observed) bool {
		return here[placeOf(r)] && !list[placeOf(r)] && (resources[r.Address] || owners[r.Address.Owner])
	}
	chosen, total := map[changeset.Place]int{}, map[changeset.Place]int{}
	for _, r := range k.seen {
		total[placeOf(r)]++
		if wanted(r) {
			chosen[placeOf(r)]++
		}
	}
	for p, n := range chosen {
		_, refreshes := set[p.Kind].(providers.Refresher)
		if !refreshes || n > few && n*smallShare > total[p] {
			list[p] = true
		}
	}
	for _, r := range k.seen {
		switch {
		case list[placeOf(r)]:
		case wanted(r):
			again = append(again, r)
		default:
			rest = append(rest, r)
		}
	}
	return again, rest
}

// note notes which places were listed when, and which couldn't be read.
func (k *keeping) note(list map[changeset.Place]bool, at time.Time, failed ...map[changeset.Place]string) {
	if k.listed == nil {
		k.listed, k.failed = map[changeset.Place]time.Time{}, map[changeset.Place]string{}
	}
	for p := range list {
		k.listed[p] = at
		delete(k.failed, p)
	}
	for i, places := range failed {
		for p, why := range places {
			if i > 0 || !list[p] { // a listing has the last word
				k.failed[p] = why
			}
		}
	}
	old := func(p changeset.Place) bool { return at.Sub(k.listed[p]) >= baseLife }
	k.seen = slices.DeleteFunc(k.seen, func(r resource.Observed) bool { return old(placeOf(r)) })
	maps.DeleteFunc(k.failed, func(p changeset.Place, _ string) bool { return old(p) })
	maps.DeleteFunc(k.listed, func(p changeset.Place, _ time.Time) bool { return old(p) })
}

func setOf[T comparable](list []T) map[T]bool {
	out := make(map[T]bool, len(list))
	for _, x := range list {
		out[x] = true
	}
	return out
}

func comparePlaces(a, b changeset.Place) int {
	if c := a.Scope.Compare(b.Scope); c != 0 {
		return c
	}
	return cmp.Compare(a.Kind, b.Kind)
}

// A reading is what came of single resources.
type reading struct {
	found []resource.Observed
	// failed has the places of those that couldn't be read.
	failed map[changeset.Place]string
	// elsewhere has the places of those whose mark is gone or another one: a listing may show them under
	// another address.
	elsewhere []changeset.Place
}

// readAgain reads single resources. One that is gone is left out. The only error is that ctx ended.
func readAgain(ctx context.Context, set providers.Set, list []resource.Observed) (reading, error) {
	found := make([]resource.Observed, len(list))
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for i, r := range list {
		refresher := set[r.Address.Kind].(providers.Refresher) //nolint:forcetypeassert // others were taken out by divide
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			found[i], errs[i] = unbroken(func() (resource.Observed, error) { return refresher.Refresh(ctx, r) })
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: an error belongs to its place
	if ctx.Err() != nil {
		return reading{}, context.Cause(ctx)
	}
	out := reading{failed: map[changeset.Place]string{}}
	for i, err := range errs {
		switch at := placeOf(list[i]); {
		case errors.Is(err, providers.ErrGone):
		case errors.Is(err, providers.ErrNotOurs), err == nil && placeOf(found[i]) != at:
			out.elsewhere = append(out.elsewhere, at)
		case err != nil:
			out.failed[at] = err.Error()
		default:
			out.found = append(out.found, found[i])
		}
	}
	return out, nil
}

// Called finds, among what was observed last in a scope, the resources that a service calls by one of
// these names: their ids, ARNs, and whatever else others may refer to.
func (o *Observer) Called(_ context.Context, scope resource.Scope, names []string) ([]resource.Address, error) {
	o.mu.Lock()
	seen := overwrite(o.kept.seen, o.wrote)
	o.mu.Unlock()
	wanted := setOf(names)
	delete(wanted, "")
	var out []resource.Address
	for _, r := range seen {
		called := wanted[r.ID]
		for _, value := range r.Outputs {
			called = called || wanted[value]
		}
		if called && r.Scope == scope {
			out = append(out, r.Address)
		}
	}
	return out, nil
}
