package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// refresh reads a resource again right before it is written, and refuses if somebody changed it
// since the plan was made: the plan is stale then, and the next pass makes a new one.
func refresh(ctx context.Context, d providers.Driver, have resource.Observed) (resource.Observed, error) {
	refresher, ok := d.(providers.Refresher)
	if !ok {
		return have, nil
	}
	now, err := refresher.Refresh(ctx, have)
	switch {
	case err != nil:
		return now, &unsentError{err}
	case now.Address != have.Address:
		return now, &unsentError{fmt.Errorf("its mark changed to %s: %w", now.Address, providers.ErrNotOurs)}
	case now.Nonce != have.Nonce:
		return now, &unsentError{fmt.Errorf("the mark of the create that made it changed: %w", providers.ErrNotOurs)}
	case now.Retired != have.Retired || !same(now.Attributes, have.Attributes):
		return now, &unsentError{errors.New("somebody changed it while this ran; nothing was written, and the next pass looks again")}
	}
	return now, nil
}

// unsentError is a step that failed before anything was sent.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }

// Unwrap returns why it failed.
func (e *unsentError) Unwrap() error { return e.err }

func same(a, b resource.Attributes) bool {
	for name, value := range a {
		if !value.Equal(b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

// patiently makes one step, again while the cloud says that it isn't ready, for a short time. What takes
// longer is for a later plan, and so is what is under way: to that nothing is sent.
func (r *run) patiently(ctx context.Context, c changeset.Change, s step, have resource.Observed) (resource.Observed, error) {
	patience := cmp.Or(r.order.Patience, inPlace)
	for wait, waited := time.Second, time.Duration(0); ; wait *= 2 {
		after, err := r.recorded(ctx, c, s, have)
		if !notReady(err) || ticketOf(err) != "" || waited+wait > patience {
			return after, err
		}
		select {
		case <-ctx.Done():
			return after, err // it is no failure that it isn't waited for any longer
		case <-time.After(wait):
			waited += wait
		}
	}
}

// notReady tells whether a step ended with the cloud not being ready for it, or not done with it.
func notReady(err error) bool {
	return errors.Is(err, providers.ErrPending) && !errors.Is(err, providers.ErrUnsure) && !errors.Is(err, errMade) && !errors.Is(err, ErrStopped)
}

// ticketOf is by what the cloud knows a write that is under way; empty if none is.
func ticketOf(err error) string {
	if under, ok := errors.AsType[*providers.UnderWay](err); ok && notReady(err) {
		return under.Ticket
	}
	return ""
}

// recorded makes one step between its two entries in the log. The first is durable before
// anything is sent; if it can't be written, nothing is sent. Whether the write may still be made is
// asked before that, and again by the driver for each of its requests, right before it is sent.
func (r *run) recorded(ctx context.Context, c changeset.Change, s step, have resource.Observed) (resource.Observed, error) {
	if err := r.allowed(ctx); err != nil {
		return resource.Observed{}, err
	}
	gate := &gate{first: func() error { return r.allowed(ctx) }, further: r.fence}
	through, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	entry := r.entry(c, s.action)
	entry.Want = s.want
	seq, err := r.reconciler.Recorder.Record(through, entry)
	if err != nil {
		return resource.Observed{}, fmt.Errorf("write the log, so nothing was sent: %w", err)
	}
	r.reconciler.Observer.begins(c.Scope, c.Address, c.From)
	after, failure := unbroken(func() (resource.Observed, error) {
		ctx := providers.WithPurpose(through, providers.Purpose{Commit: string(r.plan.Target.Commit), Owner: c.Address.Owner})
		return s.send(providers.WithGate(ctx, gate.pass), r.plan.set[c.Address.Kind], have)
	})
	failure = gate.outcome(failure)
	if failure != nil && ticketOf(failure) == "" && s.action == changeset.Create && after.ID != "" && r.unrepeatable(c.Address.Kind) {
		failure = fmt.Errorf("%w: %w", errMade, failure)
	}
	entry.Phase, entry.Before, entry.Result = changeset.After, seq, changeset.Applied
	if failure != nil {
		entry.Result, entry.Detail, entry.Ticket = resultOf(failure), failure.Error(), ticketOf(failure)
	}
	if failure == nil || errors.Is(failure, errMade) {
		r.reconciler.Observer.ends(have, after)
	}
	if _, err := r.reconciler.Recorder.Record(through, entry); err != nil {
		return after, errors.Join(failure, fmt.Errorf("write the log after %s of %s: %w", s.action, c.Address, err))
	}
	return after, failure
}

// resultOf is what the log says of a step that failed.
func resultOf(failure error) changeset.Result {
	var unsent *unsentError
	switch {
	case errors.As(failure, &unsent):
		return changeset.Skipped
	case errors.Is(failure, providers.ErrUnsure), errors.Is(failure, errMade):
		return changeset.Unsure
	case notReady(failure):
		return changeset.Waiting
	}
	return changeset.Failed
}

// A gate stands before every request of one step. What is stopped before its first request was not
// begun; what is stopped between two of them was cut. Safe for concurrent use.
type gate struct {
	first, further func() error // asked before the first request, and before any other

	mu      sync.Mutex
	sent    bool
	refused error
}

// pass tells whether a request may be sent. After one was refused, all are.
func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	ask := g.first
	if g.sent {
		ask = g.further
	}
	if g.refused == nil {
		g.refused = ask()
	}
	g.sent = g.sent || g.refused == nil
	return g.refused
}

// outcome is the error of a step, given that of the driver. A request that was refused makes the
// step a stopped one, whatever the driver made of it.
func (g *gate) outcome(failure error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.refused == nil:
		return failure
	case !g.sent:
		return &unsentError{g.refused}
	}
	return &cutError{cmp.Or(failure, g.refused)}
}

// cutError is a step that was stopped between two of its requests.
type cutError struct{ err error }

func (e *cutError) Error() string {
	return "stopped in the middle of this change, which the next run finishes: " + e.err.Error()
}

// Is makes it count as stopped.
func (e *cutError) Is(target error) bool { return target == ErrStopped }

// Unwrap returns what stopped it, and what the driver said to that.
func (e *cutError) Unwrap() error { return e.err }

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

// allowed asks whether a write may be begun.
func (r *run) allowed(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrStopped, context.Cause(ctx))
	}
	if err := r.fence(); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return nil
}

// fence asks whether a newer commit took over, or somebody said hold. Those stop also what was begun;
// when the run is merely told to end, that is seen through.
func (r *run) fence() error {
	if r.order.Fence == nil {
		return nil
	}
	return r.order.Fence()
}

func (r *run) entry(c changeset.Change, action changeset.Action) changeset.Entry {
	e := changeset.Entry{
		Run: r.order.Run, Phase: changeset.Before, Fleet: r.plan.Target.Fleet.Name,
		Commit: string(r.plan.Target.Commit), Digest: r.plan.Changeset.Digest,
		Address: c.Address, Scope: c.Scope, Cell: c.Cell, Action: action, Cause: c.Cause,
		Actor: r.order.Actor, Approved: c.Approved,
	}
	switch {
	case action == changeset.Create:
		e.Nonce = r.nonce(c.Address)
	case action == changeset.Move && c.Have != nil:
		e.From = c.From
		e.Nonce = c.Have.Nonce
	}
	for _, d := range c.Attributes {
		e.Paths = append(e.Paths, d.Path)
	}
	return e
}
