package changeset

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// refuseCircularKinds returns an error if kinds use one another in a circle: then no order of
// deletion would be right.
func refuseCircularKinds(kinds map[string]*kind) error {
	const under, done = 1, 2
	state := map[string]int{}
	var visit func(name string, path []string) error
	visit = func(name string, path []string) error {
		path = append(path, name)
		if state[name] == under {
			from := slices.Index(path, name)
			return fmt.Errorf("kinds use one another in a circle: %s", strings.Join(path[from:], " → "))
		}
		if state[name] == done || kinds[name] == nil {
			return nil
		}
		state[name] = under
		for _, used := range slices.Sorted(maps.Keys(kinds[name].uses)) {
			if err := visit(used, path); err != nil {
				return err
			}
		}
		state[name] = done
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if err := visit(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// A flaw is why one desired resource can't be meant.
type flaw struct {
	address resource.Address
	reason  string
}

// breakOwners finds the owners whose resources can't be meant, adds them to broken, and drops what
// broken owners ask for.
func (c *comparison) breakOwners() {
	flaws := map[resource.Owner]flaw{}
	note := func(f flaw) {
		owner := f.address.Owner
		before, known := flaws[owner]
		if !known || cmp.Or(f.address.Compare(before.address), cmp.Compare(f.reason, before.reason)) < 0 {
			flaws[owner] = f
		}
	}
	for _, f := range c.claim() {
		note(f)
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		address := n.want.Address
		if c.isBroken(address.Owner) {
			continue
		}
		n.refs = n.want.Attributes.Refs()
		if reason := c.unfit(n.want); reason != "" {
			note(flaw{address, reason})
			continue
		}
		for _, ref := range n.refs {
			if reason := c.dangling(address, ref); reason != "" {
				note(flaw{address, reason})
			}
		}
	}
	for _, group := range components(c.referring(), c.circular(flaws)) {
		reason := "references go round in a circle: " + circleIn(group, c.circular(flaws))
		for _, address := range group {
			note(flaw{address, reason})
		}
	}
	for owner, f := range flaws {
		c.broken[owner] = f.reason
	}
	if len(c.broken) == 0 {
		return
	}
	maps.DeleteFunc(c.desired, func(address resource.Address, _ *node) bool { return c.isBroken(address.Owner) })
}

// unfit tells what is wrong with a desired resource by itself; empty if nothing is.
func (c *comparison) unfit(d *resource.Desired) string {
	k := c.kinds[d.Address.Kind]
	if k == nil {
		return fmt.Sprintf("%s: this version knows no kind %s", d.Address, d.Address.Kind)
	}
	var odd []string
	for name := range d.Attributes {
		if _, known := k.index[name]; !known {
			odd = append(odd, name)
		}
	}
	if len(odd) > 0 {
		return fmt.Sprintf("%s: %s has no attribute %s", d.Address, k.Name, slices.Min(odd))
	}
	return ""
}

// dangling tells why a reference can't be followed, now or later; empty if it can.
func (c *comparison) dangling(from resource.Address, ref resource.Ref) string {
	to := ref.Address
	if to.Owner.Class() == "tenant" && to.Owner != from.Owner {
		return fmt.Sprintf("%s refers to %s, which belongs to somebody else", from, to)
	}
	if k := c.kinds[to.Kind]; k != nil && !slices.Contains(k.Outputs, ref.Output) {
		return fmt.Sprintf("%s refers to %s of %s, and %s has no such output", from, ref.Output, to, to.Kind)
	}
	_, desired := c.desired[to]
	_, broken := c.broken[to.Owner]
	if desired || broken {
		return ""
	}
	_, observed := c.observed[to]
	if _, removed := c.Removed[to.Owner]; observed && !removed && !c.present[to.Owner] {
		return "" // its owner is absent without intent, so that it stays
	}
	if observed {
		return fmt.Sprintf("%s refers to %s, which Git doesn't ask for any more", from, to)
	}
	return fmt.Sprintf("%s refers to %s, which doesn't exist", from, to)
}

// referring are the addresses that refer to others.
func (c *comparison) referring() iter.Seq[resource.Address] {
	return func(yield func(resource.Address) bool) {
		for i := range c.nodes {
			if n := &c.nodes[i]; len(n.refs) > 0 && !yield(n.want.Address) {
				return
			}
		}
	}
}

// circular returns the references of a resource that may be part of a circle.
func (c *comparison) circular(flawed map[resource.Owner]flaw) func(resource.Address) []resource.Address {
	return func(a resource.Address) []resource.Address {
		var list []resource.Address
		for _, ref := range c.refsOf(a) {
			_, bad := flawed[ref.Address.Owner]
			if len(c.refsOf(ref.Address)) > 0 && !bad {
				list = append(list, ref.Address)
			}
		}
		return list
	}
}

// circleIn walks inside a component from its first address until it comes back to where it has
// been, and returns the way.
func circleIn(group []resource.Address, next func(resource.Address) []resource.Address) string {
	var path []resource.Address
	at := slices.MinFunc(group, resource.Address.Compare)
	for !slices.Contains(path, at) {
		path = append(path, at)
		for _, to := range next(at) {
			if slices.Contains(group, to) {
				at = to
				break
			}
		}
	}
	var names []string
	for _, a := range append(path[slices.Index(path, at):], at) {
		names = append(names, a.String())
	}
	return strings.Join(names, " → ")
}

// components returns the strongly connected components that hold a circle (Tarjan's algorithm).
func components(nodes iter.Seq[resource.Address], next func(resource.Address) []resource.Address) [][]resource.Address {
	type mark struct {
		index, low int
		stacked    bool
	}
	marks := map[resource.Address]*mark{}
	var stack []resource.Address
	var found [][]resource.Address
	var visit func(a resource.Address) *mark
	visit = func(a resource.Address) *mark {
		m := &mark{index: len(marks), low: len(marks), stacked: true}
		marks[a] = m
		stack = append(stack, a)
		self := false
		for _, to := range next(a) {
			self = self || to == a
			if seen := marks[to]; seen == nil {
				m.low = min(m.low, visit(to).low)
			} else if seen.stacked {
				m.low = min(m.low, seen.index)
			}
		}
		if m.low == m.index {
			from := slices.Index(stack, a)
			group := slices.Clone(stack[from:])
			stack = stack[:from]
			for _, member := range group {
				marks[member].stacked = false
			}
			if len(group) > 1 || self {
				found = append(found, group)
			}
		}
		return m
	}
	for a := range nodes {
		if marks[a] == nil {
			visit(a)
		}
	}
	return found
}
