package reconciler

import (
	"context"
	"fmt"
	"slices"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// drifting is what a look found of drift from a target. While a newer commit is being applied, what is made
// for that is in the cloud and not in the target; it is news, and nobody need decide on it.
func (d *Daemon) drifting(ctx context.Context, t Target, p Plan) ([]changeset.Change, error) {
	changes := slices.DeleteFunc(slices.Clone(p.Changeset.Changes), func(c changeset.Change) bool {
		return c.Cause != changeset.Drift && c.Cause != changeset.Orphan
	})
	text, err := d.Reconciler.State.Get(ctx, stateAccepted)
	if err != nil {
		return nil, fmt.Errorf("recall the accepted commit: %w", err)
	}
	if newer := Commit(text); newer != "" && newer != t.Commit {
		known, err := d.Reconciler.State.Owners(ctx) // as of after the look
		if err != nil {
			return nil, fmt.Errorf("recall what was applied: %w", err)
		}
		kinds := p.set.Kinds()
		changes = slices.DeleteFunc(changes, func(c changeset.Change) bool {
			return c.Want == nil && isNews(known[c.Address.Owner], c.Address, kinds[c.Address.Kind], newer)
		})
	}
	return changes, nil
}

// isNews tells whether what is at an address, and what the target doesn't ask for, was made for a newer
// commit. What can't carry a mark may have been taken for a stray, whose address says nothing but the kind.
func isNews(state OwnerState, address resource.Address, kind resource.Kind, newer Commit) bool {
	same := func(other resource.Address) bool {
		return other == address || len(kind.Identity) > 0 && other.Kind == address.Kind
	}
	for begun := range state.Begun {
		if same(begun) {
			return true
		}
	}
	return state.Commit == newer && slices.ContainsFunc(state.Applied, func(a resource.Desired) bool { return same(a.Address) })
}
