package reconciler_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
)

// limited has a window's budget spent by one commit, and another one held by it. It returns the
// latter.
func (o *office) limited() reconciler.Commit {
	leaves := func(tree fstest.MapFS, name string) {
		edit("tenants/"+name+".cue", "\tcell:", "\tlifecycle:   \"offboarding\"\n\tcell:")(tree)
		edit("tenants/"+name+".cue", "\toverrides: logs: retentionDays: 180\n", "")(tree)
	}
	second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
		edit("fleet.cue", "count:   10\n\tpercent: 10", "count:   5\n\tpercent: 0")(tree)
		leaves(tree, "harbor-books")
	})
	o.wait(5 * time.Minute)
	if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
		o.t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
	}
	third := o.git.commit(mainRef, second, func(tree fstest.MapFS) { leaves(tree, "cedar-clinic") })
	o.wait(5 * time.Minute)
	return third
}

// What a limit held is done when the limit's window ends, with nobody asking, and said on the commit;
// also by a daemon that was started in between.
func TestWhatALimitHeldIsDoneWhenItsWindowEnds(t *testing.T) {
	for name, between := range map[string]func(*office){"running": func(*office) {}, "restarted": (*office).restart} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				third := o.limited()
				c := o.board.check("tenantry/apply", third)
				if c.Conclusion != "action_required" || !strings.Contains(c.Summary, "looked at again at 20") {
					t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
				}
				between(o)
				writes := o.cloud.writeCount()
				o.wait(23 * time.Hour)
				if now := o.cloud.writeCount(); now != writes {
					t.Errorf("within the window, wrote %v", o.cloud.writes[writes:])
				}
				o.wait(2 * time.Hour)
				if c := o.board.check("tenantry/apply", third); c.Conclusion != "success" {
					t.Errorf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
				}
				live, _ := o.cloud.byAddress()
				for address, r := range live {
					if address.Owner == "tenant/cedar-clinic" && r.Retired == "" {
						t.Errorf("%s is still in service", address)
					}
				}
				writes = o.cloud.writeCount()
				o.wait(48 * time.Hour)
				if now := o.cloud.writeCount(); now != writes {
					t.Errorf("afterwards, wrote %v", o.cloud.writes[writes:])
				}
			})
		})
	}
}

// A newer commit that asks for it no more is not overtaken by the look that was promised.
func TestWhatALimitHeldIsNotDoneOnceGitSaysOtherwise(t *testing.T) {
	inOffice(t, func(o *office) {
		third := o.limited()
		o.git.commit(mainRef, third, func(tree fstest.MapFS) {
			edit("tenants/cedar-clinic.cue", "\tlifecycle:   \"offboarding\"\n", "")(tree)
		})
		o.wait(5 * time.Minute)
		writes := o.cloud.writeCount()
		o.wait(26 * time.Hour)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("wrote %v", o.cloud.writes[writes:])
		}
	})
}

// A commit that is converged is judged anew when an exception in it expires, also by a daemon that was
// started in between; and the look at it costs nothing for those whom the exception isn't about.
func TestAnExceptionThatExpiresIsActedOn(t *testing.T) {
	for name, between := range map[string]func(*office){"running": func(*office) {}, "restarted": (*office).restart} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				second := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
					edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")(tree)
					edit("policies/log-retention.cue", `["pool", "team", "enterprise"]`, `["team"]`)(tree)
					edit("policies/log-retention.cue", ">=#plan.limits.logDays", ">=180")(tree)
					edit("policies/log-retention.cue", "\tselect: {", "\texceptions: [{tenant: \"cedar-clinic\", owner: \"dana\", reason: \"a move\", expires: \"2000-01-01T12:30:00Z\"}]\n\tselect: {")(tree)
				})
				o.wait(5 * time.Minute)
				if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" || o.retention() != "90" {
					t.Fatalf("tenantry/apply is %s: %s\n%s; the logs are kept for %s days", c.Conclusion, c.Title, c.Summary, o.retention())
				}
				between(o)
				o.wait(11 * time.Hour)
				if c := o.board.check("tenantry/apply", second); c.Conclusion != "success" {
					t.Errorf("before it expires, tenantry/apply is %s: %s", c.Conclusion, c.Title)
				}
				o.wait(2 * time.Hour)
				if c := o.board.check("tenantry/apply", second); c.Conclusion != "failure" || !strings.Contains(c.Summary, "cedar-clinic") {
					t.Errorf("after it expired, tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
				}
				if o.retention() != "90" {
					t.Errorf("who is broken is left alone, and the logs are kept for %s days", o.retention())
				}
			})
		})
	}
}
