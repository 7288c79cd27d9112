package providertest

import (
	"context"
	"fmt"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A promise is one sentence of package providers as a check.
type promise struct {
	name  string
	holds func(resource.Kind) bool // which kinds make it
	run   func(ctx context.Context, s *stage) error
}

func every(resource.Kind) bool         { return true }
func repeatable(k resource.Kind) bool  { return !k.Unrepeatable }
func dataBearing(k resource.Kind) bool { return k.DataBearing }
func deletable(k resource.Kind) bool   { return !k.DataBearing }
func regional(k resource.Kind) bool    { return !k.Global }

// hasName: such kinds have a name of which there can't be two. AWS makes up the identity of the others.
func hasName(k resource.Kind) bool { return !typed(k.Name) || !k.Unrepeatable }

// marked kinds carry tags that say whose they are.
func marked(k resource.Kind) bool { return len(k.Identity) == 0 }

// bare kinds can't carry a mark.
func bare(k resource.Kind) bool { return len(k.Identity) > 0 }

// fixed kinds can't carry a mark either, and have something that tells them apart for ever.
func fixed(k resource.Kind) bool { return len(k.Fixed()) > 0 }

// whole kinds can be surveyed: they are marked, and listed as a whole.
func whole(k resource.Kind) bool { return marked(k) && len(k.Within) == 0 }

// both holds if all of the conditions do.
func both(conditions ...func(resource.Kind) bool) func(resource.Kind) bool {
	return func(k resource.Kind) bool {
		return !slices.ContainsFunc(conditions, func(holds func(resource.Kind) bool) bool { return !holds(k) })
	}
}

func promises() []promise {
	return []promise{
		{"an empty scope is no error", every, emptyScope},
		{"what another fleet has is not seen", marked, otherFleet},
		{"what carries no mark is not seen", marked, unmarked},
		{"another region is another scope", regional, otherRegion},
		{"create finishes what it began", both(repeatable, marked), createTwice},
		{"create refuses a name that another fleet has", both(hasName, marked), nameOfOtherFleet},
		{"create refuses a name that another address has", both(hasName, marked), nameOfOtherAddress},
		{"create refuses a name without our mark", both(hasName, marked), nameUnmarked},
		{"create refuses what is there and says how to adopt it", both(repeatable, bare), createOver},
		{"what lost our mark is never written", marked, lostMark},
		{"what became another is never written", fixed, another},
		{"refresh reads one resource", every, refresh},
		{"what is gone is gone", deletable, gone},
		{"data is retired and never deleted", dataBearing, retireAndReturn},
		{"adopt puts our mark on", marked, adopt},
		{"adopt refuses what others own", marked, adoptForeign},
		{"adopt takes what is asked for and nothing else", bare, adoptBare},
		{"move changes the address and nothing else", marked, move},
		{"move refuses what isn't at its address", marked, moveForeign},
		{"survey sees what nobody has marked", whole, surveyUnmarked},
		{"survey tells what another fleet has", whole, surveyForeign},
		{"several at once", every, atOnce},
		{"a cancelled call returns", every, cancelled},
	}
}

// samples returns two states of one resource of the stage's kind: the plainest, or the fullest if it has no
// tags, and one that differs unless nothing can change in it. They are the first two steps of the kind's
// first walk. What they refer to is there afterwards.
func (s *stage) samples(ctx context.Context) (plain, changed resource.Desired, err error) {
	steps, err := s.twoSteps()
	if err != nil {
		return plain, changed, err
	}
	if plain, err = s.last(ctx, steps[0].State); err != nil {
		return plain, changed, err
	}
	changed, err = s.last(ctx, steps[len(steps)-1].State)
	return plain, changed, err
}

func (s *stage) twoSteps() ([]Step, error) {
	walks := walksOf(s.kind.Name)
	if _, tagged := s.kind.Attribute("tags"); !tagged {
		walks = slices.DeleteFunc(walks, func(w Walk) bool { return w.Name == "tags" })
	}
	if len(walks) == 0 {
		return nil, fmt.Errorf("there is no walk for %s", s.kind.Name)
	}
	return walks[0].Steps[:min(2, len(walks[0].Steps))], nil
}

// last makes all of a state but its last resource, and returns that one with every reference resolved.
func (s *stage) last(ctx context.Context, state []Resource) (resource.Desired, error) {
	list, err := s.desired(state)
	if err != nil {
		return resource.Desired{}, err
	}
	for i, d := range list {
		d.Attributes = s.kinds[d.Address.Kind].Canonical(d.Attributes.Resolve(s.made.lookup))
		if i == len(list)-1 {
			return d, nil
		}
		if s.made[d.Address] != nil {
			continue
		}
		err := s.ready(ctx, func() error {
			got, err := s.set[d.Address.Kind].Create(ctx, d, s.Fleet)
			s.made[d.Address] = got.Outputs
			return err
		})
		if err != nil {
			return d, fmt.Errorf("create %s: %w", d.Address, err)
		}
	}
	return resource.Desired{}, fmt.Errorf("a state of %s has nothing in it", s.kind.Name)
}

// found is what a driver observes of the stage's kind in a scope for a fleet: in what the sample lies
// in, if the kind is listed so; and by what the definitions ask for, if it can't be marked.
func (s *stage) found(ctx context.Context, driver providers.Driver, scope resource.Scope, fleet string, definitions ...resource.Desired) ([]resource.Observed, error) {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return nil, err
	}
	var list []resource.Observed
	if len(s.kind.Within) == 0 {
		list, err = driver.Observe(ctx, scope, fleet)
	} else {
		insider, ok := driver.(providers.Insider)
		if !ok {
			return nil, fmt.Errorf("the driver can't list within something")
		}
		list, err = insider.ObserveWithin(ctx, scope, fleet, s.within(append(definitions, plain)))
	}
	if err != nil || marked(s.kind) {
		return list, err
	}
	snapshot := changeset.Snapshot{Fleet: fleet, Kinds: s.kinds, Desired: definitions, Observed: list, Made: map[resource.Address]bool{}}
	for _, d := range definitions {
		snapshot.Made[d.Address] = true
	}
	for _, o := range list {
		if o.Address.Owner != "" || o.Fleet != "" {
			return nil, fmt.Errorf("observed %s as %s of fleet %q, and nothing can say so", o.ID, o.Address, o.Fleet)
		}
	}
	return changeset.Recognise(snapshot).Observed, nil
}

// within are the values by which to list what definitions ask for.
func (s *stage) within(definitions []resource.Desired) []resource.Attributes {
	var list []resource.Attributes
	for _, d := range definitions {
		values := resource.Attributes{}
		for _, name := range s.kind.Within {
			values[name] = d.Attributes[name]
		}
		list = append(list, values)
	}
	return list
}

// see requires that exactly the wanted resources are observed in the fleet.
func (s *stage) see(ctx context.Context, driver providers.Driver, fleet string, wanted ...resource.Desired) error {
	return s.settled(ctx, func() error {
		found, err := s.found(ctx, driver, s.scopeOf(s.kind.Name), fleet, wanted...)
		if err != nil {
			return fmt.Errorf("observe: %w", err)
		}
		if len(found) != len(wanted) {
			return fmt.Errorf("observe returned %d resources of fleet %s, want %d", len(found), fleet, len(wanted))
		}
		for _, d := range wanted {
			if err := s.among(found, d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *stage) among(found []resource.Observed, wanted resource.Desired) error {
	for _, o := range found {
		if o.Address == wanted.Address {
			return s.like(o, wanted)
		}
	}
	return fmt.Errorf("%s isn't observed", wanted.Address)
}

// like requires that what is observed is sound and has the attributes wanted.
func (s *stage) like(o resource.Observed, wanted resource.Desired) error {
	if err := s.sound(o); err != nil {
		return fmt.Errorf("%s: %w", o.Address, err)
	}
	attributes := s.kind.Canonical(wanted.Attributes)
	for _, a := range s.kind.Attributes {
		have := o.Attributes[a.Name]
		if a.Asked != nil {
			have = a.Asked(have, attributes[a.Name], attributes[a.Name])
		}
		if !have.Equal(attributes[a.Name]) {
			return fmt.Errorf("%s: %s is %q, want %q", o.Address, a.Name, o.Attributes[a.Name], attributes[a.Name])
		}
	}
	return nil
}

// create makes a resource for a fleet and waits until it is seen.
func (s *stage) create(ctx context.Context, d resource.Desired, fleet string) (resource.Observed, error) {
	var made resource.Observed
	err := s.ready(ctx, func() (err error) {
		made, err = s.driver().Create(ctx, d, fleet)
		return err
	})
	if err != nil {
		return made, fmt.Errorf("create %s for %s: %w", d.Address, fleet, err)
	}
	return made, s.settled(ctx, func() error {
		found, err := s.found(ctx, s.driver(), s.scopeOf(s.kind.Name), fleet, d)
		if err != nil {
			return fmt.Errorf("observe: %w", err)
		}
		return s.among(found, d)
	})
}

// stranger is a fleet whose name begins with ours.
func (s *stage) stranger() string { return s.Fleet + "-2" }

func emptyScope(ctx context.Context, s *stage) error {
	return s.see(ctx, s.driver(), s.Fleet)
}

func otherFleet(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	if _, err := s.create(ctx, plain, s.stranger()); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.Fleet)
}

func unmarked(ctx context.Context, s *stage) error {
	if _, _, err := s.makeUnmarked(ctx); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.Fleet)
}

// makeUnmarked creates the plain sample and takes its mark off.
func (s *stage) makeUnmarked(ctx context.Context) (resource.Observed, resource.Desired, error) {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return resource.Observed{}, plain, err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return have, plain, err
	}
	if err := s.Unmark(ctx, have); err != nil {
		return have, plain, fmt.Errorf("take the mark off: %w", err)
	}
	return have, plain, s.see(ctx, s.driver(), s.Fleet)
}

func otherRegion(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	if _, err := s.create(ctx, plain, s.Fleet); err != nil {
		return err
	}
	found, err := s.found(ctx, s.driver(), s.Elsewhere, s.Fleet, plain)
	if err != nil {
		return fmt.Errorf("observe %s: %w", s.Elsewhere, err)
	}
	if len(found) > 0 {
		return fmt.Errorf("observe %s returned what was created in %s", s.Elsewhere, s.Scope)
	}
	return nil
}

func createTwice(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	first, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	for _, d := range []resource.Desired{plain, changed} {
		again, err := s.rival().Create(ctx, d, s.Fleet)
		if err != nil {
			return fmt.Errorf("create again: %w", err)
		}
		if again.ID != first.ID {
			return fmt.Errorf("create again made %s beside %s", again.ID, first.ID)
		}
		if err := s.see(ctx, s.driver(), s.Fleet, d); err != nil {
			return fmt.Errorf("after creating again: %w", err)
		}
	}
	return nil
}

func nameOfOtherFleet(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	if _, err := s.create(ctx, plain, s.stranger()); err != nil {
		return err
	}
	_, err = s.driver().Create(ctx, changed, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "create"); err != nil {
		return err
	}
	if err := s.see(ctx, s.driver(), s.Fleet); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.stranger(), plain)
}

func nameOfOtherAddress(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	if _, err := s.create(ctx, plain, s.Fleet); err != nil {
		return err
	}
	changed.Address.Owner = resource.Tenant("globex")
	_, err = s.driver().Create(ctx, changed, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "create"); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.Fleet, plain)
}

func nameUnmarked(ctx context.Context, s *stage) error {
	have, plain, err := s.makeUnmarked(ctx)
	if err != nil {
		return err
	}
	_, err = s.driver().Create(ctx, plain, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "create"); err != nil {
		return err
	}
	if err := s.see(ctx, s.driver(), s.Fleet); err != nil {
		return err
	}
	return s.unharmed(ctx, have, plain)
}

// unharmed requires that an unmarked resource is still there and as it was; adopting it tells.
func (s *stage) unharmed(ctx context.Context, have resource.Observed, was resource.Desired) error {
	adopter, ok := s.rival().(providers.Adopter)
	if !ok {
		return fmt.Errorf("the driver can't adopt")
	}
	was.Adopt = have.ID
	if _, err := adopter.Adopt(ctx, was, s.Fleet); err != nil {
		return fmt.Errorf("look at it by adopting: %w", err)
	}
	return s.see(ctx, s.driver(), s.Fleet, was)
}

func lostMark(ctx context.Context, s *stage) error {
	_, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, plain, err := s.makeUnmarked(ctx)
	if err != nil {
		return err
	}
	_, err = s.driver().Update(ctx, have, changed)
	if err := want(err, providers.ErrNotOurs, "update"); err != nil {
		return err
	}
	if s.kind.DataBearing {
		_, err = s.retire(ctx, s.driver(), have)
		err = want(err, providers.ErrNotOurs, "retire")
	} else {
		err = want(s.driver().Delete(ctx, have), providers.ErrNotOurs, "delete")
	}
	if err != nil {
		return err
	}
	_, err = s.refresh(ctx, have)
	if err := want(err, providers.ErrNotOurs, "refresh"); err != nil {
		return err
	}
	return s.unharmed(ctx, have, plain)
}

func (s *stage) refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	refresher, ok := s.driver().(providers.Refresher)
	if !ok {
		return have, fmt.Errorf("the driver can't refresh")
	}
	return refresher.Refresh(ctx, have)
}

func (s *stage) retire(ctx context.Context, driver providers.Driver, have resource.Observed) (resource.Observed, error) {
	retirer, ok := driver.(providers.Retirer)
	if !ok {
		return have, fmt.Errorf("the driver of a data-bearing kind can't retire")
	}
	return retirer.Retire(ctx, have, retiredAt)
}

func refresh(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	if _, err := s.rival().Update(ctx, have, changed); err != nil {
		return fmt.Errorf("update by another set: %w", err)
	}
	return s.settled(ctx, func() error {
		now, err := s.refresh(ctx, have)
		if err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		if now.ID != have.ID || now.Address != have.Address {
			return fmt.Errorf("refresh returned %s (%s) for %s (%s)", now.Address, now.ID, have.Address, have.ID)
		}
		return s.like(now, changed)
	})
}
