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

// again is Again, with places listed that weren't within a time. Whoever finds nothing known waits for
// others who read everything, and shares what they find.
func (o *Observer) again(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, within time.Duration, part Part) (Observation, error) {
	asked := places(set, scopes)
	o.mu.Lock()
	known := o.kept.has(fleet, asked, within)
	o.mu.Unlock()
	if !known {
		release, err := o.alone(ctx)
		if err != nil {
			return Observation{}, err
		}
		defer release()
	}
	return o.read(ctx, set, fleet, asked, within, part)
}

// few is again for those who have no guide, and need nothing that only a guide leads to. It tells whether all
// places are known; if one isn't, nothing may rest on what it returns.
func (o *Observer) few(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, within time.Duration, part Part) (Observation, bool, error) {
	asked := places(set, scopes)
	o.mu.Lock()
	known := o.kept.has(fleet, asked, within) && !o.kept.blind(set, asked)
	o.mu.Unlock()
	if !known {
		return Observation{}, false, nil
	}
	// A place that gets too old meanwhile is listed, unless it is one that can't be listed so.
	seen, err := o.read(ctx, set, fleet, asked, within, part)
	if err != nil {
		return Observation{}, false, err
	}
	for p := range seen.listed {
		known = known && !hidden(set[p.Kind].Kind())
	}
	return seen, known, nil
}

// blind tells whether a place couldn't be read, of those that can't be listed without a guide.
func (k keeping) blind(set providers.Set, asked []changeset.Place) bool {
	return len(k.failed) > 0 && slices.ContainsFunc(asked, func(p changeset.Place) bool {
		_, failed := k.failed[p]
		return failed && hidden(set[p.Kind].Kind())
	})
}

// read reads what is asked for of some places, and lists those of them that weren't listed within a time:
// all, if that is zero.
func (o *Observer) read(ctx context.Context, set providers.Set, fleet string, asked []changeset.Place, within time.Duration, part Part) (Observation, error) {
	g := o.begin(fleet)
	defer o.end(g)
	part.Resources = slices.Concat(part.Resources, g.doubtful)
	found := findings{all: within <= 0, asked: setOf(asked), listed: g.kept.toList(asked, within, part), at: time.Now()}
	found.again = g.kept.single(set, asked, found.listed, part)
	if err := found.readAgain(ctx, set); err != nil {
		return Observation{}, err
	}
	if len(found.listed) > len(asked)/2 {
		ctx = providers.InSweep(ctx) // what is read for one of many kinds serves the others
	}
	fresh, err := observePlaces(ctx, set, fleet, slices.SortedFunc(maps.Keys(found.listed), comparePlaces), g.kept)
	if err != nil {
		return Observation{}, err
	}
	found.seen, found.unlisted = fresh.Observed, fresh.Unseen
	out := o.keep(g, found).of(asked)
	out.listed = found.listed
	return out, nil
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

// single are the resources to be read one by one. The places of those that can't be, or had better not be,
// are added to the ones to be listed.
func (k keeping) single(set providers.Set, asked []changeset.Place, list map[changeset.Place]bool, part Part) []resource.Observed {
	resources, owners, here := setOf(part.Resources), setOf(part.Owners), setOf(asked)
	var chosen []resource.Observed
	count, total := map[changeset.Place]int{}, map[changeset.Place]int{}
	for _, r := range k.seen {
		at := placeOf(r)
		total[at]++
		if here[at] && !list[at] && (resources[r.Address] || owners[r.Address.Owner]) {
			chosen = append(chosen, r)
			count[at]++
		}
	}
	for p, n := range count {
		_, able := set[p.Kind].(providers.Refresher)
		list[p] = !able || n > few && n*smallShare > total[p]
	}
	maps.DeleteFunc(list, func(_ changeset.Place, listed bool) bool { return !listed })
	return slices.DeleteFunc(chosen, func(r resource.Observed) bool { return list[placeOf(r)] })
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

// readAgain reads single resources. One that is gone is left out; of one whose mark is gone or another one
// the place is to be listed, which may show it under another address. The only error is that ctx ended.
func (f *findings) readAgain(ctx context.Context, set providers.Set) error {
	found, errs := make([]resource.Observed, len(f.again)), make([]error, len(f.again))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for i, r := range f.again {
		refresher := set[r.Address.Kind].(providers.Refresher) //nolint:forcetypeassert // of others the place is listed
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			found[i], errs[i] = unbroken(func() (resource.Observed, error) { return refresher.Refresh(ctx, r) })
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: an error belongs to its place
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.failed = map[changeset.Place]string{}
	for i, err := range errs {
		switch at := placeOf(f.again[i]); {
		case errors.Is(err, providers.ErrGone):
		case errors.Is(err, providers.ErrNotOurs), err == nil && placeOf(found[i]) != at:
			f.listed[at] = true
		case err != nil:
			f.failed[at] = err.Error()
		default:
			f.read = append(f.read, found[i])
		}
	}
	return nil
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
