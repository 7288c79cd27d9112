package report_test

import (
	"testing"
	"time"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

func TestTrace(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 5, 1, 12, 0, second, 0, time.UTC) }
	data := resource.Address{Owner: "tenant/acme", Kind: "aws.s3.bucket", Name: "data"}
	key := resource.Address{Owner: "tenant/acme", Kind: "aws.kms.key", Name: "key"}
	entries := []changeset.Entry{
		{Seq: 1, Time: at(1), Phase: changeset.Before, Address: key, Action: changeset.Create, Commit: "a"},
		{Seq: 2, Time: at(2), Phase: changeset.Note, Detail: "a decision"},
		{Seq: 3, Time: at(3), Phase: changeset.After, Before: 1, Address: key, Action: changeset.Create, Commit: "a", Result: changeset.Applied},
		{Seq: 4, Time: at(4), Phase: changeset.Before, Address: data, Action: changeset.Update, Commit: "b", Paths: []string{"versioning"}},
	}
	all := report.Trace(entries, func(changeset.Entry) bool { return true })
	if len(all) != 2 || all[0].Answered != at(3) || all[0].Result != changeset.Applied {
		t.Fatalf("%+v", all)
	}
	if open := all[1]; open.Result != changeset.Unsure || !open.Answered.IsZero() || open.Attributes[0] != "versioning" {
		t.Errorf("a write without an answer: %+v", open)
	}
	one := report.Trace(entries, func(e changeset.Entry) bool { return e.Address == data })
	if len(one) != 1 || one[0].Entry != 4 {
		t.Errorf("%+v", one)
	}
}
