package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// said is what a plan says of some owners, line by line.
func said(p reconciler.Plan, owners []resource.Owner) []string {
	cs := p.Changeset.Only(owners...)
	out := []string{cs.Digest, fmt.Sprint(cs.Broken, cs.Unseen, cs.Abandoned, cs.Waived)}
	for _, c := range cs.Changes {
		out = append(out, fmt.Sprint(c.Address, c.From, c.Scope, c.Cell, c.Action, c.Cause, c.HoldKind, c.Hold, c.Attributes, c.Needs, c.Replacing, c.Have != nil, c.Want != nil))
	}
	return out
}

// What a plan for some tenants says of them is what a plan for everybody says, whatever was done meanwhile to the
// tenants that the commit changes, and wherever an earlier try broke off.
func TestAPlanForSomeSaysWhatOneForAllSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := stories().Draw(rt, "story")
		w := newWorld(t)
		w.Settle = time.Nanosecond
		s.breakOff(w.cloud)
		for range rapid.IntRange(1, 3).Draw(rt, "passes") {
			w.apply(s.first, reconciler.Question{})
		}
		w.cloud.before, w.cloud.after = nil, nil
		if _, err := w.Plan(t.Context(), s.first, reconciler.Question{}); err != nil { // which reads everything
			rt.Fatal(err)
		}
		for _, meddle := range s.meanwhile {
			meddle(w.cloud)
		}
		var about []resource.Owner
		for i := range 4 {
			if rapid.Bool().Draw(rt, fmt.Sprint("about ", i)) {
				about = append(about, resource.Tenant(fmt.Sprintf("t%d", i)))
			}
		}
		for i, d := range s.then.Rendering.Desired { // what nobody meddled with and isn't asked about may be anything
			if s.then.Rendering.Desired[i].Address.Kind == "t.queue" && !slices.Contains(about, d.Address.Owner) && rapid.Bool().Draw(rt, d.Address.String()) {
				s.then.Rendering.Desired[i].Previously = []resource.Address{{Owner: resource.Tenant("t0"), Kind: "t.queue", Name: "jobs"}}
			}
		}
		part, err := w.Plan(t.Context(), s.then, reconciler.Question{Within: time.Hour, About: slices.Clip(append([]resource.Owner{}, about...)), Correct: s.correct})
		if err != nil {
			rt.Fatal(err)
		}
		whole, err := w.Plan(t.Context(), s.then, reconciler.Question{Correct: s.correct})
		if err != nil {
			rt.Fatal(err)
		}
		touched := slices.DeleteFunc(slices.Clone(about), func(owner resource.Owner) bool { return !s.concerns(owner) })
		if got, want := said(part, touched), said(whole, touched); !slices.Equal(got, want) {
			rt.Fatalf("for %v:\n%q\nfor all:\n%q", about, got, want)
		}
	})
}

// concerns tells whether a story's commit changes anything for an owner: only of those what somebody did meanwhile
// has to be seen.
func (s story) concerns(owner resource.Owner) bool {
	of := func(t reconciler.Target) string { return fmt.Sprint(t.Desired()[owner]) }
	return of(s.first) != of(s.then)
}

// thrifty is a State that refuses to be asked about everybody.
type thrifty struct{ reconciler.State }

var errEverybody = errors.New("everybody was asked for")

func (thrifty) Owners(context.Context) (map[resource.Owner]reconciler.OwnerState, error) {
	return nil, errEverybody
}

// A plan for one tenant neither reads nor remembers anything of others; one that takes something away asks for
// everybody.
func TestAPlanForOneTenantLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t)
	m := w.metered()
	if err := w.passes(target("c1", append(fleetOf(20), tenant("acme", 0))...), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	w.State = thrifty{w.store}
	q := reconciler.Question{Within: time.Hour, About: []resource.Owner{resource.Tenant("acme")}}
	for name, c := range map[string]struct {
		then    []resource.Desired
		removed bool
		changes []string
		read    int
		err     error
	}{
		"change": {then: tenant("acme", 7), changes: []string{"update tenant/acme/t.queue/jobs"}, read: 3},
		"same":   {then: tenant("acme", 0)},
		"more":   {then: append(tenant("acme", 0), desired("tenant/acme", "t.queue", "mail", map[string]any{"name": "mail"})), changes: []string{"create tenant/acme/t.queue/mail"}, read: 3},
		"less":   {then: tenant("acme", 0)[:2], err: errEverybody},
		"gone":   {removed: true, err: errEverybody},
	} {
		m.take()
		then := target("c2", append(fleetOf(20), c.then)...)
		if c.removed {
			then.Removed[resource.Tenant("acme")] = "commit c2"
		}
		plan, err := w.Plan(t.Context(), then, q)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		var changes []string
		for _, change := range plan.Changeset.Changes {
			changes = append(changes, fmt.Sprint(change.Action, " ", change.Address))
		}
		if !slices.Equal(changes, c.changes) {
			t.Errorf("%s: %v, want %v", name, changes, c.changes)
		}
		if read := m.take(); c.err == nil && len(read) != c.read {
			t.Errorf("%s read %v", name, read)
		}
	}
}

// What Git says of others that has to do with a tenant is in its plan: who else says that it was called so, and
// what somebody decided to leave as it is.
func TestAPlanForOneTenantKnowsWhomItHasToDoWith(t *testing.T) {
	w := newWorld(t)
	if err := w.passes(target("c1", append(fleetOf(3), tenant("acme", 0))...), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	other := resource.Address{Owner: resource.Tenant("t01"), Kind: "t.queue", Name: "jobs"}
	w.cloud.change(other, "delay", resource.Int(60))
	if _, err := w.Plan(t.Context(), target("c1", append(fleetOf(3), tenant("acme", 0))...), reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	then := target("c2", append(fleetOf(3), tenant("acme", 7))...)
	for i := range then.Rendering.Desired {
		if d := &then.Rendering.Desired[i]; d.Address.Owner == resource.Tenant("t02") && d.Address.Kind == "t.queue" {
			d.Previously = []resource.Address{{Owner: resource.Tenant("acme"), Kind: "t.queue", Name: "jobs"}}
		}
	}
	then.Fleet.Waivers = []changeset.Waiver{{Addresses: []resource.Address{other}, Attributes: []string{"delay"}, By: "dana", Until: time.Now().Add(time.Hour)}}
	about := []resource.Owner{resource.Tenant("acme")}
	part, err := w.Plan(t.Context(), then, reconciler.Question{Within: time.Hour, About: about})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := w.Plan(t.Context(), then, reconciler.Question{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := said(part, about), said(whole, about); !slices.Equal(got, want) || len(part.Changeset.Waived) != 1 {
		t.Errorf("for one:\n%q\nfor all:\n%q", got, want)
	}
}

// What only everybody can tell is asked of everybody.
func TestAPlanForSomeAsksEverybodyWhereItMust(t *testing.T) {
	acme, cell := tenant("acme", 0), []resource.Desired{desired(resource.Cell("one"), "t.queue", "jobs", map[string]any{"name": "one"})}
	bare := desired(resource.Tenant("acme"), "t.bare", "b", map[string]any{"name": "b"})
	owners := []resource.Owner{resource.Tenant("acme")}
	for name, c := range map[string]struct {
		then  []resource.Desired
		about []resource.Owner
		blank bool // nothing is known of the cloud
		err   error
	}{
		"it asks for nothing of the sort": {tenant("acme", 7), owners, false, nil},
		"what carries no mark is wanted":  {append(tenant("acme", 0), bare), owners, false, errEverybody},
		"a cell is asked about":           {tenant("acme", 7), []resource.Owner{resource.Cell("one")}, false, errEverybody},
		"nothing is known":                {tenant("acme", 7), owners, true, errEverybody},
	} {
		w := newWorld(t)
		with := maps.Clone(kinds)
		with["t.bare"] = resource.Kind{Name: "t.bare", Identity: []string{"name"}, Attributes: []resource.Attribute{{Name: "name"}}}
		w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return w.cloud.set(with) }
		if err := w.passes(target("c1", acme, cell), reconciler.Question{}); err != nil {
			t.Fatal(err)
		}
		if c.blank {
			w.Observer = reconciler.NewObserver(0)
		}
		w.State = thrifty{w.store}
		if _, err := w.Plan(t.Context(), target("c2", c.then, cell), reconciler.Question{Within: time.Hour, About: c.about}); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

// A stray that carries no mark and lies in what a tenant has is everybody's to judge.
func TestAStrayWithoutAMarkAsksEverybody(t *testing.T) {
	w := newWorld(t)
	with := maps.Clone(kinds)
	with["t.bare"] = resource.Kind{Name: "t.bare", Identity: []string{"name"}, Attributes: []resource.Attribute{{Name: "name"}}}
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return w.cloud.set(with) }
	address := resource.Address{Owner: resource.Tenant("acme"), Kind: "t.bare", Name: "stray"}
	w.cloud.resources["stray"] = resource.Observed{Address: address, Scope: scope, Fleet: "test", ID: "stray", Attributes: resource.Attributes{"name": resource.String("stray")}}
	scopes := target("c1").Fleet.Scopes()
	set, err := w.cloud.set(with)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Observer.Observe(t.Context(), set, "test", scopes); err != nil {
		t.Fatal(err)
	}
	w.State = thrifty{w.store}
	_, err = w.Plan(t.Context(), target("c1", tenant("acme", 0)), reconciler.Question{Within: time.Hour, About: []resource.Owner{resource.Tenant("acme")}})
	if !errors.Is(err, errEverybody) {
		t.Errorf("the plan was made without everybody: %v", err)
	}
}
