package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
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
	// Fence is asked right before every write; an error stops the run before that write. Nil allows all.
	Fence func() error
	// Patience is how long one change waits for a cloud that isn't ready for it; 90 s if zero.
	Patience time.Duration
	// Progress is told every outcome as it comes, one at a time. May be nil.
	Progress func(changeset.Outcome)
}

// ErrStopped means that a run ended at a step's boundary because it was told to.
var ErrStopped = errors.New("stopped before this change")

// Apply makes the changes of a plan that aren't held, each as soon as what it needs is done, and
// remembers what was applied. It returns an outcome for every change, in the plan's order. One
// failure blocks those that need it and no others.
func (r *Reconciler) Apply(ctx context.Context, p Plan, o Order) ([]changeset.Outcome, error) {
	ready := p.Changeset.Ready()
	if len(ready) > 0 {
		if err := r.State.Begin(ctx, ownersOf(ready), cmp.Or(p.Target.Commit, uncommitted)); err != nil {
			return nil, fmt.Errorf("note the attempt: %w", err)
		}
		defer r.Observer.Forget()
	}
	run := &run{reconciler: r, plan: p, order: o, outputs: map[resource.Address]map[string]string{}}
	for _, seen := range p.seen.Observed {
		run.outputs[seen.Address] = seen.Outputs
	}
	outcomes := run.all(ctx)
	if err := r.remember(context.WithoutCancel(ctx), p, outcomes); err != nil {
		return outcomes, fmt.Errorf("remember what was applied: %w", err)
	}
	return outcomes, nil
}

// A step is one external effect: what a change consists of.
type step struct {
	action changeset.Action
	// send gets the resource as the step before left it, or as it was observed.
	send func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error)
}

// change brings one change to its outcome.
func (r *run) change(ctx context.Context, c changeset.Change) changeset.Outcome {
	out := changeset.Outcome{Address: c.Address, Action: c.Action}
	steps, err := r.steps(c)
	if err != nil {
		out.Result, out.Detail = changeset.Failed, err.Error()
		return out
	}
	if len(steps) == 0 {
		out.Result = changeset.Unchanged
		return out
	}
	var have resource.Observed
	if c.Have != nil {
		have = *c.Have
	}
	for _, s := range steps {
		have, err = r.patiently(ctx, c, s, have)
		switch {
		case errors.Is(err, ErrStopped):
			out.Result, out.Detail = changeset.Skipped, err.Error()
			return out
		case err != nil:
			out.Result, out.Detail = changeset.Failed, err.Error()
			return out
		}
	}
	r.learn(c.Address, have)
	out.Result = changeset.Applied
	return out
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
	}
	return nil, fmt.Errorf("no such action: %s", c.Action)
}

func (r *run) create(want resource.Desired) step {
	return step{changeset.Create, func(ctx context.Context, d providers.Driver, _ resource.Observed) (resource.Observed, error) {
		return d.Create(ctx, want, r.plan.Target.Fleet.Name)
	}}
}

func update(want resource.Desired) step {
	return step{changeset.Update, func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		now, err := refresh(ctx, d, have)
		if err != nil {
			return now, err
		}
		return d.Update(ctx, now, want)
	}}
}

func remove() step {
	return step{changeset.Delete, func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
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
	return step{changeset.Retire, func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
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
	return step{changeset.Adopt, func(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
		adopter, ok := d.(providers.Adopter)
		if !ok {
			return have, fmt.Errorf("%s can't be adopted", want.Address.Kind)
		}
		return adopter.Adopt(ctx, want, r.plan.Target.Fleet.Name)
	}}
}

// refresh reads a resource again right before it is written, and refuses if somebody changed it
// since the plan was made: the plan is stale then, and the next pass makes a new one.
func refresh(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
	refresher, ok := d.(providers.Refresher)
	if !ok {
		return have, nil
	}
	now, err := refresher.Refresh(ctx, have)
	if err != nil {
		return now, err
	}
	if now.Address != have.Address {
		return now, fmt.Errorf("its mark changed to %s: %w", now.Address, providers.ErrNotOurs)
	}
	if now.Retired != have.Retired || !same(now.Attributes, have.Attributes) {
		return now, errors.New("somebody changed it while this ran; nothing was written, and the next pass looks again")
	}
	return now, nil
}

func same(a, b resource.Attributes) bool {
	for name, value := range a {
		if !value.Equal(b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

// patiently makes one step, again while the cloud says that it isn't ready.
func (r *run) patiently(ctx context.Context, c changeset.Change, s step, have resource.Observed) (resource.Observed, error) {
	patience := cmp.Or(r.order.Patience, 90*time.Second)
	for wait, waited := time.Second, time.Duration(0); ; wait = min(2*wait, 15*time.Second) {
		after, err := r.recorded(ctx, c, s, have)
		if !errors.Is(err, providers.ErrPending) || errors.Is(err, errMade) || waited >= patience {
			return after, err
		}
		select {
		case <-ctx.Done():
			return after, fmt.Errorf("%w: %w", ErrStopped, context.Cause(ctx))
		case <-time.After(wait):
			waited += wait
		}
	}
}

// recorded makes one step between its two entries in the log. The first is durable before
// anything is sent; if it can't be written, nothing is sent.
func (r *run) recorded(ctx context.Context, c changeset.Change, s step, have resource.Observed) (resource.Observed, error) {
	if err := r.allowed(ctx); err != nil {
		return resource.Observed{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	entry := r.entry(c, s.action)
	seq, err := r.reconciler.Recorder.Record(ctx, entry)
	if err != nil {
		return resource.Observed{}, fmt.Errorf("write the log, so nothing was sent: %w", err)
	}
	after, failure := unbroken(func() (resource.Observed, error) { return s.send(ctx, r.plan.set[c.Address.Kind], have) })
	if failure != nil && s.action == changeset.Create && after.ID != "" && r.unrepeatable(c.Address.Kind) {
		failure = fmt.Errorf("%w: %w", errMade, failure)
	}
	entry.Phase, entry.Before, entry.Result = changeset.After, seq, changeset.Applied
	switch {
	case errors.Is(failure, providers.ErrUnsure), errors.Is(failure, errMade):
		entry.Result, entry.Detail = changeset.Unsure, failure.Error()
	case failure != nil:
		entry.Result, entry.Detail = changeset.Failed, failure.Error()
	}
	if _, err := r.reconciler.Recorder.Record(ctx, entry); err != nil {
		return after, errors.Join(failure, fmt.Errorf("write the log after %s of %s: %w", s.action, c.Address, err))
	}
	return after, failure
}

// unbroken calls a driver and turns its panic into an error, so that a mistake in one driver over
// one resource stops nobody else. Whatever it was doing may have had its effect. The panic's text
// isn't repeated, because it may have a secret in it; that of the runtime's own has none.
func unbroken[T any](call func() (T, error)) (out T, err error) {
	defer func() {
		switch broke := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("the driver is broken: %w: %w", broke, providers.ErrUnsure)
		default:
			err = fmt.Errorf("the driver is broken: it panicked with a %T: %w", broke, providers.ErrUnsure)
		}
	}()
	return call()
}

// errMade means that a create which can't be repeated failed with something made: only an
// observation may say what is to be done next.
var errMade = errors.New("it was made in part, and is finished once it is seen")

func (r *run) unrepeatable(kind string) bool { return r.plan.set[kind].Kind().Unrepeatable }

// allowed asks, right before a write, whether it may still be made.
func (r *run) allowed(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrStopped, context.Cause(ctx))
	}
	if r.order.Fence != nil {
		if err := r.order.Fence(); err != nil {
			return fmt.Errorf("%w: %w", ErrStopped, err)
		}
	}
	return nil
}

func (r *run) entry(c changeset.Change, action changeset.Action) changeset.Entry {
	e := changeset.Entry{
		Run: r.order.Run, Phase: changeset.Before, Fleet: r.plan.Target.Fleet.Name,
		Commit: string(r.plan.Target.Commit), Digest: r.plan.Changeset.Digest,
		Address: c.Address, Scope: c.Scope, Cell: c.Cell, Action: action, Cause: c.Cause,
		Actor: r.order.Actor, Approved: c.Approved,
	}
	for _, d := range c.Attributes {
		e.Paths = append(e.Paths, d.Path)
	}
	return e
}
