package store_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A write is an attempt with its answers; "" in answers means that the process died.
type write struct {
	action  changeset.Action
	answers []changeset.Result
}

func TestWhatTheLogSaysOfAnAddress(t *testing.T) {
	const (
		applied, unchanged, failed, unsure = changeset.Applied, changeset.Unchanged, changeset.Failed, changeset.Unsure
		skipped, held, blocked             = changeset.Skipped, changeset.Held, changeset.Blocked
		create, replace, del, retire       = changeset.Create, changeset.Replace, changeset.Delete, changeset.Retire
	)
	w := func(action changeset.Action, answers ...changeset.Result) write { return write{action, answers} }
	tests := []struct {
		name       string
		writes     []write
		created    bool
		unanswered bool
		spent      int
	}{
		{"nothing", nil, false, false, 0},
		{"created", []write{w(create, applied)}, true, false, 0},
		{"killed while creating", []write{w(create)}, true, true, 0},
		{"answer lost", []write{w(create, unsure)}, true, true, 0},
		{"answer lost, then found", []write{w(create, unsure, applied)}, true, false, 0},
		{"answer lost, then known to have failed", []write{w(create, unsure, failed)}, true, false, 0},
		{"answer lost, then updated", []write{w(create, unsure), w(changeset.Update, applied)}, true, false, 0},
		{"answer lost, a second try fails", []write{w(create, unsure), w(create, failed)}, true, true, 0},
		{"answer lost, a second try works", []write{w(create), w(create, applied)}, true, false, 0},
		{"create failed", []write{w(create, failed)}, true, false, 0},
		{"create never sent", []write{w(create, skipped)}, false, false, 0},
		{"create held", []write{w(create, held)}, false, false, 0},
		{"create blocked", []write{w(create, blocked)}, false, false, 0},
		{"second create never sent", []write{w(create, applied), w(create, skipped)}, true, false, 0},
		{"adopted", []write{w(changeset.Adopt, applied)}, false, false, 0},
		{"updated", []write{w(changeset.Update, applied)}, false, false, 0},
		{"deleted", []write{w(create, applied), w(del, applied)}, false, false, 1},
		{"was gone already", []write{w(create, applied), w(del, unchanged)}, false, false, 0},
		{"delete failed", []write{w(create, applied), w(del, failed)}, true, false, 1},
		{"delete tried three times", []write{w(create, applied), w(del, failed), w(del, failed), w(del, applied)}, false, false, 1},
		{"deleted twice", []write{w(create, applied), w(del, applied), w(create, applied), w(del, applied)}, false, false, 2},
		{"killed while deleting", []write{w(create, applied), w(del)}, true, false, 1},
		{"killed while deleting, then deleted", []write{w(create, applied), w(del), w(del, applied)}, false, false, 2},
		{"delete never sent", []write{w(create, applied), w(del, skipped)}, true, false, 0},
		{"retired", []write{w(create, applied), w(retire, applied)}, true, false, 1},
		{"was retired already", []write{w(create, applied), w(retire, unchanged)}, true, false, 0},
		{"retiring failed, then worked", []write{w(create, applied), w(retire, failed), w(retire, applied)}, true, false, 1},
		{"killed while retiring", []write{w(create, applied), w(retire)}, true, false, 1},
		{"replaced", []write{w(replace, applied)}, true, false, 1},
		{"killed while replacing", []write{w(create, applied), w(replace)}, true, true, 1},
		{"created again", []write{w(create, applied), w(del, applied), w(create, applied)}, true, false, 1},
	}
	s := open(t, t.TempDir(), store.ReadWrite)
	begun := time.Now()
	var addresses []resource.Address
	for i, test := range tests {
		address := bucket("tenant/acme", fmt.Sprint(i))
		addresses = append(addresses, address)
		for _, w := range test.writes {
			log(t, s, address, w)
		}
	}
	for range 600 { // more than one statement can ask for
		addresses = append(addresses, bucket("tenant/acme", "unknown"))
	}
	got := derived(t, s, addresses, begun)
	for i, test := range tests {
		want := derivation{test.created, test.unanswered, test.spent}
		if diff := cmp.Diff(want, got[addresses[i]], cmp.AllowUnexported(derivation{})); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// log writes an attempt to the log.
func log(t testing.TB, s *store.Store, address resource.Address, w write) {
	t.Helper()
	e := changeset.Entry{Phase: changeset.Before, Address: address, Action: w.action, Cell: "eu-1"}
	e.Before, e.Phase = record(t, s, e), changeset.After
	for _, e.Result = range w.answers {
		record(t, s, e)
	}
}

// A derivation is what the store says of an address.
type derivation struct {
	created, unanswered bool
	spent               int
}

func derived(t testing.TB, s *store.Store, addresses []resource.Address, since time.Time) map[resource.Address]derivation {
	t.Helper()
	ctx := t.Context()
	created, err := s.Created(ctx, addresses)
	if err != nil {
		t.Fatal(err)
	}
	unanswered, err := s.Unanswered(ctx)
	if err != nil {
		t.Fatal(err)
	}
	spent, err := s.Spent(ctx, since)
	if err != nil {
		t.Fatal(err)
	}
	all := map[resource.Address]derivation{}
	for _, a := range addresses {
		_, open := unanswered[a]
		all[a] = derivation{created: created[a], unanswered: open}
	}
	for _, one := range spent {
		if one.Cell != "eu-1" {
			t.Errorf("%s was spent from cell %q", one.Address, one.Cell)
		}
		d := all[one.Address]
		d.spent++
		all[one.Address] = d
	}
	return all
}

// TestTheLogIsReadAsWritten compares with a model that looks at whole attempts, not at entries.
func TestTheLogIsReadAsWritten(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		address := bucket("tenant/acme", fmt.Sprint("r", round))
		begun := time.Now()
		var writes []write
		for range rapid.IntRange(1, 6).Draw(rt, "writes") {
			w := write{action: rapid.SampledFrom([]changeset.Action{
				changeset.Create, changeset.Create, changeset.Replace, changeset.Delete, changeset.Update, changeset.Retire,
			}).Draw(rt, "action")}
			answer := rapid.SampledFrom([]changeset.Result{
				"", changeset.Unsure, changeset.Applied, changeset.Applied, changeset.Unchanged, changeset.Failed, changeset.Skipped,
			}).Draw(rt, "answer")
			if rapid.IntRange(0, 4).Draw(rt, "unsure first") == 0 && answer != "" {
				w.answers = append(w.answers, changeset.Unsure)
			}
			if answer != "" {
				w.answers = append(w.answers, answer)
			}
			writes = append(writes, w)
			log(t, s, address, w)
		}
		got := derived(t, s, []resource.Address{address}, begun)[address]
		if want := model(writes); got != want {
			rt.Fatalf("%+v\ngot  %+v\nwant %+v", writes, got, want)
		}
	})
}

func model(writes []write) (d derivation) {
	failedBefore := false
	for _, w := range writes {
		var last changeset.Result
		if len(w.answers) > 0 {
			last = w.answers[len(w.answers)-1]
		}
		sent := last != changeset.Skipped
		done := last == changeset.Applied || last == changeset.Unchanged
		creates := w.action == changeset.Create || w.action == changeset.Replace
		destroys := w.action == changeset.Delete || w.action == changeset.Replace || w.action == changeset.Retire
		if creates && sent {
			d.created = true
		}
		if w.action == changeset.Delete && done {
			d.created = false
		}
		if creates && (last == "" || last == changeset.Unsure) {
			d.unanswered = true
		}
		if done {
			d.unanswered = false
		}
		if destroys && sent && last != changeset.Unchanged {
			if !failedBefore {
				d.spent++
			}
			failedBefore = last == changeset.Failed
		}
	}
	return d
}

func TestSpentAndUnansweredHaveTheirTimes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir, store.ReadWrite)
		begun := time.Now()
		a, b := bucket("tenant/acme", "a"), bucket("tenant/acme", "b")
		log(t, s, a, write{changeset.Delete, []changeset.Result{changeset.Applied}})
		time.Sleep(time.Hour + 300*time.Millisecond)
		log(t, s, b, write{changeset.Delete, []changeset.Result{changeset.Applied}})
		log(t, s, a, write{changeset.Create, nil})
		at := time.Now()
		spent, err := s.Spent(t.Context(), begun.Add(1))
		if err != nil || len(spent) != 1 || spent[0].Address != b || !spent[0].At.Equal(at) {
			t.Errorf("spent: %v, %v", spent, err)
		}
		if spent, err := s.Spent(t.Context(), begun); err != nil || len(spent) != 2 {
			t.Errorf("spent since the beginning: %v, %v", spent, err)
		}
		if spent, err := s.Spent(t.Context(), at.Add(1)); err != nil || len(spent) != 0 {
			t.Errorf("spent since later in that second: %v, %v", spent, err)
		}
		time.Sleep(time.Minute)
		log(t, s, a, write{changeset.Create, []changeset.Result{changeset.Unsure}})
		open, err := s.Unanswered(t.Context())
		if err != nil || len(open) != 1 || !open[a].Sent.Equal(at.Add(time.Minute)) {
			t.Errorf("unanswered: %v, %v; want the last sending", open, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSpentTellsWhatWasRetired(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	begun := time.Now()
	a, b := bucket("tenant/acme", "a"), bucket("tenant/acme", "b")
	log(t, s, a, write{changeset.Retire, []changeset.Result{changeset.Applied}})
	log(t, s, b, write{changeset.Delete, []changeset.Result{changeset.Applied}})
	spent, err := s.Spent(t.Context(), begun)
	if err != nil || len(spent) != 2 || !spent[0].Retired || spent[1].Retired {
		t.Errorf("%+v, %v", spent, err)
	}
}

// A resource that was moved is created at its address of now, and nothing is at the one before.
func TestCreatedFollowsMoves(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	move := func(from, to resource.Address, answers ...changeset.Result) {
		e := changeset.Entry{Phase: changeset.Before, Address: to, From: from, Action: changeset.Move}
		e.Before, e.Phase = record(t, s, e), changeset.After
		for _, e.Result = range answers {
			record(t, s, e)
		}
	}
	want := map[resource.Address]bool{}
	var addresses []resource.Address
	at := func(name string, created bool) resource.Address {
		a := bucket("tenant/acme", name)
		addresses, want[a] = append(addresses, a), created
		return a
	}
	made := func(a resource.Address) resource.Address {
		log(t, s, a, write{changeset.Create, []changeset.Result{changeset.Applied}})
		return a
	}
	move(made(at("a", false)), at("a-now", true), changeset.Applied)
	move(made(at("b", true)), at("b-now", true))
	move(made(at("c", true)), at("c-now", true), changeset.Failed)
	move(made(at("d", true)), at("d-now", false), changeset.Skipped)
	back, there := made(at("e", true)), at("e-now", false)
	move(back, there, changeset.Applied)
	move(there, back, changeset.Applied)
	again := made(at("f", true))
	move(again, at("f-now", true), changeset.Applied)
	made(again)
	gone := made(at("g", false))
	record(t, s, changeset.Entry{Phase: changeset.Note, Address: gone, Action: changeset.Abandon})
	log(t, s, at("h", true), write{changeset.Create, []changeset.Result{changeset.Unsure}})
	unsure := addresses[len(addresses)-1]
	open, err := s.Unanswered(t.Context())
	if _, there := open[unsure]; err != nil || !there {
		t.Fatalf("%v, %v", open, err)
	}
	want[unsure] = false
	move(unsure, at("h-now", true), changeset.Applied)
	if open, err = s.Unanswered(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("what was moved is unanswered: %v, %v", open, err)
	}

	got, err := s.Created(t.Context(), addresses)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if got[a] != want[a] {
			t.Errorf("%s: created %t, want %t", a, got[a], want[a])
		}
	}
	for _, a := range addresses { // also if only one of two is asked for
		if one, err := s.Created(t.Context(), []resource.Address{a}); err != nil || one[a] != want[a] {
			t.Errorf("%s alone: created %t, want %t, %v", a, one[a], want[a], err)
		}
	}
}

func TestUsedIsWhatApprovalsWereGoodFor(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	approval := changeset.Approved{Digest: "sha256:01", By: "ada", Origin: resource.Origin{File: "approvals/eu-1.cue", Line: 3}}
	try := func(name string, under changeset.Approved, action changeset.Action, answers ...changeset.Result) resource.Address {
		e := changeset.Entry{Phase: changeset.Before, Address: bucket("tenant/acme", name), Action: action, Approved: under}
		e.Before, e.Phase = record(t, s, e), changeset.After
		for _, e.Result = range answers {
			record(t, s, e)
		}
		return e.Address
	}
	none := changeset.Approved{}
	want := map[resource.Address]bool{}
	for _, done := range []resource.Address{
		try("deleted", approval, changeset.Delete, changeset.Applied),
		try("gone-already", approval, changeset.Delete, changeset.Unchanged),
		try("retired", approval, changeset.Retire, changeset.Applied),
		try("found-out-later", approval, changeset.Delete, changeset.Unsure, changeset.Applied),
	} {
		want[done] = true
	}
	try("failed", approval, changeset.Delete, changeset.Failed)
	try("killed", approval, changeset.Delete)
	try("lost", approval, changeset.Retire, changeset.Unsure)
	try("skipped", approval, changeset.Delete, changeset.Skipped)
	try("not-approved", none, changeset.Delete, changeset.Applied)
	try("killed-and-back", approval, changeset.Delete)
	want[try("killed-and-back", none, changeset.Create, changeset.Applied)] = true
	try("lost-and-back", approval, changeset.Retire, changeset.Unsure)
	want[try("lost-and-back", none, changeset.Update, changeset.Applied)] = true
	try("was-made-before", none, changeset.Create, changeset.Applied)
	try("was-made-before", approval, changeset.Delete)

	used, err := s.Used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]map[resource.Address]bool{"sha256:01": want}, used); diff != "" {
		t.Error(diff)
	}
	entries, err := s.Entries(t.Context(), time.Time{})
	if err != nil || entries[0].Approved != approval || entries[1].Approved != approval {
		t.Errorf("the log doesn't name the approval: %+v, %v", entries[:2], err)
	}
}

// What was created a moment ago need not show in a list yet.
func TestMadeHasTheCreatesThatSucceededSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), store.ReadWrite)
		defer func() { _ = s.Close() }()
		times := map[string]time.Time{}
		for _, w := range []struct {
			name   string
			action changeset.Action
			result changeset.Result
		}{
			{"old", changeset.Create, changeset.Applied},
			{"new", changeset.Create, changeset.Applied},
			{"failed", changeset.Create, changeset.Failed},
			{"updated", changeset.Update, changeset.Applied},
		} {
			time.Sleep(1500 * time.Millisecond)
			e := changeset.Entry{Phase: changeset.Before, Action: w.action, Address: bucket(resource.Tenant("acme"), w.name)}
			seq, err := s.Record(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			e.Phase, e.Before, e.Result = changeset.After, seq, w.result
			time.Sleep(time.Second)
			times[w.name] = time.Now().UTC()
			if _, err := s.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Made(t.Context(), times["old"].Add(time.Nanosecond))
		if err != nil {
			t.Fatal(err)
		}
		want := map[resource.Address]time.Time{bucket(resource.Tenant("acme"), "new"): times["new"]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
