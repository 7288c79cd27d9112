package reconciler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// correcting runs a story with a fleet that has drift put back, changed further if need be.
func correcting(t *testing.T, change func(fstest.MapFS), story func(*office, reconciler.Commit)) {
	t.Helper()
	inOffice(t, func(o *office) {
		head := o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			edit("fleet.cue", `drift: "report"`, `drift: "correct"`)(tree)
			if change != nil {
				change(tree)
			}
		})
		o.wait(5 * time.Minute)
		if c := o.board.check("tenantry/apply", head); c.Conclusion != "success" {
			t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		story(o, head)
	})
}

func (o *office) proposal(branch string) reconciler.Proposal {
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	return o.board.content[branch]
}

// looks waits until the daemon has scanned for drift once more, which it does every hour.
func (o *office) looks() {
	now := time.Now()
	o.wait(now.Truncate(time.Hour).Add(time.Hour + time.Minute).Sub(now))
}

var deltaBucket = resource.Address{Owner: "tenant/delta-freight", Kind: "aws.s3.bucket", Name: "data"}

// A scan puts drift back, notes it, and reports it; and nobody can decide anything on the report.
func TestAScanPutsDriftBack(t *testing.T) {
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		if got := o.retention(); got != "180" {
			t.Fatalf("the logs are kept for %s days", got)
		}
		open := o.board.open()
		if len(open) != 1 || open[0] != "tenantry/drift/logs-group_retentiondays" {
			t.Fatalf("open proposals: %v, want the report", open)
		}
		p := o.proposal(open[0])
		if !strings.HasPrefix(p.Title, "Drift corrected (medium): ") || !strings.Contains(p.Body, "| `180` | `90` |") ||
			!strings.Contains(string(p.Files["reports/drift/logs-group_retentiondays.json"]), `"corrected_at": "`) || len(p.Files) != 2 {
			t.Errorf("the report is %s\n%s\n%v", p.Title, p.Body, p.Files)
		}
		notes := o.noted("correct drift: logs-group_retentiondays")
		entries, _ := o.Daemon.Reconciler.State.Entries(o.t.Context(), notes[0].Time)
		if ends := report.DriftEnds(entries[len(entries)-1:]); len(ends) != 1 || ends[0].How != report.Healed || ends[0].Cause != "logs-group_retentiondays" {
			t.Errorf("the history has %v", ends)
		}
		if last := entries[len(entries)-2]; len(notes) != 1 || last.Cause != changeset.Drift || last.Result != changeset.Applied || last.Actor != "tenantry" {
			t.Errorf("notes %v, and last in the log %+v", notes, last)
		}
		writes, proposed := o.cloud.writeCount(), o.board.proposed
		o.board.close(open[0], "closed", "dana", false)
		o.looks()
		o.wait(3 * time.Hour)
		if o.cloud.writeCount() != writes || o.board.proposed != proposed {
			t.Errorf("after closing the report, wrote %v, and %d proposals", o.cloud.writes[writes:], o.board.proposed-proposed)
		}
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		if got := o.retention(); got != "180" || len(o.board.open()) != 1 {
			t.Errorf("the second time, the logs are kept for %s days; open: %v", got, o.board.open())
		}
	})
}

// What was deleted by hand is made again.
func TestAScanMakesAgainWhatIsMissing(t *testing.T) {
	alarm := resource.Address{Owner: "tenant/delta-freight", Kind: "aws.cloudwatch.alarm", Name: "backlog"}
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		o.cloud.mu.Lock()
		for id, r := range o.cloud.resources {
			if r.Address == alarm {
				delete(o.cloud.resources, id)
			}
		}
		o.cloud.mu.Unlock()
		o.looks()
		live, _ := o.cloud.byAddress()
		if _, there := live[alarm]; !there {
			t.Error("it is not there")
		}
		if open := o.board.open(); len(open) != 1 || !strings.Contains(o.proposal(open[0]).Body, "was made again, empty") {
			t.Errorf("open: %v", open)
		}
	})
}

// Replacing what holds data is a person's business, and so is what the limits hold.
func TestAScanLeavesToPeopleWhatIsHeld(t *testing.T) {
	role := resource.Address{Owner: "tenant/delta-freight", Kind: "aws.iam.role", Name: "role"}
	for name, c := range map[string]struct {
		limits string
		what   resource.Address
		held   string
	}{
		"data":   {"count:   10\n\tpercent: 10", deltaBucket, "replacing it would destroy what it holds"},
		"limits": {"count:   0\n\tpercent: 0", role, "the limit is 0 or 0 %"},
	} {
		t.Run(name, func(t *testing.T) {
			correcting(t, edit("fleet.cue", "count:   10\n\tpercent: 10", c.limits), func(o *office, _ reconciler.Commit) {
				writes := o.cloud.writeCount()
				o.cloud.change(c.what, "name", resource.String("another"))
				o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
				o.looks()
				for _, write := range o.cloud.writes[writes:] {
					if !strings.Contains(write, "cedar-clinic") {
						t.Errorf("wrote %s", write)
					}
				}
				if got := o.retention(); got != "180" {
					t.Errorf("what isn't held is at %s days", got)
				}
				open := o.board.open()
				if len(open) != 2 {
					t.Fatalf("open: %v, want a question and a report", open)
				}
				for _, branch := range open {
					if p := o.proposal(branch); !strings.HasPrefix(p.Digest, "corrected:") &&
						(!strings.Contains(p.Body, "Why this was not put back") || !strings.Contains(p.Body, c.held)) {
						t.Errorf("%s\n%s", p.Title, p.Body)
					}
				}
			})
		})
	}
}

// Within the limits, what can't be changed in place is replaced.
func TestAScanReplacesWithinTheLimits(t *testing.T) {
	role := resource.Address{Owner: "tenant/delta-freight", Kind: "aws.iam.role", Name: "role"}
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		before, _ := o.cloud.byAddress()
		o.cloud.change(role, "name", resource.String("another"))
		o.looks()
		live, _ := o.cloud.byAddress()
		if got, want := live[role].Attributes["name"].Text(), before[role].Attributes["name"].Text(); got != want {
			t.Errorf("the role is called %s, want %s", got, want)
		}
	})
}

// On hold nothing is put back, and what drifted is reported. Once writes go on, the report is of
// what was put back.
func TestAScanHeedsTheHold(t *testing.T) {
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		o.tell("dana", "hold")
		o.wait(time.Minute)
		writes := o.cloud.writeCount()
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		open := o.board.open()
		if o.cloud.writeCount() != writes || len(open) != 1 || !strings.Contains(o.proposal(open[0]).Body, "writes are on hold") {
			t.Fatalf("wrote %v; open %v", o.cloud.writes[writes:], open)
		}
		o.tell("dana", "resume")
		o.wait(time.Minute)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if open := o.board.open(); len(open) != 1 || !strings.HasPrefix(o.proposal(open[0]).Digest, "corrected:") {
			t.Errorf("open: %v", open)
		}
	})
}

// Whoever merges a drift report without an edit is promised that nothing is done until the cloud
// changes again: to something else, or back and forth.
func TestAScanLeavesWhatWasAcknowledged(t *testing.T) {
	for name, later := range map[string][]int64{"to something else": {30}, "back and forth": {180, 90}} {
		t.Run(name, func(t *testing.T) {
			correcting(t, nil, func(o *office, _ reconciler.Commit) {
				o.tell("dana", "hold")
				o.wait(time.Minute)
				o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
				o.looks()
				o.board.close(o.board.open()[0], "merged", "", false)
				o.tell("dana", "resume")
				o.wait(3 * time.Hour)
				if got := o.retention(); got != "90" {
					t.Errorf("acknowledged, and then the logs are kept for %s days", got)
				}
				for _, now := range later {
					o.cloud.change(cedarLogs, "retentionDays", resource.Int(now))
					o.looks()
				}
				if got := o.retention(); got != "180" {
					t.Errorf("changed again, the logs are kept for %s days", got)
				}
			})
		})
	}
}

// A scan puts nothing back for a commit that a newer one has overtaken, and asks nobody while that
// may pass.
func TestAScanHeedsTheFence(t *testing.T) {
	correcting(t, nil, func(o *office, head reconciler.Commit) {
		o.git.commit(mainRef, head, func(tree fstest.MapFS) {
			tree["fleet.cue"] = &fstest.MapFile{Data: []byte("package fleet\n\nthis is no CUE")}
		})
		o.wait(3 * time.Minute)
		writes := o.cloud.writeCount()
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.looks()
		if o.cloud.writeCount() != writes || len(o.board.open()) != 0 {
			t.Errorf("wrote %v; open %v", o.cloud.writes[writes:], o.board.open())
		}
		o.wait(3 * time.Hour)
		if o.cloud.writeCount() != writes || len(o.board.open()) != 1 {
			t.Errorf("hours later, wrote %v; open %v", o.cloud.writes[writes:], o.board.open())
		}
	})
}

// A failure is tried again. People are asked when it lasts, and told when it is over.
func TestAScanThatFailsIsTriedAgain(t *testing.T) {
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		var throttled atomic.Bool
		throttled.Store(true)
		o.cloud.before = func(string) error {
			if throttled.Load() {
				return errors.New("throttled")
			}
			return nil
		}
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.looks()
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open after a minute: %v", open)
		}
		o.wait(90 * time.Minute)
		open := o.board.open()
		if len(open) != 1 || !strings.Contains(o.proposal(open[0]).Body, "throttled") {
			t.Errorf("open after hours: %v", open)
		}
		throttled.Store(false)
		o.wait(time.Hour)
		if got := o.retention(); got != "180" {
			t.Errorf("the logs are kept for %s days", got)
		}
		if open := o.board.open(); len(open) != 1 || !strings.HasPrefix(o.proposal(open[0]).Digest, "corrected:") {
			t.Errorf("open in the end: %v", open)
		}
	})
}

// A report that can't be made now is made later, also by a daemon that was started in between.
func TestWhatWasPutBackIsReportedInTheEnd(t *testing.T) {
	correcting(t, nil, func(o *office, _ reconciler.Commit) {
		forge := o.Daemon.Forge
		o.Daemon.Forge = mute{forge}
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.looks()
		if got := o.retention(); got != "180" || len(o.board.open()) != 0 {
			t.Fatalf("the logs are kept for %s days; open %v", got, o.board.open())
		}
		o.Daemon.Forge = forge
		o.restart()
		o.looks()
		if open := o.board.open(); len(open) != 1 || !strings.HasPrefix(o.proposal(open[0]).Digest, "corrected:") {
			t.Errorf("open: %v", open)
		}
	})
}

// mute is a forge that takes no proposals.
type mute struct{ reconciler.Forge }

func (mute) Propose(context.Context, reconciler.Proposal) (string, error) {
	return "", errors.New("bad gateway")
}

// A scan writes nothing but drift: what Git asks for waits for its commit's turn.
func TestAScanWritesNothingButDrift(t *testing.T) {
	correcting(t, nil, func(o *office, head reconciler.Commit) {
		live, _ := o.cloud.byAddress()
		deny := func(yes bool) {
			o.cloud.mu.Lock()
			defer o.cloud.mu.Unlock()
			o.cloud.deny[live[cedarLogs].Scope] = yes
		}
		bucket := resource.Address{Owner: cedarLogs.Owner, Kind: "aws.s3.bucket", Name: "data"} // where nothing is known now
		deny(true)
		o.git.commit(mainRef, head, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.wait(26 * time.Minute) // by now the next try of the commit is minutes away
		deny(false)
		o.cloud.change(bucket, "versioning", resource.Bool(false))
		o.Notice(o.t.Context(), reconciler.Hint{Drift: true})
		o.wait(time.Second)
		live, _ = o.cloud.byAddress()
		if got := live[bucket].Attributes["versioning"].Text(); got != "true" {
			t.Fatalf("versioning is %s, so that the scan was not made", got)
		}
		if got := o.retention(); got != "180" {
			t.Errorf("the scan set the commit's %s days", got)
		}
		o.wait(time.Hour)
		if got := o.retention(); got != "90" {
			t.Errorf("in the end the logs are kept for %s days", got)
		}
	})
}

// An owner whose definitions can't be used, or that isn't settled, may have its drift still: its
// report stays open, and an answer to it stays in force.
func TestAReportOutlivesItsOwnersTroubles(t *testing.T) {
	breaks := edit("tenants/cedar-clinic.cue", `plan:        "team"`, `plan:        "teem"`)
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		fails  bool
	}{
		"broken":    {breaks, false},
		"unsettled": {edit("tenants/cedar-clinic.cue", "\toverrides:", "\toverrides: jobs: visibilityTimeout: 240\n\toverrides:"), true},
	} {
		for _, answer := range []string{"open", "merged", "forgotten"} {
			t.Run(name+" and "+answer, func(t *testing.T) {
				inOffice(t, func(o *office) {
					branch := o.drifted(t)
					switch answer {
					case "merged":
						o.board.close(branch, "merged", "", false)
					case "forgotten":
						if err := o.Daemon.Reconciler.State.Put(o.t.Context(), "about/"+branch, ""); err != nil {
							t.Fatal(err)
						}
					}
					if c.fails {
						o.cloud.before = func(call string) error {
							if strings.Contains(call, "cedar-clinic") {
								return errors.New("throttled")
							}
							return nil
						}
					}
					second := o.git.commit(mainRef, o.first, c.change)
					o.wait(5 * time.Minute)
					o.looks()
					if c.fails {
						// Another commit takes over, so that what differs counts as configuration of either.
						o.git.commit(mainRef, second, edit("tenants/delta-freight.cue", "\tdomains:", "\toverrides: jobs: visibilityTimeout: 240\n\tdomains:"))
						o.wait(5 * time.Minute)
						o.looks()
					}
					open := o.board.open()
					if answer == "merged" != (len(open) == 0) || answer != "merged" && !slices.Contains(open, branch) {
						t.Errorf("open: %v", open)
					}
					if got := o.retention(); got != "90" {
						t.Errorf("the logs are kept for %s days", got)
					}
				})
			})
		}
	}
}

// The troubles of others keep nobody's report open.
func TestAReportEndsThoughOthersAreBroken(t *testing.T) {
	inOffice(t, func(o *office) {
		o.drifted(t)
		o.git.commit(mainRef, o.first, edit("tenants/delta-freight.cue", `plan:        "team"`, `plan:        "teem"`))
		o.wait(5 * time.Minute)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(180))
		o.looks()
		if open := o.board.open(); len(open) != 0 {
			t.Errorf("open: %v", open)
		}
	})
}

// In a fleet that has drift reported, rules name what is put back at once; all else is for people to decide, also
// what is changed together with it.
func TestAFleetNamesWhatIsPutBack(t *testing.T) {
	inOffice(t, func(o *office) {
		head := o.git.commit(mainRef, o.first, edit("fleet.cue", `drift: "report"`,
			"drift: \"report\"\ncorrect: [{kind: \"aws.s3.bucket\", attribute: \"versioning\", reason: \"Backups need it.\"}]"))
		o.wait(5 * time.Minute)
		if c := o.board.check("tenantry/apply", head); c.Conclusion != "success" {
			t.Fatalf("tenantry/apply is %s: %s\n%s", c.Conclusion, c.Title, c.Summary)
		}
		o.cloud.change(deltaBucket, "versioning", resource.Bool(false))
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		live, _ := o.cloud.byAddress()
		if live[deltaBucket].Attributes["versioning"] != resource.Bool(true) {
			t.Error("the bucket isn't versioned again")
		}
		if got := o.retention(); got != "90" {
			t.Errorf("the logs are kept for %s days, which nobody decided", got)
		}
		asked, told := 0, 0
		for _, branch := range o.board.open() {
			if strings.HasPrefix(o.proposal(branch).Digest, "corrected:") {
				told++
			} else {
				asked++
			}
		}
		if asked != 1 || told != 1 {
			t.Errorf("%d questions and %d reports: %v", asked, told, o.board.open())
		}
	})
}
