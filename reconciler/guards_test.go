package reconciler_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// This file has a test for each guard that stands between a plan and a write.

var (
	acmeQueue = resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "jobs"}
	zetaQueue = resource.Address{Owner: "tenant/zeta", Kind: "t.queue", Name: "jobs"}
)

func (w *world) plan(t reconciler.Target, q reconciler.Question) reconciler.Plan {
	w.t.Helper()
	plan, err := w.Plan(w.t.Context(), t, q)
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

func (w *world) owners() map[resource.Owner]reconciler.OwnerState {
	w.t.Helper()
	owners, err := w.store.Owners(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return owners
}

// A run that is told to stop sees the write through that is under way, starts no other, and
// remembers what was done.
func TestAStopFallsBetweenWrites(t *testing.T) {
	for _, last := range []int{1, 3} {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		w.cloud.after = func(string) error {
			if len(w.cloud.writes) == last {
				cancel()
			}
			return nil
		}
		plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{})
		outcomes, err := w.Apply(ctx, plan, reconciler.Order{Run: "stops"})
		if err != nil || w.cloud.writeCount() != last {
			t.Errorf("%d writes after a stop during write %d, %v", w.cloud.writeCount(), last, err)
		}
		if o := outcome(t, outcomes, acmeKey); o.Result != changeset.Applied {
			t.Errorf("the key was %s: %s", o.Result, o.Detail)
		}
		if settled := w.owners()["tenant/acme"].Commit == "c1"; settled != (last == 3) {
			t.Errorf("stopped during write %d of 3, settled: %v", last, settled)
		}
	}
}

// A write is cut loose from the run's own end, and bounded by a deadline of its own.
func TestAWriteIsSeenThroughAndBounded(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.withOdd("t.key", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			cancel()
			if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
				t.Errorf("the write is bounded: %v; it was cut: %v", bounded, ctx.Err())
			}
			return o.memory.Create(ctx, want, "test")
		}
	})
	plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{})
	if _, err := w.Apply(ctx, plan, reconciler.Order{Run: "stops"}); err != nil {
		t.Error(err)
	}
}

// What changed since the plan was made is not written: the plan is about something else.
func TestAStalePlanWritesNothing(t *testing.T) {
	elsewhere := resource.Address{Owner: "tenant/other", Kind: "t.queue", Name: "jobs"}
	meanwhile := map[string]func(*resource.Observed){
		"its value was changed": func(o *resource.Observed) { o.Attributes = resource.Attributes{"name": resource.String("other")} },
		"its mark was changed":  func(o *resource.Observed) { o.Address = elsewhere },
		"it was retired":        func(o *resource.Observed) { o.Retired = "2026-11-21T12:00:00Z" },
	}
	removed := target("c2", tenant("zeta", 0))
	removed.Removed["tenant/acme"] = "commit c2"
	for _, next := range []reconciler.Target{target("c2", tenant("acme", 7), tenant("zeta", 0)), removed} {
		for name, change := range meanwhile {
			w := newWorld(t)
			w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
			plan, writes := w.plan(next, reconciler.Question{}), w.cloud.writeCount()
			id := acmeQueue.String()
			o := w.cloud.resources[id]
			change(&o)
			w.cloud.resources[id] = o
			outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "stale", Patience: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			if got := outcome(t, outcomes, acmeQueue); got.Result != changeset.Failed {
				t.Errorf("%s: the queue was %s", name, got.Result)
			}
			for _, write := range w.cloud.writes[writes:] {
				if strings.HasSuffix(write, "t.queue/jobs") {
					t.Errorf("%s: %s", name, write)
				}
			}
		}
	}
}

// Writes make what was observed before them stale.
func TestAPlanAfterAWriteLooksAgain(t *testing.T) {
	w := newWorld(t)
	w.Observer = reconciler.NewObserver(time.Hour)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	if plan := w.plan(target("c1", tenant("acme", 0)), reconciler.Question{}); !plan.Changeset.Empty() {
		t.Errorf("what was just made is to be changed: %v", plan.Changeset.Changes)
	}
}

func TestAnObservationIsUsedAgainForAsLongAsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud()
		set, err := c.set(kinds)
		if err != nil {
			t.Fatal(err)
		}
		reads := 0
		set["t.key"] = odd{memory: set["t.key"].(*memory), observe: func(context.Context, resource.Scope) ([]resource.Observed, error) {
			reads++
			return nil, nil
		}}
		observer, scopes := reconciler.NewObserver(time.Minute), []resource.Scope{scope}
		look := func(fleet string, want int) {
			t.Helper()
			if _, err := observer.Observe(t.Context(), set, fleet, scopes); err != nil || reads != want {
				t.Errorf("read %d times, want %d; %v", reads, want, err)
			}
		}
		look("test", 1)
		look("test", 1)
		look("other", 2)
		time.Sleep(time.Minute)
		look("other", 3)
		observer.Forget()
		look("other", 4)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if seen, err := reconciler.Observe(ended, set, "test", scopes); err == nil {
			t.Errorf("a look that was cut short is taken for whole: %v", seen)
		}
	})
}

// Places with one reason become one only if nothing of the scope could be read.
func TestOnlyAWhollyUnreadScopeIsSaidAsOne(t *testing.T) {
	c := newCloud()
	set, err := c.set(kinds)
	if err != nil {
		t.Fatal(err)
	}
	set["t.key"] = odd{memory: set["t.key"].(*memory), observe: func(context.Context, resource.Scope) ([]resource.Observed, error) {
		return nil, errors.New("denied")
	}}
	seen, err := reconciler.Observe(t.Context(), set, "test", []resource.Scope{scope})
	if _, one := seen.Unseen[changeset.Place{Scope: scope, Kind: "t.key"}]; err != nil || !one || len(seen.Unseen) != 1 {
		t.Errorf("unseen: %v, %v", seen.Unseen, err)
	}
}

// Who is broken, or held by a policy, is left alone and stays what it was.
func TestBrokenAndHeldOwnersAreLeftAlone(t *testing.T) {
	for name, leave := range map[string]func(*reconciler.Target){
		"in the fleet": func(t *reconciler.Target) { t.Fleet.Broken = map[resource.Owner]string{"tenant/acme": "no such plan"} },
		"in the making": func(t *reconciler.Target) {
			t.Rendering.Broken = map[resource.Owner]string{"tenant/acme": "no such plan"}
		},
		"by a policy": func(t *reconciler.Target) {
			t.Fleet.Held = map[resource.Owner]string{"tenant/acme": "held by policy p"}
		},
	} {
		w := newWorld(t)
		w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
		writes, next := w.cloud.writeCount(), target("c2", tenant("acme", 7))
		leave(&next)
		w.apply(next, reconciler.Question{Correct: true})
		if now := w.cloud.writeCount(); now != writes {
			t.Errorf("broken %s: wrote %v", name, w.cloud.writes[writes:])
		}
		if got := w.owners()["tenant/acme"].Commit; got != "c1" {
			t.Errorf("broken %s: acme is said to be at %s", name, got)
		}
	}
}

// What isn't seen, isn't in Git, or isn't part of the plan is not said to have been reached.
func TestOnlyWhatWasReachedIsRemembered(t *testing.T) {
	w := newWorld(t)
	both := target("c1", tenant("acme", 0), tenant("zeta", 0))
	w.apply(both, reconciler.Question{})
	w.apply(target("c2", tenant("acme", 0)), reconciler.Question{})
	if len(w.owners()["tenant/zeta"].Applied) != 3 {
		t.Error("zeta, which is only absent, was forgotten")
	}
	plan := w.plan(target("c3", tenant("acme", 1), tenant("zeta", 1)), reconciler.Question{}).Only("tenant/acme")
	if _, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "part"}); err != nil {
		t.Fatal(err)
	}
	if o := w.owners(); o["tenant/acme"].Commit != "c3" || o["tenant/zeta"].Commit != "c1" {
		t.Errorf("acme is at %s, zeta at %s", o["tenant/acme"].Commit, o["tenant/zeta"].Commit)
	}
	w.cloud.deny[scope] = true
	w.apply(target("c4", tenant("acme", 2)), reconciler.Question{})
	if got := w.owners()["tenant/acme"].Commit; got != "c3" {
		t.Errorf("unseen, acme is said to be at %s", got)
	}
}

// What is held stays what it was before, so that it is found again.
func TestWhatIsHeldIsNotRememberedAsApplied(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	next := target("c2", tenant("zeta", 0), tenant("acme", 0)[:2])
	next.Fleet.Limits = changeset.Limits{Window: time.Hour}
	for range 2 {
		if o := outcome(t, w.apply(next, reconciler.Question{}), acmeQueue); o.Result != changeset.Held {
			t.Errorf("the deletion was %s: %s", o.Result, o.Detail)
		}
	}
	if len(w.owners()["tenant/acme"].Applied) != 3 {
		t.Error("the queue that is still there was forgotten")
	}
	renamed := target("c3", tenant("acme", 0), tenant("zeta", 0))
	renamed.Rendering.Desired[2].Attributes["name"] = resource.String("other")
	renamed.Fleet.Limits = changeset.Limits{Window: time.Hour}
	w.apply(renamed, reconciler.Question{})
	for _, d := range w.owners()["tenant/acme"].Applied {
		if d.Address == acmeQueue && d.Attributes["name"].Text() != "acme-jobs" {
			t.Errorf("the held replacement is remembered as applied: %s", d.Attributes["name"].Text())
		}
	}
}

// The limits are the fleet's, count what the log says was destroyed, and give way to an approval.
func TestTheLimitsHoldOverRuns(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0), tenant("zeta", 0)), reconciler.Question{})
	limited := func(commit string, list ...[]resource.Desired) reconciler.Target {
		next := target(commit, list...)
		next.Fleet.Limits = changeset.Limits{Window: time.Hour, Count: 1}
		return next
	}
	if o := outcome(t, w.apply(limited("c2", tenant("acme", 0)[:2], tenant("zeta", 0)), reconciler.Question{}), acmeQueue); o.Result != changeset.Applied {
		t.Fatalf("the first deletion was %s: %s", o.Result, o.Detail)
	}
	third := limited("c3", tenant("acme", 0)[:2], tenant("zeta", 0)[:2])
	plan := w.plan(third, reconciler.Question{})
	if o := outcome(t, w.apply(third, reconciler.Question{}), zetaQueue); o.Result != changeset.Held {
		t.Errorf("the second deletion within the window was %s", o.Result)
	}
	third.Fleet.Approvals = []changeset.Approval{{Digest: plan.Changeset.Approval, By: "dana", Expires: time.Now().Add(time.Hour)}}
	if o := outcome(t, w.apply(third, reconciler.Question{}), zetaQueue); o.Result != changeset.Applied {
		t.Errorf("the approved deletion was %s: %s", o.Result, o.Detail)
	}
}

// What the log says that we made goes when Git stops asking for it, also after a commit was
// abandoned; what it doesn't know stays.
func TestTheLogTellsOurOrphansFromCopies(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	w.cloud.before = func(call string) error { return errors.New("throttled") }
	w.apply(target("c2", tenant("acme", 7)), reconciler.Question{})
	w.cloud.before = nil
	copied := resource.Observed{Address: resource.Address{Owner: "tenant/acme", Kind: "t.queue", Name: "copy"}, Scope: scope, ID: "copy"}
	w.cloud.resources["copy"] = copied
	outcomes := w.apply(target("c3", tenant("acme", 0)[:2]), reconciler.Question{})
	if o := outcome(t, outcomes, acmeQueue); o.Result != changeset.Applied {
		t.Errorf("our queue was %s: %s", o.Result, o.Detail)
	}
	if o := outcome(t, outcomes, copied.Address); o.Result != changeset.Held {
		t.Errorf("a copy of our mark was %s", o.Result)
	}
}

// At most AtOnce writes are under way.
func TestWritesAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.AtOnce = 2
		var now, most atomic.Int32
		w.cloud.before = func(string) error {
			n := now.Add(1)
			for at := most.Load(); n > at && !most.CompareAndSwap(at, n); at = most.Load() {
			}
			time.Sleep(time.Second)
			return nil
		}
		w.cloud.after = func(string) error { now.Add(-1); return nil }
		w.apply(target("c1", tenant("a", 0), tenant("b", 0), tenant("c", 0), tenant("d", 0)), reconciler.Question{})
		if most.Load() != 2 {
			t.Errorf("%d writes were under way at the same time, want 2", most.Load())
		}
	})
}

// A definition that is there, however broken, was not removed; and only definitions count.
func TestRemovalIsWhatHistorySaysOfDefinitionsThatAreGone(t *testing.T) {
	tree := fstest.MapFS{}
	exampleFleet(t, tree)
	tree["tenants/delta-freight.cue"] = &fstest.MapFile{Data: []byte("package fleet\n\nthis is no CUE")}
	leaving := strings.Replace(string(tree["tenants/harbor-books.cue"].Data), "plan:", "lifecycle: \"offboarding\"\n\tplan:", 1)
	tree["tenants/harbor-books.cue"] = &fstest.MapFile{Data: []byte(leaving)}
	target, err := reconciler.Load(t.Context(), &schema.Loader{Evaluator: schema.InProcess()}, tree, "c9", map[string]reconciler.Commit{
		"tenants/cedar-clinic.cue": "c1", "tenants/delta-freight.cue": "c2", "tenants/gone.cue": "c3", "tenants/notes.md": "c4",
		"cells/eu-1.cue": "c5", "cells/old.cue": "c6", "plans/team.cue": "c7",
	}, time.Now())
	if err != nil || target.Fleet == nil {
		t.Fatal(err, target.Findings)
	}
	want := map[resource.Owner]bool{"tenant/gone": true, "cell/old": true, "tenant/harbor-books": true}
	for owner, why := range target.Removed {
		if !want[owner] {
			t.Errorf("%s counts as removed by %s", owner, why)
		}
		delete(want, owner)
	}
	if len(want) > 0 {
		t.Errorf("not removed: %v", want)
	}
}

// A rewritten history is applied when a person names its commit.
func TestARewrittenHistoryIsAppliedWhenAccepted(t *testing.T) {
	inOffice(t, func(o *office) {
		o.AcceptRewrite = reconciler.Commit("0000000000000000000000000000000000000002")
		forced := o.git.commit(mainRef, "", func(tree fstest.MapFS) {
			exampleFleet(t, tree)
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
		})
		o.wait(10 * time.Minute)
		if forced != o.AcceptRewrite {
			t.Fatalf("the commit is %s", forced)
		}
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days", got)
		}
	})
}

// A reference that stays open isn't sent, whatever the driver that should have closed it did.
func TestAnOpenReferenceIsNotSent(t *testing.T) {
	w := newWorld(t)
	w.withOdd("t.key", func(o *odd) {
		o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
			made, err := o.memory.Create(ctx, want, "test")
			made.Outputs = nil
			return made, err
		}
	})
	if o := outcome(t, w.apply(target("c1", tenant("acme", 0)), reconciler.Question{}), acmeQueue); o.Result != changeset.Failed {
		t.Errorf("the queue was %s, with an open reference to the key", o.Result)
	}
	if w.cloud.made != 1 {
		t.Errorf("%d resources were created, want the key alone", w.cloud.made)
	}
}

// What was to follow a replacement and turns out as it was isn't written.
func TestWhatTurnsOutUnchangedIsNotWritten(t *testing.T) {
	alerts := resource.Address{Owner: "cell/eu-1", Kind: "t.queue", Name: "alerts"}
	arn := resource.Ref{Address: alerts, Output: "arn"}.Placeholder()
	user := []resource.Desired{desired("tenant/acme", "t.queue", "jobs", map[string]any{"name": "jobs", "key": arn})}
	named := func(name string) []resource.Desired {
		return []resource.Desired{desired(alerts.Owner, alerts.Kind, alerts.Name, map[string]any{"name": name})}
	}
	w := newWorld(t)
	w.apply(target("c1", named("one"), user), reconciler.Question{})
	writes := w.cloud.writeCount()
	outcomes := w.apply(target("c2", named("two"), user), reconciler.Question{})
	if o := outcome(t, outcomes, acmeQueue); o.Result != changeset.Unchanged || w.cloud.writeCount() != writes+2 {
		t.Errorf("acme's queue was %s; wrote %v", o.Result, w.cloud.writes[writes:])
	}
}

// A push while a commit is being applied stops the writes for the older one.
func TestAPushStopsTheOlderCommit(t *testing.T) {
	inOffice(t, func(o *office) {
		var second, third reconciler.Commit
		o.cloud.before = func(string) error {
			if third == "" {
				third = o.git.commit(mainRef, second, edit("tenants/cedar-clinic.cue", "retentionDays: 90", "retentionDays: 60"))
				o.Notice(o.t.Context(), reconciler.Hint{Pushed: true})
				time.Sleep(time.Second)
			}
			return nil
		}
		second = o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
			for _, name := range []string{"birch", "alder"} {
				text := strings.ReplaceAll(string(tree["tenants/cedar-clinic.cue"].Data), "cedar-clinic", name)
				tree["tenants/"+name+".cue"] = &fstest.MapFile{Data: []byte(text)}
			}
		})
		o.Daemon.Reconciler.AtOnce = 1
		o.wait(10 * time.Minute)
		entries, err := o.Daemon.Reconciler.State.Entries(o.t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]int{}
		for _, e := range entries {
			if e.Phase == changeset.Before {
				of[e.Commit]++
			}
		}
		if of[string(second)] != 1 || of[string(third)] == 0 {
			t.Errorf("%d writes for the older commit, want the one that was under way; %d for the newer", of[string(second)], of[string(third)])
		}
	})
}

// A place that can be read again is brought up to date without another commit.
func TestAPlaceThatComesBackIsBroughtUpToDate(t *testing.T) {
	inOffice(t, func(o *office) {
		live, _ := o.cloud.byAddress()
		deny := func(yes bool) {
			o.cloud.mu.Lock()
			defer o.cloud.mu.Unlock()
			o.cloud.deny[live[cedarLogs].Scope] = yes
		}
		deny(true)
		o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(10 * time.Minute)
		deny(false)
		o.wait(time.Hour)
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days", got)
		}
	})
}

// A decision is about what its proposal showed, and ours alone to withdraw.
func TestADecisionOnSomethingElseRestoresNothing(t *testing.T) {
	inOffice(t, func(o *office) {
		branch, writes := o.drifted(t), o.cloud.writeCount()
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(30))
		o.decide(t, branch, "dana")
		if now := o.cloud.writeCount(); now != writes || len(o.board.open()) != 1 {
			t.Errorf("wrote %v for a decision on 90 days; open proposals: %v", o.cloud.writes[writes:], o.board.open())
		}
		o.board.close(branch, "closed", "dana", true)
		o.Notice(t.Context(), reconciler.Hint{Drift: true})
		o.wait(time.Minute)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v, because we withdrew a proposal ourselves", o.cloud.writes[writes:])
		}
	})
}

// While writes are on hold, the check says so.
func TestAHoldIsSaidOnTheCommit(t *testing.T) {
	inOffice(t, func(o *office) {
		o.tell("dana", "hold")
		o.wait(time.Minute)
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(10 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "action_required" || !strings.Contains(c.Summary, "dana") {
			t.Errorf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
	})
}

// A decision is about one cause. What else drifted waits for its own.
func TestADecisionRestoresItsCauseAlone(t *testing.T) {
	inOffice(t, func(o *office) {
		bucket := resource.Address{Owner: "tenant/delta-freight", Kind: "aws.s3.bucket", Name: "data"}
		live, _ := o.cloud.byAddress()
		drifted := resource.Bool(live[bucket].Attributes["versioning"].Text() != "true")
		o.cloud.change(bucket, "versioning", drifted)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		if open := o.board.open(); len(open) != 2 {
			t.Fatalf("open proposals: %v, want two", open)
		}
		for _, branch := range o.board.open() {
			if strings.Contains(branch, "logs") {
				o.decide(t, branch, "dana")
			}
		}
		live, _ = o.cloud.byAddress()
		if o.retention() != "180" || !live[bucket].Attributes["versioning"].Equal(drifted) {
			t.Errorf("the logs are kept for %s days, and versioning is %s", o.retention(), live[bucket].Attributes["versioning"].Text())
		}
	})
}

// everybody may write, robots too.
type everybody struct{ reconciler.Reviews }

func (everybody) MayWrite(context.Context, string) (bool, error) { return true, nil }

func TestARobotThatMayWriteDecidesNothing(t *testing.T) {
	inOffice(t, func(o *office) {
		o.owned("CODEOWNERS", "") // nobody owns anything, so that whoever may write decides
		branch, writes := o.drifted(t), o.cloud.writeCount()
		o.Daemon.Reviews = everybody{o.Daemon.Reviews}
		o.decide(t, branch, "stale[bot]")
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
	})
}

// While some of the cloud can't be seen, no drift is known to be gone.
func TestNothingIsWithdrawnUnseen(t *testing.T) {
	inOffice(t, func(o *office) {
		branch := o.drifted(t)
		live, _ := o.cloud.byAddress()
		o.cloud.mu.Lock()
		o.cloud.deny[live[cedarLogs].Scope] = true
		o.cloud.mu.Unlock()
		o.wait(3 * time.Hour)
		if open := o.board.open(); len(open) != 1 || open[0] != branch {
			t.Errorf("open proposals: %v", open)
		}
	})
}

// A commit that was stopped half-way is finished when writes go on.
func TestAStoppedCommitIsFinishedLater(t *testing.T) {
	inOffice(t, func(o *office) {
		state := o.Daemon.Reconciler.State
		o.Daemon.Reconciler.AtOnce = 1
		o.cloud.after = func(string) error { return state.Put(context.Background(), "hold", "the test says so") }
		writes := o.cloud.writeCount()
		o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			text := strings.ReplaceAll(string(tree["tenants/cedar-clinic.cue"].Data), "cedar-clinic", "birch")
			tree["tenants/birch.cue"] = &fstest.MapFile{Data: []byte(text)}
		})
		o.wait(10 * time.Minute)
		if now := o.cloud.writeCount(); now != writes+1 {
			t.Errorf("%d writes, want the one that was under way", now-writes)
		}
		o.cloud.after = nil
		o.tell("dana", "resume")
		o.wait(10 * time.Minute)
		if now := o.cloud.writeCount(); now < writes+5 {
			t.Errorf("%d writes in the end", now-writes)
		}
	})
}

// A report that we withdrew for a newer one reported nothing.
func TestANewerAuditReportHasWhatTheOlderHad(t *testing.T) {
	inOffice(t, func(o *office) {
		o.wait(8 * 24 * time.Hour)
		o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(8 * 24 * time.Hour)
		open := o.board.under("tenantry/audit/")
		if len(open) != 1 || !strings.HasPrefix(o.board.content[open[0]].Digest, "entries:1-") {
			t.Errorf("open: %v with %s, want one report from the first entry on", open, o.board.content[open[0]].Digest)
		}
		o.wait(8 * 24 * time.Hour)
		if again := o.board.under("tenantry/audit/"); len(again) != 1 || !strings.HasPrefix(o.board.content[again[0]].Digest, "entries:1-") {
			t.Errorf("open: %v", again)
		}
	})
}
