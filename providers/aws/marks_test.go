package aws

import (
	"errors"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// Between the observation and the write somebody took the mark away, or put another's in its place:
// whatever was planned, nothing is written.
func TestWhatLostItsMarkIsNotWritten(t *testing.T) {
	kinds := []struct {
		kind   resource.Kind
		id     string
		have   map[string]any
		driver func(*sessions) providers.Driver
		answer func(tagged) func(call) reply
	}{
		{
			kindBucket, "acme-data",
			map[string]any{"name": "acme-data", "versioning": true},
			func(s *sessions) providers.Driver { return newBucket(s) },
			func(tags tagged) func(call) reply { return (&buckets{tags: tags}).answer },
		},
		{
			kindSecret, testSecretARN,
			map[string]any{"name": "acme-db", "description": "old"},
			func(s *sessions) providers.Driver { return newSecret(s) },
			func(tags tagged) func(call) reply { return (&secrets{name: "acme-db", tags: tags}).answer },
		},
		{
			kindRole, "acme-app",
			map[string]any{"name": "acme-app", "description": "old", "assumeRolePolicy": rawJSON(trustPolicy)},
			func(s *sessions) providers.Driver { return newRole(s) },
			func(tags tagged) func(call) reply { return (&roles{tags: tags}).answer },
		},
		{
			kindKey, "key-1",
			map[string]any{"alias": "alias/acme", "description": "old"},
			func(s *sessions) providers.Driver { return newKey(s) },
			func(tags tagged) func(call) reply {
				store := newKeyStore()
				store.add("key-1", "alias/acme", tags)
				return store.answer
			},
		},
	}
	for _, k := range kinds {
		was := have(k.kind, k.id, k.have)
		for reason, tags := range map[string]tagged{
			"no mark":         {"team": "red"},
			"another fleet":   marked(nil, "other", was.Address, ""),
			"another address": marked(nil, testFleet, address(k.kind.Name, "other"), ""),
		} {
			t.Run(k.kind.Name+" "+reason, func(t *testing.T) {
				w := newWire(t, k.answer(tags))
				d := k.driver(w.sessions())
				want := desired(k.kind, k.have)
				delete(want.Attributes, "description")
				delete(want.Attributes, "versioning")
				_, update := d.Update(t.Context(), was, want)
				_, refresh := d.(providers.Refresher).Refresh(t.Context(), was)
				errs := []error{update, refresh}
				if r, ok := d.(providers.Retirer); ok {
					_, retire := r.Retire(t.Context(), was, "2026-01-01T00:00:00Z")
					errs = append(errs, retire)
				} else {
					errs = append(errs, d.Delete(t.Context(), was))
				}
				for _, err := range errs {
					if !errors.Is(err, providers.ErrNotOurs) {
						t.Errorf("%v, want ErrNotOurs", err)
					}
				}
				if len(w.wrote()) != 0 {
					t.Errorf("wrote %v", w.wrote())
				}
			})
		}
	}
}
