package reconciler

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A surveyed driver knows what exists of its kind, or fails.
type surveyed struct {
	providers.Driver
	kind  resource.Kind
	names []string
	err   error
}

func (d surveyed) Kind() resource.Kind { return d.kind }

func (d surveyed) Survey(_ context.Context, scope resource.Scope) ([]providers.Found, error) {
	var list []providers.Found
	for _, name := range d.names {
		if name == "panic" {
			panic("a driver is broken")
		}
		list = append(list, providers.Found{Kind: d.kind.Name, Scope: scope, ID: name, Name: name})
	}
	return list, d.err
}

// blind is a driver that can't survey.
type blind struct {
	providers.Driver
	kind resource.Kind
}

func (d blind) Kind() resource.Kind { return d.kind }

func TestSurvey(t *testing.T) {
	set, err := providers.NewSet(
		surveyed{kind: resource.Kind{Name: "a.queue"}, names: []string{"two", "one"}},
		surveyed{kind: resource.Kind{Name: "a.role", Global: true}, names: []string{"r"}},
		surveyed{kind: resource.Kind{Name: "b.broken"}, names: []string{"panic"}},
		surveyed{kind: resource.Kind{Name: "b.denied"}, names: []string{"part"}, err: errors.New("denied")},
		blind{kind: resource.Kind{Name: "c.blind"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	here := resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	everywhere := resource.Scope{Account: "111122223333", Region: resource.Global}
	stock, err := Survey(t.Context(), set, []resource.Scope{here, everywhere})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range stock.Found {
		got = append(got, f.Kind+" "+f.Scope.Region+" "+f.Name)
	}
	if want := []string{"a.queue eu-central-1 one", "a.queue eu-central-1 two", "a.role global r"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if len(stock.Unseen) != 2 || stock.Unseen[changeset.Place{Scope: here, Kind: "b.denied"}] != "denied" {
		t.Errorf("unseen: %v", stock.Unseen)
	}
	if !slices.Equal(stock.Blind, []string{"c.blind"}) {
		t.Errorf("blind: %v", stock.Blind)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Survey(ctx, set, []resource.Scope{here}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What is to be adopted is looked at by whatever it is called, what is ours already isn't, and what
// can't be looked at is missing and no error.
func TestAdoptable(t *testing.T) {
	set, err := providers.NewSet(
		surveyed{kind: resource.Kind{Name: "a.queue"}, names: []string{"jobs", "dead"}},
		surveyed{kind: resource.Kind{Name: "b.denied"}, names: []string{"part"}, err: errors.New("denied")},
		blind{kind: resource.Kind{Name: "c.blind"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	here := resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	want := func(kind, name, adopt string) resource.Desired {
		return resource.Desired{Address: resource.Address{Owner: "tenant/acme", Kind: kind, Name: name}, Scope: here, Adopt: adopt}
	}
	jobs, ours := want("a.queue", "jobs", "jobs"), want("a.queue", "ours", "dead")
	got := adoptable(t.Context(), set, []resource.Desired{
		jobs, ours, want("a.queue", "none", "nothing-like-it"), want("a.queue", "new", ""), want("b.denied", "x", "part"), want("c.blind", "y", "z"),
	}, Observation{Observed: []resource.Observed{{Address: ours.Address}}})
	if len(got) != 1 || got[jobs.Address].ID != "jobs" || got[jobs.Address].Scope != here {
		t.Errorf("got %v", got)
	}
}
