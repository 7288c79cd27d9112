package changeset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenantry.dev/reconciler/resource"
)

// The limits of a fleet that sets none: in 24 hours, the greater of ten resources and five percent
// of those that there are, per fleet and per cell.
const (
	defaultWindow  = 24 * time.Hour
	defaultCount   = 10
	defaultPercent = 5
)

// OrDefault returns the limits with what is unset filled in. Limits without a count and a percent
// but with a window allow no destruction at all.
func (l Limits) OrDefault() Limits {
	if l == (Limits{}) {
		return Limits{Window: defaultWindow, Count: defaultCount, Percent: defaultPercent}
	}
	l.Window = cmp.Or(l.Window, defaultWindow)
	return l
}

// allowed is what may be destroyed of so many resources in one window.
func (l Limits) allowed(of int) int {
	return max(l.Count, int(l.Percent/100*float64(of)), 0)
}

// String says the limits as people would: "10 or 5 % in 24h".
func (l Limits) String() string {
	return fmt.Sprintf("%d or %s %% in %s", l.Count, number(l.Percent), duration(l.Window))
}

// cells tells which cell a resource belongs to that Git doesn't describe any more.
type cells struct {
	byOwner map[resource.Owner]string
	byScope map[resource.Scope]string // the one cell of a scope; empty if there are several
}

func newCells(s Snapshot) cells {
	c := cells{map[resource.Owner]string{}, map[resource.Scope]string{}}
	for _, list := range [][]resource.Desired{s.Desired, s.Applied} { // Git's present word counts first
		for i := range list {
			d := &list[i]
			if d.Cell == "" {
				continue
			}
			if _, known := c.byOwner[d.Address.Owner]; !known {
				c.byOwner[d.Address.Owner] = d.Cell
			}
			if only, known := c.byScope[d.Scope]; !known {
				c.byScope[d.Scope] = d.Cell
			} else if only != d.Cell {
				c.byScope[d.Scope] = ""
			}
		}
	}
	return c
}

func (c cells) of(address resource.Address, scope resource.Scope) string {
	if cell, known := c.byOwner[address.Owner]; known {
		return cell
	}
	switch address.Owner.Class() {
	case "cell":
		return address.Owner.Name()
	case "tenant":
		return c.byScope[scope]
	}
	return ""
}

// A budget is what one fleet or cell has, had taken away, and would have taken away. What is
// destroyed and what is retired have one each.
type budget struct {
	retiring bool
	name     string // "in cell eu-1", "in the fleet"
	file     string // a fitting name for an approval
	of       int
	spent    []Spent
	gone     map[resource.Address]bool // what was taken away, isn't in service any more, and counts in of
	going    []*Change
}

// paid tells whether a change is a further attempt at what was spent already.
func (b *budget) paid(change *Change) bool {
	return slices.ContainsFunc(b.spent, func(s Spent) bool { return s.Again && s.Address == change.Address })
}

// limited tells whether the limits bound the action.
func (a Action) limited() bool { return a.Destructive() || a == Retire }

// holdDestruction holds the changes that take something away and, in a cell or then in the fleet,
// together exceed the limits, unless an approval allows them. It returns the digest that an approval
// has to name if there is any such change.
func (c *comparison) holdDestruction() string {
	limits := c.Limits.OrDefault()
	var going []*Change
	for i := range c.changes {
		if change := &c.changes[i]; change.Hold == "" && change.Action.limited() {
			going = append(going, change)
		}
	}
	if len(going) == 0 {
		return ""
	}
	spent := c.spent(limits.Window)
	digests := c.approvable(going, spent)
	approved, isApproved := c.approved(going, digests...)
	excess := false
	for _, b := range c.budgets(going, spent) {
		b.going = slices.DeleteFunc(b.going, func(change *Change) bool { return change.Hold != "" || b.paid(change) })
		allowed := limits.allowed(b.of)
		if len(b.going) == 0 || len(b.spent)+len(b.going) <= allowed {
			continue
		}
		excess = true
		if isApproved {
			break
		}
		text, again := b.refusal(limits, allowed, digests[0]), b.again(limits)
		for _, change := range b.going {
			change.Hold, change.HoldKind, change.Again = text, HoldLimit, again
		}
	}
	if excess && isApproved {
		for _, change := range going {
			change.Approved = approved
		}
	}
	return digests[0]
}

// spent are the changes made that still count.
func (c *comparison) spent(window time.Duration) []Spent {
	var list []Spent
	for _, s := range c.Spent {
		if s.At.After(c.Now.Add(-window)) {
			list = append(list, s)
		}
	}
	return list
}

// approvable are the digests that an approval may name: of what is to be taken away, for the first
// time that isn't used up, and of the whole changeset.
func (c *comparison) approvable(going []*Change, spent []Spent) []string {
	turn := 0
	for c.usedUp(destruction(c.Fleet, going, spent, turn), going) {
		turn++
	}
	return []string{
		destruction(c.Fleet, going, spent, turn),
		digest(Changeset{Fleet: c.Fleet, Changes: c.changes}),
	}
}

// approved finds a valid approval of one of the digests that isn't used up.
func (c *comparison) approved(going []*Change, digests ...string) (Approved, bool) {
	var found []Approved
	for _, a := range c.Approvals {
		if slices.Contains(digests, a.Digest) && c.Now.Before(a.Expires) && !c.usedUp(a.Digest, going) {
			found = append(found, Approved{Digest: a.Digest, By: a.By, Origin: a.Origin})
		}
	}
	if len(found) == 0 {
		return Approved{}, false
	}
	return slices.MinFunc(found, func(a, b Approved) int {
		return cmp.Or(cmp.Compare(a.Origin.File, b.Origin.File), cmp.Compare(a.Origin.Line, b.Origin.Line),
			cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.By, b.By))
	}), true
}

// usedUp tells whether an approval was good for a destruction that is done with: something that is to
// go was taken away under it already. What is left of one that was interrupted may still go.
func (c *comparison) usedUp(digest string, going []*Change) bool {
	used := c.Used[digest]
	return slices.ContainsFunc(going, func(change *Change) bool { return used[change.Address] })
}

// budgets returns one budget per cell, sorted, and the fleet's as the last, for what is destroyed
// and then for what is retired. What was taken away within the window and isn't in service any more
// counts as had, so that the denominator doesn't shrink.
func (c *comparison) budgets(going []*Change, spent []Spent) []*budget {
	return slices.Concat(c.budgetsFor(false, going, spent), c.budgetsFor(true, going, spent))
}

func (c *comparison) budgetsFor(retiring bool, going []*Change, spent []Spent) []*budget {
	fleet := &budget{retiring: retiring, name: "in the fleet", file: cmp.Or(c.Fleet, "fleet"), gone: map[resource.Address]bool{}}
	byCell := map[string]*budget{}
	each := func(cell string, count func(*budget)) {
		count(fleet)
		if cell == "" {
			return
		}
		if byCell[cell] == nil {
			byCell[cell] = &budget{retiring: retiring, name: "in cell " + cell, file: cell, gone: map[resource.Address]bool{}}
		}
		count(byCell[cell])
	}
	for address, o := range c.observed {
		if c.counted(o, retiring) {
			each(c.cells.of(address, o.Scope), func(b *budget) { b.of++ })
		}
	}
	for _, s := range spent {
		if s.Retired != retiring {
			continue
		}
		o := c.observed[s.Address]
		each(s.Cell, func(b *budget) {
			b.spent = append(b.spent, s)
			if (o == nil || !c.counted(o, retiring)) && !b.gone[s.Address] {
				b.gone[s.Address] = true
				b.of++
			}
		})
	}
	for _, change := range going {
		if (change.Action == Retire) == retiring {
			each(change.Cell, func(b *budget) { b.going = append(b.going, change) })
		}
	}
	var list []*budget
	for _, b := range byCell {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *budget) int { return cmp.Compare(a.name, b.name) })
	return append(list, fleet)
}

// counted tells whether a resource is one of those that a percentage is of: for what is destroyed all
// that there are, for what is retired those that hold data and are in service.
func (c *comparison) counted(o *resource.Observed, retiring bool) bool {
	if !retiring {
		return true
	}
	k := c.kinds[o.Address.Kind]
	return k != nil && k.DataBearing && o.Retired == ""
}

// again is when enough of what was destroyed has left the window for the rest to fit; zero if it
// never will. What leaves the window and isn't there any more doesn't count as had from then on.
func (b *budget) again(l Limits) time.Time {
	spent := slices.SortedFunc(slices.Values(b.spent), func(x, y Spent) int { return x.At.Compare(y.At) })
	last := map[resource.Address]int{}
	for i, s := range spent {
		last[s.Address] = i
	}
	of := b.of
	for i, s := range spent {
		if b.gone[s.Address] && last[s.Address] == i {
			of--
		}
		if len(spent)-i-1+len(b.going) <= l.allowed(of) {
			return s.At.Add(l.Window)
		}
	}
	return time.Time{}
}

// again is the earliest time at which one of the changes could become possible.
func again(changes []Change) time.Time {
	var first time.Time
	for _, change := range changes {
		if at := change.Again; !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// refusal gives the numbers, the names, and the way on.
func (b *budget) refusal(l Limits, allowed int, approval string) string {
	deletes, owners := 0, map[resource.Owner]bool{}
	for _, change := range b.going {
		if change.Action == Delete {
			deletes++
		}
		owners[change.Address.Owner] = true
	}
	verb, noun := "deletes", "resources"
	switch {
	case b.retiring:
		verb, noun = "retires", "resources that hold data"
	case deletes == 0:
		verb = "replaces"
	case deletes < len(b.going):
		verb = "deletes or replaces"
	}
	already := ""
	if len(b.spent) > 0 {
		already = fmt.Sprintf(" on top of %d in the last %s", len(b.spent), duration(l.Window))
	}
	return fmt.Sprintf("%s %d of %d %s (%s %%) %s%s, of %s; the limit is %s, here %d. To allow it, commit approvals/%s.cue with "+
		"approval: %q: {digest: %q, by: \"WHO\", reason: \"WHY\", expires: \"WHEN, as in 2006-01-02T15:04:05Z\"}",
		verb, len(b.going), b.of, noun, percent(len(b.going), b.of), b.name, already, some(owners), l, allowed, b.file, b.file, approval)
}

// some names a few owners and counts the others.
func some(owners map[resource.Owner]bool) string {
	const most = 5
	var names []string
	for owner := range owners {
		names = append(names, string(owner))
	}
	slices.Sort(names)
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

func percent(part, of int) string {
	if of == 0 {
		return "100"
	}
	return fmt.Sprintf("%.1f", 100*float64(part)/float64(of))
}

func number(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

// duration is "24h" or "90m" rather than "24h0m0s".
func duration(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if short, cut := strings.CutSuffix(text, "h0m"); cut {
		return short + "h"
	}
	return text
}
