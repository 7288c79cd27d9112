package changeset

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// What is to be done to a few tenants follows from a part of a snapshot, because a comparison goes resource by
// resource, and leaves an owner only by what follows here:
//
//   - A reference leads to another owner's resource, which is compared first; and whether that owner's
//     definitions can be meant depends on all of them.
//   - An address that a resource had before may be another owner's, and may be claimed by a third one.
//   - Limits count over a cell and the fleet; what goes waits for whatever used it; and the cell of a resource
//     that nobody asks for may have to be guessed from all others. So a plan in which something goes, or
//     that nobody asks for, needs the whole snapshot. Stands tells.
//
// A part therefore has all of an owner or nothing; and of the owners, besides those asked about, all that Leads
// names, again and again until there are no more, and all that have a waiver.

// Leads returns the owners, besides their own, that definitions lead to: those of what they refer to, and of
// what their resources were called before.
func Leads(definitions []resource.Desired) map[resource.Owner]bool {
	out := map[resource.Owner]bool{}
	for i := range definitions {
		d := &definitions[i]
		for _, ref := range d.Attributes.Refs() {
			out[ref.Address.Owner] = true
		}
		for _, was := range d.Previously {
			out[was.Owner] = true
		}
	}
	return out
}

// Stands tells whether what the part of a snapshot comes to for some tenants is what the whole snapshot comes
// to for them: Only(owners...) of either is the same then, but for what to approve, which is nothing.
func (c Changeset) Stands(owners ...resource.Owner) bool {
	of := func(owner resource.Owner) bool { return slices.Contains(owners, owner) }
	if slices.ContainsFunc(owners, func(owner resource.Owner) bool { return owner.Class() != "tenant" }) {
		return false // what refers to a cell's resources is in the order of its changes
	}
	return !slices.ContainsFunc(c.Changes, func(change Change) bool {
		concerned := of(change.Address.Owner) || of(change.From.Owner)
		return concerned && (change.Action.limited() || change.Want == nil)
	})
}
