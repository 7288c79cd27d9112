package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// What waits is kept from its first such answer until another one, over a restart as well, and a create
// that has a ticket stays without an answer.
func TestWhatTheLogSaysWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.ReadWrite)
	address := bucket("tenant/acme", "data")
	before := changeset.Entry{Phase: changeset.Before, Address: address, Action: changeset.Create, Commit: "c1", Nonce: "n1"}
	seq := record(t, s, before)
	answer := func(seq int64, result changeset.Result, ticket, detail string) {
		e := before
		e.Phase, e.Before, e.Nonce, e.Result, e.Ticket, e.Detail = changeset.After, seq, "", result, ticket, detail
		record(t, s, e)
	}
	waiting := func() reconciler.Waiting {
		t.Helper()
		list, err := s.Waiting(t.Context())
		if err != nil || len(list) > 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[address]
	}
	if w := waiting(); w.Before.Seq != 0 {
		t.Errorf("nothing waits yet: %+v", w)
	}
	answer(seq, changeset.Waiting, "", "not ready")
	first := waiting()
	if first.Before.Seq != seq || first.Before.Nonce != "n1" || first.Ticket != "" || first.What != "not ready" || first.Since.IsZero() {
		t.Errorf("not ready: %+v", first)
	}
	if sent, err := s.Unanswered(t.Context()); err != nil || len(sent) != 0 {
		t.Errorf("nothing was made: %v, %v", sent, err)
	}
	again := record(t, s, before)
	answer(again, changeset.Waiting, "r1", "still at it")
	answer(record(t, s, before), changeset.Skipped, "", "stopped") // says nothing of it
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, store.ReadWrite)
	if w := waiting(); w.Before.Seq != again || w.Ticket != "r1" || !w.Since.Equal(first.Since) {
		t.Errorf("under way: %+v, first since %s", w, first.Since)
	}
	if sent, err := s.Unanswered(t.Context()); err != nil || sent[address].Seq != again {
		t.Errorf("it is being made: %v, %v", sent, err)
	}
	if err := s.Settle(t.Context(), "tenant/acme", reconciler.Settlement{Done: []resource.Address{address}}); err != nil {
		t.Fatal(err)
	}
	if w := waiting(); w.Ticket != "r1" {
		t.Errorf("settled, and no longer awaited: %+v", w)
	}
	answer(again, changeset.Applied, "", "")
	if w := waiting(); w.Before.Seq != 0 {
		t.Errorf("done: %+v", w)
	}
}

// What updates asked for is kept until the resource is settled, unless something was made or deleted
// besides; and so is when the last one was sent that never had an answer.
func TestWhatIsInDoubtAndForHowLong(t *testing.T) {
	address := bucket("tenant/acme", "data")
	want := func(versioning bool) *resource.Desired {
		return &resource.Desired{Address: address, Attributes: resource.Attributes{"versioning": resource.Bool(versioning), "password": resource.String("hunter2").AsSecret()}}
	}
	on, off := want(true), want(false)
	type write struct {
		action changeset.Action
		want   *resource.Desired
		answer changeset.Result // none if empty
	}
	for name, test := range map[string]struct {
		writes []write
		wanted int
		late   bool
	}{
		"an update that died":              {[]write{{changeset.Update, on, ""}}, 1, true},
		"whose answer was lost":            {[]write{{changeset.Update, on, changeset.Unsure}}, 1, true},
		"that failed":                      {[]write{{changeset.Update, on, changeset.Failed}}, 1, false},
		"two":                              {[]write{{changeset.Update, on, ""}, {changeset.Update, off, changeset.Applied}}, 2, true},
		"that a create came before":        {[]write{{changeset.Create, nil, changeset.Failed}, {changeset.Update, off, ""}}, 0, true},
		"that a deletion came after":       {[]write{{changeset.Update, on, changeset.Failed}, {changeset.Delete, nil, changeset.Failed}}, 0, false},
		"that waits":                       {[]write{{changeset.Update, on, changeset.Waiting}}, 1, false},
		"that died, and the next has done": {[]write{{changeset.Create, nil, ""}, {changeset.Create, nil, changeset.Applied}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), store.ReadWrite)
			start := time.Now()
			for _, w := range test.writes {
				e := changeset.Entry{Phase: changeset.Before, Address: address, Action: w.action, Commit: "c1", Want: w.want}
				e.Before, e.Phase, e.Result = record(t, s, e), changeset.After, w.answer
				if w.answer != "" {
					record(t, s, e)
				}
			}
			got := ownersOf(t, s)["tenant/acme"].Begun[address]
			if len(got.Wanted) != test.wanted || got.Late.IsZero() == test.late || test.late && got.Late.Before(start.Add(-time.Second)) {
				t.Errorf("%+v", got)
			}
			for _, d := range got.Wanted {
				if secret := d.Attributes["password"]; secret.Seal() != on.Attributes["password"].Seal() || secret.Reveal() == `"hunter2"` {
					t.Errorf("kept as %s", secret.Reveal())
				}
			}
			entries, err := s.Entries(t.Context(), time.Time{})
			if err != nil || !cmp.Equal(entries[0].Want, (*resource.Desired)(nil)) {
				t.Errorf("the log has values: %+v, %v", entries[0], err)
			}
		})
	}
}
