package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// TenantGraph is one tenant: where it lives, what it bought, its resources and the references between
// them, and the policies that are about them.
func (f *Fleet) TenantGraph(fsys fs.FS, name string) (Graph, error) {
	i := slices.IndexFunc(f.Tenants, func(t Tenant) bool { return t.Name == name })
	if i < 0 {
		if why, broken := f.Broken[resource.Tenant(name)]; broken {
			return Graph{}, fmt.Errorf("the tenant %s can't be used: %s", name, why)
		}
		return Graph{}, nothing("tenant", name, names(f.Tenants, func(t Tenant) string { return t.Name }))
	}
	t := f.Tenants[i]
	g := grapher{fleet: f, fsys: fsys, Graph: Graph{Title: f.Name + ": " + name, Nodes: []Node{}, Edges: []Edge{}}}
	self := "tenant/" + name
	g.node(Node{ID: self, Class: ClassTenant, Label: name, Note: noteOf(t), Origin: t.Origin})
	environment := g.home(t, self)
	desired := f.RenderOwners(resource.Tenant(name)).Desired
	g.references(desired, self)
	g.rules(t, environment, desired)
	return g.Graph, nil
}

// home adds the account, the cell and the plan of a tenant.
func (g *grapher) home(t Tenant, self string) (environment string) {
	for _, c := range g.fleet.Cells {
		if c.Name != t.Cell {
			continue
		}
		environment = c.Environment
		for _, a := range g.fleet.Accounts {
			if a.Name == c.Account {
				g.node(Node{ID: "account/" + a.Name, Class: ClassAccount, Label: a.Name, Note: "account · " + a.ID, Origin: a.Origin})
				g.edge("account/"+a.Name, "cell/"+c.Name, "")
			}
		}
		g.node(Node{ID: "cell/" + c.Name, Class: ClassCell, Label: c.Name, Note: "cell · " + c.Region + " · " + c.Environment, Origin: c.Origin})
		g.edge("cell/"+c.Name, self, "")
	}
	for _, p := range g.fleet.Plans {
		if p.Name == t.Plan {
			g.node(Node{ID: "plan/" + p.Name, Class: ClassPlan, Label: p.Name, Note: "plan · " + p.Isolation, Origin: p.Origin})
			g.edge("plan/"+p.Name, self, "")
			g.shared("plan/"+p.Name, p.Origin.File)
		}
	}
	return environment
}

// references adds resources, and an edge from each that is referred to, labelled with the attribute
// that refers. A resource that refers to none of the tenant's hangs on the tenant itself.
func (g *grapher) references(desired []resource.Desired, self string) {
	added := map[resource.Address]bool{}
	add := func(a resource.Address, note string, at resource.Origin) {
		if !added[a] {
			added[a] = true
			g.node(Node{ID: a.String(), Class: ClassResource, Label: a.Name, Note: note, Origin: at})
		}
	}
	for _, d := range desired {
		add(d.Address, d.Address.Kind, d.Origin)
	}
	for _, d := range desired {
		own := false
		for _, attribute := range sortedKeys(d.Attributes) {
			for _, ref := range d.Attributes[attribute].Refs() {
				if ref.Address.Owner != d.Address.Owner {
					add(ref.Address, ref.Address.Kind+" of the cell", resource.Origin{})
					g.edge(string(ref.Address.Owner), ref.Address.String(), "")
				} else {
					own = true
				}
				g.edge(ref.Address.String(), d.Address.String(), attribute)
			}
		}
		if !own {
			g.edge(self, d.Address.String(), "")
		}
	}
}

// rules adds the policies that are about a tenant: on the resources of the kinds that they
// select, or else on the tenant.
func (g *grapher) rules(t Tenant, environment string, desired []resource.Desired) {
	for _, r := range readRules(g.fsys, g.fleet) {
		if !r.selects.about(subject{plan: t.Plan, tenant: t.Name, cell: t.Cell, environment: environment, residency: t.Residency}) {
			continue
		}
		id := "policy/" + r.Name
		var targets []string
		for _, d := range desired {
			named := false
			if r.page != nil {
				_, named = r.page.find(r.Name, "resources", d.Address.Name)
			}
			if named || len(r.selects.Kinds) > 0 && slices.Contains(r.selects.Kinds, d.Address.Kind) {
				targets = append(targets, d.Address.String())
			}
		}
		if len(targets) == 0 && len(r.selects.Kinds) > 0 {
			continue
		}
		g.node(Node{ID: id, Class: ClassPolicy, Label: r.Name, Note: strings.Join([]string{"policy", r.Severity}, " · "), Origin: r.Origin})
		if len(targets) == 0 {
			targets = []string{"tenant/" + t.Name}
		}
		for _, target := range targets {
			g.edge(id, target, "")
		}
	}
}
