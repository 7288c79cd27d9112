package providertest

import (
	"context"
	"fmt"

	"tenantry.dev/providers"
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

func promises() []promise {
	return []promise{
		{"an empty scope is no error", every, emptyScope},
		{"what another fleet has is not seen", every, otherFleet},
		{"what carries no mark is not seen", every, unmarked},
		{"another region is another scope", regional, otherRegion},
		{"create finishes what it began", repeatable, createTwice},
		{"create refuses a name that another fleet has", hasName, nameOfOtherFleet},
		{"create refuses a name that another address has", hasName, nameOfOtherAddress},
		{"create refuses a name without our mark", hasName, nameUnmarked},
		{"what lost our mark is never written", every, lostMark},
		{"refresh reads one resource", every, refresh},
		{"what is gone is gone", deletable, gone},
		{"data is retired and never deleted", dataBearing, retireAndReturn},
		{"adopt puts our mark on", every, adopt},
		{"adopt refuses what others own", every, adoptForeign},
		{"move changes the address and nothing else", every, move},
		{"move refuses what isn't at its address", every, moveForeign},
		{"survey sees what nobody has marked", every, surveyUnmarked},
		{"survey tells what another fleet has", every, surveyForeign},
		{"several at once", every, atOnce},
		{"a cancelled call returns", every, cancelled},
	}
}

// samples returns two states of one resource of the stage's kind: the plainest, and one that differs. They are
// the first two steps of the kind's first walk. What they refer to is there afterwards.
func (s *stage) samples(ctx context.Context) (plain, changed resource.Desired, err error) {
	walks := walksOf(s.kind.Name)
	if len(walks) == 0 {
		return plain, changed, fmt.Errorf("there is no walk for %s", s.kind.Name)
	}
	for i, into := range []*resource.Desired{&plain, &changed} {
		if *into, err = s.last(ctx, walks[0].Steps[i].State); err != nil {
			return plain, changed, err
		}
	}
	return plain, changed, nil
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

// see requires that exactly the wanted resources are observed in the fleet.
func (s *stage) see(ctx context.Context, driver providers.Driver, fleet string, wanted ...resource.Desired) error {
	return s.settled(ctx, func() error {
		found, err := driver.Observe(ctx, s.scopeOf(s.kind.Name), fleet)
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
		found, err := s.driver().Observe(ctx, s.scopeOf(s.kind.Name), fleet)
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
	found, err := s.driver().Observe(ctx, s.Elsewhere, s.Fleet)
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
