package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

func gone(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	if err := s.driver().Delete(ctx, have); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if err := s.see(ctx, s.driver(), s.Fleet); err != nil {
		return fmt.Errorf("after deletion: %w", err)
	}
	if err := s.rival().Delete(ctx, have); err != nil {
		return fmt.Errorf("delete again: %w", err)
	}
	_, err = s.refresh(ctx, have)
	if err := want(err, providers.ErrGone, "refresh after deletion"); err != nil {
		return err
	}
	_, err = s.driver().Update(ctx, have, changed)
	return want(err, providers.ErrGone, "update after deletion")
}

func retireAndReturn(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	if err := want(s.driver().Delete(ctx, have), providers.ErrHoldsData, "delete"); err != nil {
		return err
	}
	if err := s.see(ctx, s.driver(), s.Fleet, plain); err != nil {
		return fmt.Errorf("after the refused deletion: %w", err)
	}
	for _, driver := range []providers.Driver{s.driver(), s.rival()} {
		got, err := s.retire(ctx, driver, have)
		if err != nil {
			return fmt.Errorf("retire: %w", err)
		}
		if got.Retired != retiredAt {
			return fmt.Errorf("retire: the answer says retired at %q, want %q", got.Retired, retiredAt)
		}
	}
	retired, err := s.only(ctx, retiredAt)
	if err != nil {
		return fmt.Errorf("after retiring: %w", err)
	}
	if _, err := s.driver().Update(ctx, retired, changed); err != nil {
		return fmt.Errorf("update of a retired resource: %w", err)
	}
	if _, err := s.only(ctx, ""); err != nil {
		return fmt.Errorf("after bringing it back: %w", err)
	}
	return s.see(ctx, s.driver(), s.Fleet, changed)
}

// only returns the fleet's single resource, which must have been retired at the given time.
func (s *stage) only(ctx context.Context, retired string) (resource.Observed, error) {
	var one resource.Observed
	err := s.settled(ctx, func() error {
		found, err := s.found(ctx, s.driver(), s.scopeOf(s.kind.Name), s.Fleet)
		if err != nil {
			return fmt.Errorf("observe: %w", err)
		}
		if len(found) != 1 {
			return fmt.Errorf("observe returned %d resources, want 1", len(found))
		}
		one = found[0]
		if one.Retired != retired {
			return fmt.Errorf("observed as retired at %q, want %q", one.Retired, retired)
		}
		return s.sound(one)
	})
	return one, err
}

func adopt(ctx context.Context, s *stage) error {
	have, plain, err := s.makeUnmarked(ctx)
	if err != nil {
		return err
	}
	_, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	adopter, ok := s.driver().(providers.Adopter)
	if !ok {
		return fmt.Errorf("the driver can't adopt")
	}
	changed.Adopt = have.ID
	var ours resource.Observed
	for range 2 {
		if ours, err = adopter.Adopt(ctx, changed, s.Fleet); err != nil {
			return fmt.Errorf("adopt: %w", err)
		}
		if ours.ID != have.ID || ours.Address != changed.Address {
			return fmt.Errorf("adopt returned %s (%s) for %s (%s)", ours.Address, ours.ID, changed.Address, have.ID)
		}
	}
	if err := s.see(ctx, s.rival(), s.Fleet, plain); err != nil {
		return fmt.Errorf("adopted, settings still as found: %w", err)
	}
	if _, err := s.driver().Update(ctx, ours, changed); err != nil {
		return fmt.Errorf("update what was adopted: %w", err)
	}
	return s.see(ctx, s.rival(), s.Fleet, changed)
}

func adoptForeign(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.stranger())
	if err != nil {
		return err
	}
	adopter, ok := s.driver().(providers.Adopter)
	if !ok {
		return fmt.Errorf("the driver can't adopt")
	}
	take := plain
	take.Adopt = have.ID
	_, err = adopter.Adopt(ctx, take, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "adopt what another fleet has"); err != nil {
		return err
	}
	if err := s.see(ctx, s.driver(), s.stranger(), plain); err != nil {
		return err
	}
	take.Adopt = otherID(have.ID)
	_, err = adopter.Adopt(ctx, take, s.Fleet)
	return want(err, providers.ErrGone, "adopt what doesn't exist")
}

// move gives a resource another address and back, twice each. Whoever still believes the old one may
// not write to it.
func move(ctx context.Context, s *stage) error {
	other, kept, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, kept, s.Fleet)
	if err != nil {
		return err
	}
	moved := kept
	moved.Address.Owner, moved.Address.Name = resource.Tenant("globex"), "renamed"
	before := have
	for _, now := range []resource.Desired{moved, kept} {
		for _, driver := range []providers.Driver{s.driver(), s.rival()} {
			got, err := s.move(ctx, driver, before, now.Address)
			if err != nil {
				return fmt.Errorf("move to %s: %w", now.Address, err)
			}
			if got.ID != have.ID || got.Address != now.Address || got.Nonce != have.Nonce {
				return fmt.Errorf("move returned %s (%s) for %s (%s)", got.Address, got.ID, now.Address, have.ID)
			}
			if err := s.like(got, now); err != nil {
				return fmt.Errorf("the answer of a move: %w", err)
			}
		}
		if err := s.see(ctx, s.rival(), s.Fleet, now); err != nil {
			return fmt.Errorf("after the move to %s: %w", now.Address, err)
		}
		if _, err := s.driver().Update(ctx, before, other); !errors.Is(err, providers.ErrNotOurs) {
			return want(err, providers.ErrNotOurs, "update under the address that it had")
		}
		before.Address = now.Address
	}
	return nil
}

func (s *stage) move(ctx context.Context, driver providers.Driver, have resource.Observed, to resource.Address) (resource.Observed, error) {
	mover, ok := driver.(providers.Mover)
	if !ok {
		return have, fmt.Errorf("the driver can't move")
	}
	return mover.Move(ctx, have, to)
}

func moveForeign(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.stranger())
	if err != nil {
		return err
	}
	to := plain.Address
	to.Name = "renamed"
	foreign, elsewhere, absent := have, have, have
	foreign.Fleet = s.Fleet
	elsewhere.Address.Name = "another"
	absent.ID = otherID(have.ID)
	for doing, from := range map[string]resource.Observed{"move what another fleet has": foreign, "move what is at another address": elsewhere} {
		if _, err := s.move(ctx, s.driver(), from, to); !errors.Is(err, providers.ErrNotOurs) {
			return want(err, providers.ErrNotOurs, doing)
		}
	}
	if err := s.see(ctx, s.driver(), s.stranger(), plain); err != nil {
		return err
	}
	if _, err := s.move(ctx, s.driver(), absent, to); !errors.Is(err, providers.ErrGone) {
		return want(err, providers.ErrGone, "move what doesn't exist")
	}
	if err := s.Unmark(ctx, have); err != nil {
		return fmt.Errorf("take the mark off: %w", err)
	}
	return s.settled(ctx, func() error {
		_, err := s.move(ctx, s.driver(), have, to)
		return want(err, providers.ErrNotOurs, "move what carries no mark")
	})
}

// otherID is an id of the same shape that nothing has.
func otherID(id string) string {
	last := "0"
	if id[len(id)-1] == '0' {
		last = "1"
	}
	return id[:len(id)-1] + last
}

// several are resources of the kind; just one if nothing in the sample tells several apart.
func (s *stage) several(ctx context.Context) ([]resource.Desired, error) {
	var list []resource.Desired
	for i := range 4 {
		d, err := s.last(ctx, around(named(s.kind.Name, fmt.Sprintf("n%d", i))))
		if err != nil {
			return nil, err
		}
		apart := func(path string) bool { return len(list) > 0 && d.Attributes.At(path) != list[0].Attributes.At(path) }
		if len(list) > 0 && bare(s.kind) && !slices.ContainsFunc(s.kind.Identity, apart) {
			break
		}
		list = append(list, d)
	}
	return list, nil
}

// atOnce proves that a driver is safe for concurrent use, and that one resource's work doesn't
// spill over to another's. It is worth most under the race detector.
func atOnce(ctx context.Context, s *stage) error {
	if _, _, err := s.samples(ctx); err != nil { // what they need is there before
		return err
	}
	made, err := s.several(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(made))
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			_, err := s.driver().Create(ctx, made[i], s.Fleet)
			_, seeing := s.found(ctx, s.driver(), made[i].Scope, s.Fleet)
			errs[i] = errors.Join(err, seeing)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("create and observe %d at once: %w", len(made), err)
	}
	return s.see(ctx, s.rival(), s.Fleet, made...)
}

func cancelled(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	calls := map[string]func() error{
		"observe": func() error { _, err := s.found(over, s.driver(), have.Scope, s.Fleet); return err },
		"create":  func() error { _, err := s.driver().Create(over, changed, s.Fleet); return err },
		"update":  func() error { _, err := s.driver().Update(over, have, changed); return err },
	}
	if !s.kind.DataBearing {
		calls["delete"] = func() error { return s.driver().Delete(over, have) }
	}
	for name, call := range calls {
		begun := time.Now()
		if err := want(call(), context.Canceled, name+" with a cancelled context"); err != nil {
			return err
		}
		if took := time.Since(begun); took > 5*time.Second {
			return fmt.Errorf("%s with a cancelled context took %s", name, took)
		}
	}
	return s.see(ctx, s.driver(), s.Fleet, plain)
}
