package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// An Observation is what the cloud had at one time, as far as it could be read.
type Observation struct {
	Observed []resource.Observed
	Unseen   map[changeset.Place]string
	At       time.Time // when the oldest of the listings in it was made

	listed map[changeset.Place]bool // the places that were listed for this look
}

// observeAtOnce bounds the places that are read at the same time. Rates are bounded per account
// and service by the provider.
const observeAtOnce = 32

// observeTimeout bounds the reading of one place, so that one that never answers doesn't keep all
// others waiting. It leaves time for the largest at the rates that services allow: AWS tells the
// subscription filters of five log groups a second, which for 10,000 in one place takes 42 minutes.
const observeTimeout = time.Hour

// Observe reads every kind in every scope, each place with one bulk listing. A place that can't be
// read is noted in Unseen and stops no other. The only error is that ctx ended.
func Observe(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope) (Observation, error) {
	places := places(set, scopes)
	o, err := observePlaces(providers.InSweep(ctx), set, fleet, places, keeping{})
	if err != nil {
		return Observation{}, err
	}
	o.Unseen = wholeScopes(o.Unseen, places)
	return o, nil
}

// observePlaces reads places, several at the same time: those that lie in others after these. What such
// others have is taken from what is known already if they aren't read along.
func observePlaces(ctx context.Context, set providers.Set, fleet string, places []changeset.Place, known keeping) (Observation, error) {
	p := &pass{set: set, fleet: fleet, known: known, found: map[changeset.Place][]resource.Observed{}, errs: map[changeset.Place]error{}}
	p.guide, _ = ctx.Value(guideKey{}).(*guide)
	for i, round := range p.rounds(places) {
		within := map[changeset.Place][]resource.Attributes{}
		if i > 0 {
			within = p.insides(round)
			round = slices.DeleteFunc(round, func(place changeset.Place) bool { return p.errs[place] != nil })
		}
		p.list(ctx, round, within)
		if ctx.Err() != nil {
			return Observation{}, context.Cause(ctx)
		}
	}
	o := Observation{Unseen: map[changeset.Place]string{}, At: time.Now(), Observed: p.result()}
	for place, err := range p.errs {
		o.Unseen[place] = err.Error()
	}
	slices.SortFunc(o.Observed, func(a, b resource.Observed) int { return a.Address.Compare(b.Address) })
	return o, nil
}

// list lists the places of one round.
func (p *pass) list(ctx context.Context, places []changeset.Place, within map[changeset.Place][]resource.Attributes) {
	found := make([][]resource.Observed, len(places))
	errs := make([]error, len(places))
	var group errgroup.Group
	group.SetLimit(observeAtOnce)
	for i, place := range places {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			found[i], errs[i] = unbroken(func() ([]resource.Observed, error) { return p.lister(place, within)(ctx) })
			return nil
		})
	}
	_ = group.Wait() // the functions return nil: an error belongs to its place
	for i, place := range places {
		if at := slices.IndexFunc(found[i], func(r resource.Observed) bool { return placeOf(r) != place }); at >= 0 && errs[i] == nil {
			errs[i] = fmt.Errorf("the driver is broken: it listed %s, which is in %s", found[i][at].Address, found[i][at].Scope)
		}
		if errs[i] != nil {
			p.errs[place] = errs[i]
			continue
		}
		p.found[place] = found[i]
	}
}

// places pairs kinds with the scopes that they live in: kinds without a region with the global
// scope of each account, the others with its regions.
func places(set providers.Set, scopes []resource.Scope) []changeset.Place {
	var list []changeset.Place
	kinds := set.Kinds()
	for _, scope := range scopes {
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			if kinds[name].Global == (scope.Region == resource.Global) {
				list = append(list, changeset.Place{Scope: scope, Kind: name})
			}
		}
	}
	return list
}

// wholeScopes says once what would be said per kind: a scope in which nothing could be read for
// one and the same reason becomes one place.
func wholeScopes(unseen map[changeset.Place]string, places []changeset.Place) map[changeset.Place]string {
	reasons := map[resource.Scope]map[string]int{}
	total := map[resource.Scope]int{}
	for _, p := range places {
		total[p.Scope]++
		if reason, ok := unseen[p]; ok {
			if reasons[p.Scope] == nil {
				reasons[p.Scope] = map[string]int{}
			}
			reasons[p.Scope][reason]++
		}
	}
	out := map[changeset.Place]string{}
	for p, reason := range unseen {
		if reasons[p.Scope][reason] == total[p.Scope] {
			p.Kind = ""
		}
		out[p] = reason
	}
	return out
}
