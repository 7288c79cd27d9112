package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// An act is a write for a commit with its answers; none means that the process died.
type act struct {
	action  changeset.Action
	commit  string
	answers []changeset.Result
}

func (a act) log(t *testing.T, s *store.Store, address resource.Address) {
	t.Helper()
	e := changeset.Entry{Phase: changeset.Before, Address: address, Action: a.action, Commit: a.commit}
	e.Before, e.Phase = record(t, s, e), changeset.After
	for _, e.Result = range a.answers {
		record(t, s, e)
	}
}

func TestWhatTheLogSaysWasBegun(t *testing.T) {
	const (
		applied, failed, unsure, skipped = changeset.Applied, changeset.Failed, changeset.Unsure, changeset.Skipped
		create, update, del, adopt       = changeset.Create, changeset.Update, changeset.Delete, changeset.Adopt
	)
	w := func(action changeset.Action, commit string, answers ...changeset.Result) act {
		return act{action, commit, answers}
	}
	written := reconciler.Begun{Written: true}
	at := func(b reconciler.Begun, commit string) *reconciler.Begun {
		b.Commit = reconciler.Commit(commit)
		return &b
	}
	done, removed := reconciler.Begun{Written: true, Done: true}, reconciler.Begun{Written: true, Removed: true}
	follows := reconciler.Begun{Follows: true}
	followed := reconciler.Begun{Written: true, Follows: true}
	for _, test := range []struct {
		says    string
		follows bool // before the first write
		acts    []act
		want    *reconciler.Begun
	}{
		{"nothing", false, nil, nil},
		{"killed after the entry", false, []act{w(update, "c1")}, at(written, "c1")},
		{"not sent", false, []act{w(update, "c1", skipped)}, nil},
		{"refused", false, []act{w(update, "c1", failed)}, at(written, "c1")},
		{"lost", false, []act{w(create, "c1", unsure)}, at(written, "c1")},
		{"done", false, []act{w(update, "c1", applied)}, at(done, "c1")},
		{"made", false, []act{w(create, "c1", applied)}, at(done, "c1")},
		{"found made", false, []act{w(create, "c1", changeset.Unchanged)}, at(written, "c1")},
		{"half done, then not sent", false, []act{w(update, "c1", failed), w(update, "c1", skipped)}, at(written, "c1")},
		{"half done for two commits", false, []act{w(update, "c1", failed), w(update, "c2", failed)}, &written},
		{"half done, then done for the next commit", false, []act{w(update, "c1", failed), w(update, "c2", applied)}, at(done, "c2")},
		{"done, then half done for the next commit", false, []act{w(update, "c1", applied), w(update, "c2", failed)}, &written},
		{
			"done, and half done again", false,
			[]act{w(update, "c1", applied), w(update, "c1")},
			at(reconciler.Begun{Written: true, Done: true, Follows: true}, "c1"),
		},
		{"of a folder without a commit", false, []act{w(update, "", applied)}, at(done, "")},
		{"deleted, to be made again", false, []act{w(del, "c1", applied)}, at(removed, "c1")},
		{"killed while deleting", false, []act{w(del, "c1")}, at(removed, "c1")},
		{"the deletion was not sent", false, []act{w(del, "c1", skipped)}, nil},
		{"deleted, and made in part", false, []act{w(del, "c1", applied), w(create, "c1", failed)}, at(removed, "c1")},
		{"replaced", false, []act{w(del, "c1", applied), w(create, "c1", applied)}, at(done, "c1")},
		{"marked", false, []act{w(adopt, "c1", applied)}, at(written, "c1")},
		{"follows", true, nil, &follows},
		{"follows, and is half done", true, []act{w(update, "c1", failed)}, at(followed, "c1")},
		{"follows, and was not sent", true, []act{w(update, "c1", skipped)}, &follows},
		{"followed", true, []act{w(update, "c1", applied)}, at(done, "c1")},
	} {
		t.Run(test.says, func(t *testing.T) {
			s := open(t, t.TempDir(), store.ReadWrite)
			address, other := bucket("tenant/acme", "data"), bucket("tenant/acme", "other")
			if test.follows {
				if err := s.Follow(t.Context(), []resource.Address{address}); err != nil {
					t.Fatal(err)
				}
			}
			w(update, "c0").log(t, s, other)
			for _, a := range test.acts {
				a.log(t, s, address)
			}
			owners := ownersOf(t, s)
			if _, kept := owners["tenant/acme"].Begun[other]; !kept {
				t.Error("what was begun on another resource is forgotten")
			}
			got, begun := owners["tenant/acme"].Begun[address]
			got.Late = time.Time{} // has a test of its own
			if begun != (test.want != nil) || begun && !cmp.Equal(got, *test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if err := s.Settle(t.Context(), "tenant/acme", reconciler.Settlement{Done: []resource.Address{address}}); err != nil {
				t.Fatal(err)
			}
			if left := ownersOf(t, s)["tenant/acme"].Begun; len(left) != 1 {
				t.Errorf("settled, and still begun: %+v", left)
			}
		})
	}
}

func ownersOf(t *testing.T, s *store.Store) map[resource.Owner]reconciler.OwnerState {
	t.Helper()
	owners, err := s.Owners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return owners
}

func TestForgetTakesSingleResourcesOut(t *testing.T) {
	s, acme := open(t, t.TempDir(), store.ReadWrite), resource.Owner("tenant/acme")
	data, logs := desired(acme, "data"), desired(acme, "logs")
	if err := s.Settle(t.Context(), acme, reconciler.Settlement{Commit: "c1", Applied: []resource.Desired{data, logs}}); err != nil {
		t.Fatal(err)
	}
	act{action: changeset.Update}.log(t, s, data.Address)
	for _, step := range []struct {
		forget resource.Address
		left   int
	}{{data.Address, 1}, {data.Address, 1}, {logs.Address, 0}, {logs.Address, 0}} {
		if err := s.Forget(t.Context(), acme, []resource.Address{step.forget}); err != nil {
			t.Fatal(err)
		}
		if state := ownersOf(t, s)[acme]; len(state.Applied) != step.left || len(state.Begun) != 0 {
			t.Errorf("left: %+v", state)
		}
	}
}

func TestTheMarksOfCreatesAndTheirIntents(t *testing.T) {
	s := open(t, t.TempDir(), store.ReadWrite)
	key, plain, adopted, none := bucket("tenant/acme", "key"), bucket("tenant/acme", "plain"), bucket("tenant/acme", "adopted"), bucket("tenant/acme", "none")
	begun := time.Now()
	intent := func(address resource.Address, action changeset.Action, nonce string, answers ...changeset.Result) int64 {
		e := changeset.Entry{Phase: changeset.Before, Address: address, Action: action, Nonce: nonce}
		seq := record(t, s, e)
		e.Before, e.Phase = seq, changeset.After
		for _, e.Result = range answers {
			record(t, s, e)
		}
		return seq
	}
	intent(key, changeset.Create, "n1", changeset.Failed)
	intent(key, changeset.Create, "n2")
	last := intent(key, changeset.Create, "n2", changeset.Unsure)
	intent(plain, changeset.Create, "", changeset.Applied)
	intent(adopted, changeset.Adopt, "", changeset.Applied)
	intent(none, changeset.Update, "", changeset.Applied)
	nonces, err := s.Nonces(t.Context(), []resource.Address{key, plain, adopted, none})
	if err != nil {
		t.Fatal(err)
	}
	want := map[resource.Address][]string{key: {"n1", "n2"}, plain: {""}, adopted: {""}}
	if diff := cmp.Diff(want, nonces); diff != "" {
		t.Error(diff)
	}
	sent, err := s.Unanswered(t.Context())
	if got := sent[key]; err != nil || len(sent) != 1 || got.Seq != last || got.Nonce != "n2" || got.Sent.Before(begun) {
		t.Errorf("%+v, %v", sent, err)
	}
}

// An attempt that an older version noted for an owner becomes one for what the log says was written in it.
func TestAttemptsOfAnOlderVersionAreKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.ReadWrite)
	acme, zeta := bucket("tenant/acme", "data"), bucket("tenant/zeta", "data")
	act{changeset.Update, "c1", []changeset.Result{changeset.Applied}}.log(t, s, bucket("tenant/acme", "before"))
	act{changeset.Update, "c2", nil}.log(t, s, acme)
	act{changeset.Update, "c3", nil}.log(t, s, bucket("tenant/acme", "later"))
	act{changeset.Update, "c2", nil}.log(t, s, zeta)
	act{changeset.Update, "c2", nil}.log(t, s, bucket("tenant/acme-2", "data"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, filepath.Join(dir, "tenantry.db"), "DROP TABLE begun", "DROP TABLE waiting", "ALTER TABLE unanswered DROP COLUMN nonce",
		"ALTER TABLE owners ADD COLUMN attempt TEXT NOT NULL DEFAULT ''",
		"INSERT INTO owners (owner, reached, attempt) VALUES ('tenant/acme', 'c1', 'c2'), ('tenant/zeta', 'c1', '')",
		"DELETE FROM goose_db_version WHERE version_id >= 3")
	owners := ownersOf(t, open(t, dir, store.ReadWrite))
	var got []string
	for _, state := range owners {
		for address, b := range state.Begun {
			got = append(got, fmt.Sprintf("%s %+v", address.Name, b))
		}
	}
	if begun := owners["tenant/acme"].Begun; len(got) != 2 || !begun[acme].Written || !begun[acme].Follows || begun[acme].Commit != "" {
		t.Errorf("begun: %v", got)
	}
}
