package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A guide is what a look at the cloud needs of the definitions: what lies in what, for the kinds that are
// listed within something, and what is asked for, for those that can't carry a mark. It is never changed.
type guide struct {
	desired, applied []resource.Desired
	made             map[resource.Address]bool // of kinds that can't carry a mark
}

type guideKey struct{}

// guided returns a context whose looks go by a guide.
func guided(ctx context.Context, g *guide) context.Context {
	return context.WithValue(ctx, guideKey{}, g)
}

// hidden tells whether a look at a kind needs a guide.
func hidden(k resource.Kind) bool { return len(k.Within)+len(k.Identity) > 0 }

// guide gathers what looks for a plan need. It costs nothing if no kind needs one.
func (r *Reconciler) guide(ctx context.Context, b basis) (*guide, error) {
	g := &guide{made: map[resource.Address]bool{}}
	kinds := b.set.Kinds()
	needed := false
	for _, k := range kinds {
		needed = needed || hidden(k)
	}
	if !needed {
		return g, nil
	}
	g.desired = b.target.Rendered().Desired
	for _, state := range b.known {
		g.applied = append(g.applied, state.Applied...)
	}
	slices.SortFunc(g.applied, func(a, b resource.Desired) int { return a.Address.Compare(b.Address) })
	var bare []resource.Address
	for _, list := range [][]resource.Desired{g.desired, g.applied} {
		for _, d := range list {
			if len(kinds[d.Address.Kind].Identity) > 0 {
				bare = append(append(bare, d.Address), d.Previously...)
			}
		}
	}
	var err error
	if g.made, err = r.State.Proven(ctx, bare); err != nil {
		return nil, fmt.Errorf("ask the log for what we made without a mark: %w", err)
	}
	return g, nil
}

// snapshot is what is recognised by the guide.
func (g *guide) snapshot(set providers.Set, fleet string, observed []resource.Observed) changeset.Snapshot {
	return changeset.Snapshot{Fleet: fleet, Kinds: set.Kinds(), Desired: g.desired, Applied: g.applied, Made: g.made, Observed: observed}
}

// recognised is what was observed, as it is to be compared now: what carries no mark has the address that
// follows from what is asked for now, whatever it followed from when it was looked at.
func (g *guide) recognised(set providers.Set, fleet string, observed []resource.Observed) changeset.Snapshot {
	kinds := set.Kinds()
	var list []resource.Observed
	at := map[bareKey]int{}
	for _, r := range observed {
		if len(kinds[r.Address.Kind].Identity) == 0 {
			list = append(list, r)
			continue
		}
		// One that was written and one that was listed are the same, whatever each was taken for.
		key := bareKey{r.Address.Kind, r.Scope, r.ID}
		was := r.Address
		r.Address = resource.Address{Kind: was.Kind}
		if i, twice := at[key]; !twice {
			at[key] = len(list)
			list = append(list, r)
		} else if g.asks(was) {
			list[i] = r
		}
	}
	return changeset.Recognise(g.snapshot(set, fleet, list))
}

// A bareKey tells resources apart that carry no mark.
type bareKey struct {
	kind  string
	scope resource.Scope
	id    string
}

// asks tells whether a definition has an address.
func (g *guide) asks(address resource.Address) bool {
	has := func(d resource.Desired) bool { return d.Address == address }
	return slices.ContainsFunc(g.desired, has) || slices.ContainsFunc(g.applied, has)
}

// A pass lists places in rounds: first what is listed as a whole, then what lies in that, and so on.
type pass struct {
	set   providers.Set
	fleet string
	guide *guide
	known keeping // of places that aren't listed in this pass
	found map[changeset.Place][]resource.Observed
	errs  map[changeset.Place]error
}

// errNoGuide is a look at what is listed within something, by somebody who doesn't say what.
var errNoGuide = errors.New("nothing says what it is to be listed within")

// rounds splits places by when they can be listed.
func (p *pass) rounds(places []changeset.Place) [][]changeset.Place {
	kinds := p.set.Kinds()
	rounds := [][]changeset.Place{nil} // the first has what is listed as a whole
	at := map[string]int{}
	if p.guide != nil {
		for i, round := range changeset.Rounds(kinds, p.guide.desired, p.guide.applied) {
			for _, name := range round {
				at[name] = i + 1
			}
			rounds = append(rounds, nil)
		}
	}
	for _, place := range places {
		if len(kinds[place.Kind].Within) > 0 && p.guide == nil {
			p.errs[place] = errNoGuide
			continue
		}
		rounds[at[place.Kind]] = append(rounds[at[place.Kind]], place)
	}
	return rounds
}

// view is all that is known by now, recognised.
func (p *pass) view() changeset.Snapshot {
	s := p.guide.snapshot(p.set, p.fleet, nil)
	s.Unseen = map[changeset.Place]string{}
	for place, err := range p.errs {
		s.Unseen[place] = err.Error()
	}
	for place, why := range p.known.failed {
		if _, listed := p.found[place]; !listed {
			s.Unseen[place] = why
		}
	}
	for _, r := range p.known.seen {
		if _, listed := p.found[placeOf(r)]; !listed {
			s.Observed = append(s.Observed, r)
		}
	}
	for _, list := range p.found {
		s.Observed = append(s.Observed, list...)
	}
	return changeset.Recognise(s)
}

// insides are the ways to list places that are listed within something. What can't be told is an error of
// the place.
func (p *pass) insides(places []changeset.Place) map[changeset.Place][]resource.Attributes {
	view := p.view()
	out := map[changeset.Place][]resource.Attributes{}
	within, blind := map[string]map[resource.Scope][]resource.Attributes{}, map[string]map[resource.Scope]string{}
	for _, place := range places {
		if _, known := within[place.Kind]; !known {
			within[place.Kind], blind[place.Kind] = changeset.Inside(view, place.Kind)
		}
		if why, dark := blind[place.Kind][place.Scope]; dark {
			p.errs[place] = errors.New(why)
			continue
		}
		out[place] = within[place.Kind][place.Scope]
	}
	return out
}

// lister returns how to list a place.
func (p *pass) lister(place changeset.Place, within map[changeset.Place][]resource.Attributes) func(context.Context) ([]resource.Observed, error) {
	driver := p.set[place.Kind]
	if len(driver.Kind().Within) == 0 {
		return func(ctx context.Context) ([]resource.Observed, error) {
			return driver.Observe(ctx, place.Scope, p.fleet)
		}
	}
	return func(ctx context.Context) ([]resource.Observed, error) {
		if len(within[place]) == 0 {
			return nil, nil // there is nothing that anything could lie in
		}
		insider, ok := driver.(providers.Insider)
		if !ok {
			return nil, fmt.Errorf("the driver of %s can't list what lies in something", place.Kind)
		}
		return insider.ObserveWithin(ctx, place.Scope, p.fleet, within[place])
	}
}

// result is what was found in the places, recognised.
func (p *pass) result() []resource.Observed {
	if p.guide == nil {
		var out []resource.Observed
		for _, list := range p.found {
			out = append(out, list...)
		}
		return slices.DeleteFunc(out, func(r resource.Observed) bool { return r.Address.Owner == "" })
	}
	return slices.DeleteFunc(p.view().Observed, func(r resource.Observed) bool {
		_, listed := p.found[placeOf(r)]
		return !listed
	})
}
