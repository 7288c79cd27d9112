package reconciler_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// An odd driver is one of the cloud's that does something else in one of its methods.
type odd struct {
	*memory
	observe func(ctx context.Context, scope resource.Scope) ([]resource.Observed, error)
	create  func(ctx context.Context, want resource.Desired) (resource.Observed, error)
}

func (o odd) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	if o.observe != nil {
		return o.observe(ctx, scope)
	}
	return o.memory.Observe(ctx, scope, fleet)
}

func (o odd) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	if o.create != nil {
		return o.create(ctx, want)
	}
	return o.memory.Create(ctx, want, fleet)
}

// withOdd makes the driver of one kind odd.
func (w *world) withOdd(kind string, change func(*odd)) {
	w.Providers = func(*schema.Fleet) (providers.Set, error) {
		set, err := w.cloud.set(kinds)
		o := odd{memory: set[kind].(*memory)}
		change(&o)
		set[kind] = o
		return set, err
	}
}

// blindTo hides resources of a kind from listings, as a list does that lags behind.
func (w *world) blindTo(kind string) {
	w.withOdd(kind, func(o *odd) {
		o.observe = func(context.Context, resource.Scope) ([]resource.Observed, error) { return nil, nil }
	})
}

var acmeKey = resource.Address{Owner: "tenant/acme", Kind: "t.key", Name: "key"}

func outcome(t *testing.T, outcomes []changeset.Outcome, address resource.Address) changeset.Outcome {
	t.Helper()
	at := slices.IndexFunc(outcomes, func(o changeset.Outcome) bool { return o.Address == address })
	if at < 0 {
		t.Fatalf("no outcome for %s in %v", address, outcomes)
	}
	return outcomes[at]
}

// A list may lag behind a create that succeeded. What can't be created twice in safety isn't
// created again before it must have shown.
func TestACreateIsNotRepeatedBecauseTheListLags(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Hour
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	w.blindTo("t.key")
	for range 3 {
		if o := outcome(t, w.apply(one, reconciler.Question{Correct: true}), acmeKey); o.Result != changeset.Held {
			t.Errorf("the key that the list doesn't show was %s: %s", o.Result, o.Detail)
		}
	}
	if w.cloud.made != 3 {
		t.Errorf("%d resources were created, want 3", w.cloud.made)
	}
}

// A create that made something and then failed isn't sent again, not even if the cloud says that
// it will be ready later.
func TestACreateThatMadeSomethingIsNotRepeated(t *testing.T) {
	for name, failure := range map[string]error{"failed": providers.ErrDenied, "pending": providers.ErrPending} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Settle = time.Hour
			w.withOdd("t.key", func(o *odd) {
				o.observe = func(context.Context, resource.Scope) ([]resource.Observed, error) { return nil, nil }
				o.create = func(ctx context.Context, want resource.Desired) (resource.Observed, error) {
					made, _ := o.memory.Create(ctx, want, "test")
					return made, fmt.Errorf("give it its alias: %w", failure)
				}
			})
			one := target("c1", tenant("acme", 0))
			plan, err := w.Plan(t.Context(), one, reconciler.Question{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Apply(t.Context(), plan, reconciler.Order{Run: "test", Patience: 2 * time.Second}); err != nil {
				t.Fatal(err)
			}
			w.apply(one, reconciler.Question{})
			if w.cloud.made != 1 {
				t.Errorf("%d keys were created", w.cloud.made)
			}
		})
	}
}

// A create that was refused before anything was made is sent again without a wait.
func TestARefusedCreateIsRepeatedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.Settle = time.Hour
	refuse := true
	w.cloud.before = func(string) error {
		if refuse {
			return providers.ErrDenied
		}
		return nil
	}
	one := target("c1", tenant("acme", 0))
	w.apply(one, reconciler.Question{})
	refuse = false
	w.apply(one, reconciler.Question{})
	w.settled(one, 3)
}
