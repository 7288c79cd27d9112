package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const defaultAtOnce = 16

// uncommitted stands for the commit of a folder that has none.
const uncommitted Commit = "uncommitted"

// A run is one application of a plan.
type run struct {
	reconciler *Reconciler
	plan       Plan
	order      Order

	mu      sync.Mutex
	outputs map[resource.Address]map[string]string
}

// output is what a reference points at, if it is known by now.
func (r *run) output(ref resource.Ref) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok := r.outputs[ref.Address][ref.Output]
	return text, ok
}

// learn keeps the outputs of a resource that was just written.
func (r *run) learn(address resource.Address, have resource.Observed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outputs[address] = have.Outputs
}

// all works through the plan: a change starts when all that it needs is done, and at most AtOnce
// are under way. It returns the outcomes in the plan's order.
func (r *run) all(ctx context.Context) []changeset.Outcome {
	changes := r.plan.Changeset.Changes
	outcomes := make([]changeset.Outcome, len(changes))
	at := make(map[resource.Address]int, len(changes))
	finished := make([]chan struct{}, len(changes))
	for i, c := range changes {
		at[c.Address] = i
		finished[i] = make(chan struct{})
	}
	slots := make(chan struct{}, cmp.Or(r.reconciler.AtOnce, defaultAtOnce))
	var group sync.WaitGroup
	var telling sync.Mutex
	for i, c := range changes {
		group.Go(func() {
			defer close(finished[i])
			needed := r.await(c, at, finished, outcomes)
			switch {
			case c.Hold != "":
				outcomes[i] = changeset.Outcome{Address: c.Address, Action: c.Action, Result: changeset.Held, Detail: c.Hold}
			case needed != "":
				outcomes[i] = changeset.Outcome{Address: c.Address, Action: c.Action, Result: changeset.Blocked, Detail: needed}
			default:
				slots <- struct{}{}
				outcomes[i] = r.change(ctx, c)
				<-slots
			}
			if r.order.Progress != nil {
				telling.Lock()
				defer telling.Unlock()
				r.order.Progress(outcomes[i])
			}
		})
	}
	group.Wait()
	return outcomes
}

// await waits for what a change needs, and says what of it wasn't done.
func (r *run) await(c changeset.Change, at map[resource.Address]int, finished []chan struct{}, outcomes []changeset.Outcome) string {
	for _, need := range c.Needs {
		i, ok := at[need]
		if !ok {
			continue
		}
		<-finished[i]
		if result := outcomes[i].Result; result != changeset.Applied && result != changeset.Unchanged {
			return fmt.Sprintf("needs %s, which was %s", need, result)
		}
	}
	return ""
}

// remember notes what every owner was brought to. An owner with a change that failed, was blocked
// or skipped stays unsettled, so that the next pass finishes it. One that can't be noted keeps no
// other from it.
func (r *Reconciler) remember(ctx context.Context, p Plan, outcomes []changeset.Outcome) error {
	undone, held := map[resource.Owner]bool{}, map[resource.Address]bool{}
	touched := map[resource.Owner]bool{}
	attempted := ownersOf(p.Changeset.Ready())
	for _, o := range outcomes {
		touched[o.Address.Owner] = true
		switch o.Result {
		case changeset.Failed, changeset.Blocked, changeset.Skipped:
			undone[o.Address.Owner] = true
		case changeset.Held:
			held[o.Address] = true
		}
	}
	broken := map[resource.Owner]bool{}
	for _, b := range p.Changeset.Broken {
		broken[b.Owner] = true
	}
	var failures []error
	for _, owner := range p.owners() {
		if undone[owner] || broken[owner] || p.partlyUnseen(owner) {
			continue
		}
		applied := p.applied(owner, held)
		before, known := p.known[owner]
		begun := contains(attempted, owner) || before.Attempt != ""
		if known && !begun && before.Commit != "" && sameDesired(before.Applied, applied) {
			continue
		}
		if !known && len(applied) == 0 && !touched[owner] {
			continue
		}
		if err := r.State.Settle(ctx, owner, cmp.Or(p.Target.Commit, uncommitted), applied); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// applied is what an owner has now: what the target wants, but for held changes, where it is
// still what was applied before.
func (p Plan) applied(owner resource.Owner, held map[resource.Address]bool) []resource.Desired {
	var list []resource.Desired
	for _, d := range p.desired[owner] {
		if !held[d.Address] {
			list = append(list, d)
		}
	}
	for _, d := range p.known[owner].Applied {
		if held[d.Address] {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b resource.Desired) int { return a.Address.Compare(b.Address) })
	return list
}

// partlyUnseen tells whether some of an owner couldn't be looked at, so that nothing can be said
// of what it was brought to.
func (p Plan) partlyUnseen(owner resource.Owner) bool {
	for _, d := range p.desired[owner] {
		if p.unseen(d.Scope, d.Address.Kind) {
			return true
		}
	}
	for _, d := range p.known[owner].Applied {
		if p.unseen(d.Scope, d.Address.Kind) {
			return true
		}
	}
	return false
}

func (p Plan) unseen(scope resource.Scope, kind string) bool {
	_, whole := p.seen.Unseen[changeset.Place{Scope: scope}]
	_, single := p.seen.Unseen[changeset.Place{Scope: scope, Kind: kind}]
	return whole || single
}

// owners are all that the plan may settle: those of the target, and those that are remembered and
// whose removal is intended.
func (p Plan) owners() []resource.Owner {
	seen := map[resource.Owner]bool{}
	for owner := range p.desired {
		seen[owner] = true
	}
	for owner := range p.known {
		if _, removed := p.Target.Removed[owner]; removed {
			seen[owner] = true
		}
	}
	if p.only != nil {
		for owner := range seen {
			if !slices.Contains(p.only, owner) {
				delete(seen, owner)
			}
		}
	}
	list := make([]resource.Owner, 0, len(seen))
	for owner := range seen {
		list = append(list, owner)
	}
	slices.Sort(list)
	return list
}

func ownersOf(changes []changeset.Change) []resource.Owner {
	var list []resource.Owner
	for _, c := range changes {
		list = append(list, c.Address.Owner)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func contains(sorted []resource.Owner, owner resource.Owner) bool {
	_, found := slices.BinarySearch(sorted, owner)
	return found
}

// sameDesired tells whether two renderings of an owner ask for the same.
func sameDesired(a, b []resource.Desired) bool {
	return slices.EqualFunc(a, b, func(a, b resource.Desired) bool {
		return a.Address == b.Address && a.Scope == b.Scope && a.Adopt == b.Adopt && same(a.Attributes, b.Attributes)
	})
}
