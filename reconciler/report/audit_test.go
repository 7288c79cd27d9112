package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

func entries() []changeset.Entry {
	entry := func(seq int64, phase changeset.Phase, action changeset.Action, address, commit string) changeset.Entry {
		e := changeset.Entry{Seq: seq, Time: noon.Add(time.Duration(seq) * time.Minute), Run: "r1", Phase: phase, Fleet: "f", Commit: commit, Digest: "sha256:00", Action: action, Actor: "tenantry"}
		if address != "" {
			e.Address, e.Scope, e.Paths = at(address), scope, []string{"delay", "tags.team"}
		}
		return e
	}
	answer := func(seq, before int64, e changeset.Entry, result changeset.Result, detail string) changeset.Entry {
		e.Seq, e.Before, e.Phase, e.Result, e.Detail = seq, before, changeset.After, result, detail
		return e
	}
	one, two := "c0ffee0123456789", "beef0123456789"
	first := entry(10, changeset.Before, changeset.Create, "tenant/acme/aws.kms.key/key", one)
	failed := entry(12, changeset.Before, changeset.Update, "tenant/acme/aws.sqs.queue/jobs", one)
	open := entry(14, changeset.Before, changeset.Delete, "tenant/beta/aws.sqs.queue/jobs", two)
	earlier := entry(8, changeset.Before, changeset.Retire, "tenant/beta/aws.s3.bucket/data", two)
	note := entry(15, changeset.Note, "", "", two)
	note.Actor, note.Detail = "ada", "restore Git's values: pull request 7 was closed"
	return []changeset.Entry{
		answer(9, 8, earlier, changeset.Applied, ""),
		first, answer(11, 10, first, changeset.Applied, ""),
		failed, answer(13, 12, failed, changeset.Failed, "update: AccessDenied: not authorized to perform sqs:SetQueueAttributes"),
		open, note,
	}
}

// passed are pull requests of each sort: approved, approved before its last change, merged by its author alone,
// merged by somebody else, not looked up, and with nothing to write.
func passed() []Passage {
	one, two := "c0ffee0123456789", "beef0123456789"
	at := noon.Add(-time.Hour)
	return []Passage{
		{Number: 3, Title: "Keep the logs | longer", Author: "ada", MergedBy: "bea", Merged: at, Head: "aa", Commit: one, Asked: true, Approvals: []Approval{{"bea", "aa", at}, {"cy", "99aa", at}}},
		{Number: 4, Title: "Retire beta", Author: "ada", MergedBy: "ada", Merged: at.Add(time.Minute), Head: "bb", Commit: two, Asked: true, Approvals: []Approval{{"bea", "0123456789abcdef", at}}},
		{Number: 5, Title: "Hurry", Author: "cy", MergedBy: "cy", Merged: at.Add(2 * time.Minute), Head: "cc", Commit: two, Asked: true},
		{Number: 6, Title: "Hurry more", Author: "cy", MergedBy: "bea", Merged: at.Add(3 * time.Minute), Head: "dd", Asked: true, Approvals: []Approval{{"cy", "dd", at}}},
		{Number: 7, Title: "Drift", Author: "tenantry[bot]", Merged: at.Add(4 * time.Minute), Ours: true, Commit: two},
	}
}

func TestWhoApproved(t *testing.T) {
	want := []string{"`bea`, `cy` (an older version, `99aa`)", "**nobody: merged by its author**; `bea` (an older version, `01234567`)", "**nobody: merged by its author**", "**nobody**", "not looked up"}
	alone := []bool{false, true, true, true, false}
	for i, p := range passed() {
		if got := p.consent(); got != want[i] || p.alone() != alone[i] {
			t.Errorf("pull request %d: approved by %s (%v), want %s", p.Number, got, p.alone(), want[i])
		}
	}
}

func TestGoldenAudit(t *testing.T) {
	title, markdown, data := Audit(entries(), AuditOptions{From: noon, To: noon.Add(24 * time.Hour), Head: []string{"log head 15, root abc="}, Passages: passed()})
	golden(t, "audit.md", "title: "+title+"\n\n"+markdown)
	golden(t, "audit.json", string(data))
	title, markdown, data = Audit(nil, AuditOptions{From: noon, To: noon})
	golden(t, "audit.empty.md", "title: "+title+"\n\n"+markdown)
	if !json.Valid(data) {
		t.Errorf("bad JSON: %s", data)
	}
}

// What the cloud wasn't ready for and was tried again is one write; what it isn't done with is no failure.
func TestAuditOfWhatWaits(t *testing.T) {
	entry := changeset.Entry{Seq: 1, Time: noon, Phase: changeset.Before, Action: changeset.Create, Address: at("tenant/acme/aws.sqs.queue/jobs"), Scope: scope, Commit: "c0ffee"}
	var list []changeset.Entry
	for seq := int64(1); seq < 20; seq += 2 {
		before := entry
		before.Seq = seq
		after := before
		after.Seq, after.Before, after.Phase, after.Result, after.Detail = seq+1, seq, changeset.After, changeset.Waiting, "the name rests"
		list = append(list, before, after)
	}
	_, markdown, _ := Audit(list, AuditOptions{From: noon, To: noon.Add(time.Hour)})
	if strings.Count(markdown, "the name rests") != 1 || !strings.Contains(markdown, "### Not done yet") {
		t.Error(markdown)
	}
	list[len(list)-1].Result = changeset.Applied
	if _, markdown, _ = Audit(list, AuditOptions{From: noon, To: noon.Add(time.Hour)}); strings.Contains(markdown, "Not done yet") || strings.Contains(markdown, "### Failed") {
		t.Error(markdown)
	}
}

func TestLargeAuditFits(t *testing.T) {
	var list []changeset.Entry
	for i := range 20_000 {
		list = append(list, changeset.Entry{
			Seq: int64(i), Time: noon, Phase: changeset.Phase([]string{"before", "note"}[i%2]), Commit: fmt.Sprintf("%040d", i/10), Action: changeset.Create,
			Address: resource.Address{Owner: resource.Tenant(fmt.Sprint(i)), Kind: "k", Name: "n"}, Detail: "note",
		})
	}
	_, markdown, _ := Audit(list, AuditOptions{From: noon, To: noon})
	if len(markdown) >= 60_000 || !strings.Contains(markdown, "left out here") {
		t.Errorf("%d bytes", len(markdown))
	}
}

func result() Result {
	c := sample()
	r := Result{Commit: c.Commit, Digest: c.Digest, Planned: c, Unseen: c.Unseen, Broken: c.Broken}
	results := []changeset.Result{changeset.Applied, changeset.Failed, changeset.Unsure, changeset.Blocked, changeset.Skipped, changeset.Held, changeset.Unchanged}
	for i, change := range c.Changes {
		o := changeset.Outcome{Address: change.Address, Action: change.Action, Result: results[i%len(results)]}
		if change.Hold != "" {
			o.Result, o.Detail = changeset.Held, change.Hold
		} else if o.Result != changeset.Applied && o.Result != changeset.Unchanged {
			o.Detail = "because of <this>"
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r
}

func TestGoldenApplied(t *testing.T) {
	title, markdown := Applied(result())
	golden(t, "applied.md", "title: "+title+"\n\n"+markdown)
	golden(t, "applied.txt", Outcomes(result().Outcomes, false))
	title, markdown = Applied(Result{Commit: "c0ffee01", Digest: "sha256:00", Converged: true})
	golden(t, "applied.nothing.md", "title: "+title+"\n\n"+markdown)
}

func TestLargeResultFits(t *testing.T) {
	r := Result{Converged: true}
	for i := range 6000 {
		r.Outcomes = append(r.Outcomes, changeset.Outcome{
			Address: resource.Address{Owner: resource.Tenant(fmt.Sprint(i)), Kind: "k", Name: "n"}, Action: changeset.Create,
			Result: []changeset.Result{changeset.Applied, changeset.Failed, changeset.Held}[i%3], Detail: strings.Repeat("why ", 50),
		})
	}
	title, markdown := Applied(r)
	if len(markdown) >= 60_000 || !strings.Contains(markdown, "left out here") || title != "2000 applied · 2000 failed · 2000 held" {
		t.Errorf("%s: %d bytes", title, len(markdown))
	}
}
