package providertest

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// createOver requires that what is there already is left alone by a create, which says the way on.
func createOver(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	changed.Address.Name = "another"
	_, err = s.rival().Create(ctx, changed, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "create what is there"); err != nil {
		return err
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("adopt: %q", have.ID)) {
		return fmt.Errorf("create what is there: the error doesn't say how to take it over: %w", err)
	}
	return s.see(ctx, s.driver(), s.Fleet, plain)
}

// another requires that nothing is done to a resource that isn't what was recognised any more.
func another(ctx context.Context, s *stage) error {
	plain, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	other := have
	if other.Attributes, err = otherwise(have.Attributes, s.kind.Fixed()); err != nil {
		return err
	}
	_, err = s.refresh(ctx, other)
	if err := want(err, providers.ErrNotOurs, "refresh"); err != nil {
		return err
	}
	_, err = s.driver().Update(ctx, other, changed)
	if err := want(err, providers.ErrNotOurs, "update"); err != nil {
		return err
	}
	if err := want(s.driver().Delete(ctx, other), providers.ErrNotOurs, "delete"); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.Fleet, plain)
}

// otherwise returns attributes with something else at the first of these paths that has something.
func otherwise(attributes resource.Attributes, paths []string) (resource.Attributes, error) {
	for _, path := range paths {
		if !attributes.At(path).IsSet() {
			continue
		}
		out := maps.Clone(attributes)
		keys := strings.Split(path, ".")
		out[keys[0]] = altered(out[keys[0]], keys[1:])
		return out, nil
	}
	return nil, fmt.Errorf("the sample has nothing that tells it apart at %q", paths)
}

// altered is a value with something else at the end of keys.
func altered(v resource.Value, keys []string) resource.Value {
	if len(keys) == 0 {
		return resource.String("something else")
	}
	members, _ := v.Members()
	members[keys[0]] = altered(members[keys[0]], keys[1:])
	return resource.Object(members)
}

// adoptBare requires that what exists is taken over if it is what is asked for, and left alone if not.
func adoptBare(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.Fleet)
	if err != nil {
		return err
	}
	adopter, ok := s.rival().(providers.Adopter)
	if !ok {
		return fmt.Errorf("the driver can't adopt")
	}
	take := plain
	take.Address.Name, take.Adopt = "taken", have.ID
	ours, err := adopter.Adopt(ctx, take, s.Fleet)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	if ours.ID != have.ID || ours.Address != take.Address {
		return fmt.Errorf("adopt returned %s (%s) for %s (%s)", ours.Address, ours.ID, take.Address, have.ID)
	}
	if take.Attributes, err = otherwise(take.Attributes, s.kind.Identity); err != nil {
		return err
	}
	_, err = adopter.Adopt(ctx, take, s.Fleet)
	if err := want(err, providers.ErrNotOurs, "adopt another one than is asked for"); err != nil {
		return err
	}
	return s.see(ctx, s.driver(), s.Fleet, plain)
}
