package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Part is what of the cloud is to be read again.
type Part struct {
	Resources []resource.Address // those that were seen the last time; others have no effect
	Places    []changeset.Place  // a kind in a scope each, listed as a whole
}

// Again returns what was observed last with a part of it read again, at a cost that depends on the part
// alone. If the last observation was of other places, or is missing, everything is read. It hastens a look
// at the cloud and never takes the place of one: what nobody asked to be read again may have changed.
func (o *Observer) Again(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, part Part) (Observation, error) {
	release, err := o.alone(ctx)
	if err != nil {
		return Observation{}, err
	}
	defer release()
	key := observed(set, fleet, scopes)
	if o.key != key {
		return o.whole(ctx, set, fleet, scopes, key)
	}
	listed := map[changeset.Place]bool{}
	for _, p := range part.Places {
		listed[p] = true
	}
	fresh, err := observePlaces(ctx, set, fleet, slices.Collect(maps.Keys(listed)))
	if err != nil {
		return Observation{}, err
	}
	wanted := map[resource.Address]bool{}
	for _, address := range part.Resources {
		wanted[address] = true
	}
	var keep, again []resource.Observed
	for _, r := range o.last.Observed {
		switch {
		case listed[changeset.Place{Scope: r.Scope, Kind: r.Address.Kind}]:
		case wanted[r.Address]:
			again = append(again, r)
		default:
			keep = append(keep, r)
		}
	}
	read, unseen, err := readAgain(ctx, set, again)
	if err != nil {
		return Observation{}, err
	}
	next := Observation{Observed: slices.Concat(keep, read, fresh.Observed), Unseen: maps.Clone(o.last.Unseen), At: o.last.At}
	for p := range listed {
		delete(next.Unseen, p)
	}
	maps.Copy(next.Unseen, fresh.Unseen)
	maps.Copy(next.Unseen, unseen)
	slices.SortFunc(next.Observed, func(a, b resource.Observed) int { return a.Address.Compare(b.Address) })
	o.last = next
	return next, nil
}

// readAgain reads single resources. One that is gone, or carries another mark by now, is left out. That one
// can't be read makes its place unseen.
func readAgain(ctx context.Context, set providers.Set, list []resource.Observed) ([]resource.Observed, map[changeset.Place]string, error) {
	found := make([]resource.Observed, len(list))
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for i, r := range list {
		refresher, ok := set[r.Address.Kind].(providers.Refresher)
		if !ok {
			errs[i] = fmt.Errorf("%s can't be read by itself", r.Address.Kind)
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			found[i], errs[i] = unbroken(func() (resource.Observed, error) { return refresher.Refresh(ctx, r) })
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: an error belongs to its place
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	var out []resource.Observed
	unseen := map[changeset.Place]string{}
	for i, err := range errs {
		switch {
		case err == nil:
			out = append(out, found[i])
		case errors.Is(err, providers.ErrGone), errors.Is(err, providers.ErrNotOurs):
		default:
			unseen[changeset.Place{Scope: list[i].Scope, Kind: list[i].Address.Kind}] = err.Error()
		}
	}
	return out, unseen, nil
}

// Called finds, among what was observed last in a scope, the resources that a service calls by one of
// these names: their ids, ARNs, and whatever else others may refer to.
func (o *Observer) Called(ctx context.Context, scope resource.Scope, names []string) ([]resource.Address, error) {
	release, err := o.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = name != ""
	}
	var out []resource.Address
	for _, r := range o.last.Observed {
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
