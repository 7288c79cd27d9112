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

func TestGoldenOverview(t *testing.T) {
	causes := Group(driftSample())
	o := DriftOptions{
		Fleet: "brightdesk", Commit: "c0ffee0123456789", Since: map[string]time.Time{"tenant/beta/aws.logs.group/app retentionDays": noon},
		Deeds: did("robin@example.com", 0, acmeLogs),
	}
	title, markdown, data, digest := Overview(causes, 10, o)
	golden(t, "overview.md", "title: "+title+"\n\n"+markdown)
	golden(t, "overview.json", string(data))
	if overviewDigest(causes[1:], 10, o) == digest {
		t.Error("a digest that doesn't change")
	}
}

func overviewDigest(causes []Cause, own int, o DriftOptions) string {
	_, _, _, digest := Overview(causes, own, o) //nolint:dogsled // the rest is tested elsewhere
	return digest
}

// What is learnt later, and how many are allowed, is no news.
func TestAnOverviewsDigest(t *testing.T) {
	causes := Group(driftSample())
	one, two := overviewDigest(causes, 10, DriftOptions{}), overviewDigest(causes, 5, DriftOptions{Commit: "other", Deeds: did("robin", 0, acmeLogs)})
	if one != two || !strings.HasPrefix(one, "overview:") {
		t.Errorf("%s and %s", one, two)
	}
}

func TestALargeOverviewFits(t *testing.T) {
	var c changeset.Changeset
	for i := range 3000 {
		c.Changes = append(c.Changes, edited(fmt.Sprintf("tenant/t%d/aws.iam.role/app", i), fmt.Sprintf("tags.key-%d", i)))
	}
	title, markdown, data, _ := Overview(Group(c), 10, DriftOptions{})
	if len(markdown) >= 60_000 || !strings.Contains(markdown, "left out here") || !strings.Contains(markdown, "### Merging") {
		t.Errorf("%d bytes", len(markdown))
	}
	var all struct{ Causes []any }
	if err := json.Unmarshal(data, &all); err != nil || len(all.Causes) != 3000 || title != "Drift: 3000 more causes waiting (3000 low)" {
		t.Errorf("%q, and the JSON has %d causes (%v)", title, len(all.Causes), err)
	}
}

func TestHostileTextInOverviews(t *testing.T) {
	for _, attack := range attacks() {
		c := edited("tenant/acme/aws.sqs.queue/jobs", changeset.Path("tags", attack))
		deeds := map[resource.Address][]Deed{c.Address: {{Action: attack, By: attack, Session: attack, From: attack, At: noon}}}
		stray := held(change(changeset.Delete, changeset.Orphan, "tenant/beta/aws.sns.topic/v"), changeset.HoldOrphan, attack)
		stray.Address = resource.Address{Owner: resource.Owner("tenant/" + attack), Kind: attack, Name: attack}
		title, markdown, data, _ := Overview(Group(changeset.Changeset{Changes: []changeset.Change{c, stray}}), 10, DriftOptions{Fleet: attack, Commit: attack, Deeds: deeds})
		sound(t, "overview", attack, markdown, 5)
		oneLine(t, attack, title)
		if !json.Valid(data) {
			t.Errorf("%q makes bad JSON", attack)
		}
	}
}
