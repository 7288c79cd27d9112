package schema

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// accessFields is a team's file as JSON.
type accessFields struct {
	DisplayName string
	Members     []string
	Grants      []struct {
		Tenants, Cells, Accounts []string
		Role, Until, Reason      string
		BreakGlass               bool
	}
}

// An accessDef is a team and its file.
type accessDef struct {
	Access
	source *source
	sound  bool
}

// defineAccess takes a team's file that fits the schema. What it names is checked when all of that is known.
func (e *engine) defineAccess(src *source, v cue.Value) []Finding {
	var in accessFields
	if err := decode(v.Unify(e.definition("#Access")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	n := &sheet{src: src, root: []string{src.name()}}
	out := Access{Team: src.name(), DisplayName: in.DisplayName, Members: in.Members, Origin: n.at()}
	for i, member := range in.Members {
		if at := slices.IndexFunc(in.Members[:i], func(other string) bool { return strings.EqualFold(other, member) }); at >= 0 {
			n.say([]string{"members", itoa(i)}, "members: %s is in the list twice", member)
		}
	}
	for i, g := range in.Grants {
		at := func(field string) []string { return []string{"grants", itoa(i), field} }
		grant := Grant{
			Tenants: g.Tenants, Cells: g.Cells, Accounts: g.Accounts, Role: g.Role, Reason: g.Reason, BreakGlass: g.BreakGlass,
			Active: true, Origin: n.at("grants", itoa(i)),
		}
		until, ok := n.time(g.Until, at("until")...)
		if grant.Until = until; ok && g.Until != "" {
			grant.Active = e.def.ahead(until)
		}
		switch {
		case len(g.Tenants)+len(g.Cells)+len(g.Accounts) == 0:
			n.sayAt(grant.Origin, Error, "grants: say what for: tenants, cells or accounts")
		case g.BreakGlass && g.Until == "":
			n.say(at("breakGlass"), "grants.breakGlass: what is taken in an emergency ends; say when, as in until: \"2026-12-31T18:00:00Z\"")
		}
		out.Grants = append(out.Grants, grant)
	}
	e.def.teams[out.Team] = &accessDef{out, src, len(n.found) == 0}
	return n.found
}

// checkAccess finds what grants name and there isn't, and says which have ended.
func (d *definitions) checkAccess() {
	for _, team := range sortedKeys(d.teams) {
		t := d.teams[team]
		n := &sheet{src: t.source, root: []string{team}}
		for i, g := range t.Grants {
			at := func(field string) []string { return []string{"grants", itoa(i), field} }
			n.names(g.Cells, "cell", func(name string) bool { return d.knows(cellsDir, name) }, d.files[cellsDir], at("cells")...)
			n.names(g.Accounts, "account", func(name string) bool { return d.accounts[name] != nil }, sortedKeys(d.accounts), at("accounts")...)
			for j, tenant := range g.Tenants {
				d.mentions = append(d.mentions, Mention{tenant, n.value(append(at("tenants"), itoa(j))...), "grants.tenants"})
			}
			if !g.Active {
				n.sayAt(n.value(at("until")...), Warn, "the grant of %s ended at %s; remove it (%s)", team, g.Until.Format("2006-01-02 15:04 MST"), g.Reason)
			}
		}
		d.found = append(d.found, n.found...)
	}
}
