package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// slowly has the writes whose call has a word in it take a time.
func (c *cloud) slowly(word string, takes time.Duration) {
	c.takes = func(call string) time.Duration {
		if strings.Contains(call, word) {
			return takes
		}
		return 0
	}
}

// results are what became of changes, by kind and name.
func results(outcomes []changeset.Outcome) string {
	var list []string
	for _, o := range outcomes {
		list = append(list, fmt.Sprintf("%s %s", o.Address.Name, o.Result))
	}
	return strings.Join(list, ", ")
}

// withKind has the world's cloud know kinds in another way than the others do.
func (w *world) withKind(list ...resource.Kind) {
	own := maps.Clone(kinds)
	for _, k := range list {
		own[k.Name] = k
	}
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return w.cloud.set(own) }
}

// timed runs a test with a world in a bubble.
func timed(t *testing.T, story func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) { story(t, newWorld(t)) })
}

// What the cloud takes minutes for holds nobody up: it waits, what needs it waits, too, and the rest is
// done. A process that starts anew asks by the ticket, sends nothing twice, and goes on once it is there.
func TestWhatTakesMinutesWaitsAndTheRestGoesOn(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.cloud.slowly("acme/t.key", 7*time.Minute)
		commit := target("c1", tenant("acme", 0), tenant("zeta", 0))
		began := time.Now()
		outcomes := w.apply(commit, reconciler.Question{})
		if got, want := results(outcomes), "key waiting, data waiting, jobs waiting, key applied, data applied, jobs applied"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it held the run for %s", took)
		}
		first := outcomes[0]
		if first.Until.Sub(first.Since) != 30*time.Minute || !strings.Contains(first.Detail, "the cloud is still at it") {
			t.Errorf("%+v", first)
		}
		if !outcomes[1].Since.IsZero() || !strings.Contains(outcomes[1].Detail, "key") {
			t.Errorf("what needs it: %+v", outcomes[1])
		}
		owners, err := w.store.Owners(t.Context())
		if err != nil || owners["tenant/acme"].Commit != "" || len(owners["tenant/acme"].Applied) != 0 || owners["tenant/zeta"].Commit != "c1" {
			t.Errorf("settled: %+v, %v", owners, err)
		}
		for range 3 { // three looks, the last two by a process that starts anew
			time.Sleep(2 * time.Minute)
			writes := w.cloud.writeCount()
			again := w.apply(commit, reconciler.Question{})
			if got, want := results(again), "key waiting, data waiting, jobs waiting"; got != want || w.cloud.writeCount() != writes {
				t.Fatalf("%s, want %s; wrote %v", got, want, w.cloud.writes[writes:])
			}
			if !again[0].Since.Equal(first.Since) {
				t.Errorf("since %s, and first %s", again[0].Since, first.Since)
			}
			w.start()
		}
		time.Sleep(2 * time.Minute)
		w.apply(commit, reconciler.Question{})
		w.settled(commit, 6)
	})
}

// What a kind has patience for is up at its deadline: that is a failure with a way on, nothing is sent, and
// it goes on nonetheless once the cloud is done.
func TestWhatTakesTooLongFailsAndIsStillAwaited(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.cloud.slowly("acme/t.key", 40*time.Minute)
		commit := target("c1", tenant("acme", 0))
		w.apply(commit, reconciler.Question{})
		time.Sleep(31 * time.Minute)
		writes := w.cloud.writeCount()
		outcomes := w.apply(commit, reconciler.Question{})
		if got, want := results(outcomes), "key failed, data blocked, jobs blocked"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		for _, want := range []string{"30m0s is the longest", "job-of-create tenant/acme/t.key/key", "goes on by itself"} {
			if !strings.Contains(outcomes[0].Detail, want) {
				t.Errorf("it doesn't say %q: %s", want, outcomes[0].Detail)
			}
		}
		if w.cloud.writeCount() != writes {
			t.Errorf("wrote %v", w.cloud.writes[writes:])
		}
		time.Sleep(10 * time.Minute)
		w.apply(commit, reconciler.Question{})
		w.settled(commit, 3)
	})
}

// A kind's own patience counts where it has one.
func TestAKindSaysHowLongItMayTake(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		queue := kinds["t.queue"]
		queue.Patience = resource.Patience{Create: 3 * time.Hour}
		w.withKind(queue)
		w.cloud.slowly("t.queue", 4*time.Hour)
		commit := target("c1", tenant("acme", 0))
		w.apply(commit, reconciler.Question{})
		time.Sleep(2 * time.Hour)
		if got := results(w.apply(commit, reconciler.Question{})); got != "jobs waiting" {
			t.Error(got)
		}
		time.Sleep(time.Hour)
		if got := results(w.apply(commit, reconciler.Question{})); got != "jobs failed" {
			t.Error(got)
		}
	})
}

// A write that ends badly after minutes is a failure that a person reads, and is tried again.
func TestAWriteThatFailsAfterMinutesIsTriedAgain(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.cloud.slowly("t.queue", 5*time.Minute)
		commit := target("c1", tenant("acme", 0))
		w.apply(commit, reconciler.Question{})
		for _, j := range w.cloud.jobs {
			j.change = func() error { return errors.New("no capacity") }
		}
		time.Sleep(6 * time.Minute)
		outcomes := w.apply(commit, reconciler.Question{})
		if got := results(outcomes); got != "jobs failed" || !strings.Contains(outcomes[0].Detail, "no capacity") {
			t.Fatalf("%s: %+v", got, outcomes)
		}
		if got := results(w.apply(commit, reconciler.Question{})); got != "jobs waiting" {
			t.Error(got)
		}
		time.Sleep(6 * time.Minute)
		w.apply(commit, reconciler.Question{})
		w.settled(commit, 3)
	})
}

// What is under way for an older commit is awaited before anything is sent for a newer one.
func TestANewerCommitAwaitsWhatAnOlderOneBegan(t *testing.T) {
	for name, newer := range map[string]reconciler.Target{
		"changes it": target("c2", tenant("acme", 7)),
		"drops it":   target("c2", tenant("acme", 0)[:2]),
	} {
		t.Run(name, func(t *testing.T) {
			timed(t, func(t *testing.T, w *world) {
				w.cloud.slowly("create tenant/acme/t.queue", 5*time.Minute)
				w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
				writes := w.cloud.writeCount()
				for range 2 {
					if got := results(w.apply(newer, reconciler.Question{})); got != "jobs waiting" {
						t.Error(got)
					}
				}
				if w.cloud.writeCount() != writes {
					t.Errorf("wrote %v", w.cloud.writes[writes:])
				}
				time.Sleep(6 * time.Minute)
				w.apply(newer, reconciler.Question{})
				w.settled(newer, len(newer.Rendering.Desired))
			})
		})
	}
}

// A replacement whose deletion takes minutes spends one destruction of the budget, however often it is
// looked at, and makes the new one when the old one is gone.
func TestAReplacementThatWaitsIsSpentOnce(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
		newer := target("c2", tenant("acme", 0))
		newer.Fleet.Limits = changeset.Limits{Count: 1}
		newer.Rendering.Desired[2].Attributes["name"] = resource.String("other")
		w.cloud.slowly("t.queue", 5*time.Minute)
		for _, want := range []string{"jobs waiting", "jobs waiting"} {
			if got := results(w.apply(newer, reconciler.Question{})); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
		time.Sleep(6 * time.Minute)
		if got := results(w.apply(newer, reconciler.Question{})); got != "jobs waiting" { // now it is made
			t.Fatal(got)
		}
		spent, err := w.store.Spent(t.Context(), time.Time{})
		if err != nil || len(spent) != 1 {
			t.Errorf("spent %v, %v", spent, err)
		}
		time.Sleep(6 * time.Minute)
		w.apply(newer, reconciler.Question{})
		w.settled(newer, 3)
	})
}

// What refers to something that takes minutes to be made anew is taken along when it is there.
func TestWhatRefersToAReplacementThatWaitsFollows(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		queue := kinds["t.queue"]
		queue.Unrepeatable = true // so that the new one has another ARN
		alarm := resource.Kind{Name: "t.alarm", Uses: []string{"t.queue"}, Attributes: []resource.Attribute{{Name: "queue"}}}
		w.withKind(queue, alarm)
		arn := resource.Ref{Address: acmeQueue, Output: "arn"}.Placeholder()
		render := func(name string) []resource.Desired {
			list := append(tenant("acme", 0), desired("tenant/acme", "t.alarm", "backlog", map[string]any{"queue": arn}))
			list[2].Attributes["name"] = resource.String(name)
			return list
		}
		w.apply(target("c1", render("one")), reconciler.Question{})
		w.cloud.slowly("t.queue", 5*time.Minute)
		newer := target("c2", render("two"))
		for range 8 {
			w.apply(newer, reconciler.Question{})
			time.Sleep(2 * time.Minute)
		}
		w.settled(newer, 4)
	})
}

// A cloud that merely isn't ready gets the same again from a later plan, and only a kind's patience ends
// that. The worker isn't held meanwhile, and a deletion that was refused so spends its budget once.
func TestWhatTheCloudIsNotReadyForIsTriedLater(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
		newer := target("c2", tenant("acme", 0)[:2])
		newer.Fleet.Limits = changeset.Limits{Count: 1}
		ready := time.Now().Add(10 * time.Minute)
		w.cloud.before = func(call string) error {
			if strings.HasPrefix(call, "delete") && time.Now().Before(ready) {
				return fmt.Errorf("another write goes on: %w", providers.ErrPending)
			}
			return nil
		}
		for range 4 {
			began := time.Now()
			plan, err := w.Plan(t.Context(), newer, reconciler.Question{})
			if err != nil {
				t.Fatal(err)
			}
			outcomes, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "test"})
			if got := results(outcomes); err != nil || got != "jobs waiting" || time.Since(began) > 6*time.Second {
				t.Fatalf("%s after %s, %v", got, time.Since(began), err)
			}
			time.Sleep(2 * time.Minute)
		}
		if spent, err := w.store.Spent(t.Context(), time.Time{}); err != nil || len(spent) != 1 {
			t.Errorf("spent %v, %v", spent, err)
		}
		time.Sleep(3 * time.Minute)
		w.apply(newer, reconciler.Question{})
		w.settled(newer, 2)
	})
}

// A create whose request can't be looked at is neither sent again nor taken for done.
func TestARequestThatCantBeLookedAtStaysUnderWay(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.cloud.slowly("t.key", time.Minute)
		commit := target("c1", tenant("acme", 0))
		w.apply(commit, reconciler.Question{})
		w.cloud.blind = errors.New("throttled")
		time.Sleep(10 * time.Minute)
		outcomes := w.apply(commit, reconciler.Question{})
		if got := results(outcomes); got != "key waiting, data waiting, jobs waiting" || !strings.Contains(outcomes[0].Detail, "throttled") {
			t.Errorf("%s: %+v", got, outcomes)
		}
		w.cloud.blind = nil
		w.apply(commit, reconciler.Question{})
		w.settled(commit, 3)
	})
}

// The daemon says on the commit what is under way, serves others meanwhile, and converges by itself. A
// restart in between loses nothing.
func TestTheDaemonServesOthersWhileTheCloudTakesMinutes(t *testing.T) {
	for name, between := range map[string]func(*office){"running": func(*office) {}, "restarted": (*office).restart} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.cloud.slowly("update "+cedarLogs.String(), 20*time.Minute)
				second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
				o.wait(3 * time.Minute)
				between(o)
				c := o.board.check("tenantry/apply", second)
				if c.Conclusion != "" || c.Title != "Applying: 0 of 1 done, 1 waits for the cloud" || !strings.Contains(c.Summary, "### Under way") || !strings.Contains(c.Summary, "in 2") {
					t.Errorf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
				}
				third := o.git.commit(mainRef, second, edit("tenants/delta-freight.cue", "\tdomains:", "\toverrides: jobs: visibilityTimeout: 240\n\tdomains:"))
				o.wait(3 * time.Minute)
				if c := o.board.check("tenantry/apply", third); c.Conclusion != "" || c.Title != "Applying: 1 of 2 done, 1 waits for the cloud" {
					t.Errorf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
				}
				if open := o.board.open(); len(open) != 0 {
					t.Errorf("open proposals: %v", open)
				}
				writes := o.cloud.writeCount()
				o.wait(17 * time.Minute)
				if got := o.retention(); got != "90" {
					t.Errorf("the logs are kept for %s days", got)
				}
				if c := o.board.check("tenantry/apply", third); c.Conclusion != "success" || o.cloud.writeCount() != writes {
					t.Errorf("tenantry/apply is %q: %s, after %v", c.Conclusion, c.Title, o.cloud.writes[writes:])
				}
				if n := o.cloud.asked; n > 60 {
					t.Errorf("it was looked at %d times", n)
				}
			})
		})
	}
}

// The daemon says so when the deadline is over, and goes on nonetheless.
func TestTheDaemonSaysThatItTakesTooLong(t *testing.T) {
	inOffice(t, func(o *office) {
		o.cloud.slowly("update "+cedarLogs.String(), 50*time.Minute)
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(40 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "failure" || !strings.Contains(c.Summary, "the longest that it may take") {
			t.Errorf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		o.wait(30 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
			t.Errorf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
	})
}

// To put drift back may take minutes as well; nobody is asked a second time.
func TestARestorationThatTakesMinutesIsOneDecision(t *testing.T) {
	inOffice(t, func(o *office) {
		queue, branch := o.misnamed(t)
		o.cloud.slowly(queue.String(), 10*time.Minute)
		proposed := o.board.proposed
		o.decide(t, branch, "dana")
		o.wait(40 * time.Minute)
		o.putBack(t, queue)
		if o.board.proposed != proposed {
			t.Errorf("%d more proposals", o.board.proposed-proposed)
		}
	})
}

// A daemon that is told to stop ends at once, whatever waits.
func TestAWaitHoldsNoStop(t *testing.T) {
	inOffice(t, func(o *office) {
		ready := time.Now().Add(time.Hour)
		o.cloud.before = func(string) error {
			if time.Now().Before(ready) {
				return providers.ErrPending
			}
			return nil
		}
		second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
		})
		o.Notice(context.Background(), reconciler.Hint{Pushed: true})
		time.Sleep(time.Second)
		began := time.Now()
		o.stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it stopped after %s", took)
		}
		o.restart()
		o.wait(15 * time.Minute)
		if c := o.board.check("tenantry/apply", second); c.Conclusion != "" || c.Title != "Applying: 0 of 1 done, 1 waits for the cloud" {
			t.Errorf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
	})
}
