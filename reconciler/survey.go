package reconciler

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A Stock is what a survey found, as far as it could read.
type Stock struct {
	Found  []providers.Found // by place, kind and name
	Unseen map[changeset.Place]string
	// Blind has the kinds of which only what carries the fleet's mark can be listed, sorted.
	Blind []string
}

// Survey lists everything of every kind in the scopes, whoever it belongs to, each place with one
// listing. It has no effect. A place that can't be read is in Unseen and stops no other. The only
// error is that ctx ended.
func Survey(ctx context.Context, set providers.Set, scopes []resource.Scope) (Stock, error) {
	ctx = providers.InSweep(ctx)
	stock := Stock{Unseen: map[changeset.Place]string{}}
	for name, driver := range set {
		if _, ok := driver.(providers.Surveyor); !ok {
			stock.Blind = append(stock.Blind, name)
		}
	}
	slices.Sort(stock.Blind)
	places := slices.DeleteFunc(places(set, scopes), func(p changeset.Place) bool { return slices.Contains(stock.Blind, p.Kind) })
	found := make([][]providers.Found, len(places))
	errs := make([]error, len(places))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for i, p := range places {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			found[i], errs[i] = unbroken(func() ([]providers.Found, error) {
				return set[p.Kind].(providers.Surveyor).Survey(ctx, p.Scope) //nolint:forcetypeassert // others were taken out above
			})
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: an error belongs to its place
	if ctx.Err() != nil {
		return Stock{}, context.Cause(ctx)
	}
	for i, p := range places {
		if errs[i] != nil {
			stock.Unseen[p] = errs[i].Error()
			continue
		}
		stock.Found = append(stock.Found, found[i]...)
	}
	slices.SortStableFunc(stock.Found, func(a, b providers.Found) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.Scope.Compare(b.Scope), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	stock.Unseen = wholeScopes(stock.Unseen, places)
	return stock, nil
}
