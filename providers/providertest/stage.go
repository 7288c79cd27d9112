package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A stage is a cloud with two sets of drivers that know nothing of each other. What one does, the
// other must see: that is how changes behind our back are found.
type stage struct {
	Cloud
	kind  resource.Kind // the kind that the check is about
	set   providers.Set
	other providers.Set
	kinds map[string]resource.Kind
	made  outputs // of what a check's own resource refers to
	// logged has what was created and not deleted since, as the log would.
	logged map[resource.Address]bool
}

func newStage(cloud Cloud, kind string) (*stage, error) {
	set, err := cloud.Drivers()
	if err != nil {
		return nil, fmt.Errorf("drivers: %w", err)
	}
	other, err := cloud.Drivers()
	if err != nil {
		return nil, fmt.Errorf("drivers: %w", err)
	}
	if set[kind] == nil || other[kind] == nil {
		return nil, fmt.Errorf("the set has no driver for %s", kind)
	}
	kinds := set.Kinds()
	return &stage{Cloud: cloud, kind: kinds[kind], set: set, other: other, kinds: kinds, made: outputs{}, logged: map[resource.Address]bool{}}, nil
}

func (s *stage) scopeOf(kind string) resource.Scope {
	if s.kinds[kind].Global {
		return resource.Scope{Account: s.Scope.Account, Region: resource.Global}
	}
	return s.Scope
}

// driver is the first set's driver of the kind that the check is about.
func (s *stage) driver() providers.Driver { return s.set[s.kind.Name] }

// rival is the second set's driver of the same kind.
func (s *stage) rival() providers.Driver { return s.other[s.kind.Name] }

// settled calls try until it returns nil, for at most the time that the cloud's reads may lag.
func (s *stage) settled(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(s.Settle)
	for {
		err := try()
		left := time.Until(deadline)
		if err == nil || left <= 0 {
			return err
		}
		again := time.NewTimer(min(s.Settle/20, left))
		select {
		case <-ctx.Done():
			again.Stop()
			return errors.Join(err, ctx.Err())
		case <-again.C:
		}
	}
}

// ready calls write again for as long as it says that the cloud isn't ready, within Settle.
func (s *stage) ready(ctx context.Context, write func() error) error {
	var last error
	err := s.settled(ctx, func() error {
		if last = write(); errors.Is(last, providers.ErrPending) {
			return last
		}
		return nil
	})
	if err != nil {
		return err
	}
	return last
}

// observe reads what the fleet has of the given kinds, as production does: what lies in something after
// that, and what can't carry a mark by what the definitions ask for. It holds every resource to its facts.
func (s *stage) observe(ctx context.Context, set providers.Set, kinds []string, desired, applied []resource.Desired) ([]resource.Observed, error) {
	rounds := changeset.Rounds(s.kinds, desired, applied)
	whole := slices.DeleteFunc(slices.Clone(kinds), func(name string) bool { return len(s.kinds[name].Within) > 0 })
	snapshot := changeset.Snapshot{Fleet: s.Fleet, Kinds: s.kinds, Desired: desired, Applied: applied, Made: s.logged}
	var all []resource.Observed
	for _, round := range append([][]string{whole}, rounds...) {
		for _, name := range round {
			if !slices.Contains(kinds, name) {
				continue
			}
			found, err := s.list(ctx, set, name, snapshot)
			if err != nil {
				return nil, fmt.Errorf("observe %s: %w", name, err)
			}
			all = append(all, found...)
		}
		snapshot.Observed = all
		snapshot = changeset.Recognise(snapshot)
	}
	for _, o := range snapshot.Observed {
		if err := s.sound(o); err != nil {
			return nil, fmt.Errorf("observed %s: %w", o.Address, err)
		}
		if o.Fleet != s.Fleet {
			return nil, fmt.Errorf("observed %s as fleet %q's, asked for %q", o.Address, o.Fleet, s.Fleet)
		}
	}
	return snapshot.Observed, nil
}

// list lists one kind: as a whole, or in what the definitions of the snapshot say.
func (s *stage) list(ctx context.Context, set providers.Set, kind string, snapshot changeset.Snapshot) ([]resource.Observed, error) {
	scope := s.scopeOf(kind)
	if len(s.kinds[kind].Within) == 0 {
		return set[kind].Observe(ctx, scope, snapshot.Fleet)
	}
	within, _ := changeset.Inside(snapshot, kind)
	if len(within[scope]) == 0 {
		return nil, nil
	}
	insider, ok := set[kind].(providers.Insider)
	if !ok {
		return nil, fmt.Errorf("the driver can't list within something")
	}
	return insider.ObserveWithin(ctx, scope, snapshot.Fleet, within[scope])
}

// sound holds one observed resource to what its kind promises, whatever it should be like.
func (s *stage) sound(o resource.Observed) error {
	kind, ok := s.kinds[o.Address.Kind]
	switch {
	case !ok:
		return fmt.Errorf("the kind isn't in the set")
	case o.ID == "":
		return fmt.Errorf("it has no id")
	case o.Scope != s.scopeOf(kind.Name):
		return fmt.Errorf("its scope is %s, asked for %s", o.Scope, s.scopeOf(kind.Name))
	}
	for name := range o.Attributes {
		if _, ok := kind.Attribute(name); !ok {
			return fmt.Errorf("it has the attribute %s, which the kind doesn't", name)
		}
	}
	for name, canonical := range kind.Canonical(o.Attributes) {
		if o.Attributes[name] != canonical {
			return fmt.Errorf("%s isn't canonical: %q (secret: %t) instead of %q (secret: %t)", name,
				o.Attributes[name], o.Attributes[name].IsSecret(), canonical, canonical.IsSecret())
		}
	}
	names := slices.Sorted(maps.Keys(o.Outputs))
	promised := slices.Sorted(slices.Values(kind.Outputs))
	if typed(kind.Name) { // what AWS sets may come later, or never
		promised = slices.DeleteFunc(promised, func(name string) bool { return name != "id" && o.Outputs[name] == "" })
	}
	if !slices.Equal(names, promised) {
		return fmt.Errorf("its outputs are %q, the kind promises %q", names, promised)
	}
	for name, output := range o.Outputs {
		if output == "" {
			return fmt.Errorf("its output %s is empty", name)
		}
	}
	return nil
}

// compute compares as production does, for an owner whose last state was reached and recorded.
func (s *stage) compute(desired, applied []resource.Desired, observed []resource.Observed) (changeset.Changeset, error) {
	snapshot := changeset.Snapshot{
		Fleet: s.Fleet, Kinds: s.kinds, Commit: "0000000000000000000000000000000000000000",
		Desired: desired, Applied: applied, Observed: observed, Made: s.logged,
		Settled: map[resource.Owner]bool{owner: len(applied) > 0},
		Removed: map[resource.Owner]string{}, Created: map[resource.Address]bool{},
		Limits:       changeset.Limits{Count: 1000},
		CorrectDrift: true, Now: time.Now(),
	}
	for _, o := range observed {
		snapshot.Created[o.Address] = true
	}
	if len(desired) == 0 {
		snapshot.Removed[owner] = "1111111111111111111111111111111111111111"
	}
	return changeset.Compute(snapshot)
}

// pending returns the changes of a changeset as one error, and nil if there are none.
func pending(cs changeset.Changeset) error {
	var errs []error
	for _, c := range cs.Changes {
		if c.Action == changeset.None {
			continue
		}
		parts := []string{fmt.Sprintf("%s %s", c.Action, c.Address)}
		if c.Hold != "" {
			parts = append(parts, "held: "+c.Hold)
		}
		for _, d := range c.Attributes {
			parts = append(parts, fmt.Sprintf("%s is %q, want %q", d.Path, d.Before, d.After))
		}
		errs = append(errs, errors.New(strings.Join(parts, "; ")))
	}
	return errors.Join(errs...)
}

// writes counts the write calls that act makes; known is false if the cloud doesn't count.
func (s *stage) writes(act func() error) (n int, known bool, err error) {
	if s.Writes == nil {
		return 0, false, act()
	}
	before := s.Writes()
	err = act()
	return s.Writes() - before, true, err
}

// quiet requires that act makes no write call.
func (s *stage) quiet(doing string, act func() error) error {
	n, known, err := s.writes(act)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if known && n > 0 {
		return fmt.Errorf("%s: made %d write calls, and there was nothing to change", doing, n)
	}
	return nil
}
