package reconciler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Finish goes on with what waits for the cloud after a plan was applied, and returns the outcomes of all
// that the plan had. It looks again and again until nothing waits, what does is overdue, or ctx ends.
// Nothing is done but what the plan has and what follows from it: what else somebody asks for, or changes
// in the cloud meanwhile, is for another plan. Progress of the order is told of every look.
func (r *Reconciler) Finish(ctx context.Context, p Plan, outcomes []changeset.Outcome, o Order) ([]changeset.Outcome, error) {
	so := result{commit: p.Target.Commit}
	so.add(p.Changeset, outcomes)
	for begun(so.outcomes) {
		select {
		case <-ctx.Done():
			return so.list(), nil
		case <-time.After(time.Until(soon(so.list(), time.Now()))):
		}
		r.Observer.Forget()
		plan, err := r.Plan(ctx, p.Target, Question{Correct: true})
		if err != nil {
			return so.list(), fmt.Errorf("go on with what waits for the cloud: %w", err)
		}
		rest := so.rest(p.Changeset)
		plan = plan.onlyRest(rest)
		further, err := r.Apply(ctx, plan, o.about(rest))
		so.add(plan.Changeset, so.ofRest(rest, further))
		if err != nil {
			return so.list(), err
		}
		so.tell(rest, further, o.Progress)
	}
	return so.list(), nil
}

// begun tells whether one of the outcomes waits for something that was begun or tried here.
func begun(outcomes map[resource.Address]changeset.Outcome) bool {
	for _, o := range outcomes {
		if o.Result == changeset.Waiting && !o.Since.IsZero() {
			return true
		}
	}
	return false
}

// rest are the changes of a changeset that wait, by address.
func (r *result) rest(cs changeset.Changeset) map[resource.Address]changeset.Change {
	rest := map[resource.Address]changeset.Change{}
	for _, c := range cs.Changes {
		if r.outcomes[c.Address].Result == changeset.Waiting {
			rest[c.Address] = c
		}
	}
	return rest
}

// ofRest are the outcomes of the rest, and, of what else a plan has, those of before: it was left alone.
func (r *result) ofRest(rest map[resource.Address]changeset.Change, further []changeset.Outcome) []changeset.Outcome {
	var list []changeset.Outcome
	for _, o := range further {
		if before, known := r.outcomes[o.Address]; !concerns(rest, o.Address) && known {
			list = append(list, before)
		} else if concerns(rest, o.Address) {
			list = append(list, o)
		}
	}
	return list
}

// tell tells of what ended by itself, so that the plan had nothing to do for it any more.
func (r *result) tell(rest map[resource.Address]changeset.Change, further []changeset.Outcome, progress func(changeset.Outcome)) {
	if progress == nil {
		return
	}
	for _, o := range r.list() {
		planned := slices.ContainsFunc(further, func(f changeset.Outcome) bool { return f.Address == o.Address })
		if concerns(rest, o.Address) && !planned {
			progress(o)
		}
	}
}

func concerns(rest map[resource.Address]changeset.Change, address resource.Address) bool {
	_, is := rest[address]
	return is
}

// about has an order tell of the rest alone.
func (o Order) about(rest map[resource.Address]changeset.Change) Order {
	if tell := o.Progress; tell != nil {
		o.Progress = func(outcome changeset.Outcome) {
			if concerns(rest, outcome.Address) {
				tell(outcome)
			}
		}
	}
	return o
}

// onlyRest holds every change of the plan that doesn't go on with one of the rest.
func (p Plan) onlyRest(rest map[resource.Address]changeset.Change) Plan {
	p.Changeset.Changes = slices.Clone(p.Changeset.Changes)
	for i, c := range p.Changeset.Changes {
		if begun, is := rest[c.Address]; c.Hold == "" && (!is || !goesOn(begun, c)) {
			p.Changeset.Changes[i].Hold, p.Changeset.Changes[i].HoldKind = "it is not what was agreed to: make a new plan", changeset.HoldDrift
		}
	}
	return p
}

// goesOn tells whether a change is what is left of an earlier one: the same, to no more attributes, or what
// comes after a first step of it.
func goesOn(begun, c changeset.Change) bool {
	if c.Action == changeset.Update && begun.Action == changeset.Update {
		return !slices.ContainsFunc(c.Attributes, func(d changeset.Difference) bool {
			return !slices.ContainsFunc(begun.Attributes, func(b changeset.Difference) bool { return b.Path == d.Path })
		})
	}
	switch begun.Action {
	case c.Action:
		return true
	case changeset.Replace:
		return c.Action == changeset.Create || c.Action == changeset.Update
	case changeset.Create, changeset.Adopt, changeset.Move:
		return c.Action == changeset.Update
	}
	return false
}
