package changeset

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// abandon leaves out what was applied in accounts that are lost, and lists it. Whatever is desired of
// it elsewhere is made there, and what has the mark there, if it shows, isn't looked at.
func (c *comparison) abandon() {
	if len(c.Lost) == 0 {
		return
	}
	var applied []resource.Desired
	for _, d := range c.Applied {
		why, lost := c.Lost[d.Scope.Account]
		if !lost {
			applied = append(applied, d)
			continue
		}
		c.abandoned = append(c.abandoned, Abandoned{Address: d.Address, Scope: d.Scope, Why: why})
	}
	slices.SortFunc(c.abandoned, func(a, b Abandoned) int { return a.Address.Compare(b.Address) })
	c.Applied = applied
	c.Observed = slices.DeleteFunc(slices.Clone(c.Observed), func(o resource.Observed) bool { _, lost := c.Lost[o.Scope.Account]; return lost })
}
