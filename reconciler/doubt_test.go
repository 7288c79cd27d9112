package reconciler_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// This file tests what a run that dies leaves in doubt: as much as its commit and the one before it
// explain, and for as long as what it sent may have its effect.

// dies has the next update of a queue never be answered, and the process end with it. What it asked for
// has its effect or not.
func (w *world) dies(commit reconciler.Target, effect bool) {
	w.t.Helper()
	dead := false
	w.cloud.before = func(call string) error {
		if call == "update "+acmeQueue.String() && !effect {
			dead = true
			return errKilled
		}
		return nil
	}
	w.cloud.after = func(call string) error {
		if call == "update "+acmeQueue.String() {
			dead = true
			return errKilled
		}
		return nil
	}
	kept := w.Recorder
	w.Recorder = recorder(func(ctx context.Context, e changeset.Entry) (int64, error) {
		if dead {
			return 0, errKilled
		}
		return kept.Record(ctx, e)
	})
	plan, err := w.Plan(w.t.Context(), commit, reconciler.Question{})
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = w.Apply(w.t.Context(), plan, reconciler.Order{Run: "dying", Actor: "test"})
	if !dead {
		w.t.Fatal("nothing was sent")
	}
	w.cloud.before, w.cloud.after = nil, nil
	w.start()
}

// What a run was doing when it died counts as configuration only as far as it can have done it. What else
// differs in the same resource somebody changed, and is reported.
func TestWhatADyingRunCantHaveDoneIsSomebodysChange(t *testing.T) {
	for name, test := range map[string]struct {
		effect bool
		change map[string]resource.Value // by hand, after it died
		want   string
	}{
		"it had no effect":                {false, nil, ""},
		"it had its effect":               {true, nil, "delay 7 → 0 config"},
		"somebody changed the same":       {true, map[string]resource.Value{"delay": resource.Int(99)}, "delay 99 → 0 drift"},
		"somebody changed another":        {true, map[string]resource.Value{"key": resource.String("theirs")}, "delay 7 → 0 config, key theirs → * drift"},
		"somebody changed but the other":  {false, map[string]resource.Value{"key": resource.String("theirs")}, "key theirs → * drift"},
		"somebody set what it was to set": {false, map[string]resource.Value{"delay": resource.Int(7)}, "delay 7 → 0 config"},
	} {
		t.Run(name, func(t *testing.T) {
			timed(t, func(t *testing.T, w *world) {
				w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
				w.dies(target("c2", tenant("acme", 7)), test.effect)
				for attribute, value := range test.change {
					w.cloud.change(acmeQueue, attribute, value)
				}
				third := target("c3", tenant("acme", 0))
				plan, err := w.Plan(t.Context(), third, reconciler.Question{})
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, c := range plan.Changeset.Changes {
					for _, d := range c.Attributes {
						if got != "" {
							got += ", "
						}
						after := d.After.Text()
						if d.Path == "key" {
							after = "*"
						}
						got += fmt.Sprintf("%s %s → %s %s", d.Path, d.Before, after, d.Cause)
					}
				}
				if got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			})
		})
	}
}

// Somebody who deletes what an update was under way for when the process died did so; what a deletion was
// under way for is made anew.
func TestWhatADyingRunUpdatedItDidNotDelete(t *testing.T) {
	timed(t, func(t *testing.T, w *world) {
		w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
		w.dies(target("c2", tenant("acme", 7)), true)
		w.cloud.lose(acmeQueue)
		plan, err := w.Plan(t.Context(), target("c3", tenant("acme", 0)), reconciler.Question{})
		if err != nil || len(plan.Changeset.Changes) != 1 || plan.Changeset.Changes[0].HoldKind != changeset.HoldDrift {
			t.Errorf("%+v, %v", plan.Changeset.Changes, err)
		}
	})
}

// A write that was under way when the process died may have its effect after the next one has settled
// another commit. That is our own doing, and is put back without asking anybody.
func TestALateWriteIsPutBackAndNotReported(t *testing.T) {
	inOffice(t, func(o *office) {
		var dead atomic.Bool
		dies := func() error {
			if dead.Load() {
				return errKilled
			}
			return nil
		}
		o.cloud.before = func(call string) error {
			dead.Store(dead.Load() || call == "update "+cedarLogs.String())
			return dies()
		}
		o.stop()
		kept, state := o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State
		o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State = diesWith{kept, dies}, mortal{state, dies}
		second := o.git.commit(mainRef, o.first, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.restart()
		o.stop()
		if !dead.Load() {
			t.Fatal("nothing was sent")
		}
		third := o.git.commit(mainRef, second, edit("tenants/cedar-clinic.cue", "retentionDays: 90", "retentionDays: 180"))
		o.cloud.before = nil
		o.Daemon.Reconciler.Recorder, o.Daemon.Reconciler.State = kept, state
		o.restart()
		if c := o.board.check("tenantry/apply", third); c.Conclusion != "success" {
			t.Fatalf("tenantry/apply is %q: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90)) // now it arrives
		o.wait(2 * time.Hour)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if o.board.proposed != 0 {
			t.Errorf("%d proposals: %v", o.board.proposed, o.board.open())
		}
		// What somebody changes afterwards is theirs, whatever the value.
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		if got := o.retention(); got != "90" || len(o.board.open()) != 1 {
			t.Errorf("the logs are kept for %s days; open: %v", got, o.board.open())
		}
	})
}
