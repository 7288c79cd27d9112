package reconciler_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// renamed is a tenant that was called otherwise before, its queue too, with the names that it had.
func renamed(was, name string, delay int) []resource.Desired {
	list := tenant(name, delay)
	for i := range list {
		d := &list[i]
		before := d.Address
		before.Owner = resource.Tenant(was)
		if d.Address.Name == "jobs" {
			d.Address.Name = "work"
		}
		d.Previously = []resource.Address{before}
		for attribute := range d.Attributes {
			if attribute == "name" || attribute == "alias" {
				d.Attributes[attribute] = resource.String(strings.Replace(d.Attributes[attribute].Text(), name, was, 1))
			}
		}
	}
	return list
}

// ids has what the cloud knows each resource by.
func (w *world) ids() []string {
	w.t.Helper()
	live, err := w.cloud.byAddress()
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, o := range live {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestARenamedTenantKeepsWhatItHas(t *testing.T) {
	for says, removed := range map[string]map[resource.Owner]string{
		"by a commit":          {"tenant/acme": "commit c2"},
		"in a folder, by hand": {},
	} {
		t.Run(says, func(t *testing.T) {
			w := newWorld(t)
			w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
			before := w.ids()
			two := target("c2", renamed("acme", "apex", 9))
			two.Removed = removed
			for _, o := range w.apply(two, reconciler.Question{}) {
				if o.Result != changeset.Applied || o.Action != changeset.Move {
					t.Errorf("%s %s: %s %s", o.Action, o.Address, o.Result, o.Detail)
				}
			}
			if after := w.ids(); !slices.Equal(before, after) {
				t.Errorf("there were %v, and are %v", before, after)
			}
			for _, call := range w.cloud.writes[3:] {
				if !strings.HasPrefix(call, "move tenant/acme/") && call != "update tenant/apex/t.queue/work" {
					t.Errorf("wrote %s", call)
				}
			}
			w.settled(two, 3)
			known, err := w.store.Owners(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, still := known["tenant/acme"]; still || len(known["tenant/apex"].Applied) != 3 {
				t.Errorf("remembered: %+v", known)
			}
			w.answered()

			// What somebody changes from now on is drift, as it was before.
			w.cloud.change(two.Rendering.Desired[2].Address, "delay", resource.Int(4))
			for _, o := range w.apply(two, reconciler.Question{}) {
				if o.Result != changeset.Held {
					t.Errorf("%s %s: %s", o.Action, o.Address, o.Result)
				}
			}
		})
	}
}

// answered fails the test unless every write has its entries, and each move says where from.
func (w *world) answered() {
	w.t.Helper()
	entries, err := w.store.Entries(w.t.Context(), time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	open := map[int64]bool{}
	for _, e := range entries {
		switch e.Phase {
		case changeset.Before:
			open[e.Seq] = true
			if (e.Action == changeset.Move) != (e.From != resource.Address{}) {
				w.t.Errorf("%s %s from %s", e.Action, e.Address, e.From)
			}
		case changeset.After:
			delete(open, e.Before)
		}
	}
	if len(open) > 0 {
		w.t.Errorf("without an answer: %v", open)
	}
}

// However a run dies while something is moved, the next one finishes it: nothing is deleted or made.
func TestAMoveThatDiesIsFinished(t *testing.T) {
	for n := range 5 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("at write %d, sent %t", n, after), func(t *testing.T) {
				w := newWorld(t)
				w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
				before := w.ids()
				w.cloud.change(resource.Address{Owner: "tenant/acme", Kind: "t.bucket", Name: "data"}, "versioning", resource.Bool(true))
				calls := 0
				die := func(string) error {
					if calls++; calls > n {
						return fmt.Errorf("%w: %w", errKilled, providers.ErrUnsure)
					}
					return nil
				}
				if after {
					w.cloud.after = die
				} else {
					w.cloud.before = die
				}
				two := target("c2", renamed("acme", "apex", 9))
				two.Removed["tenant/acme"] = "commit c2"
				w.apply(two, reconciler.Question{})
				w.cloud.before, w.cloud.after = nil, nil
				w.start()
				for range 3 {
					w.apply(two, reconciler.Question{})
				}
				if now := w.ids(); !slices.Equal(before, now) {
					t.Errorf("there were %v, and are %v", before, now)
				}
				for _, call := range w.cloud.writes[3:] {
					if !strings.HasPrefix(call, "move tenant/acme/") && call != "update tenant/apex/t.queue/work" {
						t.Errorf("wrote %s", call)
					}
				}
				live, err := w.cloud.byAddress()
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range two.Rendering.Desired {
					if _, there := live[d.Address]; !there {
						t.Errorf("%s isn't there", d.Address)
					}
				}
				plan, err := w.Plan(t.Context(), two, reconciler.Question{})
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range plan.Changeset.Changes { // what was changed by hand waits for a person
					if c.HoldKind != changeset.HoldDrift || c.Address.Name != "data" {
						t.Errorf("left: %s %s %s", c.Action, c.Address, c.Hold)
					}
				}
			})
		}
	}
}

func TestWhatCantBeMovedIsNotTouched(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	two := target("c2", renamed("acme", "apex", 0))
	two.Removed["tenant/acme"] = "commit c2"
	stayed := two.Rendering.Desired[2]
	stayed.Attributes["name"] = resource.String("another")
	for _, o := range w.apply(two, reconciler.Question{}) {
		if held := o.Address == stayed.Address; held != (o.Result == changeset.Held) {
			t.Errorf("%s %s: %s %s", o.Action, o.Address, o.Result, o.Detail)
		}
	}
	live, err := w.cloud.byAddress()
	if err != nil {
		t.Fatal(err)
	}
	if _, there := live[stayed.Previously[0]]; !there || len(live) != 3 {
		t.Errorf("live: %v", live)
	}
	known, err := w.store.Owners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if applied := known["tenant/acme"].Applied; len(applied) != 1 || applied[0].Address != stayed.Previously[0] {
		t.Errorf("remembered of acme: %v", applied)
	}
}

// A tenant that was renamed with a mistake in it loses nothing, although its old file was removed.
func TestARenamedTenantThatIsBrokenLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.apply(target("c1", tenant("acme", 0)), reconciler.Question{})
	writes := w.cloud.writeCount()

	tree := fstest.MapFS{}
	exampleFleet(t, tree)
	acme := string(tree["tenants/cedar-clinic.cue"].Data)
	tree["tenants/apex.cue"] = &fstest.MapFile{Data: []byte(strings.NewReplacer("\"cedar-clinic\": {", "apex: {\n\tpreviously: \"acme\"\n\tnonsense: 1").Replace(acme))}
	broken, err := reconciler.Load(t.Context(), &schema.Loader{Evaluator: schema.InProcess()}, tree, "c2", map[string]reconciler.Commit{"tenants/acme.cue": "c2"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if broken.Fleet.Broken["tenant/apex"] == "" || broken.Removed["tenant/acme"] == "" {
		t.Fatalf("broken: %v, removed: %v", broken.Fleet.Broken, broken.Removed)
	}
	fleet := *broken.Fleet
	fleet.Name, fleet.Accounts = "test", target("").Fleet.Accounts
	broken.Fleet, broken.Rendering.Desired = &fleet, nil
	plan, err := w.Plan(t.Context(), broken, reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.Changeset.Changes {
		if c.Address.Owner == "tenant/acme" {
			t.Errorf("%s %s: %s", c.Action, c.Address, c.Hold)
		}
	}
	if !slices.ContainsFunc(plan.Changeset.Broken, func(b changeset.Broken) bool { return b.Owner == "tenant/acme" }) {
		t.Error("nobody says why acme is left alone")
	}
	if w.cloud.writeCount() != writes {
		t.Errorf("wrote %v", w.cloud.writes[writes:])
	}
}

// What was applied in an account that is lost is said once, forgotten, and never asked about.
func TestALostAccountIsForgotten(t *testing.T) {
	w := newWorld(t)
	far := resource.Scope{Account: "222222222222", Region: scope.Region}
	in := func(list []resource.Desired, s resource.Scope) []resource.Desired {
		for i := range list {
			list[i].Scope = s
		}
		return list
	}
	one := target("c1", in(tenant("acme", 0), far), tenant("globex", 0))
	one.Fleet.Accounts = append(one.Fleet.Accounts, schema.Account{Name: "b", ID: far.Account, Regions: []string{far.Region}})
	w.apply(one, reconciler.Question{})
	w.cloud.deny[far] = true
	maps.DeleteFunc(w.cloud.resources, func(_ string, o resource.Observed) bool { return o.Scope == far })
	w.Settle = time.Nanosecond

	left := target("c2", tenant("acme", 0), tenant("globex", 0))
	if plan, err := w.Plan(t.Context(), left, reconciler.Question{}); err != nil || len(plan.Changeset.Unseen) != 1 || len(plan.Changeset.Ready()) != 0 {
		t.Fatalf("before anybody says that it is lost: %+v, %v", plan.Changeset, err)
	}
	left.Fleet.Lost = []schema.LostAccount{{ID: far.Account, Reason: "closed by mistake", By: "dana"}}
	plan, err := w.Plan(t.Context(), left, reconciler.Question{})
	if err != nil || len(plan.Changeset.Abandoned) != 3 || len(plan.Changeset.Unseen) != 0 {
		t.Fatalf("abandoned %v, unseen %v, %v", plan.Changeset.Abandoned, plan.Changeset.Unseen, err)
	}
	for _, o := range w.apply(left, reconciler.Question{}) { // it is made where it is wanted now
		if o.Result != changeset.Applied || o.Action != changeset.Create {
			t.Errorf("%s %s: %s %s", o.Action, o.Address, o.Result, o.Detail)
		}
	}
	if plan, err = w.Plan(t.Context(), left, reconciler.Question{}); err != nil || !plan.Changeset.Empty() {
		t.Errorf("said twice: %+v, %v", plan.Changeset, err)
	}
	entries, err := w.store.Entries(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	notes := 0
	for _, e := range entries {
		if e.Phase == changeset.Note && e.Action == changeset.Abandon {
			notes++
			if e.Scope != far || !strings.Contains(e.Detail, "closed by mistake (dana") {
				t.Errorf("the log says %+v", e)
			}
		}
	}
	if notes != 3 {
		t.Errorf("%d notes in the log, want 3", notes)
	}

	w.settled(left, 6)
}

// What can't be noted isn't forgotten.
func TestNothingIsAbandonedThatIsntInTheLog(t *testing.T) {
	w := newWorld(t)
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	lost := target("c2")
	lost.Fleet.Accounts, lost.Fleet.Lost = nil, []schema.LostAccount{{ID: scope.Account, Reason: "gone", By: "dana"}}
	plan, err := w.Plan(t.Context(), lost, reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	w.Recorder = diesWith{w.store, func() error { return errKilled }}
	if _, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "test"}); !errors.Is(err, errKilled) {
		t.Errorf("the error is %v", err)
	}
	known, err := w.store.Owners(t.Context())
	if err != nil || len(known["tenant/acme"].Applied) != 3 {
		t.Errorf("remembered: %v, %v", known, err)
	}
}
