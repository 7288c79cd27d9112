package changeset

import (
	"maps"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// A write that the cloud is still at may be for this commit or for an older one, and may show in part.
// Whatever Git asks for, nothing is said of the resource and nothing is sent for its address before the
// write has ended: the comparison that follows then goes on from what is there.

// busy decides on a desired resource that a write is under way for; false if there is none. What is
// being made, or made anew, can't be used before it is done; what is being changed can.
func (c *comparison) busy(d *resource.Desired, have *resource.Observed) (outlook, bool) {
	under, busy := c.UnderWay[d.Address]
	for _, was := range d.Previously {
		if !busy { // what it was called before may still be on its way, and is to be taken over then
			under, busy = c.UnderWay[was]
		}
	}
	if !busy {
		return outlook{}, false
	}
	change := c.waiting(d.Address, under)
	change.Cell, change.Origin, change.Have = d.Cell, d.Origin, have
	c.changes = append(c.changes, change)
	if have != nil && under.Action != Create && !under.Action.Destructive() {
		return outlook{stays: true, outputs: have.Outputs}, true
	}
	return outlook{cause: Config, hold: under.What, kind: HoldPending}, true
}

// isBusy tells whether a write is under way for an address.
func (c *comparison) isBusy(address resource.Address) bool {
	_, busy := c.UnderWay[address]
	return busy
}

// awaitOthers adds a change for each write that is under way for something that Git doesn't ask for any
// more, or never heard of: it is no end of the work that the cloud goes on with it.
func (c *comparison) awaitOthers() {
	decided := map[resource.Address]bool{}
	for _, change := range c.changes {
		decided[change.Address], decided[change.From] = true, true
	}
	for _, address := range slices.SortedFunc(maps.Keys(c.UnderWay), resource.Address.Compare) {
		under := c.UnderWay[address]
		_, blind := c.blind(under.Scope, address.Kind)
		if _, broken := c.broken[address.Owner]; broken || blind || decided[address] || c.claimed[address] != (resource.Address{}) {
			continue
		}
		change := c.waiting(address, under)
		change.Cell, change.Have = c.cells.of(address, under.Scope), c.observed[address]
		c.changes = append(c.changes, change)
	}
}

// waiting is the change that stands for a write that is under way.
func (c *comparison) waiting(address resource.Address, under UnderWay) Change {
	return Change{
		Address: address, Scope: under.Scope, Action: under.Action, Cause: Config, Hold: under.What, HoldKind: HoldPending,
	}
}
