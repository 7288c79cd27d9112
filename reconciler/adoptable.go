package reconciler

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// adoptable looks at what is to be adopted and isn't yet, so that a plan can say what adopting it
// changes. It costs a survey of the places concerned, and nothing when nothing is to be adopted.
// What can't be looked at is missing in the result; adopting it shows then what is possible.
func adoptable(ctx context.Context, set providers.Set, desired []resource.Desired, seen Observation) map[resource.Address]resource.Observed {
	wanted := map[changeset.Place][]resource.Desired{}
	for _, d := range desired {
		ours := func(o resource.Observed) bool { return o.Address == d.Address }
		if d.Adopt != "" && !slices.ContainsFunc(seen.Observed, ours) {
			at := changeset.Place{Scope: d.Scope, Kind: d.Address.Kind}
			wanted[at] = append(wanted[at], d)
		}
	}
	found := make(chan map[resource.Address]resource.Observed, len(wanted))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for at, list := range wanted {
		surveyor, ok := set[at.Kind].(providers.Surveyor)
		if !ok {
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			all, err := unbroken(func() ([]providers.Found, error) { return surveyor.Survey(ctx, at.Scope) })
			if err == nil {
				found <- among(all, list)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: a place that can't be looked at is left out
	close(found)
	out := map[resource.Address]resource.Observed{}
	for part := range found {
		maps.Copy(out, part)
	}
	return out
}

// among finds what is to be adopted in a survey of its place.
func among(all []providers.Found, wanted []resource.Desired) map[resource.Address]resource.Observed {
	out := map[resource.Address]resource.Observed{}
	for _, d := range wanted {
		for _, f := range all {
			if f.Unread == "" && f.Is(d.Adopt) {
				out[d.Address] = resource.Observed{
					Address: f.Address, Scope: f.Scope, Fleet: f.Fleet, ID: f.ID, Attributes: f.Attributes, Outputs: f.Outputs,
				}
			}
		}
	}
	return out
}
