package changeset

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// An outlook is what others can expect of a resource: its outputs now, outputs once a change is
// made, or nothing that can be said.
type outlook struct {
	stays   bool // the resource is there and keeps its outputs
	outputs map[string]string
	cause   Cause  // of the change that it comes with, if it is still to come
	hold    string // why those that need it must wait, in a person's words
	kind    string // the Hold… constant that goes with it
}

// output is what a reference points at, if that is known already.
func (c *comparison) output(ref resource.Ref) (string, bool) {
	text, ok := c.foresee(ref.Address).outputs[ref.Output]
	return text, ok
}

// unjudged tells whether a value, its known outputs filled in, hangs on a resource of which nothing
// can be said.
func (c *comparison) unjudged(v resource.Value) bool {
	for _, ref := range v.Refs() {
		if o := c.foresee(ref.Address); o.kind != "" || o.stays {
			return true
		}
	}
	return false
}

// waitsFor tells why nothing can be done to a resource because of what it refers to; empty if it can.
func (c *comparison) waitsFor(refs []resource.Ref) (hold, kind string) {
	for _, ref := range refs {
		o := c.foresee(ref.Address)
		if o.kind != "" {
			return "needs " + ref.Address.String() + ": " + o.hold, o.kind
		}
		if _, known := o.outputs[ref.Output]; o.stays && !known {
			return fmt.Sprintf("needs %s of %s, and the cloud doesn't tell it yet", ref.Output, ref.Address), HoldPending
		}
	}
	return "", ""
}

// foresee compares a resource, once, after all that it refers to; references are free of circles.
func (c *comparison) foresee(address resource.Address) outlook {
	if n := c.desired[address]; n != nil {
		if !n.seen {
			n.outlook, n.seen = c.compareDesired(n), true
		}
		return n.outlook
	}
	o, known := c.foreseen[address]
	if !known {
		o = c.leftAlone(address)
		c.foreseen[address] = o
	}
	return o
}

// leftAlone is the outlook of what isn't desired and yet stays.
func (c *comparison) leftAlone(address resource.Address) outlook {
	if hold, kind := c.suspect(address); hold != "" {
		return outlook{hold: hold, kind: kind}
	}
	if have := c.observed[address]; have != nil {
		if why, blind := c.blind(have.Scope, address.Kind); blind {
			return outlook{hold: why, kind: HoldUnseen}
		}
		return outlook{stays: true, outputs: have.Outputs}
	}
	why := "nothing is known of it"
	if reason, broken := c.broken[address.Owner]; broken {
		why = fmt.Sprintf("the definitions of %s can't be used: %s", address.Owner, reason)
	}
	return outlook{hold: why, kind: HoldUnseen}
}

// suspect tells why nothing is done to what carries an address, and which guard says so: there are
// several, or it isn't what we made. Both are empty if nothing speaks against it.
func (c *comparison) suspect(address resource.Address) (hold, kind string) {
	if double, ok := c.doubled(address); ok {
		return double, HoldDouble
	}
	if unclear := c.Unclear[address]; unclear != "" {
		return unclear, HoldDouble
	}
	have := c.observed[address]
	if have == nil || !c.strange(have) {
		return "", ""
	}
	return fmt.Sprintf("%s in %s carries the address %s, but not the mark of any create that the log has of it: its tags may be a copy. "+
		"Nothing is done to it; remove its tag tenantry:address if it isn't ours", have.ID, have.Scope, have.Address), HoldOrphan
}

// strange tells whether a resource that can't be known by its name lacks the mark of every create that
// the log has of its address. If the log has none, as after its loss, the address has to do.
func (c *comparison) strange(have *resource.Observed) bool {
	k := c.kinds[have.Address.Kind]
	nonces := c.Nonces[have.Address]
	return k != nil && k.Unrepeatable && len(k.Identity) == 0 && len(nonces) > 0 && !slices.Contains(nonces, have.Nonce)
}

// doubled names the resources that carry one address; false if there is one at most.
func (c *comparison) doubled(address resource.Address) (string, bool) {
	list := c.doubles[address]
	if list == nil {
		return "", false
	}
	var names []string
	for _, o := range list {
		names = append(names, fmt.Sprintf("%s in %s", o.ID, o.Scope))
	}
	if k := c.kinds[address.Kind]; k != nil && len(k.Identity) > 0 {
		return fmt.Sprintf("%d resources are what %s asks for: %s. Nothing is done to either; remove the one that is not to be kept",
			len(list), address, strings.Join(names, ", ")), true
	}
	return fmt.Sprintf("%d resources carry the address %s: %s. Nothing is done to either; remove the tag tenantry:address from the one that is not to be kept",
		len(list), address, strings.Join(names, ", ")), true
}

// compareDesired decides on one desired resource and adds the change, if there is one.
func (c *comparison) compareDesired(n *node) outlook {
	d := n.want
	have := c.observed[d.Address]
	if why, blind := c.blind(d.Scope, d.Address.Kind); blind {
		return outlook{hold: why, kind: HoldUnseen}
	}
	if have != nil {
		// It may have been listed before the rest of the place couldn't be.
		if why, blind := c.blind(have.Scope, d.Address.Kind); blind {
			return outlook{hold: why, kind: HoldUnseen}
		}
	}
	if hold, kind := c.suspect(d.Address); hold != "" {
		c.changes = append(c.changes, Change{
			Address: d.Address, Scope: d.Scope, Cell: d.Cell, Origin: d.Origin, Action: None, Cause: Orphan,
			Hold: hold, HoldKind: kind, Have: have,
		})
		return outlook{hold: hold, kind: kind}
	}
	if o, busy := c.busy(d, have); busy {
		return o
	}
	if clash := c.clashes[d.Address]; clash != "" {
		c.changes = append(c.changes, Change{
			Address: d.Address, Scope: d.Scope, Cell: d.Cell, Origin: d.Origin, Action: None, Cause: Config,
			Hold: clash, HoldKind: HoldMove, Have: have,
		})
		return outlook{hold: clash, kind: HoldMove}
	}
	waits, waitsKind := c.waitsFor(n.refs)
	change := Change{Address: d.Address, Scope: d.Scope, Cell: d.Cell, Origin: d.Origin}
	if have == nil {
		c.missing(&change, d)
	} else if !c.differs(&change, d, have) {
		c.unchanged++
		return outlook{stays: true, outputs: have.Outputs}
	}
	if waits != "" && change.Hold == "" {
		change.Hold, change.HoldKind = waits, waitsKind
	}
	c.changes = append(c.changes, change)
	if there, ok := c.adopted(&change); ok {
		return there
	}
	if have == nil && change.HoldKind == HoldDrift {
		// Until somebody decides whether it comes back, what refers to it can't be judged. What hangs
		// on a deleted queue didn't change with it, and is no drift of its own.
		return outlook{cause: change.Cause, hold: change.Hold, kind: change.HoldKind}
	}
	if have != nil && (change.Action != Replace || change.Hold != "") {
		return outlook{stays: true, outputs: have.Outputs}
	}
	return outlook{cause: change.Cause}
}
