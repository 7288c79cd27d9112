package providertest

import (
	"context"
	"fmt"
	"maps"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// surveyed finds one resource in a survey of the stage's scope.
func (s *stage) surveyed(ctx context.Context, id string) (providers.Found, error) {
	var found providers.Found
	surveyor, ok := s.driver().(providers.Surveyor)
	if !ok {
		return found, fmt.Errorf("the driver can't survey")
	}
	scope := s.scopeOf(s.kind.Name)
	return found, s.settled(ctx, func() error {
		var list []providers.Found
		err := s.quiet("survey", func() (err error) {
			list, err = surveyor.Survey(ctx, scope)
			return err
		})
		if err != nil {
			return err
		}
		times := 0
		for _, f := range list {
			if f.Kind != s.kind.Name || f.Scope != scope || f.ID == "" || f.Name == "" {
				return fmt.Errorf("the survey of %s has %q (%s) of %s in %s", scope, f.Name, f.ID, f.Kind, f.Scope)
			}
			if f.ID == id {
				found = f
				times++
			}
		}
		if times != 1 {
			return fmt.Errorf("the survey has %s %d times", id, times)
		}
		return nil
	})
}

// surveyUnmarked makes something without our mark, surveys it, and adopts it with exactly what the
// survey says of it: then nothing is left to be done.
func surveyUnmarked(ctx context.Context, s *stage) error {
	_, changed, err := s.samples(ctx)
	if err != nil {
		return err
	}
	made, err := s.create(ctx, changed, s.Fleet)
	if err != nil {
		return err
	}
	if err := s.Unmark(ctx, made); err != nil {
		return fmt.Errorf("take the mark off: %w", err)
	}
	if err := s.see(ctx, s.driver(), s.Fleet); err != nil {
		return err
	}
	found, err := s.surveyed(ctx, made.ID)
	if err != nil {
		return err
	}
	if !found.Unowned() || found.Address != (resource.Address{}) {
		return fmt.Errorf("%s is nobody's, and surveyed as %q's, retired %q, unread %q", made.ID, found.Fleet, found.Retired, found.Unread)
	}
	as := resource.Observed{Address: changed.Address, Scope: found.Scope, ID: found.ID, Attributes: found.Attributes, Outputs: found.Outputs}
	if err := s.sound(as); err != nil {
		return fmt.Errorf("surveyed %s: %w", found.ID, err)
	}
	var have struct{ Tags map[string]string }
	if err := (resource.Attributes{"tags": found.Attributes["tags"]}).Decode(&have); err != nil {
		return err
	}
	if !maps.Equal(have.Tags, found.Tags) {
		return fmt.Errorf("surveyed with the tags %v, and the attribute %v", found.Tags, have.Tags)
	}
	return s.takeOver(ctx, changed, found)
}

// takeOver adopts what was surveyed, and requires that nothing is left to be done for a definition
// that says what the survey said.
func (s *stage) takeOver(ctx context.Context, want resource.Desired, found providers.Found) error {
	adopter, ok := s.rival().(providers.Adopter)
	if !ok {
		return fmt.Errorf("the driver can't adopt")
	}
	want.Adopt, want.Attributes = found.ID, found.Attributes
	if _, err := adopter.Adopt(ctx, want, s.Fleet); err != nil {
		return fmt.Errorf("adopt what was surveyed: %w", err)
	}
	return s.settled(ctx, func() error {
		observed, err := s.observe(ctx, s.other, []string{s.kind.Name}, []resource.Desired{want}, nil)
		if err != nil {
			return err
		}
		cs, err := s.compute([]resource.Desired{want}, []resource.Desired{want}, observed)
		if err != nil {
			return fmt.Errorf("compute: %w", err)
		}
		return pending(cs)
	})
}

// surveyForeign requires that what another fleet has is surveyed as that fleet's.
func surveyForeign(ctx context.Context, s *stage) error {
	plain, _, err := s.samples(ctx)
	if err != nil {
		return err
	}
	have, err := s.create(ctx, plain, s.stranger())
	if err != nil {
		return err
	}
	found, err := s.surveyed(ctx, have.ID)
	switch {
	case err != nil:
		return err
	case found.Unowned():
		return fmt.Errorf("surveyed %s as nobody's, and it is fleet %s's", have.ID, s.stranger())
	case found.Fleet != s.stranger() || found.Address != plain.Address:
		return fmt.Errorf("surveyed as %s of fleet %q, and it is %s of fleet %q", found.Address, found.Fleet, plain.Address, s.stranger())
	}
	return nil
}
