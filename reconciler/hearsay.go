package reconciler

import (
	"context"
	"slices"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// confirm reads again at the services what an index told and nobody expects, so that an index that lags
// behind our own writes shows no drift and hides no resource: what the service doesn't call by the address
// that the index gave is looked for in its place.
func (o *Observer) confirm(ctx context.Context, set providers.Set, fleet string, scopes []resource.Scope, seen Observation, expected expectation) (Observation, error) {
	for range confirmRounds {
		var doubted []resource.Observed
		for _, r := range seen.Observed {
			if r.Hearsay && expected.doubts(set[r.Address.Kind].Kind(), r) {
				doubted = append(doubted, r)
			}
		}
		if len(doubted) == 0 {
			return seen, nil
		}
		var err error
		if seen, err = o.Again(providers.AtSource(ctx), set, fleet, scopes, Part{Resources: addresses(doubted)}); err != nil {
			return Observation{}, err
		}
	}
	return seen, nil
}

// confirmRounds bounds the looks. One is enough unless somebody else makes the observer forget meanwhile.
const confirmRounds = 3

// An expectation is what a resource may be without anybody wondering: as it is wanted, or as it was
// applied last.
type expectation map[resource.Address][]resource.Attributes

func expect(desired []resource.Desired, known map[resource.Owner]OwnerState) expectation {
	e := make(expectation, len(desired))
	for _, d := range desired {
		e[d.Address] = append(e[d.Address], d.Attributes)
	}
	for _, state := range known {
		for _, d := range state.Applied {
			e[d.Address] = append(e[d.Address], d.Attributes)
		}
	}
	return e
}

// doubts tells whether what came from an index, the mark and the tags, is other than expected. What is
// retired and expected by nobody is as it should be.
func (e expectation) doubts(kind resource.Kind, r resource.Observed) bool {
	expected := e[r.Address]
	if len(expected) == 0 || r.Retired != "" {
		return r.Retired == "" || len(expected) > 0
	}
	has := r.Attributes[attributeTags]
	return !slices.ContainsFunc(expected, func(a resource.Attributes) bool {
		return a[attributeTags].Equal(has) || kind.Canonical(a)[attributeTags].Equal(has)
	})
}

// attributeTags is the attribute that every kind with tags of the user's has.
const attributeTags = "tags"
