package changeset

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// Empty tells whether there is nothing to do, nothing to decide and nothing to forget. It says
// nothing of places that couldn't be seen and of owners that are broken.
func (c Changeset) Empty() bool { return len(c.Changes) == 0 && len(c.Abandoned) == 0 }

// Ready returns the changes that aren't held, in the order of their application.
func (c Changeset) Ready() []Change {
	var ready []Change
	for _, change := range c.Changes {
		if change.Hold == "" {
			ready = append(ready, change)
		}
	}
	return ready
}

// Only returns the part of the changeset that concerns some owners, in the same order and with a
// digest of its own. Needs are kept even where they name addresses of other owners, which are then
// not part of it. What is unseen stays; what is unchanged isn't counted.
func (c Changeset) Only(owners ...resource.Owner) Changeset {
	wanted := make(map[resource.Owner]bool, len(owners))
	for _, owner := range owners {
		wanted[owner] = true
	}
	part := c
	part.Unchanged = 0
	part.Changes = slices.DeleteFunc(slices.Clone(c.Changes), func(change Change) bool { return !wanted[change.Address.Owner] })
	part.Abandoned = slices.DeleteFunc(slices.Clone(c.Abandoned), func(a Abandoned) bool { return !wanted[a.Address.Owner] })
	part.Broken = slices.DeleteFunc(slices.Clone(c.Broken), func(b Broken) bool { return !wanted[b.Owner] })
	part.Digest, part.Again = digest(part), again(part.Changes)
	return part
}

// Summary counts the changes.
func (c Changeset) Summary() Summary {
	var s Summary
	owners := map[resource.Owner]bool{}
	for _, change := range c.Changes {
		owners[change.Address.Owner] = true
		if change.Hold != "" {
			s.Held++
		}
		switch change.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Replace:
			s.Replace++
		case Delete:
			s.Delete++
		case Retire:
			s.Retire++
		case Adopt:
			s.Adopt++
		case Move:
			s.Move++
		}
	}
	s.Owners = len(owners)
	return s
}
