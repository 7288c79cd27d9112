package providertest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// retiredAt is when the suite retires: any time will do, and a fixed one is easy to find again.
const retiredAt = "2026-01-02T03:04:05Z"

// walk takes every step of the walk and then a last one, to nothing. The two driver sets take
// turns, so that each step is a change behind the other set's back.
func (s *stage) walk(ctx context.Context, w Walk) error {
	var applied []resource.Desired
	kinds := w.kinds()
	for i, step := range append(slices.Clone(w.Steps), Step{Name: "nothing"}) {
		desired, err := s.desired(step.State)
		if err != nil {
			return err
		}
		if err := s.step(ctx, kinds, desired, applied); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.Name, err)
		}
		if !step.Astray {
			applied = desired
		}
		s.set, s.other = s.other, s.set
	}
	return nil
}

// kinds returns the kinds of all resources of the walk, sorted.
func (w Walk) kinds() []string {
	names := map[string]bool{w.Kind: true}
	for _, step := range w.Steps {
		for _, r := range step.State {
			names[r.Kind] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// step brings the fleet to desired and requires that both sets then see exactly that.
func (s *stage) step(ctx context.Context, kinds []string, desired, applied []resource.Desired) error {
	observed, err := s.observe(ctx, s.set, kinds, desired, applied)
	if err != nil {
		return err
	}
	cs, err := s.compute(desired, applied, observed)
	if err != nil {
		return fmt.Errorf("compute: %w", err)
	}
	if pending(cs) == nil {
		return fmt.Errorf("nothing to change: either the walk repeats itself, or the driver doesn't see a difference")
	}
	if err := s.apply(ctx, cs, observed); err != nil {
		return err
	}
	for _, set := range []struct {
		name string
		read func() error
	}{
		{"the set that made the changes", func() error { return s.reached(ctx, true, kinds, desired) }},
		{"another set", func() error { return s.reached(ctx, false, kinds, desired) }},
	} {
		if err := s.settled(ctx, set.read); err != nil {
			return fmt.Errorf("afterwards, read by %s: %w", set.name, err)
		}
	}
	return s.idle(ctx, kinds, desired)
}

// reached requires an empty changeset.
func (s *stage) reached(ctx context.Context, own bool, kinds []string, desired []resource.Desired) error {
	set := s.other
	if own {
		set = s.set
	}
	var observed []resource.Observed
	err := s.quiet("observe", func() (err error) {
		observed, err = s.observe(ctx, set, kinds, desired, desired)
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range observed {
		if o.Pending != "" {
			return fmt.Errorf("%s is pending: %s", o.Address, o.Pending)
		}
	}
	cs, err := s.compute(desired, desired, observed)
	if err != nil {
		return fmt.Errorf("compute: %w", err)
	}
	return pending(cs)
}

// idle requires that updating what is as wanted, and reading it again, writes nothing.
func (s *stage) idle(ctx context.Context, kinds []string, desired []resource.Desired) error {
	observed, err := s.observe(ctx, s.set, kinds, desired, desired)
	if err != nil {
		return err
	}
	outputs := outputsOf(observed)
	byAddress := make(map[resource.Address]resource.Observed, len(observed))
	for _, o := range observed {
		byAddress[o.Address] = o
	}
	for _, d := range desired {
		d.Attributes = s.kinds[d.Address.Kind].Canonical(d.Attributes.Resolve(outputs.lookup))
		err := s.quiet("update "+d.Address.String()+" to what it is", func() error {
			_, err := s.set[d.Address.Kind].Update(ctx, byAddress[d.Address], d)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// outputs are what references resolve to.
type outputs map[resource.Address]map[string]string

func outputsOf(observed []resource.Observed) outputs {
	out := make(outputs, len(observed))
	for _, o := range observed {
		out[o.Address] = o.Outputs
	}
	return out
}

func (o outputs) lookup(ref resource.Ref) (string, bool) {
	value, ok := o[ref.Address][ref.Output]
	return value, ok
}

// apply makes the changes in their order.
func (s *stage) apply(ctx context.Context, cs changeset.Changeset, observed []resource.Observed) error {
	known := outputsOf(observed)
	for _, c := range cs.Changes {
		if c.Action == changeset.None {
			continue
		}
		if c.Hold != "" {
			return fmt.Errorf("%s %s: held: %s", c.Action, c.Address, c.Hold)
		}
		var got *resource.Observed
		err := s.ready(ctx, func() (err error) {
			got, err = s.change(ctx, c, known)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Action, c.Address, err)
		}
		if got != nil {
			if err := s.answers(*got, c); err != nil {
				return fmt.Errorf("%s %s: the driver's answer: %w", c.Action, c.Address, err)
			}
			known[c.Address] = got.Outputs
		}
		s.logged[c.Address] = c.Action != changeset.Delete
	}
	return nil
}

// answers holds what a write returned to what it was to do.
func (s *stage) answers(got resource.Observed, c changeset.Change) error {
	if got.Address != c.Address {
		return fmt.Errorf("its address is %s", got.Address)
	}
	return s.sound(got)
}

// change makes one change. A replacement that was cut short is taken up again: Delete and Create
// are both idempotent.
func (s *stage) change(ctx context.Context, c changeset.Change, known outputs) (*resource.Observed, error) {
	driver := s.set[c.Address.Kind]
	var to resource.Desired
	if c.Want != nil {
		to = *c.Want
		to.Attributes = s.kinds[c.Address.Kind].Canonical(to.Attributes.Resolve(known.lookup))
		if refs := to.Attributes.Refs(); len(refs) > 0 {
			return nil, fmt.Errorf("%s isn't known yet: the changes are out of order", refs[0])
		}
	}
	var got resource.Observed
	var err error
	switch c.Action {
	case changeset.Create:
		got, err = driver.Create(ctx, to, s.Fleet)
	case changeset.Update:
		got, err = driver.Update(ctx, *c.Have, to)
	case changeset.Replace:
		if err = driver.Delete(ctx, *c.Have); err == nil {
			got, err = driver.Create(ctx, to, s.Fleet)
		}
	case changeset.Delete:
		return nil, driver.Delete(ctx, *c.Have)
	case changeset.Retire:
		got, err = s.retire(ctx, driver, *c.Have)
	default:
		return nil, fmt.Errorf("a walk has no use for the action %q", c.Action)
	}
	return &got, err
}
