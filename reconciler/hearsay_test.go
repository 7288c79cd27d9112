package reconciler_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// tagged is a kind whose tags an index knows.
var tagged = resource.Kind{Name: "t.topic", Attributes: []resource.Attribute{
	{Name: "name", Immutable: true}, {Name: "tags", Default: must(resource.Of(map[string]string{}))},
}}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An index is a driver that lists what an index says; only Refresh has the service's word. Once read
// there, a resource is listed as the service has it.
type index struct {
	*memory
	says  map[string]resource.Observed // by id
	reads int
}

func (x *index) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	list, err := x.memory.Observe(ctx, scope, fleet)
	if providers.IsAtSource(ctx) {
		clear(x.says)
	}
	for i, o := range list {
		if said, ok := x.says[o.ID]; ok {
			said.Hearsay = true
			list[i] = said
		}
	}
	return list, err
}

func (x *index) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	x.reads++
	delete(x.says, have.ID)
	o, err := x.memory.Refresh(ctx, have)
	if err == nil && o.Address != have.Address {
		return resource.Observed{}, providers.ErrNotOurs
	}
	return o, err
}

func topic(tenant, name string, tags map[string]string) []resource.Desired {
	return []resource.Desired{desired(resource.Tenant(tenant), "t.topic", name, map[string]any{"name": tenant, "tags": tags})}
}

// What an index tells that lags behind is no drift, hides nothing and has nothing written; what it tells
// and the service says too is drift.
func TestAnIndexThatLagsChangesNothing(t *testing.T) {
	red, blue := map[string]string{"team": "red"}, map[string]string{"team": "blue"}
	tests := []struct {
		reason string
		says   func(resource.Observed) resource.Observed
		reads  int
		drifts bool
	}{
		{"it agrees", func(o resource.Observed) resource.Observed { return o }, 0, false},
		{"it has older tags", func(o resource.Observed) resource.Observed {
			o.Attributes = maps.Clone(o.Attributes)
			o.Attributes["tags"] = must(resource.Of(blue))
			return o
		}, 1, false},
		{"it has the address before", func(o resource.Observed) resource.Observed {
			o.Address.Name = "before"
			return o
		}, 1, false},
		{"it has it out of service", func(o resource.Observed) resource.Observed {
			o.Retired = "2026-01-01T00:00:00Z"
			return o
		}, 1, false},
		{"somebody changed the tags", nil, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWorld(t)
			set := must(w.cloud.set(map[string]resource.Kind{"t.topic": tagged}))
			x := &index{memory: set["t.topic"].(*memory), says: map[string]resource.Observed{}}
			set["t.topic"] = x
			w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return set, nil }
			t1 := target("c1", topic("acme", "news", red))
			w.apply(t1, reconciler.Question{})
			address := t1.Rendering.Desired[0].Address
			if tt.says == nil {
				w.cloud.change(address, "tags", must(resource.Of(blue)))
				tt.says = func(o resource.Observed) resource.Observed { return o }
			}
			live := must(w.cloud.byAddress())[address]
			x.says[live.ID], x.reads = tt.says(live), 0
			plan := w.plan(t1, reconciler.Question{})
			if got := !plan.Changeset.Empty(); got != tt.drifts {
				t.Errorf("the plan has %v", plan.Changeset.Changes)
			}
			if x.reads != tt.reads {
				t.Errorf("%d reads at the service, want %d", x.reads, tt.reads)
			}
		})
	}
}

// A commit that changes everybody's tags has nobody read again: until it is applied, they are as they
// were applied before. What is retired and in nobody's definitions stays unread, too.
func TestWhatIsExpectedIsNotDoubted(t *testing.T) {
	w := newWorld(t)
	kind := tagged
	kind.DataBearing = true
	set := must(w.cloud.set(map[string]resource.Kind{"t.topic": kind}))
	x := &index{memory: set["t.topic"].(*memory), says: map[string]resource.Observed{}}
	set["t.topic"] = x
	w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return set, nil }
	w.apply(target("c1", topic("acme", "news", map[string]string{"team": "red"})), reconciler.Question{})
	old := must(w.cloud.byAddress())
	for _, o := range old {
		x.says[o.ID] = o
		gone := o
		gone.Address.Name, gone.ID, gone.Retired = "old", "old", "2026-01-01T00:00:00Z"
		x.says[gone.ID], w.cloud.resources[gone.ID] = gone, gone
	}
	x.reads = 0
	plan := w.plan(target("c2", topic("acme", "news", map[string]string{"team": "blue"})), reconciler.Question{})
	if len(plan.Changeset.Changes) != 1 || x.reads != 0 {
		t.Errorf("%d reads at the service for %v", x.reads, plan.Changeset.Changes)
	}
}

// However many an index is late about, all are confirmed, be it one by one or by a listing at the service.
func TestAnIndexMayBeLateAboutEverything(t *testing.T) {
	for _, n := range []int{1, 7, 60} {
		w := newWorld(t)
		set := must(w.cloud.set(map[string]resource.Kind{"t.topic": tagged}))
		x := &index{memory: set["t.topic"].(*memory), says: map[string]resource.Observed{}}
		set["t.topic"] = x
		w.Providers = func(*schema.Fleet, []string) (providers.Set, error) { return set, nil }
		var all [][]resource.Desired
		for i := range n {
			all = append(all, topic(fmt.Sprintf("t%d", i), "news", map[string]string{"team": "red"}))
		}
		t1 := target("c1", all...)
		w.apply(t1, reconciler.Question{})
		for _, o := range must(w.cloud.byAddress()) {
			o.Attributes = maps.Clone(o.Attributes)
			o.Attributes["tags"] = must(resource.Of(map[string]string{"team": "blue"}))
			x.says[o.ID] = o
		}
		if plan := w.plan(t1, reconciler.Question{}); !plan.Changeset.Empty() {
			t.Errorf("%d of %d late tags are taken for drift", len(plan.Changeset.Changes), n)
		}
	}
}
