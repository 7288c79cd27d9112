package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// The plan of a pull request is of the owners that it touches, mostly one of many. It is made of what that plan
// depends on, at a cost that has little to do with the fleet's size, by these rules:
//
//   - In it are the owners that are asked about, and whom their definitions lead to, all of each: see
//     changeset.Leads and Stands. Those who have a waiver are in it as well.
//   - The rest is that of a narrow look: what the owners asked about have, and what their definitions lead to, is
//     read again if it changes or was begun, and no change stands on what was read earlier.
//   - What the whole has to say is asked of the whole. That is so if something goes, or is held for want of a
//     definition; if a cell is asked about, or very many tenants; and if an owner that is asked about has, or
//     leads to, something that can't carry a mark or is listed within something else: whose that is follows from
//     all definitions.

// mostAbout is how many owners such a plan is made of. More are as well looked at as everybody.
const mostAbout = 1000

// about makes the plan for the owners of a question. It tells whether that says what the plan for everybody
// would say of them.
func (r *Reconciler) about(ctx context.Context, t Target, q Question) (p Plan, enough bool, err error) {
	if slices.ContainsFunc(q.About, func(owner resource.Owner) bool { return owner.Class() != "tenant" }) {
		return Plan{}, false, nil
	}
	reach, err := r.State.Reach(ctx)
	if err != nil {
		return Plan{}, false, fmt.Errorf("recall where something was applied: %w", err)
	}
	open, err := r.State.Unanswered(ctx)
	if err != nil {
		return Plan{}, false, fmt.Errorf("ask the log for creates without an answer: %w", err)
	}
	kinds := setOf(reach.Kinds)
	for address := range open {
		kinds[address.Kind] = true
	}
	set, err := r.Providers(t.Fleet, slices.Sorted(maps.Keys(kinds)))
	if err != nil {
		return Plan{}, false, fmt.Errorf("drivers: %w", err)
	}
	c, found, err := r.circle(ctx, t, set, q.About)
	if err != nil || !found {
		return Plan{}, false, err
	}
	maps.DeleteFunc(open, func(a resource.Address, _ Intent) bool { return !c.around[a.Owner] })
	waits, err := r.ask(ctx, set, c.around)
	if err != nil {
		return Plan{}, false, fmt.Errorf("ask for what is under way: %w", err)
	}
	if c.awaits(set, open, waits) {
		return Plan{}, false, nil
	}
	target := t
	target.rendered, target.Rendering = nil, c.rendering
	b := basis{target: target, question: q, set: set, known: c.known, reach: reach.Scopes, open: open, waits: waits, circle: c}
	p, enough, err = r.narrow(ctx, b)
	if err != nil || !enough || !p.Changeset.Stands(q.About...) || c.strays(set, p.seen) {
		return Plan{}, false, err
	}
	p.Changeset.Approval = "" // nothing goes
	return p.Only(q.About...), true, nil
}

// A circle is all that the plan for some owners depends on.
type circle struct {
	about, around map[resource.Owner]bool // whom it is for; and with whom they lead to
	chain         map[resource.Address]bool
	rendering     schema.Rendering
	known         map[resource.Owner]OwnerState
}

// circle gathers what the plan for some owners depends on. There is none if that is nearly everything, or if
// it has to do with what is hidden.
func (r *Reconciler) circle(ctx context.Context, t Target, set providers.Set, about []resource.Owner) (*circle, bool, error) {
	c := &circle{about: setOf(about), around: map[resource.Owner]bool{}, known: map[resource.Owner]OwnerState{}}
	earlier := t.kin()
	open := setOf(about)
	for _, w := range t.Fleet.Waivers {
		for _, address := range w.Addresses {
			open[address.Owner] = true
		}
	}
	var definitions []resource.Desired // of any kind: of now, applied and begun
	for len(open) > 0 {
		if len(c.around)+len(open) > mostAbout {
			return nil, false, nil
		}
		next := slices.Sorted(maps.Keys(open))
		maps.Copy(c.around, open)
		known, err := r.State.Some(ctx, next)
		if err != nil {
			return nil, false, fmt.Errorf("recall what was applied: %w", err)
		}
		maps.Copy(c.known, known)
		these := t.asked(next)
		c.rendering.Desired = append(c.rendering.Desired, these...)
		for _, state := range known {
			these = append(slices.Clip(these), state.Applied...)
			for _, begun := range state.Begun {
				these = append(these, begun.Wanted...)
			}
		}
		definitions = append(definitions, these...)
		open = changeset.Leads(these)
		for _, owner := range next {
			for _, other := range earlier[owner] {
				open[other] = true
			}
		}
		maps.DeleteFunc(open, func(owner resource.Owner, _ bool) bool { return c.around[owner] })
	}
	slices.SortFunc(c.rendering.Desired, func(a, b resource.Desired) int { return a.Address.Compare(b.Address) })
	c.rendering.Broken = t.broken()
	c.link(definitions)
	for _, state := range c.known {
		for address := range state.Begun {
			c.chain[address] = c.chain[address] || c.about[address.Owner]
		}
	}
	return c, !c.hides(set), nil
}

// asked is what the target asks for some owners.
func (t Target) asked(owners []resource.Owner) []resource.Desired {
	if t.rendered != nil {
		return t.Fleet.RenderOwners(owners...).Desired
	}
	return slices.DeleteFunc(slices.Clone(t.Rendering.Desired), func(d resource.Desired) bool { return !slices.Contains(owners, d.Address.Owner) })
}

// broken has the owners that couldn't be rendered.
func (t Target) broken() map[resource.Owner]string {
	if t.rendered != nil {
		return t.Fleet.Broken
	}
	return t.Rendering.Broken
}

// kin has for each owner those with whom it shares a name, of now or of before.
func (t Target) kin() map[resource.Owner][]resource.Owner {
	out := map[resource.Owner][]resource.Owner{}
	note := func(owner, was resource.Owner) {
		if owner != was {
			out[owner], out[was] = append(out[owner], was), append(out[was], owner)
		}
	}
	for owner, before := range t.Fleet.Earlier() {
		for _, was := range before {
			note(owner, was)
		}
	}
	for i := range t.Rendering.Desired {
		for _, was := range t.Rendering.Desired[i].Previously {
			note(t.Rendering.Desired[i].Address.Owner, was.Owner)
		}
	}
	return out
}

// link finds the resources of the owners that are asked about, and those that they lead to from one to the next.
func (c *circle) link(definitions []resource.Desired) {
	c.chain = map[resource.Address]bool{}
	at := map[resource.Address][]*resource.Desired{}
	var open []resource.Address
	for i := range definitions {
		d := &definitions[i]
		at[d.Address] = append(at[d.Address], d)
		if c.about[d.Address.Owner] {
			open = append(open, d.Address)
		}
	}
	for len(open) > 0 {
		address := open[len(open)-1]
		open = open[:len(open)-1]
		if c.chain[address] {
			continue
		}
		c.chain[address] = true
		for _, d := range at[address] {
			open = append(open, d.Previously...)
			for _, ref := range d.Attributes.Refs() {
				open = append(open, ref.Address)
			}
		}
	}
}

// hides tells whether something matters that can't be told from others by itself.
func (c *circle) hides(set providers.Set) bool {
	for address, minded := range c.chain {
		if d := set[address.Kind]; minded && d != nil && hidden(d.Kind()) {
			return true
		}
	}
	return false
}

// awaits tells whether something such is being made.
func (c *circle) awaits(set providers.Set, open map[resource.Address]Intent, w waits) bool {
	for _, address := range slices.AppendSeq(slices.Collect(maps.Keys(open)), maps.Keys(w.known)) {
		if d := set[address.Kind]; c.minds(address) && d != nil && hidden(d.Kind()) {
			return true
		}
	}
	return false
}

// strays tells whether the owners that are asked about have something such in the cloud.
func (c *circle) strays(set providers.Set, seen Observation) bool {
	return slices.ContainsFunc(seen.Observed, func(o resource.Observed) bool {
		return c.about[o.Address.Owner] && hidden(set[o.Address.Kind].Kind())
	})
}

// of leaves of an observation what the plan depends on; all, if it is everybody's.
func (c *circle) of(seen Observation) Observation {
	if c == nil {
		return seen
	}
	all := seen.Observed
	seen.Observed = nil
	for _, owner := range slices.Sorted(maps.Keys(c.around)) { // they come by address, and so by owner
		from, _ := slices.BinarySearchFunc(all, owner, func(o resource.Observed, owner resource.Owner) int { return cmp.Compare(o.Address.Owner, owner) })
		for _, o := range all[from:] {
			if o.Address.Owner != owner {
				break
			}
			seen.Observed = append(seen.Observed, o)
		}
	}
	return seen
}

// minds tells whether a plan depends on an address; everybody's does on all.
func (c *circle) minds(address resource.Address) bool {
	return c == nil || c.chain[address] || c.about[address.Owner]
}
