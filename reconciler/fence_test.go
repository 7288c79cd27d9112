package reconciler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file tests the fence at the last moment before a request is sent.

var errTakenOver = errors.New("a newer commit took over")

// A turnstile is a fence that is shut in the middle of something.
type turnstile struct{ shut bool }

func (f *turnstile) ask() error {
	if f.shut {
		return errTakenOver
	}
	return nil
}

// answers returns the results of the after-entries about an address, each of which answers a
// before-entry.
func (w *world) answers(address resource.Address) []changeset.Result {
	w.t.Helper()
	entries, err := w.store.Entries(w.t.Context(), time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	var list []changeset.Result
	open := map[int64]bool{}
	for _, e := range entries {
		if e.Address != address {
			continue
		}
		if e.Phase == changeset.Before {
			open[e.Seq] = true
			continue
		}
		delete(open, e.Before)
		list = append(list, e.Result)
	}
	if len(open) > 0 {
		w.t.Errorf("%d entries about %s have no answer", len(open), address)
	}
	return list
}

// A write that waits for its turn while a newer commit is accepted isn't sent, and leaves no doubt
// behind: not in the log, and not about a create that can't be repeated.
func TestAWriteThatWaitedTooLongIsNotSent(t *testing.T) {
	w := newWorld(t)
	fence := &turnstile{}
	w.cloud.slow = func(string) { fence.shut = true }
	plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{})
	outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "late", Fence: fence.ask})
	if err != nil {
		t.Fatal(err)
	}
	if o := outcome(t, outcomes, acmeKey); o.Result != changeset.Skipped || !strings.Contains(o.Detail, "took over") {
		t.Errorf("the key was %s: %s", o.Result, o.Detail)
	}
	if got := w.answers(acmeKey); len(got) != 1 || got[0] != changeset.Skipped || w.cloud.writeCount() != 0 {
		t.Errorf("the log says %v; wrote %v", got, w.cloud.writes)
	}
	open, err := w.store.Unanswered(t.Context())
	if err != nil || len(open) != 0 {
		t.Errorf("in doubt: %v, %v", open, err)
	}
	w.cloud.slow = nil
	w.Settle = time.Hour
	w.apply(target("c2", tenant("acme", 0)), reconciler.Question{})
	w.settled(target("c2", tenant("acme", 0)), 3)
}

// inSteps gives keys a create of two requests, with something in between.
func (w *world) inSteps(between func(), swallow bool) {
	w.withOdd("t.key", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			made, err := o.memory.Create(ctx, want, "test")
			if err != nil {
				return made, err
			}
			between()
			if err := providers.Pass(ctx); err != nil && !swallow {
				return made, err
			}
			return made, nil
		}
	})
}

// What is cut between two requests is stopped as well, and says what it made.
func TestAWriteIsCutByANewerCommitAndNotByAStop(t *testing.T) {
	for name, swallow := range map[string]bool{"told": false, "swallowed": true} {
		w := newWorld(t)
		fence := &turnstile{}
		w.inSteps(func() { fence.shut = true }, swallow)
		plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{})
		outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "cut", Fence: fence.ask})
		if err != nil {
			t.Fatal(err)
		}
		if o := outcome(t, outcomes, acmeKey); o.Result != changeset.Skipped || !strings.Contains(o.Detail, "in the middle") {
			t.Errorf("%s: the key was %s: %s", name, o.Result, o.Detail)
		}
		if got := w.answers(acmeKey); len(got) != 1 || got[0] != changeset.Unsure {
			t.Errorf("%s: the log says %v of a key that was made in part", name, got)
		}
	}
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.inSteps(cancel, false)
	plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{})
	outcomes, err := w.Apply(ctx, plan, reconciler.Order{Run: "stops", Fence: (&turnstile{}).ask})
	if o := outcome(t, outcomes, acmeKey); err != nil || o.Result != changeset.Applied {
		t.Errorf("a key whose making had begun when the run was told to end was %s: %s, %v", o.Result, o.Detail, err)
	}
}

// What was found to be something else right before it was to be written was not written.
func TestAStaleStepIsLoggedAsNotSent(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	plan := w.plan(target("c2", tenant("acme", 7)), reconciler.Question{})
	w.cloud.change(acmeQueue, "delay", resource.Int(3))
	outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "stale"})
	if err != nil {
		t.Fatal(err)
	}
	if o := outcome(t, outcomes, acmeQueue); o.Result != changeset.Failed {
		t.Errorf("the queue was %s", o.Result)
	}
	if got := w.answers(acmeQueue); len(got) != 2 || got[1] != changeset.Skipped {
		t.Errorf("the log says %v", got)
	}
}

// When the daemon is told to end, what has begun is seen through, and what only waits isn't sent.
func TestTheDaemonsEndCutsNoWrite(t *testing.T) {
	for name, story := range map[string]struct {
		begun bool
		want  string
	}{"waits": {false, "180"}, "has begun": {true, "90"}} {
		inOffice(t, func(o *office) {
			stop, passed := o.stop, 0
			o.cloud.mu.Lock()
			o.cloud.slow = func(string) {
				if passed++; passed == 1 {
					go stop()
					time.Sleep(time.Second) // of the bubble: the daemon's context has ended by then
				}
			}
			o.cloud.twice = story.begun
			o.cloud.mu.Unlock()
			o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
			o.wait(10 * time.Minute)
			if got := o.retention(); passed != 1 || got != story.want {
				t.Errorf("%s: the logs are kept for %s days", name, got)
			}
		})
	}
}
