package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// Whatever is written and in whatever order it is asked for, the reach is that of all that is remembered, and what
// is remembered of some is what is remembered of everybody.
func TestTheReachIsThatOfAllOwners(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, fmt.Sprintf("%s/%d", dir, rapid.Int64().Draw(rt, "dir")), store.ReadWrite)
		defer func() { _ = s.Close() }()
		owner := rapid.SampledFrom([]resource.Owner{"tenant/a", "tenant/b", "cell/c"})
		kind := rapid.SampledFrom([]string{"t.key", "t.queue"})
		rt.Repeat(map[string]func(*rapid.T){
			"settle": func(rt *rapid.T) {
				of := owner.Draw(rt, "owner")
				var applied []resource.Desired
				for i := range rapid.IntRange(0, 2).Draw(rt, "resources") {
					applied = append(applied, resource.Desired{
						Address: resource.Address{Owner: of, Kind: kind.Draw(rt, "kind"), Name: fmt.Sprint("r", i)},
						Scope:   resource.Scope{Account: "111122223333", Region: rapid.SampledFrom([]string{"eu-1", "us-1"}).Draw(rt, "region")},
					})
				}
				if err := s.Settle(t.Context(), of, reconciler.Settlement{Commit: "c1", Applied: applied}); err != nil {
					rt.Fatal(err)
				}
			},
			"forget": func(rt *rapid.T) {
				of := owner.Draw(rt, "owner")
				if err := s.Forget(t.Context(), of, []resource.Address{{Owner: of, Kind: kind.Draw(rt, "kind"), Name: "r0"}}); err != nil {
					rt.Fatal(err)
				}
			},
			"begin": func(rt *rapid.T) {
				e := changeset.Entry{Phase: changeset.Before, Action: changeset.Create, Address: resource.Address{Owner: owner.Draw(rt, "owner"), Kind: "t.begun", Name: "r0"}}
				if _, err := s.Record(t.Context(), e); err != nil {
					rt.Fatal(err)
				}
			},
			"look": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "first") {
					if _, err := s.Reach(t.Context()); err != nil {
						rt.Fatal(err)
					}
				}
				sameReach(t, rt, s)
			},
		})
	})
}

func sameReach(t *testing.T, rt *rapid.T, s *store.Store) {
	t.Helper()
	all, err := s.Owners(t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	some, err := s.Some(t.Context(), []resource.Owner{"tenant/b", "cell/c"})
	if err != nil {
		rt.Fatal(err)
	}
	kinds, scopes := map[string]bool{}, map[resource.Scope]bool{}
	for owner, state := range all {
		for _, d := range state.Applied {
			kinds[d.Address.Kind], scopes[d.Scope] = true, true
		}
		for address := range state.Begun {
			kinds[address.Kind] = true
		}
		if want := fmt.Sprint(state); owner != "tenant/a" && fmt.Sprint(some[owner]) != want {
			rt.Fatalf("%s by itself is %v, want %s", owner, some[owner], want)
		}
	}
	if _, other := some["tenant/a"]; other {
		rt.Fatal("more is read than was asked for")
	}
	got, err := s.Reach(t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	if !slices.Equal(got.Kinds, slices.Sorted(maps.Keys(kinds))) || !slices.Equal(got.Scopes, slices.SortedFunc(maps.Keys(scopes), resource.Scope.Compare)) {
		rt.Fatalf("%v, want %v and %v", got, slices.Sorted(maps.Keys(kinds)), scopes)
	}
}
