package schema

import (
	"fmt"
	"slices"
)

// checkResidency refuses a tenant whose cell is where its data may not be. It is silent where a policy
// of the fleet has said so already, in the fleet's own words.
func (e *engine) checkResidency(a *answer, at place) {
	cell, allowed := e.def.cells[at.cell], e.def.regions[at.residency]
	if cell == nil || len(allowed) == 0 || slices.Contains(allowed, cell.Region) {
		return
	}
	here := a.source.at(a.body.get("cell").expr)
	if slices.ContainsFunc(a.found, func(f Finding) bool { return f.Severity == Deny && f.File == here.File && f.Line == here.Line }) {
		return
	}
	var fit []string
	for _, name := range sortedKeys(e.def.cells) {
		if slices.Contains(allowed, e.def.cells[name].Region) {
			fit = append(fit, name)
		}
	}
	proposal := "no cell is in one of these yet"
	if len(fit) > 0 {
		proposal = "choose " + oneOf(fit[:min(len(fit), 5)])
	}
	a.refuse(here, "cell: data with the residency %q stays in %s, and the cell %s is in %s (%s); %s",
		at.residency, some(allowed), cell.Name, cell.Region, e.regionOf(cell), proposal)
}

// regionOf is where a cell's region is written.
func (e *engine) regionOf(c *cellDef) string {
	n := sheet{src: c.source, root: []string{c.Name}}
	return n.value("region").String()
}

// checkPlacement holds a cell against what its environment says of accounts and cells.
func (d *definitions) checkPlacement(n *sheet, name, account, environment string) {
	env, known := d.environments[environment]
	if !known {
		return
	}
	unknown := func(name string) bool { return d.accounts[name] == nil }
	if len(env.Accounts) > 0 && !slices.Contains(env.Accounts, account) && !slices.ContainsFunc(env.Accounts, unknown) {
		n.say([]string{"account"}, "account: cells of the environment %s are in %s, not in %s (%s)", environment, oneOf(env.Accounts), account, env.Origin)
	}
	unknown = func(name string) bool { return !slices.Contains(d.files[cellsDir], name) }
	if len(env.Cells) > 0 && !slices.Contains(env.Cells, name) && !slices.ContainsFunc(env.Cells, unknown) {
		n.say([]string{"environment"}, "environment: %s has the cells %s, and not %s (%s)", environment, allOf(env.Cells), name, env.Origin)
	}
}

// contactsOf and domainsOf read what is sound in a tenant's data.
func contactsOf(body *node) []Contact {
	list := body.get("contacts")
	if list == nil {
		return nil
	}
	out := make([]Contact, len(list.list))
	for i, c := range list.list {
		out[i] = Contact{Role: c.text("role"), Email: c.text("email"), Name: c.text("name")}
	}
	return out
}

func domainsOf(body *node) []string {
	list := body.get("domains")
	if list == nil {
		return nil
	}
	out := make([]string, len(list.list))
	for i, d := range list.list {
		out[i] = fmt.Sprint(d.scalar)
	}
	return out
}
