package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tenantry.dev/reconciler/resource"
)

// covers tells whether an exception is for a tenant in a cell, or for the cell itself if tenant is empty.
func (x Exception) covers(tenant, cell string) bool {
	return x.Tenant != "" && x.Tenant == tenant || x.Cell != "" && x.Cell == cell
}

// Whom says whom an exception is for: "the tenant acme", "logs of the cell eu-1".
func (x Exception) Whom() string {
	whom := "the tenant " + x.Tenant
	if x.Cell != "" {
		whom = "the cell " + x.Cell
	}
	if x.Resource != "" {
		return x.Resource + " of " + whom
	}
	return whom
}

// exceptionFields is an exception as JSON.
type exceptionFields struct{ Tenant, Cell, Resource, Owner, Reason, Expires string }

// exceptions takes the exceptions of a policy. One that can't be used is left out: the policy holds then.
func (d *definitions) exceptions(p *policyDef, in []exceptionFields) {
	n := sheet{src: p.source, root: []string{p.Name, "exceptions"}}
	first := map[Exception]resource.Origin{}
	for i, x := range in {
		at := strconv.Itoa(i)
		made := Exception{Policy: p.Name, Tenant: x.Tenant, Cell: x.Cell, Resource: x.Resource}
		other, twice := first[made]
		expires, ok := n.time(x.Expires, at, "expires")
		switch {
		case !ok:
			continue
		case (x.Tenant == "") == (x.Cell == ""):
			n.say([]string{at}, "exceptions: give tenant or cell, one of them, so that it is clear whom the exception is for")
			continue
		case x.Resource != "" && !p.onResource:
			n.say([]string{at, "resource"}, "exceptions.resource: the policy has no resource?, so it can't be taken off single resources; leave out resource to take it off %s", made.owner())
			continue
		case twice:
			n.say([]string{at}, "exceptions: there is one for %s already (%s)", made.Whom(), other)
			continue
		}
		first[made] = n.at(at)
		made.Owner, made.Reason, made.Expires, made.Origin = x.Owner, x.Reason, expires, n.at(at)
		made.Active = d.ahead(expires)
		p.exceptions = append(p.exceptions, made)
		if !made.Active {
			n.sayAt(n.value(at, "expires"), Error, "the exception for %s expired at %s: mend what breaks the policy and remove the exception, or renew it (owner: %s)",
				made.Whom(), x.Expires, x.Owner)
			n.found[len(n.found)-1].Policy, n.found[len(n.found)-1].Tenant = p.Name, x.Tenant
		}
	}
	d.found = append(d.found, n.found...)
}

// owner is whom an exception is for, without the resource.
func (x Exception) owner() string {
	x.Resource = ""
	return x.Whom()
}

// checkExceptions finds exceptions for what there isn't.
func (d *definitions) checkExceptions() {
	resources := d.resourceNames()
	for _, p := range d.policies {
		n := sheet{src: p.source}
		for _, x := range p.exceptions {
			if x.Tenant != "" {
				d.mentions = append(d.mentions, Mention{x.Tenant, x.Origin, "exceptions"})
			}
			if x.Cell != "" && !d.knows(cellsDir, x.Cell) {
				n.sayAt(x.Origin, Error, "exceptions: there is no cell %q%s", x.Cell, maybe(x.Cell, d.files[cellsDir]))
			}
			if x.Resource != "" && !slices.Contains(resources, x.Resource) {
				n.sayAt(x.Origin, Error, "exceptions: no plan and no cell has a resource %q%s", x.Resource, maybe(x.Resource, resources))
			}
		}
		d.found = append(d.found, n.found...)
	}
}

// resourceNames are the names of the resources of all plans and cells, sorted.
func (d *definitions) resourceNames() []string {
	var out []string
	for _, p := range d.plans {
		out = append(out, sortedKeys(p.resources)...)
	}
	for _, c := range d.cells {
		out = append(out, sortedKeys(c.resources)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// allExceptions are the exceptions of all policies, sorted by policy and by whom they are for.
func (d *definitions) allExceptions() []Exception {
	var out []Exception
	for _, p := range d.policies {
		out = append(out, p.exceptions...)
	}
	slices.SortStableFunc(out, func(a, b Exception) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Resource, b.Resource))
	})
	return out
}

// ahead tells whether a moment is still to come, and if it is remembers it as one at which things change.
func (d *definitions) ahead(t time.Time) bool {
	if !t.After(d.at) {
		return false
	}
	if d.until.IsZero() || t.Before(d.until) {
		d.until = t
	}
	return true
}

// A Breach is that an owner breaks a policy, at a resource or, if that is empty, as a whole.
type Breach struct{ Policy, Resource string }

// idle finds active exceptions that let nothing through. An exception counts as needed as long as an owner
// that it is for can't be judged.
func idle(exceptions []Exception, judged []*kept, all bool) []Finding {
	var out []Finding
	for _, x := range exceptions {
		if !x.Active {
			continue
		}
		about, needed, seen := false, false, false
		for _, k := range judged {
			if !x.concerns(k) {
				continue
			}
			seen = true
			about = about || slices.Contains(k.Excepted, x.Policy)
			needed = needed || slices.ContainsFunc(k.Excused, func(b Breach) bool {
				return b.Policy == x.Policy && (x.Resource == "" || x.Resource == b.Resource)
			})
		}
		if needed || !seen || x.Cell != "" && !all {
			continue
		}
		why := "nothing there breaks the policy"
		if !about {
			why = "the policy isn't about it"
		}
		out = append(out, Finding{
			Origin: x.Origin, Severity: Warn, Policy: x.Policy, Tenant: x.Tenant,
			Message: fmt.Sprintf("the exception for %s excepts nothing, because %s; remove it", x.Whom(), why),
		})
	}
	return out
}

// concerns tells whether an exception is for an owner.
func (x Exception) concerns(k *kept) bool {
	switch {
	case k.Tenant != nil:
		return x.covers(k.Tenant.Name, k.Tenant.Cell)
	case k.Owner.Class() == "cell":
		return x.covers("", k.Owner.Name())
	}
	return false
}
