package reconciler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// facts are what the merge of a pull request comes to for the owners that it touches: what they cost with it against
// what the watched branch asks for, and how far the changes reach. The prices are those after the merge on both
// sides, so that a change of prices alone is none of the cost. Nobody else is rendered or priced.
func facts(base, merged Target, cs changeset.Changeset, owners []resource.Owner) report.Facts {
	priced := priceable(owners, base, merged)
	before, after := askedBy(base, priced), askedBy(merged, priced)
	d := cost.Compare(merged.Fleet.Prices, append(before, already(cs, before, after)...), after, retired(cs))
	pays(&d, base.Fleet, merged.Fleet)
	return report.Facts{Cost: &d, Radius: report.NewRadius(cs, surroundings(base.Fleet, merged.Fleet))}
}

// Facts are what the plan comes to for those whom it changes: against what was applied to them, or, where nothing is
// remembered of that, against what they have of it.
func (p Plan) Facts() report.Facts {
	at := map[resource.Owner]bool{}
	made := map[resource.Address]bool{}
	for _, c := range p.Changeset.Changes {
		at[c.Address.Owner] = true
		made[c.Address] = c.Action == changeset.Create
	}
	var before, after []resource.Desired
	for _, owner := range priceable(slices.Sorted(maps.Keys(at)), p.Target) {
		after = append(after, p.desired[owner]...)
		if state := p.known[owner]; state.Commit != "" {
			before = append(before, state.Applied...)
			continue
		}
		for _, d := range p.desired[owner] {
			if !made[d.Address] {
				before = append(before, d)
			}
		}
	}
	before = append(before, already(p.Changeset, before, after)...)
	d := cost.Compare(p.Target.Fleet.Prices, before, after, retired(p.Changeset))
	return report.Facts{Cost: &d, Radius: report.NewRadius(p.Changeset, surroundings(p.Target.Fleet))}
}

// already has what is asked for and is there, though nobody asked for it before: what is taken over, and what comes back
// into service. It is paid already.
func already(cs changeset.Changeset, before, after []resource.Desired) []resource.Desired {
	there := map[resource.Address]bool{}
	for _, c := range cs.Changes {
		if c.Have != nil && c.Action != changeset.Move {
			there[c.Address] = true
		}
	}
	for _, d := range before {
		delete(there, d.Address)
	}
	return slices.DeleteFunc(slices.Clone(after), func(d resource.Desired) bool { return !there[d.Address] })
}

// retired is what a changeset takes out of service, and keeps.
func retired(cs changeset.Changeset) map[resource.Address]bool {
	out := map[resource.Address]bool{}
	for _, c := range cs.Changes {
		if c.Action == changeset.Retire {
			out[c.Address] = true
		}
	}
	return out
}

// priceable leaves out who is left alone on either side: what they ask for isn't known there, and taking that for
// nothing would make up a price.
func priceable(owners []resource.Owner, sides ...Target) []resource.Owner {
	return slices.DeleteFunc(slices.Clone(owners), func(owner resource.Owner) bool {
		return slices.ContainsFunc(sides, func(t Target) bool {
			if t.Fleet == nil {
				return false
			}
			_, unusable := t.Fleet.Broken[owner]
			return unusable
		})
	})
}

// askedBy is what some owners ask for.
func askedBy(t Target, owners []resource.Owner) []resource.Desired {
	switch {
	case t.Fleet == nil:
		return nil
	case t.rendered != nil:
		return t.Fleet.RenderOwners(owners...).Desired
	}
	return slices.DeleteFunc(slices.Clone(t.Rendering.Desired), func(d resource.Desired) bool { return !slices.Contains(owners, d.Address.Owner) })
}

// surroundings are a fleet, as far as a blast radius depends on it: before and after a change, so that who leaves
// counts as well. The last word on a cell is the newest.
func surroundings(fleets ...*schema.Fleet) report.Surroundings {
	s := report.Surroundings{Residents: map[string]int{}, Environments: map[string]report.Environment{}}
	counted := map[string]bool{}
	for _, fleet := range fleets {
		if fleet == nil {
			continue
		}
		kinds := map[string]string{}
		for _, e := range fleet.Environments {
			kinds[e.Name] = e.Kind
		}
		for _, c := range fleet.Cells {
			s.Environments[c.Name] = report.Environment{Name: c.Environment, Kind: kinds[c.Environment]}
		}
		for _, t := range fleet.Tenants {
			if !counted[t.Name] {
				counted[t.Name] = true
				s.Tenants++
				s.Residents[t.Cell]++
			}
		}
	}
	return s
}

// pays fills in what tenants pay for their plans, for those of whom that changes.
func pays(d *cost.Delta, base, merged *schema.Fleet) {
	was, is := prices(base), prices(merged)
	for i := range d.Owners {
		o := &d.Owners[i]
		before, after := was[o.Owner], is[o.Owner]
		switch {
		case before == after:
		case before == "":
			o.Plan = after
		case after == "":
			o.Plan = before + " → nothing"
		default:
			o.Plan = before + " → " + after
		}
	}
}

// prices are what tenants pay a month, such as "390 EUR" or "49.90 EUR".
func prices(fleet *schema.Fleet) map[resource.Owner]string {
	out := map[resource.Owner]string{}
	if fleet == nil {
		return out
	}
	of := map[string]string{}
	for _, p := range fleet.Plans {
		text := fmt.Sprintf("%d.%02d", p.Price.Amount/100, p.Price.Amount%100)
		of[p.Name] = strings.TrimSuffix(text, ".00") + " " + p.Price.Currency
	}
	for _, t := range fleet.Tenants {
		if t.Lifecycle != "offboarding" {
			out[resource.Tenant(t.Name)] = of[t.Plan]
		}
	}
	return out
}
