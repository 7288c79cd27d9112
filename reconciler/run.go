package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const defaultAtOnce = 16

// A run is one application of a plan.
type run struct {
	reconciler *Reconciler
	plan       Plan
	order      Order

	followers followers

	mu      sync.Mutex
	outputs map[resource.Address]map[string]string
	nonces  map[resource.Address]string // chosen for creates
	// followed has what refers to something that this run wrote.
	followed map[resource.Address]bool
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
// are under way. It returns the outcomes in the plan's order. What was reached is remembered owner by
// owner; the error is about that.
func (r *run) all(ctx context.Context) ([]changeset.Outcome, error) {
	changes := r.plan.Changeset.Changes
	outcomes := make([]changeset.Outcome, len(changes))
	at := make(map[resource.Address]int, len(changes))
	finished := make([]chan struct{}, len(changes))
	for i, c := range changes {
		at[c.Address] = i
		finished[i] = make(chan struct{})
	}
	books := r.books()
	slots := make(chan struct{}, cmp.Or(r.reconciler.AtOnce, defaultAtOnce))
	var group sync.WaitGroup
	var telling sync.Mutex
	for i, c := range changes {
		group.Go(func() {
			defer close(finished[i])
			needed, lacks := r.await(c, at, finished, outcomes)
			switch {
			case c.Hold != "":
				if outcomes[i] = r.held(c); outcomes[i].Result == changeset.Waiting && lacks == changeset.Blocked {
					outcomes[i].Result, outcomes[i].Detail = lacks, needed
				}
			case needed != "":
				outcomes[i] = changeset.Outcome{Address: c.Address, Action: c.Action, Result: lacks, Detail: needed}
			default:
				slots <- struct{}{}
				outcomes[i] = r.change(ctx, c)
				<-slots
			}
			books.finished(ctx, c, outcomes)
			if r.order.Progress != nil {
				telling.Lock()
				defer telling.Unlock()
				r.order.Progress(outcomes[i])
			}
		})
	}
	group.Wait()
	return outcomes, books.close(ctx)
}

// await waits for what a change needs, and says what of it wasn't done, and what that makes of the change:
// what needs something that waits for the cloud waits with it.
func (r *run) await(c changeset.Change, at map[resource.Address]int, finished []chan struct{}, outcomes []changeset.Outcome) (needed string, lacks changeset.Result) {
	for _, need := range c.Needs {
		i, ok := at[need]
		if !ok {
			continue
		}
		<-finished[i]
		switch result := outcomes[i].Result; result {
		case changeset.Applied, changeset.Unchanged:
		case changeset.Waiting:
			needed, lacks = fmt.Sprintf("needs %s, which the cloud isn't done with", need), changeset.Waiting
		default:
			return fmt.Sprintf("needs %s, which was %s", need, result), changeset.Blocked
		}
	}
	return needed, lacks
}
