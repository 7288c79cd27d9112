package changeset

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// Moves are prepared into the input: what the cloud and the log have under an address that a resource
// had before is put under its address of now. The comparison goes on as if it had always been there,
// and at the end makes a Move of what would have been an update.
//
//	at an earlier address   at that of now   what happens
//	one resource            –                it is moved
//	–                       –                it is created, or was there before and is missing
//	–                       a resource       it was moved already, and is compared as any other
//	one resource            a resource       both are left alone until a person decides
//	several resources       –                all are left alone until a person decides
//
// What is at an address that is claimed is never deleted or retired, not even if whoever claims it is
// broken or can't be seen.

// addressed is the path of the difference in address. No kind has an attribute of that name.
const addressed = "address"

// claim notes which addresses are claimed by resources that were renamed, and returns why a claim can't
// be meant.
func (c *comparison) claim() []flaw {
	var flaws []flaw
	for i := range c.nodes {
		d := c.nodes[i].want
		for _, was := range d.Previously {
			if was == d.Address {
				continue
			}
			if c.isBroken(d.Address.Owner) {
				c.claimed[was] = d.Address
				continue
			}
			if c.desired[was] != nil {
				flaws = append(flaws, flaw{d.Address, fmt.Sprintf("%s says that it was %s, which Git still describes", d.Address, was)})
			}
			if by, twice := c.claimed[was]; twice && by != d.Address {
				for _, one := range []resource.Address{by, d.Address} {
					first, second := min(by.String(), d.Address.String()), max(by.String(), d.Address.String())
					flaws = append(flaws, flaw{one, fmt.Sprintf("both %s and %s say that they were %s", first, second, was)})
				}
			}
			c.claimed[was] = d.Address
		}
	}
	return flaws
}

// takeOver puts what is at earlier addresses under those of now.
func (c *comparison) takeOver() {
	if len(c.claimed) == 0 {
		return
	}
	renamed := map[resource.Address]resource.Address{}
	for i := range c.nodes {
		d := c.nodes[i].want
		if c.isBroken(d.Address.Owner) || len(d.Previously) == 0 {
			continue
		}
		was, found := c.earlier(d)
		if !found {
			was, found = c.appliedEarlier(d)
		}
		if found {
			renamed[was] = d.Address
		}
	}
	c.renameApplied(renamed)
	for was, address := range renamed {
		if have := c.observed[was]; have != nil {
			c.observed[address], c.moved[address] = have, was
			delete(c.observed, was)
		}
	}
}

// earlier is the one address at which the cloud has a resource that was renamed. If that can't be
// told, or if there is one at its address of now as well, there is a clash.
func (c *comparison) earlier(d *resource.Desired) (was resource.Address, found bool) {
	var there []string
	for _, address := range d.Previously {
		have := c.observed[address]
		if have == nil || address == d.Address {
			continue
		}
		was = address
		if hold, _ := c.suspect(address); hold != "" {
			c.clashes[d.Address] = hold
			return was, false
		}
		if why, broken := c.broken[address.Owner]; broken {
			c.clashes[d.Address] = fmt.Sprintf("Git says that it was %s before, and the definitions of %s can't be used: %s", address, address.Owner, why)
			return was, false
		}
		there = append(there, fmt.Sprintf("%s (%s)", address, have.ID))
	}
	if len(there) == 0 {
		return was, false
	}
	if have := c.observed[d.Address]; have != nil {
		there = append(there, fmt.Sprintf("%s (%s)", d.Address, have.ID))
	}
	if len(there) == 1 {
		return was, true
	}
	slices.Sort(there)
	c.clashes[d.Address] = fmt.Sprintf("Git says that it was called otherwise before, and the cloud has %d of it: %s. Nothing is done to any of them; "+
		"take the earlier name out of Git to keep both apart, or remove the tag tenantry:address from the one that is not to be kept", len(there), strings.Join(there, ", "))
	return was, false
}

// appliedEarlier is the address under which a resource was applied that isn't there in the cloud: it is
// missing, or a run moved it and died before it could remember that.
func (c *comparison) appliedEarlier(d *resource.Desired) (was resource.Address, found bool) {
	if c.applied[d.Address] != nil || c.clashes[d.Address] != "" {
		return was, false
	}
	for _, address := range d.Previously {
		if c.applied[address] != nil {
			return address, true
		}
	}
	return was, false
}

// renameApplied puts what was applied under the addresses of now, references included, unless
// something was applied there already.
func (c *comparison) renameApplied(renamed map[resource.Address]resource.Address) {
	if len(renamed) == 0 {
		return
	}
	now := func(ref resource.Ref) (string, bool) {
		address, ok := renamed[ref.Address]
		return resource.Ref{Address: address, Output: ref.Output}.Placeholder(), ok
	}
	applied := slices.Clone(c.Applied)
	for i := range applied {
		d := &applied[i]
		d.Attributes = d.Attributes.Resolve(now)
		address, ok := renamed[d.Address]
		if !ok || c.applied[address] != nil {
			continue
		}
		c.settledBy[address] = d.Address.Owner
		d.Address = address
	}
	c.Applied = applied
	clear(c.applied)
	for i := range applied {
		c.applied[applied[i].Address] = &applied[i]
	}
}

// moving turns the change of a resource that is under an earlier address into its move.
func (c *comparison) moving(change *Change) {
	was, moved := c.moved[change.Address]
	if !moved {
		return
	}
	change.Action, change.From = Move, was
	if len(change.Replacing) > 0 {
		change.HoldKind = HoldMove
		change.Hold = fmt.Sprintf("it is %s under another name, and that would change its %s, which can't be done to what is there: "+
			"let Git say what the cloud has there, or take the earlier name out of Git to have another one made",
			was, strings.Join(change.Replacing, ", "))
	}
}

// renaming is the difference in address, if a resource is under an earlier one.
func (c *comparison) renaming(d *resource.Desired) (contrast, bool) {
	was, moved := c.moved[d.Address]
	x := contrast{attribute: addressed, before: resource.String(was.String()), after: resource.String(d.Address.String()), cause: Config}
	if _, other := c.settledBy[d.Address]; !other && c.settledTo(d.Address) != nil {
		x.cause = Drift // it was moved already, and somebody changed its mark back
	}
	return x, moved
}
