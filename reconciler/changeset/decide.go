package changeset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/resource"
)

const (
	driftedText = "changed in the cloud and not in Git: merge its drift report to keep the cloud's value, close it to have Git's put back"
	missingText = "deleted in the cloud and not in Git: take it out of Git, or close its drift report to have it made again"
)

// missing decides on what is desired and isn't there.
func (c *comparison) missing(change *Change, d *resource.Desired) {
	k := c.kinds[d.Address.Kind]
	change.Action, change.Cause = Create, Config
	if d.Adopt != "" {
		change.Action = Adopt
	}
	before := c.settledTo(d.Address)
	if before != nil && c.asApplied(k, d, before) {
		change.Cause = Drift
	}
	change.Want = c.want(k, d)
	for i := range k.attributes {
		a := &k.attributes[i]
		if value := change.Want.Attributes[a.Name]; value.IsSet() && value != a.absent {
			change.Attributes = append(change.Attributes, Difference{
				Path: a.Name, After: value, Cause: change.Cause, Origin: d.OriginOf(a.Name),
			})
		}
	}
	if change.Action == Adopt {
		c.adopting(change, k, d)
	}
	until, unsure := c.unsure(d)
	switch {
	case change.Hold != "":
	case unsure && c.Now.Before(until):
		change.HoldKind, change.Again = HoldUnsure, until
		change.Hold = "an earlier create was sent, and what it makes may still show up; the next one may be sent after " + until.UTC().Format(time.RFC3339)
	case c.movedFromTheDark(change, d):
	case change.Cause == Drift && !c.CorrectDrift:
		change.Hold, change.HoldKind = missingText, HoldDrift
	}
}

// unsure is until when an earlier create may still show up, under the address of now or before.
func (c *comparison) unsure(d *resource.Desired) (until time.Time, unsure bool) {
	until, unsure = c.Unsure[d.Address]
	for _, was := range d.Previously {
		if at, ok := c.Unsure[was]; ok && at.After(until) {
			until, unsure = at, true
		}
	}
	return until, unsure
}

// movedFromTheDark holds a create whose resource was last known in a place that can't be read: it
// may well be there still, and then there would be two.
func (c *comparison) movedFromTheDark(change *Change, d *resource.Desired) bool {
	for _, address := range append([]resource.Address{d.Address}, d.Previously...) {
		before := c.applied[address]
		if before == nil || before.Scope == d.Scope {
			continue
		}
		if why, blind := c.blind(before.Scope, d.Address.Kind); blind {
			change.Hold, change.HoldKind = "it may still be where it was before: "+why, HoldUnseen
			return true
		}
	}
	return false
}

// asApplied tells whether Git says of a resource what it said before, references open on both sides.
func (c *comparison) asApplied(k *kind, d, before *resource.Desired) bool {
	if d.Scope != before.Scope {
		return false
	}
	for i := range k.attributes {
		a := &k.attributes[i]
		if !a.normal(d.Attributes[a.Name]).Equal(a.normal(before.Attributes[a.Name])) {
			return false
		}
	}
	return true
}

// want is what Git asks for in the form that is sent: canonical, known outputs filled in.
func (c *comparison) want(k *kind, d *resource.Desired) *resource.Desired {
	want := *d
	want.Attributes = k.Canonical(d.Attributes.Resolve(c.output))
	return &want
}

// differs decides on what is desired and is there; false if nothing differs.
func (c *comparison) differs(change *Change, d *resource.Desired, have *resource.Observed) bool {
	k := c.kinds[d.Address.Kind]
	contrasts := c.contrasts(k, d, have)
	if renaming, moved := c.renaming(d); moved {
		contrasts = append(contrasts, renaming)
	}
	if len(contrasts) == 0 && d.Scope == have.Scope && have.Retired == "" {
		return false
	}
	change.Have, change.Want = have, c.want(k, d)
	if d.Scope != have.Scope {
		contrasts = append(contrasts, c.move(d, have))
	}
	if have.Retired != "" {
		contrasts = append(contrasts, c.retirement(d, have))
	}
	change.Cause = Drift
	if slices.ContainsFunc(contrasts, func(x contrast) bool { return x.cause == Config }) {
		change.Cause = Config
	}
	for _, x := range contrasts {
		change.Attributes = append(change.Attributes, Difference{
			Path: x.path(), Before: x.before, After: x.after, Cause: x.cause, Origin: originOf(d, x),
		})
		switch {
		case x.attribute == addressed, x.attribute == Retirement:
		case change.Cause == Config && x.cause == Drift && !c.CorrectDrift:
			c.keep(change, k, x)
		case x.attribute == moved || k.replaces(x):
			change.Replacing = append(change.Replacing, x.path())
		case k.fillsIn(x.attribute):
			spell(change.Want, x)
		}
	}
	slices.SortFunc(change.Attributes, func(a, b Difference) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(change.Replacing)
	change.Action = Update
	if len(change.Replacing) > 0 {
		change.Action = Replace
	}
	c.holdExisting(change, k)
	c.moving(change)
	return true
}

// Retirement is the path of the difference between a resource that is out of service, or about to be
// deleted, and one that Git wants. No kind has an attribute of that name.
const Retirement = "retired"

// retirement is the difference of what is out of service. If Git has wanted it all along, then somebody
// else took it out: scheduled its deletion, or put our tag on. An update takes it back in any case.
func (c *comparison) retirement(d *resource.Desired, have *resource.Observed) contrast {
	x := contrast{attribute: Retirement, before: resource.String(have.Retired), cause: Config}
	if c.settledTo(d.Address) != nil {
		x.cause = Drift
	}
	return x
}

// moved is the path of a difference in place. No kind has an attribute of that name.
const moved = "scope"

// move is the difference between where a resource is to be and where it is.
func (c *comparison) move(d *resource.Desired, have *resource.Observed) contrast {
	x := contrast{attribute: moved, before: resource.String(have.Scope.String()), after: resource.String(d.Scope.String()), cause: Config}
	if before := c.settledTo(d.Address); before != nil && before.Scope == d.Scope {
		x.cause = Drift
	}
	return x
}

// replaces tells whether a difference can only be mended by a new resource.
func (k *kind) replaces(x contrast) bool {
	at, known := k.index[x.attribute]
	if !known {
		return false
	}
	a := k.attributes[at]
	return a.Immutable || a.Replaces != nil && a.Replaces(put(resource.Value{}, x.keys, x.before), put(resource.Value{}, x.keys, x.after))
}

// spell says of a difference which way it goes, where the values don't tell.
func spell(want *resource.Desired, x contrast) {
	way := append([]string{x.attribute}, x.keys...)
	switch {
	case !x.after.IsSet():
		want.Dropped = append(want.Dropped, way)
	case !x.before.IsSet():
		want.Missing = append(want.Missing, way)
	}
}

// fillsIn tells whether the cloud sets parts of an attribute by itself, so that what Git drops has to
// be named to be removed.
func (k *kind) fillsIn(attribute string) bool {
	at, known := k.index[attribute]
	return known && k.attributes[at].Asked != nil
}

// keep puts the cloud's value into what an update sends, at a place that Git didn't change.
func (c *comparison) keep(change *Change, k *kind, x contrast) {
	if x.attribute == moved {
		change.Want.Scope, change.Scope = change.Have.Scope, change.Have.Scope
		return
	}
	if !x.before.Known() {
		// Text from the cloud that reads as a reference would be resolved on its way back.
		change.Hold, change.HoldKind = fmt.Sprintf("the cloud's value of %s can't be kept, as it reads as a reference: decide on its drift first", x.path()), HoldDrift
		return
	}
	value := k.attributes[k.index[x.attribute]].Normal(put(change.Want.Attributes[x.attribute], x.keys, x.before))
	if value.IsSet() {
		change.Want.Attributes[x.attribute] = value
	} else {
		delete(change.Want.Attributes, x.attribute)
	}
}

// holdExisting holds a change of what is there, for the gravest of the reasons that it has.
func (c *comparison) holdExisting(change *Change, k *kind) {
	switch {
	case change.Have.Pending != "":
		change.Hold, change.HoldKind = "the cloud is still busy with it: "+change.Have.Pending, HoldPending
	case change.Action == Replace && k.DataBearing:
		change.HoldKind = HoldData
		change.Hold = fmt.Sprintf("%s can't be changed in place, and replacing it would destroy what it holds: give the new one another name in Git, move the data, then take the old one out of Git",
			strings.Join(change.Replacing, ", "))
	case change.Cause == Drift && !c.CorrectDrift:
		change.Hold, change.HoldKind = driftedText, HoldDrift
	}
}

// originOf is the line that a place inside an attribute comes from.
func originOf(d *resource.Desired, x contrast) resource.Origin {
	if at, ok := d.Origins[x.path()]; ok {
		return at
	}
	return d.OriginOf(x.attribute)
}

// compareUndesired decides on all that the cloud has and Git doesn't ask for.
func (c *comparison) compareUndesired() {
	for address, have := range c.observed {
		if _, wanted := c.desired[address]; wanted {
			continue
		}
		if _, claimed := c.claimed[address]; claimed {
			continue // by what has a hold of its own, or by an owner that is broken
		}
		if _, broken := c.broken[address.Owner]; broken {
			continue
		}
		if _, blind := c.blind(have.Scope, address.Kind); blind {
			continue
		}
		k := c.kinds[address.Kind]
		switch {
		case c.isBusy(address):
		case k == nil:
			c.unknown[Place{Scope: have.Scope, Kind: address.Kind}] = "this version knows no kind " + address.Kind
		case have.Retired != "" && c.doubles[address] == nil:
			c.unchanged++
		default:
			c.changes = append(c.changes, c.undesired(k, have))
		}
	}
}

// undesired is the change for one resource that Git doesn't ask for.
func (c *comparison) undesired(k *kind, have *resource.Observed) Change {
	address := have.Address
	change := Change{
		Address: address, Scope: have.Scope, Cell: c.cells.of(address, have.Scope),
		Action: Delete, Cause: Config, Have: have,
	}
	if before := c.applied[address]; before != nil {
		change.Origin = before.Origin
	}
	if k.DataBearing {
		change.Action = Retire
	}
	_, removed := c.Removed[address.Owner]
	inGit := c.present[address.Owner]
	applied := c.appliedTo(address) != nil
	suspicion, guard := c.suspect(address)
	switch {
	case suspicion != "":
		change.Action, change.Cause, change.Hold, change.HoldKind = None, Orphan, suspicion, guard
	case len(k.Identity) > 0 && c.applied[address] == nil:
		change.Cause, change.HoldKind = Orphan, HoldOrphan
		change.Hold = fmt.Sprintf("somebody put %s into what %s has, and Git says nothing of it: describe it in Git, or remove it by hand", have.ID, address.Owner)
	case !inGit && !removed:
		change.Cause, change.HoldKind = Orphan, HoldNotInGit
		change.Hold = fmt.Sprintf("%s asks for nothing in Git, and no commit removed it: absence is no reason to delete", address.Owner)
	case inGit && !applied && !c.Created[address]:
		change.Cause, change.HoldKind = Orphan, HoldOrphan
		change.Hold = "it carries this fleet's mark, but neither Git nor the log knows of it: describe it in Git, or remove it or its tag tenantry:address by hand"
	case have.Pending != "":
		change.Hold, change.HoldKind = "the cloud is still busy with it: "+have.Pending, HoldPending
	}
	return change
}

// holdInUse holds the deletion of what is used by something that is left alone.
func (c *comparison) holdInUse() {
	going := map[resource.Address]*Change{}
	for i := range c.changes {
		if change := &c.changes[i]; change.Hold == "" && (change.Action == Delete || change.Action == Retire) {
			going[change.Address] = change
		}
	}
	if len(going) == 0 {
		return
	}
	for i := range c.Applied {
		user := &c.Applied[i]
		why, alone := c.letAlone(user)
		if !alone {
			continue
		}
		for _, ref := range user.Attributes.Refs() {
			change := going[ref.Address]
			text := fmt.Sprintf("%s uses it and is left alone: %s", user.Address, why)
			if change != nil && (change.Hold == "" || text < change.Hold) {
				change.Hold, change.HoldKind = text, HoldUnseen
			}
		}
	}
}

// letAlone tells why what was applied of a resource is left as it is; false if it isn't.
func (c *comparison) letAlone(user *resource.Desired) (string, bool) {
	if why, blind := c.blind(user.Scope, user.Address.Kind); blind {
		return why, true
	}
	if c.observed[user.Address] == nil {
		return "", false
	}
	if why, broken := c.broken[user.Address.Owner]; broken {
		return "the definitions of " + string(user.Address.Owner) + " can't be used: " + why, true
	}
	_, removed := c.Removed[user.Address.Owner]
	if !removed && !c.present[user.Address.Owner] {
		return string(user.Address.Owner) + " is absent from Git, and no commit removed it", true
	}
	return "", false
}
