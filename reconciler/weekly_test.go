package reconciler_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
)

const weeklyPrefix = "tenantry/weekly/"

// seldom has the daemon look for drift once a day, so that weeks pass quickly.
func seldom(tree fstest.MapFS) {
	edit("fleet.cue", `drift: "15 * * * *"`, `drift: "15 5 * * *"`)(tree)
}

// weekOpen is the open weekly report; its zero value if there is none. More than one is a mistake.
func (o *office) weekOpen() reconciler.Proposal {
	o.t.Helper()
	found := o.board.under(weeklyPrefix)
	if len(found) > 1 {
		o.t.Errorf("%d weekly reports are open: %v", len(found), found)
	}
	if len(found) == 0 {
		return reconciler.Proposal{}
	}
	o.board.mu.Lock()
	defer o.board.mu.Unlock()
	return o.board.content[found[0]]
}

// take merges a proposal, files and all.
func (o *office) take(p reconciler.Proposal) reconciler.Commit {
	o.t.Helper()
	tip, err := o.git.Head(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	o.board.close(p.Branch, "merged", "", false)
	return o.git.commit(mainRef, tip, func(tree fstest.MapFS) {
		for name, text := range p.Files {
			tree[name] = &fstest.MapFile{Data: text}
		}
	})
}

// The clock of a bubble begins on Saturday, 1 January 2000: the week 1999-W52.
func TestTheWeeklyReportComesOnMondaysAndIsTakenOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.git.commit(mainRef, o.first, seldom)
		o.wait(53 * time.Hour)
		if p := o.weekOpen(); p.Branch != "" {
			t.Fatalf("%s came before Monday, six o'clock", p.Branch)
		}
		o.wait(2 * time.Hour)
		first := o.weekOpen()
		if first.Branch != "tenantry/weekly/1999-W52" || !slices.Equal(slices.Sorted(maps.Keys(first.Files)), []string{"reports/weekly/1999-W52.json", "reports/weekly/1999-W52.md"}) ||
			!slices.Equal(first.Labels, []string{"tenantry/weekly"}) || !strings.Contains(first.Body, "tenant/cedar-clinic") {
			t.Fatalf("%s %v %v\n%s", first.Branch, first.Labels, slices.Sorted(maps.Keys(first.Files)), first.Body)
		}

		// Nobody takes it: the next one has what is in it as well, and takes its place.
		o.wait(7 * 24 * time.Hour)
		second := o.weekOpen()
		if second.Branch != "tenantry/weekly/2000-W01" || !strings.Contains(second.Body, "tenant/cedar-clinic") {
			t.Fatalf("after a week: %s\n%s", second.Branch, second.Body)
		}

		// It is merged. That writes nothing, and of nothing there is no report.
		writes, merged := o.cloud.writeCount(), o.take(second)
		o.wait(15 * 24 * time.Hour)
		if now := o.cloud.writeCount(); now != writes {
			t.Errorf("merging a report led to %d writes", now-writes)
		}
		if c := o.board.check("tenantry/apply", merged); c.Conclusion != "success" {
			t.Errorf("tenantry/apply on the merged report is %q", c.Conclusion)
		}
		if p := o.weekOpen(); p.Branch != "" {
			t.Errorf("a report on nothing: %s\n%s", p.Branch, p.Body)
		}

		// What happens then is in the next one, and what was reported isn't.
		tip, _ := o.git.Head(t.Context())
		o.board.merged(7, "Keep the logs for 90 days", "robin", o.git.commit(mainRef, tip, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90")), "h7")
		o.wait(7 * 24 * time.Hour)
		third := o.weekOpen()
		if !strings.HasPrefix(third.Title, "Week 2000-W04: 1 write · 1 pull request merged") || !strings.Contains(third.Body, "PR 7 Keep the logs") || strings.Contains(third.Body, "tenant/delta-freight") {
			t.Errorf("%s\n%s", third.Title, third.Body)
		}
		if !strings.Contains(third.Body, "### From merge to cloud\n\n1 pull request arrived, after ") {
			t.Errorf("it doesn't say how long that took:\n%s", third.Body)
		}
	})
}

// A closed report is read as well: nobody is asked twice.
func TestAClosedWeeklyReportStaysClosed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.git.commit(mainRef, o.first, seldom)
		o.wait(55 * time.Hour)
		p := o.weekOpen()
		o.board.close(p.Branch, "closed", "dana", false)
		o.wait(15 * 24 * time.Hour)
		if p := o.weekOpen(); p.Branch != "" {
			t.Errorf("closed, it came back as %s\n%s", p.Branch, p.Body)
		}
	})
}

// The same data is the same report: looking again writes nothing.
func TestAWeeklyReportThatIsTheSameIsNotWrittenAgain(t *testing.T) {
	inOffice(t, func(o *office) {
		o.git.commit(mainRef, o.first, edit("fleet.cue", "schedules: {", "schedules: {\n\tweekly: \"*/10 * * * *\""))
		o.wait(5 * time.Minute)
		o.tell("dana", "hold")
		o.wait(20 * time.Minute)
		first, proposed := o.weekOpen(), o.board.proposed
		if first.Branch == "" {
			t.Fatal("there is no report")
		}
		o.wait(3 * time.Hour)
		if o.board.proposed != proposed {
			t.Errorf("the same report was written %d times more", o.board.proposed-proposed)
		}

		// Taken, it doesn't come back within the week, though the hold goes on; what happens after it gets a report of its own.
		o.take(first)
		o.wait(3 * time.Hour)
		if p := o.weekOpen(); p.Branch != "" {
			t.Errorf("after it was taken, there is %s\n%s", p.Branch, p.Body)
		}
		tip, _ := o.git.Head(t.Context())
		o.git.commit(mainRef, tip, edit("tenants/cedar-clinic.cue", "retentionDays: 180", "retentionDays: 90"))
		o.tell("dana", "resume")
		o.wait(time.Hour)
		if p := o.weekOpen(); p.Branch != first.Branch+"-2" || !strings.Contains(p.Body, "### Written for commits without a pull request") {
			t.Errorf("%s\n%s", p.Branch, p.Body)
		}
	})
}

// "never" is for fleets that want none.
func TestAFleetCanHaveNoWeeklyReport(t *testing.T) {
	inOffice(t, func(o *office) {
		o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			seldom(tree)
			edit("fleet.cue", "schedules: {", "schedules: {\n\tweekly: \"never\"")(tree)
		})
		o.wait(10 * 24 * time.Hour)
		if p := o.weekOpen(); p.Branch != "" {
			t.Errorf("there is %s", p.Branch)
		}
	})
}

// What waits is in the report, with since when: what is held from when it was first found so, over a restart;
// exceptions and grants by their end; drift that nobody decided on, and how the rest ended.
func TestTheWeeklyReportSaysWhatWaitsAndSinceWhen(t *testing.T) {
	inOffice(t, func(o *office) {
		o.git.commit(mainRef, o.first, func(tree fstest.MapFS) {
			seldom(tree)
			edit("tenants/delta-freight.cue", `plan:        "team"`, `plan:        "teem"`)(tree)
			tree["access/night-shift.cue"] = &fstest.MapFile{Data: []byte(`package access

import "tenantry.dev/schema"

"night-shift": schema.#Access & {
	displayName: "Night shift"
	members: ["@ida"]
	grants: [
		{tenants: ["cedar-clinic"], role: "operator", reason: "the move to the new office", until: "2000-01-20T06:00:00Z"},
		{cells: ["eu-1"], role: "viewer", reason: "on call"},
	]
}
`)}
		})
		o.wait(26 * time.Hour)
		o.restart()
		o.cloud.change(cedarLogs, "retentionDays", resource.Int(90))
		o.tell("dana", "hold")
		o.wait(29 * time.Hour)
		p := o.weekOpen()
		for _, want := range []string{
			"- **All writes are on hold**: ", "- **1 change** held", "- **1 drift** open", "| PR 100 | medium | 2000-01-02 (", "retentionDays of aws.logs.group changed on tenant/cedar-clinic |",
			"| `tenant/delta-freight` | ", "2000-01-01 (2 days) | when the definitions are changed |",
		} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("the report lacks %q", want)
			}
		}
		o.wait(7 * 24 * time.Hour)
		p = o.weekOpen()
		for _, want := range []string{"- **1 exception or grant** ending within 14 days", "operator of tenant cedar-clinic for night-shift", "(in 10 days)"} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("the report lacks %q", want)
			}
		}
		o.wait(35 * 24 * time.Hour)
		p = o.weekOpen()
		for _, want := range []string{"exception or grant** ended and still in Git", "known for 30 days or longer: still needed?", "viewer of cell eu-1 for night-shift | Night shift | on call | 2000-01-01 ("} {
			if !strings.Contains(p.Body, want) {
				t.Errorf("the report lacks %q", want)
			}
		}
		var data struct{ Held, Exceptions_and_grants, Drift_open []any }
		if err := json.Unmarshal(p.Files["reports/weekly/"+strings.TrimPrefix(p.Branch, weeklyPrefix)+".json"], &data); err != nil || len(data.Held) != 1 || len(data.Drift_open) != 1 {
			t.Errorf("%v: %+v", err, data)
		}
		if t.Failed() {
			t.Log(p.Body)
		}
	})
}
