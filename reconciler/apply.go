package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// writeTimeout bounds one write, from sending it to its answer. A write is seen through to its
// answer even when the run is told to stop, so that none is cut in half.
const writeTimeout = 60 * time.Second

// An Order says how a plan is to be applied.
type Order struct {
	Run   string // names the pass in the log
	Actor string // who asked: a login, or "tenantry"
	// Fence is asked before every write, and again right before each of its requests is sent, by
	// several goroutines at once; an error stops the run there. Nil allows all.
	Fence func() error
	// Patience is how long one change waits in place for a cloud that isn't ready for it, before it is
	// left to a later plan; 5 s if zero.
	Patience time.Duration
	// Progress is told every outcome as it comes, one at a time. May be nil.
	Progress func(changeset.Outcome)
}

// ErrStopped means that a change was not made, or not to its end, because the run was told to stop.
var ErrStopped = errors.New("stopped before this change")

// Apply makes the changes of a plan that aren't held, each as soon as what it needs is done, and
// remembers what was applied. It returns an outcome for every change, in the plan's order. One
// failure blocks those that need it and no others.
func (r *Reconciler) Apply(ctx context.Context, p Plan, o Order) ([]changeset.Outcome, error) {
	if len(p.Changeset.Ready()) > 0 {
		defer r.Observer.Forget()
	}
	run := &run{
		reconciler: r, plan: p, order: o,
		outputs: map[resource.Address]map[string]string{}, nonces: map[resource.Address]string{}, followed: map[resource.Address]bool{},
	}
	for _, seen := range p.seen.Observed {
		run.outputs[seen.Address] = seen.Outputs
	}
	if err := errors.Join(run.conclude(ctx), run.recognise(ctx)); err != nil {
		return nil, err
	}
	run.keepFollowing()
	if err := r.abandon(ctx, p, o); err != nil {
		return nil, err
	}
	outcomes, err := run.all(ctx)
	err = errors.Join(err, r.forget(context.WithoutCancel(ctx), p.Changeset.Changes, outcomes))
	if err != nil {
		return outcomes, fmt.Errorf("remember what was applied: %w", err)
	}
	return outcomes, nil
}

// A step is one external effect: what a change consists of.
type step struct {
	action changeset.Action
	want   *resource.Desired // what an update asks for
	// send gets the resource as the step before left it, or as it was observed.
	send func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error)
}

// change brings one change to its outcome.
func (r *run) change(ctx context.Context, c changeset.Change) changeset.Outcome {
	out := changeset.Outcome{Address: c.Address, Action: c.Action}
	if err := r.plan.waits.failed(c.Address); err != nil {
		out.Result, out.Detail = changeset.Failed, err.Error()
		return out // a person can read that; the next plan tries it again
	}
	steps, err := r.steps(c)
	if err != nil {
		out.Result, out.Detail = changeset.Failed, err.Error()
		return out
	}
	if len(steps) == 0 {
		out.Result = changeset.Unchanged
		return out
	}
	switch err := r.carryOut(ctx, c, steps); {
	case errors.Is(err, ErrStopped):
		out.Result, out.Detail = changeset.Skipped, err.Error()
	case notReady(err):
		return r.notReady(c, err)
	case err != nil:
		out.Result, out.Detail = changeset.Failed, err.Error()
	default:
		out.Result = changeset.Applied
	}
	return out
}

// carryOut takes the steps of a change, one after the other.
func (r *run) carryOut(ctx context.Context, c changeset.Change, steps []step) error {
	var have resource.Observed
	if c.Have != nil {
		have = *c.Have
	}
	if c.Action == changeset.Create || c.Action == changeset.Replace {
		if err := r.allowed(ctx); err != nil {
			return err
		}
		if err := r.follow(ctx, c); err != nil {
			return err
		}
	}
	for _, s := range steps {
		var err error
		if have, err = r.patiently(ctx, c, s, have); ticketOf(err) != "" && c.Action == changeset.Update {
			return errors.Join(err, r.follow(ctx, c)) // nobody here will see what it gives others
		}
		if err != nil {
			return err
		}
	}
	r.learn(c.Address, have)
	if c.Have != nil && c.Action != changeset.Replace && !maps.Equal(have.Outputs, c.Have.Outputs) {
		return r.follow(ctx, c)
	}
	return nil
}

// steps turns a change into its effects, now that what it refers to is known. A change that turns
// out to be none any more has no steps.
func (r *run) steps(c changeset.Change) ([]step, error) {
	var want resource.Desired
	if c.Want != nil {
		want = *c.Want
		want.Attributes = r.plan.set[c.Address.Kind].Kind().Canonical(want.Attributes.Resolve(r.output))
		if refs := want.Attributes.Refs(); len(refs) > 0 {
			return nil, fmt.Errorf("%s is not known", refs[0])
		}
	}
	switch c.Action {
	case changeset.Create:
		return []step{r.create(want)}, nil
	case changeset.Update:
		if c.Have.Retired == "" && same(want.Attributes, c.Have.Attributes) {
			return nil, nil
		}
		return []step{update(want)}, nil
	case changeset.Replace:
		return []step{remove(), r.create(want)}, nil
	case changeset.Delete:
		return []step{remove()}, nil
	case changeset.Retire:
		return []step{retire()}, nil
	case changeset.Adopt:
		return []step{r.adopt(want), update(want)}, nil
	case changeset.Move:
		return move(c, want), nil
	}
	return nil, fmt.Errorf("no such action: %s", c.Action)
}

func (r *run) create(want resource.Desired) step {
	want.Nonce = r.nonce(want.Address)
	return step{action: changeset.Create, send: func(ctx context.Context, d providers.Driver, _ resource.Observed) (resource.Observed, error) {
		return d.Create(ctx, want, r.plan.Target.Fleet.Name)
	}}
}

func update(want resource.Desired) step {
	return step{action: changeset.Update, want: &want, send: func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		now, err := refresh(ctx, d, have)
		if err != nil {
			return now, err
		}
		return d.Update(ctx, now, want)
	}}
}

func remove() step {
	return step{action: changeset.Delete, send: func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		now, err := refresh(ctx, d, have)
		if errors.Is(err, providers.ErrGone) {
			return resource.Observed{}, nil
		}
		if err != nil {
			return now, err
		}
		return resource.Observed{}, d.Delete(ctx, now)
	}}
}

func retire() step {
	return step{action: changeset.Retire, send: func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		retirer, ok := d.(providers.Retirer)
		if !ok {
			return have, fmt.Errorf("%s can't be retired, and is not deleted as it holds data", d.Kind().Name)
		}
		now, err := refresh(ctx, d, have)
		if errors.Is(err, providers.ErrGone) {
			return resource.Observed{}, nil
		}
		if err != nil {
			return now, err
		}
		return retirer.Retire(ctx, now, time.Now().UTC().Format(time.RFC3339))
	}}
}

func (r *run) adopt(want resource.Desired) step {
	return step{action: changeset.Adopt, send: func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		adopter, ok := d.(providers.Adopter)
		if !ok {
			return have, fmt.Errorf("%s can't be adopted", want.Address.Kind)
		}
		return adopter.Adopt(ctx, want, r.plan.Target.Fleet.Name)
	}}
}
