package changeset

import (
	"cmp"
	"fmt"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// adopting says of an adoption what it changes, if what is to be adopted could be looked at, and
// holds it if that is somebody else's, or would have to become something else.
func (c *comparison) adopting(change *Change, k *kind, d *resource.Desired) {
	have, looked := c.Adoptable[d.Address]
	if !looked {
		return
	}
	change.Attributes = nil
	for _, x := range c.contrasts(k, d, &have) {
		change.Attributes = append(change.Attributes, Difference{
			Path: x.path(), Before: x.before, After: x.after, Cause: change.Cause, Origin: originOf(d, x),
		})
		if k.replaces(x) && x.before.IsSet() && change.Hold == "" {
			change.HoldKind = HoldNotOurs
			change.Hold = fmt.Sprintf("%s of %s is %s, and can't become %s: say in Git what it is, or adopt something else", x.path(), d.Adopt, x.before, x.after)
		}
	}
	slices.SortFunc(change.Attributes, func(a, b Difference) int { return cmp.Compare(a.Path, b.Path) })
	if have.Fleet != "" && (have.Fleet != c.Fleet || have.Address != d.Address) {
		change.HoldKind = HoldNotOurs
		change.Hold = fmt.Sprintf("%s carries the mark of the fleet %s, as %s, and is never taken from it", d.Adopt, have.Fleet, have.Address)
	}
}

// adopted is the outlook of what is to be adopted: it is there, so that what others refer to is known.
func (c *comparison) adopted(change *Change) (outlook, bool) {
	have, looked := c.Adoptable[change.Address]
	if change.Action != Adopt || !looked || change.Hold != "" {
		return outlook{}, false
	}
	return outlook{cause: change.Cause, outputs: have.Outputs}, true
}
