package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/changeset"
)

// What is noted of an end is read back from the log, each end once, the oldest first.
func TestDriftEndsAreReadBack(t *testing.T) {
	first := DriftEnd{
		Cause: "sqs-queue_policy", Title: "a \"title\"\n", Severity: "high", Resources: 12, Owners: []string{"tenant/acme"}, Pull: 7,
		Found: noon.Add(-time.Hour), Ended: noon, How: Restored, By: "dana", Who: []string{"arn:aws:iam::111122223333:user/robin"},
	}
	second := DriftEnd{Cause: "logs-group_retentiondays", Title: "t", Severity: "low", Resources: 1, Found: noon, Ended: noon.Add(time.Minute), How: Gone}
	note := func(e DriftEnd) changeset.Entry {
		return changeset.Entry{Phase: changeset.Note, Detail: e.Note(), Actor: e.By}
	}
	forged := note(first)
	forged.Phase, forged.Detail = changeset.After, DriftEnd{Cause: "forged"}.Note()
	got := DriftEnds([]changeset.Entry{
		note(second), {Phase: changeset.Note, Detail: "writes: hold"}, note(first), note(first), forged, {Phase: changeset.Note, Detail: endWords + "{"},
	})
	if diff := cmp.Diff([]DriftEnd{first, second}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
