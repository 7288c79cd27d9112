package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A write that the cloud takes its time for holds nobody up:
//
//	send → the driver waits a few seconds in place → not done: the answer "waiting", durable, with the
//	ticket by which the cloud knows the request → the change is Waiting, and so is what needs it; the
//	rest of the plan goes on
//	every later plan asks by the ticket first, and observes then: still under way → nothing is sent for
//	the address; ended → its answer goes into the log, and the comparison goes on from what is there
//
// So a restart loses nothing, and what was begun for an older commit is awaited before anything is sent
// for a newer one. Where the cloud just isn't ready (a name that rests, a role that isn't known
// everywhere), nothing is under way: there is no ticket, and the same write is sent again by a later plan.

const (
	// inPlace is how long one change waits, in its turn, for a cloud that isn't ready for it.
	inPlace = 5 * time.Second
	// usualPatience is how long the cloud may take for a write if its kind doesn't say.
	usualPatience = 30 * time.Minute
	soonest       = 5 * time.Second // between looks at what waits
	latestLook    = time.Minute
	asksAtOnce    = 16
)

// patience is how long the cloud may take for a write of a kind.
func patience(k resource.Kind, action changeset.Action) time.Duration {
	most := k.Patience.Update
	switch action {
	case changeset.Create:
		most = k.Patience.Create
	case changeset.Delete:
		most = k.Patience.Delete
	case changeset.Replace: // one or the other
		most = max(k.Patience.Create, k.Patience.Delete)
	}
	return cmp.Or(most, usualPatience)
}

// An ending is what became of a write that was under way.
type ending struct {
	Waiting
	err    error
	result changeset.Result
}

// waits is what waits for the cloud, as a plan found it.
type waits struct {
	known map[resource.Address]Waiting // all that did when it was last asked
	still map[resource.Address]Waiting // what is under way
	ended []ending
}

// ask looks what became of the writes that are under way: of all, or of those to some owners. It has no effect.
func (r *Reconciler) ask(ctx context.Context, set providers.Set, owners map[resource.Owner]bool) (waits, error) {
	known, err := r.State.Waiting(ctx)
	if err != nil {
		return waits{}, fmt.Errorf("ask the log for what waits: %w", err)
	}
	maps.DeleteFunc(known, func(a resource.Address, _ Waiting) bool { return owners != nil && !owners[a.Owner] })
	w := waits{known: known, still: map[resource.Address]Waiting{}}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(asksAtOnce)
	for address, waiting := range known {
		if waiting.Ticket == "" {
			continue
		}
		awaiter, able := set[address.Kind].(providers.Awaiter)
		if !able { // as for a pull request that may not look
			mu.Lock()
			w.still[address] = waiting
			mu.Unlock()
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, observeTimeout)
			defer cancel()
			_, err := unbroken(func() (struct{}, error) {
				return struct{}{}, awaiter.Await(ctx, waiting.Before.Scope, waiting.Ticket)
			})
			mu.Lock()
			defer mu.Unlock()
			w.note(waiting, err)
			return nil
		})
	}
	_ = group.Wait() // the functions return nil
	if ctx.Err() != nil {
		return waits{}, context.Cause(ctx)
	}
	slices.SortFunc(w.ended, func(a, b ending) int { return a.Before.Address.Compare(b.Before.Address) })
	return w, nil
}

// note takes up what an Awaiter said. Where nothing could be found out, the write counts as under way.
func (w *waits) note(waiting Waiting, err error) {
	var under *providers.UnderWay
	var failed *providers.Ended
	switch {
	case err == nil:
		w.ended = append(w.ended, ending{waiting, nil, changeset.Applied})
	case errors.As(err, &failed) && errors.Is(err, providers.ErrUnsure):
		w.ended = append(w.ended, ending{waiting, failed, changeset.Unsure})
	case errors.As(err, &failed):
		w.ended = append(w.ended, ending{waiting, failed, changeset.Failed})
	case errors.Is(err, providers.ErrGone):
		w.ended = append(w.ended, ending{waiting, errors.New("the cloud doesn't remember what became of it"), changeset.Unsure})
	case errors.As(err, &under):
		waiting.What = under.What
		w.still[waiting.Before.Address] = waiting
	default:
		waiting.What = "it can't be found out what became of it: " + err.Error()
		w.still[waiting.Before.Address] = waiting
	}
}

// underWay is what the comparison needs to know of it.
func (w waits) underWay() map[resource.Address]changeset.UnderWay {
	out := map[resource.Address]changeset.UnderWay{}
	for address, waiting := range w.still {
		out[address] = changeset.UnderWay{Scope: waiting.Before.Scope, Action: waiting.Before.Action, What: waiting.What}
	}
	return out
}

// failed tells why the write that was under way for an address didn't end well; nil if none did.
func (w waits) failed(address resource.Address) error {
	for _, e := range w.ended {
		if e.Before.Address == address {
			return e.err
		}
	}
	return nil
}

// conclude writes into the log what became of the writes that were under way.
func (r *run) conclude(ctx context.Context) error {
	for _, e := range r.plan.waits.ended {
		entry := e.Before
		entry.Phase, entry.Before, entry.Seq, entry.Time = changeset.After, e.Before.Seq, 0, time.Time{}
		entry.Run, entry.Nonce, entry.Paths, entry.Result = r.order.Run, "", nil, e.result
		entry.Detail = "it took until now"
		if e.err != nil {
			entry.Detail = e.err.Error()
		}
		if _, err := r.reconciler.Recorder.Record(ctx, entry); err != nil {
			return fmt.Errorf("write the log of what became of %s of %s: %w", entry.Action, entry.Address, err)
		}
	}
	return nil
}

// keepFollowing has what refers to something that is under way, or was until just now, taken along still:
// it isn't there yet for them to be compared with.
func (r *run) keepFollowing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for address, waiting := range r.plan.waits.known {
		if waiting.Ticket == "" {
			continue
		}
		for _, user := range r.followers.find(&r.plan, address) {
			r.followed[user] = true
		}
	}
}

// soon is when what waits is worth another look: the longer it has been waiting, the later. It is zero if
// nothing waits for the cloud itself.
func soon(outcomes []changeset.Outcome, now time.Time) time.Time {
	var at time.Time
	for _, o := range outcomes {
		if o.Result != changeset.Waiting {
			continue
		}
		pause := latestLook // for what waits with something else, or was begun by somebody else
		if !o.Since.IsZero() {
			pause = min(max(now.Sub(o.Since)/4, soonest), latestLook)
		}
		if next := now.Add(pause); at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at
}

// held is the outcome of a change that a plan holds. What the cloud is busy with is no matter for a
// person, but waits; what it is busy with for too long failed.
func (r *run) held(c changeset.Change) changeset.Outcome {
	if c.HoldKind != changeset.HoldPending || !r.plan.passes(c) {
		return changeset.Outcome{Address: c.Address, Action: c.Action, Result: changeset.Held, Detail: c.Hold}
	}
	return r.pending(c, c.Hold, r.plan.waits.known[c.Address].Since)
}

// notReady is the outcome of a change that the cloud wasn't ready for, or done with, just now.
func (r *run) notReady(c changeset.Change, failure error) changeset.Outcome {
	since := r.plan.waits.known[c.Address].Since
	if since.IsZero() {
		since = time.Now().UTC()
	}
	what := failure.Error()
	if under, ok := errors.AsType[*providers.UnderWay](failure); ok {
		what = under.What
	}
	return r.pending(c, what, since)
}

// pending is the outcome of a change that waits, since a time if it is for the cloud itself.
func (r *run) pending(c changeset.Change, what string, since time.Time) changeset.Outcome {
	out := changeset.Outcome{Address: c.Address, Action: c.Action, Result: changeset.Waiting, Detail: what}
	if since.IsZero() {
		return out
	}
	action := cmp.Or(r.plan.waits.known[c.Address].Before.Action, c.Action)
	most := patience(r.plan.set[c.Address.Kind].Kind(), action)
	out.Since, out.Until = since, since.Add(most)
	if time.Now().Before(out.Until) {
		return out
	}
	out.Result = changeset.Failed
	out.Detail = fmt.Sprintf("%s; that has been so since %s, and %s is the longest that it may take", what, since.Format(time.RFC3339), most)
	if under, still := r.plan.waits.still[c.Address]; still {
		out.Detail += fmt.Sprintf(". Look at the request %s in account %s: nothing else is sent for this resource until it has ended, and then this goes on by itself",
			under.Ticket, c.Scope.Account)
	}
	return out
}
