package reconciler

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A narrow look costs calls for the owners that a target concerns, whatever the fleet's size. It goes by
// these rules, and where they don't suffice everything is read:
//
//   - What is known of places that were listed lately enough stands for what nobody touches. The comparison is
//     that of a whole look, over everything; for the plan of a few, see about.
//   - Read again is all that the owners have whose definitions differ from what was applied to them, that
//     were removed, or of which something is begun, in doubt or without an answer; what they refer to; and
//     what this process wrote since.
//   - No change stands on what was read earlier: whatever a plan would do something to, or says to differ,
//     was read for that plan. That a repeated look finds more of it is why there are rounds.
//   - Neither does an absence, where that matters: before a second thing could be made of a kind whose
//     create can't be repeated and that the log has a create of, and before what Git doesn't ask for any more
//     could be taken for gone, the place is listed. A create of other kinds finishes what is there.
//   - A percentage is of what there is now: what goes beyond a limit's count has everything read.
const narrowRounds = 4

// A basis is what a plan is made of, but for what the cloud has.
type basis struct {
	target   Target
	question Question
	set      providers.Set
	known    map[resource.Owner]OwnerState
	open     map[resource.Address]Intent // the creates that had no answer before the look
	waits    waits
	guide    *guide // nil if nothing hidden matters

	concerned map[resource.Owner]bool // of a narrow look
	circle    *circle                 // of a plan for some owners alone; nil for everybody's
	reach     []resource.Scope        // with a circle, where anything was applied
}

// A ground is what was read for a plan.
type ground struct {
	resources map[resource.Address]bool
	owners    map[resource.Owner]bool
	listed    map[changeset.Place]bool
}

func (g *ground) add(part Part, seen Observation) {
	maps.Copy(g.resources, setOf(part.Resources))
	maps.Copy(g.owners, setOf(part.Owners))
	maps.Copy(g.listed, seen.listed)
}

func (g *ground) has(r resource.Observed) bool {
	return g.listed[placeOf(r)] || g.resources[r.Address] || g.owners[r.Address.Owner]
}

// narrow makes the plan of a narrow look. It tells whether that is enough.
func (r *Reconciler) narrow(ctx context.Context, b basis) (p Plan, enough bool, err error) {
	b.concerned = b.owners()
	scopes, gone := b.scopes()
	all := places(b.set, scopes)
	read := ground{map[resource.Address]bool{}, map[resource.Owner]bool{}, map[changeset.Place]bool{}}
	part := b.concerns()
	for range narrowRounds {
		seen, known, err := r.see(ctx, b, scopes, part)
		if err != nil || !known {
			return Plan{}, false, err
		}
		read.add(part, seen)
		if seen, err = r.Observer.confirm(ctx, b.set, b.target.Fleet.Name, scopes, seen, expect(b.target.Rendered().Desired, b.known)); err != nil {
			return Plan{}, false, fmt.Errorf("observe the cloud: %w", err)
		}
		seen = b.circle.of(seen)
		whole := !slices.ContainsFunc(all, func(p changeset.Place) bool { return !read.listed[p] })
		if p, err = r.compare(ctx, b, withGone(seen, gone), whole); err != nil {
			return Plan{}, false, err
		}
		if part, err = r.unread(ctx, b, p, &read, all); err != nil {
			return Plan{}, false, err
		}
		if part.empty() {
			return p, whole || !p.limited(), nil
		}
	}
	return Plan{}, false, nil
}

// see reads a part of the cloud again. It tells whether enough is known of the rest.
func (r *Reconciler) see(ctx context.Context, b basis, scopes []resource.Scope, part Part) (seen Observation, known bool, err error) {
	if b.circle == nil {
		seen, err = r.Observer.again(ctx, b.set, b.target.Fleet.Name, scopes, b.question.Within, part)
		known = true
	} else {
		seen, known, err = r.Observer.few(ctx, b.set, b.target.Fleet.Name, scopes, b.question.Within, part)
		seen = b.circle.of(seen)
	}
	if err != nil {
		return Observation{}, false, fmt.Errorf("observe the cloud: %w", err)
	}
	return seen, known, nil
}

func (p Part) empty() bool { return len(p.Resources)+len(p.Owners)+len(p.Places) == 0 }

// concerns is what is read for a target in any case.
func (b basis) concerns() Part {
	part := b.question.Part
	part.Unseen = true
	part.Owners = slices.AppendSeq(slices.Clip(part.Owners), maps.Keys(b.concerned))
	part.Resources = slices.Clip(part.Resources)
	for address := range b.waits.known {
		part.Resources = append(part.Resources, address)
	}
	for i := range b.target.Rendered().Desired {
		d := &b.target.Rendered().Desired[i]
		if !b.concerned[d.Address.Owner] {
			continue
		}
		part.Resources = append(part.Resources, d.Previously...)
		for _, ref := range d.Attributes.Refs() {
			if !b.concerned[ref.Address.Owner] {
				part.Resources = append(part.Resources, ref.Address)
			}
		}
	}
	return part
}

// owners are those that a target may have something done to.
func (b basis) owners() map[resource.Owner]bool {
	out, desired := map[resource.Owner]bool{}, b.target.Desired()
	for owner, list := range desired {
		out[owner] = !appliedAs(list, b.known[owner].Applied)
	}
	for owner, state := range b.known {
		_, removed := b.target.Removed[owner]
		out[owner] = out[owner] || removed || len(state.Begun) > 0
	}
	for address := range b.open {
		out[address.Owner] = true
	}
	for address := range b.waits.known {
		out[address.Owner] = true
	}
	left := broken(b.target)
	maps.DeleteFunc(out, func(owner resource.Owner, concerned bool) bool {
		_, alone := left[owner]
		return !concerned || alone || b.circle != nil && !b.circle.about[owner]
	})
	return out
}

// appliedAs tells whether an owner's definitions ask for what was applied.
func appliedAs(desired, applied []resource.Desired) bool {
	if len(desired) != len(applied) {
		return false
	}
	was := make(map[resource.Address]*resource.Desired, len(applied))
	for i := range applied {
		was[applied[i].Address] = &applied[i]
	}
	return !slices.ContainsFunc(desired, func(d resource.Desired) bool {
		before := was[d.Address]
		return before == nil || !sameDesired([]resource.Desired{d}, []resource.Desired{*before})
	})
}

// unread is what a plan stands on that wasn't read for it.
func (r *Reconciler) unread(ctx context.Context, b basis, p Plan, read *ground, all []changeset.Place) (Part, error) {
	var part Part
	missing := map[resource.Address]resource.Scope{} // what is to be made and can't be made twice
	for _, c := range p.Changeset.Changes {
		switch {
		case !b.circle.minds(c.Address):
		case c.Have != nil && !read.has(*c.Have):
			part.Resources = append(part.Resources, c.Have.Address)
		case c.Have == nil && c.Want != nil && b.unrepeatable(c.Address.Kind):
			for _, address := range append([]resource.Address{c.Address}, c.Want.Previously...) {
				missing[address] = c.Want.Scope
			}
		}
	}
	logged, err := r.State.Nonces(ctx, slices.Collect(maps.Keys(missing)))
	if err != nil {
		return Part{}, fmt.Errorf("ask the log for the marks of what we created: %w", err)
	}
	lacking := b.lacking(p)
	for address, scope := range missing {
		if _, made := logged[address]; made {
			lacking[address] = scope
		}
	}
	for address, scope := range lacking {
		for _, at := range all {
			if at.Kind == address.Kind && (at.Scope == scope || scope == resource.Scope{}) && !read.listed[at] {
				part.Places = append(part.Places, at)
			}
		}
	}
	return part, nil
}

func (b basis) unrepeatable(kind string) bool {
	d := b.set[kind]
	return d != nil && d.Kind().Unrepeatable
}

// lacking are the resources of the owners concerned that may well be there, though they weren't seen, and
// that no create of the plan would come upon: what Git doesn't ask for any more, and what the cloud may
// have finished since. The scope is the zero value where nobody knows it.
func (b basis) lacking(p Plan) map[resource.Address]resource.Scope {
	out := map[resource.Address]resource.Scope{}
	for owner := range b.concerned {
		state := b.known[owner]
		for address := range state.Begun {
			out[address] = resource.Scope{}
		}
		for _, d := range state.Applied {
			out[d.Address] = d.Scope
		}
	}
	for address := range b.open {
		out[address] = resource.Scope{}
	}
	for _, list := range p.desired {
		for _, d := range list {
			delete(out, d.Address)
		}
	}
	for _, e := range b.waits.ended {
		out[e.Before.Address] = e.Before.Scope
	}
	for _, seen := range p.seen.Observed {
		delete(out, seen.Address)
	}
	maps.DeleteFunc(out, func(a resource.Address, _ resource.Scope) bool { return !b.circle.minds(a) })
	return out
}

// limited tells whether the limits bear on a plan.
func (p Plan) limited() bool {
	return slices.ContainsFunc(p.Changeset.Changes, func(c changeset.Change) bool {
		return c.HoldKind == changeset.HoldLimit || c.Approved.Digest != ""
	})
}

// countAlone are limits that allow what any number of resources would allow.
func countAlone(l changeset.Limits) changeset.Limits {
	l = l.OrDefault()
	l.Percent = 0
	return l
}
