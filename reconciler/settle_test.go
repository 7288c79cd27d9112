package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// This file tests what is remembered of a run: of which resources something is in doubt after it, and
// of which nothing is.

var acmeBucket = resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}

// drift has somebody switch a bucket's versioning on.
func (w *world) drift(bucket resource.Address) {
	w.cloud.change(bucket, "versioning", resource.Bool(true))
}

// drifted fails the test unless that is still as it was left.
func (w *world) drifted(says string, bucket resource.Address) {
	w.t.Helper()
	live, _ := w.cloud.byAddress()
	if got := live[bucket].Attributes["versioning"].Text(); got != "true" {
		w.t.Errorf("%s: what somebody changed was put back without a decision: versioning is %s", says, got)
	}
}

func (w *world) fails(calls ...string) {
	w.cloud.before = func(call string) error {
		if slices.Contains(calls, call) {
			return errors.New("the cloud says no")
		}
		return nil
	}
}

// A run that ends before it has sent anything decides on no drift, whatever commit comes next.
func TestARunThatSendsNothingDecidesOnNoDrift(t *testing.T) {
	stops := map[string]func(*world, *turnstile) reconciler.Order{
		"before its first write": func(*world, *turnstile) reconciler.Order {
			return reconciler.Order{Fence: func() error { return errTakenOver }}
		},
		"in the last moment": func(w *world, fence *turnstile) reconciler.Order {
			w.cloud.slow = func(string) { fence.shut = true }
			return reconciler.Order{Fence: fence.ask}
		},
		"when the log fails": func(w *world, _ *turnstile) reconciler.Order {
			w.Recorder = diesWith{w.store, func() error { return errors.New("disk full") }}
			return reconciler.Order{}
		},
	}
	for says, stop := range stops {
		w := newWorld(t)
		w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
		w.drift(acmeBucket)
		plan, writes := w.plan(target("c2", tenant("acme", 5)), reconciler.Question{}), w.cloud.writeCount()
		order := stop(w, &turnstile{})
		order.Run = "stopped"
		if _, err := w.Apply(t.Context(), plan, order); err != nil {
			t.Fatal(err)
		}
		if w.cloud.writeCount() != writes || len(w.owners()["tenant/acme"].Begun) != 0 {
			t.Errorf("%s: wrote %v, in doubt: %v", says, w.cloud.writes[writes:], w.owners()["tenant/acme"].Begun)
		}
		w.cloud.slow, w.Recorder = nil, w.store
		w.apply(target("c3", tenant("acme", 6)), reconciler.Question{})
		w.drifted(says, acmeBucket)
	}
}

// Only what was begun is in doubt when another commit comes, and not all that its owner has.
func TestAFailureLeavesNoDoubtAboutOthers(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	w.drift(acmeBucket)
	w.fails("update tenant/acme/t.queue/jobs")
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	if begun := w.owners()["tenant/acme"].Begun; len(begun) != 1 || !begun[acmeQueue].Written {
		t.Errorf("in doubt: %v, want the queue alone", begun)
	}
	w.fails()
	w.apply(target("c3", tenant("acme", 0)), reconciler.Question{})
	w.drifted("the next commit", acmeBucket)
	w.apply(target("c3", tenant("acme", 0)), reconciler.Question{Correct: true})
	w.settled(target("c3", tenant("acme", 0)), 3)
}

// What is finished of a new tenant is settled, though another part of it never is.
func TestATenantThatIsNeverFinishedKeepsItsDrift(t *testing.T) {
	w := newWorld(t)
	w.fails("create tenant/acme/t.queue/jobs")
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	if state := w.owners()["tenant/acme"]; len(state.Applied) != 2 || state.Commit != "" {
		t.Errorf("of acme is remembered %d resources at commit %q, want 2 and none", len(state.Applied), state.Commit)
	}
	w.drift(acmeBucket)
	for range 3 {
		w.apply(one, reconciler.Question{})
	}
	w.drifted("another try", acmeBucket)
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	w.drifted("another commit", acmeBucket)
	w.fails()
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	w.drifted("the end of it", acmeBucket)
	if state := w.owners()["tenant/acme"]; len(state.Applied) != 3 || state.Commit != "c2" || len(state.Begun) != 0 {
		t.Errorf("of acme is remembered %+v", state)
	}
}

// An owner is settled when the last of its changes is done, and not at the end of the run.
func TestAnOwnerIsSettledDuringTheRun(t *testing.T) {
	w := newWorld(t)
	alerts := desired("cell/eu-1", "t.queue", "alerts", map[string]any{"name": "alerts"})
	user := desired("tenant/acme", "t.bucket", "data", map[string]any{
		"name": "data", "key": resource.Ref{Address: alerts.Address, Output: "arn"}.Placeholder(),
	})
	w.cloud.before = func(call string) error {
		if cell := w.owners()["cell/eu-1"]; call == "create "+user.Address.String() && (cell.Commit != "c1" || len(cell.Begun) != 0) {
			return fmt.Errorf("the cell, which is done, is remembered as %+v", cell)
		}
		return nil
	}
	for _, o := range w.apply(target("c1", []resource.Desired{alerts, user}), reconciler.Question{}) {
		if o.Result != changeset.Applied {
			t.Errorf("%s: %s %s", o.Address, o.Result, o.Detail)
		}
	}
}

// What a dead run had finished is finished: what was changed since is drift.
func TestADeadRunsWorkIsKnownByTheLog(t *testing.T) {
	w := newWorld(t)
	one := target("c1", tenant("acme", 0))
	one.Rendering.Desired[2].Attributes["key"] = resource.String(resource.Ref{Address: acmeBucket, Output: "arn"}.Placeholder())
	plan := w.plan(one, reconciler.Question{})
	killed := w.dieAt(3, "before") // the key and the bucket are made, the queue isn't
	w.Recorder, w.State = diesWith{w.store, killed}, mortal{w.store, killed}
	_, _ = w.Apply(t.Context(), plan, reconciler.Order{Run: "dies", Fence: killed})
	if killed() == nil || len(w.owners()["tenant/acme"].Applied) != 0 {
		t.Fatalf("the run didn't die in time: %+v", w.owners()["tenant/acme"])
	}
	w.cloud.before = nil
	w.start()
	w.drift(acmeBucket)
	w.apply(one, reconciler.Question{})
	w.drifted("the next start", acmeBucket)
	state := w.owners()["tenant/acme"]
	if begun := state.Begun[acmeQueue]; len(state.Applied) != 3 || state.Commit != "c1" || len(state.Begun) != 1 || !begun.Done || begun.Late.IsZero() {
		t.Errorf("of acme is remembered %+v, and the create that had no answer may still have its effect", state)
	}
	w.Settle = time.Nanosecond // now it can't
	w.apply(one, reconciler.Question{})
	if left := w.owners()["tenant/acme"].Begun; len(left) != 0 {
		t.Errorf("begun is %+v", left)
	}
}

// What is half done for one commit is not a person's doing when the next one comes.
func TestWhatWasBegunIsUndoneByTheNextCommit(t *testing.T) {
	w := newWorld(t)
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	w.cloud.after = func(string) error { return errors.New("the answer is lost") }
	w.apply(target("c2", tenant("acme", 5)), reconciler.Question{})
	w.cloud.after = nil
	again := target("c3", tenant("acme", 0))
	w.apply(again, reconciler.Question{})
	w.settled(again, 3)
	live, _ := w.cloud.byAddress()
	if got := live[acmeQueue].Attributes["delay"].Text(); got != "0" {
		t.Errorf("the delay is %s", got)
	}
}

// numbered gives queues an ARN that is another one each time.
func (w *world) numbered() {
	made := 0
	w.withOdd("t.queue", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			out, err := o.memory.Create(ctx, want, "test")
			if err == nil {
				made++
				out.Outputs = map[string]string{"arn": fmt.Sprint("arn:", made)}
				w.cloud.resources[out.ID] = out
			}
			return out, err
		}
	})
}

// What refers to something that was made anew follows it, also when the run ended before it got there
// and another commit came; and nothing else of it is touched.
func TestWhatRefersFollowsInAnotherRun(t *testing.T) {
	alerts := resource.Address{Owner: "cell/eu-1", Kind: "t.queue", Name: "alerts"}
	named := func(name string) []resource.Desired {
		return []resource.Desired{desired(alerts.Owner, alerts.Kind, alerts.Name, map[string]any{"name": name})}
	}
	user := []resource.Desired{desired("tenant/acme", "t.bucket", "data", map[string]any{
		"name": "data", "key": resource.Ref{Address: alerts, Output: "arn"}.Placeholder(),
	})}
	for says, order := range map[string]func(*world) reconciler.Order{
		"stopped": func(w *world) reconciler.Order {
			before := w.cloud.writeCount()
			return reconciler.Order{Fence: func() error {
				if w.cloud.writeCount() == before+2 { // the queue is replaced
					return errTakenOver
				}
				return nil
			}}
		},
		"left alone": func(w *world) reconciler.Order { return reconciler.Order{} },
	} {
		w := newWorld(t)
		w.numbered()
		w.apply(target("c1", named("one"), user), reconciler.Question{})
		w.drift(acmeBucket)
		second := target("c2", named("two"), user)
		if says == "left alone" {
			second.Rendering.Broken = map[resource.Owner]string{"tenant/acme": "no such plan"}
		}
		plan := w.plan(second, reconciler.Question{})
		o := order(w)
		o.Run = "ends"
		if _, err := w.Apply(t.Context(), plan, o); err != nil {
			t.Fatal(err)
		}
		w.apply(target("c3", named("two"), user), reconciler.Question{})
		live, _ := w.cloud.byAddress()
		if got, want := live[acmeBucket].Attributes["key"].Text(), live[alerts].Outputs["arn"]; got != want {
			t.Errorf("%s: the bucket refers to %s, and the queue is %s", says, got, want)
		}
		w.drifted(says, acmeBucket)
	}
}

// An output may change without a replacement.
func TestWhatRefersFollowsAnUpdate(t *testing.T) {
	w := newWorld(t)
	w.withOdd("t.key", func(o *odd) {
		o.update = func(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
			out, err := o.memory.Update(ctx, have, want)
			out.Outputs = map[string]string{"arn": "arn:" + want.Attributes["alias"].Text()}
			w.cloud.resources[out.ID] = out
			return out, err
		}
	})
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	w.drift(acmeBucket)
	renamed := tenant("acme", 0)
	renamed[1].Attributes["alias"] = resource.String("alias/other")
	next := target("c2", renamed)
	w.apply(next, reconciler.Question{})
	w.apply(next, reconciler.Question{})
	live, _ := w.cloud.byAddress()
	if got := live[acmeQueue].Attributes["key"].Text(); got != "arn:alias/other" {
		t.Errorf("the queue's key is %s", got)
	}
	w.drifted("the update", acmeBucket)
}

// What is abandoned is forgotten also if what takes its place can't be made yet.
func TestWhatIsAbandonedDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	far := resource.Scope{Account: "222222222222", Region: scope.Region}
	one := target("c1", tenant("acme", 0))
	for i := range one.Rendering.Desired {
		one.Rendering.Desired[i].Scope = far
	}
	one.Fleet.Accounts = append(one.Fleet.Accounts, schema.Account{Name: "b", ID: far.Account, Regions: []string{far.Region}})
	w.apply(one, reconciler.Question{})
	clear(w.cloud.resources)
	w.Settle = 1
	left := target("c2", tenant("acme", 0))
	left.Fleet.Lost = []schema.LostAccount{{ID: far.Account, Reason: "closed", By: "dana"}}
	w.fails("create " + acmeQueue.String())
	w.apply(left, reconciler.Question{})
	if state := w.owners()["tenant/acme"]; len(state.Applied) != 2 {
		t.Errorf("of acme is remembered %v", state.Applied)
	}
}
