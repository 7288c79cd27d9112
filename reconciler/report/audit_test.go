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

func TestGoldenAudit(t *testing.T) {
	title, markdown, data := Audit(entries(), noon, noon.Add(24*time.Hour), "log head 15, root abc=")
	golden(t, "audit.md", "title: "+title+"\n\n"+markdown)
	golden(t, "audit.json", string(data))
	title, markdown, data = Audit(nil, noon, noon)
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
	_, markdown, _ := Audit(list, noon, noon.Add(time.Hour))
	if strings.Count(markdown, "the name rests") != 1 || !strings.Contains(markdown, "### Not done yet") {
		t.Error(markdown)
	}
	list[len(list)-1].Result = changeset.Applied
	if _, markdown, _ = Audit(list, noon, noon.Add(time.Hour)); strings.Contains(markdown, "Not done yet") || strings.Contains(markdown, "### Failed") {
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
	_, markdown, _ := Audit(list, noon, noon)
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
