package reconciler_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

const overviewBranch = "tenantry/drift/overview"

// asked are the branches of the open questions about drift, the overview apart, and whether that is open.
func (o *office) asked() (branches []string, overview bool) {
	for _, branch := range o.board.open() {
		if branch == overviewBranch {
			overview = true
		} else {
			branches = append(branches, branch)
		}
	}
	slices.Sort(branches)
	return branches, overview
}

// scatter puts a tag of its own on as many resources by hand, each of which is a cause then, and returns the tags
// that they had.
func (o *office) scatter(n int) map[resource.Address]resource.Value {
	o.t.Helper()
	live, _ := o.cloud.byAddress()
	var all []resource.Address
	for a, r := range live {
		if _, has := r.Attributes["tags"]; has && a.Owner.Class() == "tenant" && a != cedarLogs {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, resource.Address.Compare)
	if len(all) < n {
		o.t.Fatalf("%d resources have tags, want %d", len(all), n)
	}
	before := map[resource.Address]resource.Value{}
	for i, a := range all[:n] {
		before[a] = live[a].Attributes["tags"]
		tags, _ := before[a].Members()
		tags = maps.Clone(tags)
		if tags == nil {
			tags = map[string]resource.Value{}
		}
		tags[fmt.Sprintf("by-hand-%d", i)] = resource.String("x")
		value, err := resource.Of(tags)
		if err != nil {
			o.t.Fatal(err)
		}
		o.cloud.change(a, "tags", value)
	}
	return before
}

// ends is the history of drift, as the log has it.
func (o *office) ends() []report.DriftEnd {
	o.t.Helper()
	entries, err := o.Reconciler.State.Entries(o.t.Context(), time.Time{})
	if err != nil {
		o.t.Fatal(err)
	}
	return report.DriftEnds(entries)
}

func (o *office) fewQuestions() {
	o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
		tree["fleet.cue"] = &fstest.MapFile{Data: append(slices.Clone(tree["fleet.cue"].Data), "\nreports: openDrift: 3\n"...)}
	})
	o.wait(5 * time.Minute)
}

// However much drifts, so many pull requests are open as the fleet says, and one with the rest. None of them comes and
// goes while nothing changes, also when something graver comes; the next moves up when one is decided.
func TestDriftIsAskedAboutPieceByPiece(t *testing.T) {
	inOffice(t, func(o *office) {
		o.fewQuestions()
		o.scatter(12)
		o.wait(2 * time.Hour)
		first, overview := o.asked()
		if len(first) != 3 || !overview {
			t.Fatalf("open: %v, overview %t", first, overview)
		}
		if p := o.proposal(overviewBranch); !strings.HasPrefix(p.Title, "Drift: 9 more causes waiting") || len(p.Files) != 2 {
			t.Errorf("%s, with %d files", p.Title, len(p.Files))
		}
		proposed := o.board.proposed
		o.wait(5 * time.Hour)
		if o.board.proposed != proposed {
			t.Errorf("%d proposals while nothing changed", o.board.proposed-proposed)
		}
		// Nobody loses their place to what comes later, and that is on top of the list.
		o.cloud.lose(cedarLogs)
		o.wait(2 * time.Hour)
		if now, _ := o.asked(); !slices.Equal(now, first) {
			t.Errorf("open: %v, before %v", now, first)
		}
		if p := o.proposal(overviewBranch); strings.Index(p.Body, "aws.logs.group deleted") > strings.Index(p.Body, "🟠") && strings.Contains(p.Body, "🟠") || !strings.Contains(p.Body, "aws.logs.group deleted") {
			t.Errorf("the list is\n%s", p.Body)
		}
		// Once one is decided, the gravest has its place.
		o.decide(t, first[0], "dana")
		o.wait(2 * time.Hour)
		now, _ := o.asked()
		if len(now) != 3 || slices.Contains(now, first[0]) || !slices.Contains(now, "tenantry/drift/logs-group_missing") {
			t.Errorf("open: %v, before %v", now, first)
		}
	})
}

// What people do to the overview decides nothing: nothing is written, acknowledged or asked once more until
// something else waits. When nothing waits any more, it is closed.
func TestTheOverviewDecidesNothing(t *testing.T) {
	for _, state := range []string{"closed", "merged"} {
		t.Run(state, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.fewQuestions()
				drifted := o.scatter(5)
				o.wait(2 * time.Hour)
				asked, _ := o.asked()
				writes, proposed := o.cloud.writeCount(), o.board.proposed
				o.wish("dana", "revert", "") // on the newest that is open, which is the overview
				o.wait(2 * time.Minute)
				o.board.close(overviewBranch, state, "dana", false)
				o.Notice(t.Context(), reconciler.Hint{Drift: true})
				o.wait(3 * time.Hour)
				if now, overview := o.asked(); !slices.Equal(now, asked) || overview || o.board.proposed != proposed || o.cloud.writeCount() != writes {
					t.Errorf("open: %v and an overview %t, before %v; wrote %v", now, overview, asked, o.cloud.writes[writes:])
				}
				// Something else waits.
				o.cloud.lose(cedarLogs)
				o.wait(2 * time.Hour)
				if _, overview := o.asked(); !overview {
					t.Error("there is no overview with what is new")
				}
				// All is as it was, apart from what is gone.
				for a, tags := range drifted {
					o.cloud.change(a, "tags", tags)
				}
				o.wait(2 * time.Hour)
				if now, overview := o.asked(); len(now) != 1 || overview {
					t.Errorf("open: %v and an overview %t", now, overview)
				}
			})
		})
	}
}

// A report that was closed because its drift was gone is opened again when that returns, and a new one is made for
// what a person decided on.
func TestWhatReturnsHasTheSameReport(t *testing.T) {
	inOffice(t, func(o *office) {
		branch := o.drifted(t)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(180))
		o.wait(2 * time.Hour)
		if open := o.board.open(); len(open) != 0 {
			t.Fatalf("open: %v", open)
		}
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(30))
		o.wait(2 * time.Hour)
		if n := len(o.board.proposals); n != 1 || o.board.proposals[0].State != "open" {
			t.Fatalf("%d pull requests, the first is %s", n, o.board.proposals[0].State)
		}
		// It can be decided on as any other.
		o.decide(t, branch, "dana")
		if got := o.retention(); got != "180" {
			t.Errorf("after closing what was opened again, the logs are kept for %s days", got)
		}
		o.wait(2 * time.Hour)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(30))
		o.wait(2 * time.Hour)
		if n := len(o.board.proposals); n != 2 || o.board.proposals[0].State != "closed" || o.retention() != "30" {
			t.Errorf("%d pull requests; the first, which a person closed, is %s; kept for %s days", n, o.board.proposals[0].State, o.retention())
		}
		var how []string
		for _, e := range o.ends() {
			how = append(how, fmt.Sprintf("%s %s by %s on %d", e.Cause, e.How, e.By, e.Pull))
		}
		want := []string{"logs-group_retentiondays gone by  on 100", "logs-group_retentiondays restored by dana on 100"}
		if !slices.Equal(how, want) {
			t.Errorf("the history is %q, want %q", how, want)
		}
	})
}

// What somebody asked for in a comment is over when the drift goes away by itself.
func TestAWishEndsWithItsDrift(t *testing.T) {
	inOffice(t, func(o *office) {
		o.drifted(t)
		o.wish("dana", "hold", "")
		o.wait(time.Minute)
		o.wish("dana", "revert", "")
		o.wait(time.Minute)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(180))
		o.wait(2 * time.Hour)
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.wait(2 * time.Hour)
		o.wish("dana", "resume", "")
		o.wait(2 * time.Hour)
		if got, open := o.retention(), o.board.open(); got != "90" || len(open) != 1 {
			t.Errorf("kept for %s days, open %v", got, open)
		}
	})
}
