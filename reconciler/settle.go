package reconciler

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// uncommitted stands for the commit of a folder that has none.
const uncommitted Commit = "uncommitted"

// The books of a run note what was reached, owner by owner, as soon as nothing more happens to one.
// What is settled is settled per resource: that one of an owner fails again and again must not make
// the drift of the others look as if Git had asked for it.
type books struct {
	run     *run
	changes map[resource.Owner][]int // the changes that concern an owner, by their place in the plan

	mu       sync.Mutex
	open     map[resource.Owner]int // how many of them have no outcome yet
	failures []error
}

func (r *run) books() *books {
	b := &books{run: r, changes: map[resource.Owner][]int{}, open: map[resource.Owner]int{}}
	for i, c := range r.plan.Changeset.Changes {
		for _, owner := range concerned(c) {
			b.changes[owner] = append(b.changes[owner], i)
			b.open[owner]++
		}
	}
	return b
}

// concerned are the owners that a change concerns: two, if it takes something over.
func concerned(c changeset.Change) []resource.Owner {
	owners := []resource.Owner{c.Address.Owner}
	if from := c.From.Owner; from != "" && from != c.Address.Owner {
		owners = append(owners, from)
	}
	return owners
}

// finished notes that a change has its outcome, and settles the owners that have no other open.
func (b *books) finished(ctx context.Context, c changeset.Change, outcomes []changeset.Outcome) {
	for _, owner := range concerned(c) {
		b.mu.Lock()
		b.open[owner]--
		last := b.open[owner] == 0
		b.mu.Unlock()
		if last && b.run.plan.settles(owner) {
			b.settle(ctx, owner, outcomes)
		}
	}
}

// close settles the owners without a change, and returns what couldn't be noted. One that can't be
// keeps no other from it.
func (b *books) close(ctx context.Context) error {
	for _, owner := range b.run.plan.owners() {
		if len(b.changes[owner]) == 0 {
			b.settle(ctx, owner, nil)
		}
	}
	return errors.Join(b.failures...)
}

func (b *books) settle(ctx context.Context, owner resource.Owner, outcomes []changeset.Outcome) {
	p := &b.run.plan
	if slices.ContainsFunc(p.Changeset.Broken, func(broken changeset.Broken) bool { return broken.Owner == owner }) {
		return
	}
	to, whole, wrote := p.reached(owner, b.changes[owner], outcomes)
	to.Done = slices.DeleteFunc(to.Done, func(a resource.Address) bool {
		return b.run.left(a) && !b.changed(owner, a) || time.Now().Before(b.run.reconciler.lateUntil(p.known[owner].Begun[a]))
	})
	if whole {
		to.Commit = cmp.Or(p.Target.Commit, uncommitted)
	}
	before, known := p.known[owner]
	news := wrote || slices.ContainsFunc(to.Done, func(a resource.Address) bool { _, begun := before.Begun[a]; return begun })
	switch {
	case !news && sameDesired(before.Applied, to.Applied) && (!whole || before.Commit != ""):
		return
	case !known && len(to.Applied) == 0 && len(outcomes) == 0:
		return
	}
	if err := b.run.reconciler.State.Settle(context.WithoutCancel(ctx), owner, to); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.failures = append(b.failures, err)
	}
}

// lateUntil is when a write that never had an answer can't have its effect any more; zero if there is none.
// Until then a resource isn't done with, whatever it was brought to since: what such a write does is no
// change of somebody else's, and is put back as what was begun and not finished.
func (r *Reconciler) lateUntil(b Begun) time.Time {
	if b.Late.IsZero() {
		return b.Late
	}
	return b.Late.Add(r.settle())
}

// late is when the last of all such writes is done with; zero if there is none.
func (r *Reconciler) late(p Plan, now time.Time) time.Time {
	var last time.Time
	for _, state := range p.known {
		for _, b := range state.Begun {
			if until := r.lateUntil(b); until.After(now) && until.After(last) {
				last = until
			}
		}
	}
	return last
}

// changed tells whether the plan has a change of an owner's resource.
func (b *books) changed(owner resource.Owner, address resource.Address) bool {
	return slices.ContainsFunc(b.changes[owner], func(i int) bool { return b.run.plan.Changeset.Changes[i].Address == address })
}

// reached is what an owner was brought to, given the outcomes of its changes: what Git says now of each
// resource that is as the commit wants it, and what was applied before of the others. It tells whether
// the commit was reached in whole, but for what is held, and whether anything was written.
func (p *Plan) reached(owner resource.Owner, changes []int, outcomes []changeset.Outcome) (to Settlement, whole, wrote bool) {
	desired, before := p.desired[owner], p.before(owner)
	seen := p.addressesOf(owner)
	open := map[resource.Address]bool{} // what isn't as the commit wants it, or may not be
	for _, d := range slices.Concat(desired, before) {
		open[d.Address] = open[d.Address] || p.unseen(d.Scope, d.Address.Kind)
		whole = whole || open[d.Address]
	}
	whole = !whole
	for _, i := range changes {
		c, result := p.Changeset.Changes[i], outcomes[i].Result
		seen[c.Address], seen[c.From] = true, true
		wrote = wrote || result == changeset.Applied
		if result == changeset.Applied || result == changeset.Unchanged || onlyDrifted(c) {
			continue
		}
		open[c.Address], open[c.From] = true, true
		whole = whole && result == changeset.Held
	}
	for _, d := range desired {
		if !open[d.Address] {
			to.Applied = append(to.Applied, d)
		}
	}
	for _, d := range before {
		if open[d.Address] {
			to.Applied = append(to.Applied, d)
		}
	}
	slices.SortFunc(to.Applied, func(a, b resource.Desired) int { return a.Address.Compare(b.Address) })
	for address := range seen {
		if !open[address] && address.Owner == owner {
			to.Done = append(to.Done, address)
		}
	}
	slices.SortFunc(to.Done, resource.Address.Compare)
	return to, whole, wrote
}

// before is what was applied of an owner, without what is abandoned: that is forgotten, whatever
// becomes of what takes its place.
func (p *Plan) before(owner resource.Owner) []resource.Desired {
	return slices.DeleteFunc(slices.Clone(p.known[owner].Applied), func(d resource.Desired) bool {
		return slices.ContainsFunc(p.Target.Fleet.Lost, func(a schema.LostAccount) bool { return a.ID == d.Scope.Account })
	})
}

// addressesOf are the addresses of an owner that it has or had something at. What was only begun there
// may be where it couldn't be looked at.
func (p *Plan) addressesOf(owner resource.Owner) map[resource.Address]bool {
	list := map[resource.Address]bool{}
	for _, d := range slices.Concat(p.desired[owner], p.before(owner)) {
		list[d.Address] = true
	}
	if len(p.seen.Unseen) == 0 {
		for address := range p.known[owner].Begun {
			list[address] = true
		}
	}
	return list
}

// onlyDrifted tells whether a resource is as Git wants it but for what somebody changed in the cloud,
// which waits for a person.
func onlyDrifted(c changeset.Change) bool {
	return c.Cause == changeset.Drift && c.HoldKind == changeset.HoldDrift
}

// settles tells whether the plan may settle an owner: it is in the target, or is remembered and was
// removed.
func (p *Plan) settles(owner resource.Owner) bool {
	_, wanted := p.desired[owner]
	_, remembered := p.known[owner]
	_, removed := p.Target.Removed[owner]
	return (wanted || remembered && removed) && (p.only == nil || slices.Contains(p.only, owner))
}

// owners are all that the plan may settle.
func (p *Plan) owners() []resource.Owner {
	var list []resource.Owner
	for _, owners := range []iter.Seq[resource.Owner]{maps.Keys(p.desired), maps.Keys(p.known)} {
		for owner := range owners {
			if p.settles(owner) {
				list = append(list, owner)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (p *Plan) unseen(scope resource.Scope, kind string) bool {
	_, whole := p.seen.Unseen[changeset.Place{Scope: scope}]
	_, single := p.seen.Unseen[changeset.Place{Scope: scope, Kind: kind}]
	return whole || single
}

// sameDesired tells whether two renderings of an owner ask for the same.
func sameDesired(a, b []resource.Desired) bool {
	return slices.EqualFunc(a, b, func(a, b resource.Desired) bool {
		return a.Address == b.Address && a.Scope == b.Scope && a.Adopt == b.Adopt && same(a.Attributes, b.Attributes)
	})
}
