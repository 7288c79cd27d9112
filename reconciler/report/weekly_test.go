package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const aDay = 24 * time.Hour

// sampleWeek has something of everything.
func sampleWeek() Week {
	end := DriftEnd{
		Cause: "aws-logs-group_retentiondays", Title: "Drift: retentionDays of aws.logs.group changed in the cloud, 1 resource", Severity: "low", Resources: 1,
		Owners: []string{"tenant/acme"}, Pull: 12, Found: noon.Add(-2 * aDay), Ended: noon.Add(time.Hour), How: Restored, By: "ada", Who: []string{"arn:aws:iam::111122223333:user/cy"},
	}
	gone := end
	gone.Cause, gone.Pull, gone.How, gone.By, gone.Found = "aws-sqs-queue_delay", 0, Gone, "", noon
	list := entries()
	for i, e := range []DriftEnd{end, gone} {
		list = append(list, changeset.Entry{Seq: int64(16 + i), Time: noon.Add(2 * time.Hour), Phase: changeset.Note, Detail: e.Note(), Actor: "ada"})
	}
	then := noon.Add(3 * aDay)
	permit := func(sort PermitSort, what string, age, left time.Duration) Permit {
		p := Permit{Sort: sort, What: what, By: "security", Reason: "their audit", Since: then.Add(-age), Until: then.Add(left), Origin: resource.Origin{File: "policies/p.cue", Line: 7}}
		if left == 0 {
			p.Until = time.Time{}
		}
		return p
	}
	return Week{
		Name: "2026-W47", Fleet: "brightdesk", Commit: "c0ffee0123456789", From: noon.Add(-4 * aDay), At: then, Entries: list, Passages: passed(),
		Homes:  map[resource.Owner]Home{"tenant/acme": {"team", "eu-1"}, "tenant/beta": {"enterprise", "us-1"}},
		OnHold: "dana: an incident",
		Held: []Held{
			{"tenant/acme/aws.s3.bucket/data", changeset.Replace, "it holds data", changeset.HoldData, noon.Add(-40 * aDay), "c0ffee0123456789"},
			{"tenant/beta/aws.sqs.queue/jobs", changeset.Delete, "12 resources would be destroyed in 24h; the limit is 5", changeset.HoldLimit, noon, "beef0123456789"},
			{"tenant/gamma", "", "held by policy slow: Let queues wait 11 seconds.", HeldOwner, time.Time{}, ""},
		},
		Waiting: []Delayed{{at("tenant/acme/aws.rds.db/main"), changeset.Create, "the database is being made", noon.Add(2 * aDay)}},
		Unseen:  []changeset.Unseen{{Place: changeset.Place{Scope: scope, Kind: "aws.sqs.queue"}, Error: "AccessDenied"}},
		Permits: []Permit{
			permit(PermitException, "encryption for the tenant acme", 40*aDay, 100*aDay), permit(PermitException, "backup for the cell eu-1", 10*aDay, 13*aDay),
			permit(PermitGrant, "operator of the cell eu-1 for platform", 100*aDay, 0), permit(PermitWaiver, "drift of delay in 1 resource", 3*aDay, 20*aDay),
			permit(PermitEmergency, "admin of the account main for on-call", 2*aDay, -aDay), permit(PermitApproval, "sha256:abc", 1*aDay, time.Hour),
		},
		Drift: []OpenDrift{
			{"aws-sqs-queue_tags", "Drift: tags of aws.sqs.queue changed in the cloud, 4 resources", "low", 14, noon.Add(-aDay)},
			{"aws-s3-bucket_policy", "Drift: policy of aws.s3.bucket changed in the cloud, 1 resource", "high", 13, noon},
			{"odd", "Drift of something", "", 15, time.Time{}},
		},
		Arrivals: []Arrival{{"c0ffee0123456789", noon}, {"beef0123456789", noon.Add(-50 * time.Minute)}, {"beef0123456789", noon}},
	}
}

func TestGoldenWeekly(t *testing.T) {
	title, markdown, data := Weekly(sampleWeek())
	golden(t, "weekly.md", "title: "+title+"\n\n"+markdown)
	golden(t, "weekly.json", string(data))
	quiet := Week{Name: "2026-W48", Fleet: "brightdesk", At: noon}
	title, markdown, data = Weekly(quiet)
	golden(t, "weekly.empty.md", "title: "+title+"\n\n"+markdown)
	if !json.Valid(data) || !quiet.Empty() || sampleWeek().Empty() {
		t.Errorf("empty: %v, %s", quiet.Empty(), data)
	}
	golden(t, "drift-history.md", DriftHistory("2026-W47", DriftEnds(sampleWeek().Entries)))
}

// What is allowed for a time is in one list each, those that a person should look at first: what ended comes before
// what ends, and that before what is merely old.
func TestPermitsAreSortedByWhatIsUrgent(t *testing.T) {
	w := sampleWeek()
	s := sortPermits(w.Permits, w.At)
	if len(s.ended) != 1 || len(s.soon) != 2 || len(s.old) != 2 || len(s.other) != 1 || s.urgent() != 3 {
		t.Fatalf("%+v", s)
	}
	if s.soon[0].Sort != PermitApproval || s.old[0].Sort != PermitGrant {
		t.Errorf("%+v", s)
	}
	edge := func(age, left time.Duration) permits {
		return sortPermits([]Permit{{Since: noon.Add(-age), Until: noon.Add(left)}}, noon)
	}
	for name, got := range map[string][]Permit{
		"that ends now": edge(0, 0).ended, "that ends in 14 days": edge(0, 14*aDay).soon, "of 30 days": edge(30*aDay, 15*aDay).old,
		"of less": edge(30*aDay-1, 14*aDay+1).other,
	} {
		if len(got) != 1 {
			t.Errorf("one %s is elsewhere", name)
		}
	}
}

// What merely goes on isn't news every week; what asks for something is.
func TestAWeekOfNothingIsEmpty(t *testing.T) {
	base := func(change func(*Week)) Week {
		w := Week{Name: "w", At: noon}
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		w     Week
		empty bool
	}{
		"nothing":                 {base(func(*Week) {}), true},
		"our own reports":         {base(func(w *Week) { w.Passages = []Passage{{Number: 1, Ours: true}} }), true},
		"an old grant":            {base(func(w *Week) { w.Permits = []Permit{{Since: noon.Add(-90 * aDay)}} }), true},
		"a person's pull request": {base(func(w *Week) { w.Passages = []Passage{{Number: 1}} }), false},
		"a grant that ends":       {base(func(w *Week) { w.Permits = []Permit{{Until: noon.Add(aDay)}} }), false},
		"a hold":                  {base(func(w *Week) { w.OnHold = "dana" }), false},
		"a held change":           {base(func(w *Week) { w.Held = []Held{{}} }), false},
		"open drift":              {base(func(w *Week) { w.Drift = []OpenDrift{{}} }), false},
		"a write":                 {base(func(w *Week) { w.Entries = entries() }), false},
	} {
		if c.w.Empty() != c.empty {
			t.Errorf("%s: empty is %v", name, c.w.Empty())
		}
	}
}

func TestLargeWeekFits(t *testing.T) {
	w := sampleWeek()
	long := strings.Repeat("why ", 200)
	for i := range 5000 {
		owner := resource.Tenant(fmt.Sprint("t", i))
		a := resource.Address{Owner: owner, Kind: "k", Name: "n"}
		w.Entries = append(w.Entries,
			changeset.Entry{Seq: int64(100 + 2*i), Time: noon, Phase: changeset.Before, Commit: fmt.Sprintf("%040d", i), Action: changeset.Create, Address: a},
			changeset.Entry{Seq: int64(101 + 2*i), Before: int64(100 + 2*i), Time: noon, Phase: changeset.After, Commit: fmt.Sprintf("%040d", i), Action: changeset.Create, Address: a, Result: changeset.Failed, Detail: long})
		w.Held = append(w.Held, Held{What: a.String(), Why: long})
		w.Waiting = append(w.Waiting, Delayed{Address: a, What: long})
		w.Unseen = append(w.Unseen, changeset.Unseen{Place: changeset.Place{Scope: scope, Kind: a.String()}, Error: long})
		w.Permits = append(w.Permits, Permit{What: long, Until: noon.Add(time.Duration(i) * time.Hour)})
		w.Drift = append(w.Drift, OpenDrift{Title: long, Pull: i})
		w.Passages = append(w.Passages, Passage{Number: i, Title: long, Asked: true, Commit: fmt.Sprintf("%040d", i), Merged: noon})
		w.Arrivals = append(w.Arrivals, Arrival{fmt.Sprintf("%040d", i), noon.Add(time.Hour)})
	}
	_, markdown, data := Weekly(w)
	if len(markdown) >= 60_000 || !strings.Contains(markdown, "left out here") || !strings.Contains(markdown, "<sub>fleet `brightdesk`") {
		t.Errorf("%d bytes", len(markdown))
	}
	var all struct{ Held, Drift_open, Waiting, Unseen, Pull_requests, Exceptions_and_grants, Writes []any }
	if err := json.Unmarshal(data, &all); err != nil || min(len(all.Held), len(all.Drift_open), len(all.Waiting), len(all.Unseen), len(all.Pull_requests), len(all.Exceptions_and_grants), len(all.Writes)) < 5000 {
		t.Errorf("the JSON lacks something: %v", err)
	}
	var ends []DriftEnd
	for i := range 2000 {
		ends = append(ends, DriftEnd{Title: long, Cause: fmt.Sprint(i), Found: noon, Ended: noon})
	}
	if page := DriftHistory("2026-W47", ends); len(page) >= 60_000 || !strings.Contains(page, "left out here") {
		t.Errorf("a history of %d bytes", len(page))
	}
}

func TestHostileTextStaysTextInWeeklyReports(t *testing.T) {
	for _, attack := range attacks() {
		w := sampleWeek()
		address := resource.Address{Owner: resource.Owner("tenant/" + attack), Kind: attack, Name: attack}
		end := DriftEnd{Cause: attack, Title: attack, Severity: attack, Owners: []string{attack}, Who: []string{attack}, By: attack, How: Ending(attack), Pull: 3, Found: noon, Ended: noon}
		w.Name, w.Fleet, w.Commit, w.OnHold = attack, attack, attack, attack
		w.Entries = []changeset.Entry{
			{Seq: 1, Time: noon, Phase: changeset.Before, Commit: attack, Address: address, Cell: attack, Action: changeset.Action(attack), Actor: attack},
			{Seq: 2, Time: noon, Phase: changeset.After, Before: 1, Commit: attack, Address: address, Cell: attack, Action: changeset.Action(attack), Result: changeset.Failed, Detail: attack},
			{Seq: 3, Time: noon, Phase: changeset.Before, Commit: "pushed" + attack, Address: address, Action: changeset.Update, Actor: attack},
			{Seq: 4, Time: noon, Phase: changeset.Note, Detail: end.Note(), Actor: attack},
			{Seq: 5, Time: noon, Phase: changeset.Note, Detail: attack, Actor: attack},
		}
		w.Passages = hostilePassages(attack)
		w.Homes = map[resource.Owner]Home{address.Owner: {attack, attack}}
		w.Held = []Held{{attack, changeset.Action(attack), attack, attack, noon, attack}}
		w.Waiting = []Delayed{{address, changeset.Action(attack), attack, noon}}
		w.Unseen = []changeset.Unseen{{Place: changeset.Place{Scope: resource.Scope{Account: attack, Region: attack}, Kind: attack}, Error: attack}}
		for i := range w.Permits {
			w.Permits[i].What, w.Permits[i].By, w.Permits[i].Reason, w.Permits[i].Origin = attack, attack, attack, resource.Origin{File: attack, Line: 1}
		}
		w.Drift = []OpenDrift{{attack, attack, attack, 4, noon}}
		w.Arrivals = []Arrival{{attack, noon}}
		title, markdown, data := Weekly(w)
		oneLine(t, attack, title)
		sound(t, "weekly", attack, markdown, 0)
		sound(t, "history", attack, strings.Replace(DriftHistory(attack, DriftEnds(w.Entries)), "# ", "### ", 1), 10)
		if !json.Valid(data) {
			t.Errorf("%q makes bad JSON", attack)
		}
		for _, chart := range charts(markdown) {
			if err := mermaid(chart); err != nil {
				t.Errorf("%q makes a chart that isn't one: %v\n%s", attack, err, chart)
			}
		}
	}
}

var chartFence = regexp.MustCompile("(?s)```mermaid\n(.*?)\n```")

func charts(markdown string) []string {
	var list []string
	for _, m := range chartFence.FindAllStringSubmatch(markdown, -1) {
		list = append(list, m[1])
	}
	return list
}

// However a log looks, every write is counted once in each way of counting, and charts and headline agree with it.
func TestSumsOfAWeekAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWeek(t)
		title, markdown, data := Weekly(w)
		if again, _, same := Weekly(w); again != title || string(same) != string(data) {
			t.Fatal("the same week makes two reports")
		}
		var got weeklyJSON
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		for name, part := range map[string]tally{
			"commits": sum(got.Commits), "plans": sum(got.Plans), "cells": sum(got.Cells), "days": sum(got.Days),
		} {
			if part != got.Total {
				t.Fatalf("by %s: %+v, in all %+v", name, part, got.Total)
			}
		}
		applied, byDay := 0, 0
		for _, write := range got.Writes {
			if write.Result == changeset.Applied {
				applied++
			}
		}
		pie := 0
		for _, chart := range charts(markdown) {
			if err := mermaid(chart); err != nil {
				t.Fatalf("%v\n%s", err, chart)
			}
			switch {
			case strings.Contains(chart, "by action"):
				pie = total(chart)
			case strings.Contains(chart, "Writes per "):
				byDay = total(chart)
			}
		}
		if pie != applied || byDay != len(got.Writes) || !strings.Contains(title, ": "+count(len(got.Writes), "write")) {
			t.Fatalf("%d applied of %d, the pie has %d and the bars %d: %s", applied, len(got.Writes), pie, byDay, title)
		}
		if n := len(got.Permits); n != len(w.Permits) {
			t.Fatalf("%d of %d exceptions", n, len(w.Permits))
		}
	})
}

func drawWeek(t *rapid.T) Week {
	w := Week{Name: "2026-W47", At: noon.Add(7 * aDay), Homes: map[resource.Owner]Home{"tenant/t1": {"team", "eu-1"}, "tenant/t2": {"", "eu-2"}}}
	results := []changeset.Result{changeset.Applied, changeset.Failed, changeset.Unsure}
	for i := range rapid.IntRange(0, 40).Draw(t, "entries") {
		e := changeset.Entry{
			Seq: int64(2*i + 1), Time: noon.Add(time.Duration(rapid.IntRange(0, 6*24).Draw(t, "hour")) * time.Hour), Phase: changeset.Before,
			Commit: fmt.Sprint("c", rapid.IntRange(0, 3).Draw(t, "commit")), Action: rapid.SampledFrom(actions()).Draw(t, "action"),
			Address: resource.Address{Owner: resource.Tenant(fmt.Sprint("t", rapid.IntRange(0, 3).Draw(t, "tenant"))), Kind: "k", Name: fmt.Sprint(i)},
		}
		w.Entries = append(w.Entries, e)
		if rapid.Bool().Draw(t, "answered") {
			e.Seq, e.Before, e.Phase, e.Result = e.Seq+1, e.Seq, changeset.After, rapid.SampledFrom(results).Draw(t, "result")
			w.Entries = append(w.Entries, e)
		}
	}
	for range rapid.IntRange(0, 10).Draw(t, "permits") {
		w.Permits = append(w.Permits, Permit{
			Since: noon.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "age")) * aDay), Until: noon.Add(time.Duration(rapid.IntRange(-10, 100).Draw(t, "left")) * aDay),
		})
	}
	return w
}

func sum(parts map[string]*tally) (out tally) {
	for _, p := range parts {
		out.Create, out.Update, out.Replace, out.Delete = out.Create+p.Create, out.Update+p.Update, out.Replace+p.Replace, out.Delete+p.Delete
		out.Retire, out.Adopt, out.Move, out.Failed, out.Unsure = out.Retire+p.Retire, out.Adopt+p.Adopt, out.Move+p.Move, out.Failed+p.Failed, out.Unsure+p.Unsure
	}
	return out
}
