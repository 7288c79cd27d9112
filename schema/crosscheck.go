package schema

import (
	"fmt"

	"tenantry.dev/reconciler/resource"
)

// A crosscheck finds what no tenant shows by itself: two files of one name, a domain or a name in the
// cloud that two have, a cell that is full.
type crosscheck struct {
	def     *definitions
	files   map[resource.Owner]*answer
	domains map[string]taken
	names   map[cloudName]taken
	used    map[string]int
	found   []Finding
}

// taken is who has something first.
type taken struct {
	by *answer
	at resource.Origin
}

// add compares an owner with those before it. What clashes is refused on the later one.
func (c *crosscheck) add(a *answer) {
	if c.files == nil {
		c.files, c.domains, c.names, c.used = map[resource.Owner]*answer{}, map[string]taken{}, map[cloudName]taken{}, map[string]int{}
	}
	if first, twice := c.files[a.owner]; twice {
		c.duplicate(first, a)
		return
	}
	c.files[a.owner] = a
	c.addDomains(a)
	for _, d := range a.desired {
		c.addName(a, d)
	}
	if a.tenant != nil && !a.offboards {
		c.used[a.tenant.Cell] += c.def.plans[a.tenant.Plan].capacity
	}
}

// duplicate refuses both files of one tenant: nobody can tell which is meant.
func (c *crosscheck) duplicate(first, second *answer) {
	for _, pair := range [][2]*answer{{first, second}, {second, first}} {
		at := resource.Origin{File: pair[0].source.path, Line: 1}
		if pair[0].label != nil {
			at = pair[0].source.at(pair[0].label)
		}
		pair[0].refuse(at, "the tenant %s is defined twice, here and in %s", first.owner.Name(), pair[1].source.path)
	}
}

func (c *crosscheck) addDomains(a *answer) {
	domains := a.body.get("domains")
	if domains == nil || domains.kind != listNode {
		return
	}
	for _, d := range domains.list {
		name, ok := d.scalar.(string)
		if !ok {
			continue
		}
		at := a.source.at(d.expr)
		if first, twice := c.domains[name]; twice {
			a.refuse(at, "domains: %q belongs to the tenant %s already (%s)", name, first.by.owner.Name(), first.at)
			continue
		}
		c.domains[name] = taken{a, at}
	}
}

// A cloudName is what no two resources may have in common.
type cloudName struct{ kind, within, name string }

// nameOf is a resource's name in the cloud.
func nameOf(d resource.Desired) cloudName {
	attribute, within := "name", d.Scope.String()
	switch d.Address.Kind {
	case "aws.kms.key":
		attribute = "alias"
	case "aws.s3.bucket":
		within = "" // the whole world
	}
	return cloudName{d.Address.Kind, within, d.Attributes[attribute].Text()}
}

func (c *crosscheck) addName(a *answer, d resource.Desired) {
	name := nameOf(d)
	if first, twice := c.names[name]; twice {
		a.refuse(d.Origin, "%s: the name %q is that of a resource of %s already", d.Address, name.name, first.by.owner)
		return
	}
	c.names[name] = taken{a, d.Origin}
}

// finish finds cells that hold more than they may.
func (c *crosscheck) finish() {
	for _, name := range sortedKeys(c.used) {
		cell := c.def.cells[name]
		if cell != nil && c.used[name] > cell.Capacity {
			at := cell.source.at(locate(cell.source.syntax, []string{name, "capacity"}).label)
			c.found = append(c.found, Finding{
				Origin: at, Severity: Error,
				Message: fmt.Sprintf("the cell %s has %d places, and its tenants take %d; make another cell, or give it more places", name, cell.Capacity, c.used[name]),
			})
		}
	}
}
