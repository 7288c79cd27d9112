package schema

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// A Graph is what depends on what. An edge leads from a thing to what needs it. It is plain data, and the
// same for the same fleet.
type Graph struct {
	Title string `json:"title"`
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// A Node is one thing, or a group of many that are alike.
type Node struct {
	ID     string          `json:"id"` // "cell/eu-1", or a resource's address
	Class  string          `json:"class"`
	Label  string          `json:"label"`
	Note   string          `json:"note,omitempty"`
	Count  int             `json:"count,omitempty"` // of a group
	Origin resource.Origin `json:"origin,omitzero"`
}

// The classes of nodes.
const (
	ClassAccount  = "account"
	ClassCell     = "cell"
	ClassTenant   = "tenant"
	ClassPlan     = "plan"
	ClassPolicy   = "policy"
	ClassShared   = "shared" // a folder of the fleet that definitions import
	ClassResource = "resource"
)

// An Edge leads from a thing to what depends on it.
type Edge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Label string `json:"label,omitempty"`
}

// MostTenants is how many tenants a graph of a fleet shows one by one. More are grouped.
const MostTenants = 25

// mostGroups is how many groups of tenants a graph shows, so that GitHub still draws it.
const mostGroups = 80

// A grapher collects nodes and edges.
type grapher struct {
	fleet *Fleet
	fsys  fs.FS
	Graph
}

func (g *grapher) node(n Node) { g.Nodes = append(g.Nodes, n) }

func (g *grapher) edge(from, to, label string) {
	i := slices.IndexFunc(g.Edges, func(e Edge) bool { return e.From == from && e.To == to })
	switch {
	case i < 0:
		g.Edges = append(g.Edges, Edge{from, to, label})
	case label != "" && !slices.Contains(strings.Split(g.Edges[i].Label, ", "), label):
		g.Edges[i].Label = strings.TrimPrefix(g.Edges[i].Label+", "+label, ", ")
	}
}

// Graph is the whole fleet: accounts, cells, tenants, plans, policies, and the folders that
// definitions share. Many tenants are grouped by plan and cell. fsys has the files that the fleet
// was loaded from.
func (f *Fleet) Graph(fsys fs.FS) Graph {
	g := grapher{fleet: f, fsys: fsys, Graph: Graph{Title: f.Name, Nodes: []Node{}, Edges: []Edge{}}}
	g.policies()
	for _, p := range f.Plans {
		g.node(Node{ID: "plan/" + p.Name, Class: ClassPlan, Label: p.Name, Note: "plan · " + p.Isolation, Origin: p.Origin})
		g.shared("plan/"+p.Name, p.Origin.File)
	}
	for _, a := range f.Accounts {
		g.node(Node{ID: "account/" + a.Name, Class: ClassAccount, Label: a.Name, Note: "account · " + a.ID, Origin: a.Origin})
	}
	if len(f.Cells) <= mostGroups {
		for _, c := range f.Cells {
			g.node(Node{ID: "cell/" + c.Name, Class: ClassCell, Label: c.Name, Note: "cell · " + c.Region + " · " + c.Environment, Origin: c.Origin})
			g.edge("account/"+c.Account, "cell/"+c.Name, "")
			g.shared("cell/"+c.Name, c.Origin.File)
		}
	}
	g.tenants()
	g.broken()
	return g.Graph
}

// policies adds the policies and the plans and cells that they name.
func (g *grapher) policies() {
	for _, r := range readRules(g.fsys, g.fleet) {
		id := "policy/" + r.Name
		g.node(Node{ID: id, Class: ClassPolicy, Label: r.Name, Note: strings.Join(append([]string{"policy", r.Severity}, selected(r.selects)...), " · "), Origin: r.Origin})
		for _, p := range r.selects.Plans {
			if slices.ContainsFunc(g.fleet.Plans, func(have Plan) bool { return have.Name == p }) {
				g.edge(id, "plan/"+p, "")
			}
		}
		for _, c := range r.selects.Cells {
			if slices.ContainsFunc(g.fleet.Cells, func(have Cell) bool { return have.Name == c }) && len(g.fleet.Cells) <= mostGroups {
				g.edge(id, "cell/"+c, "")
			}
		}
		g.shared(id, r.Origin.File)
	}
}

// selected says in few words what a policy selects besides plans and cells.
func selected(s Selection) []string {
	var out []string
	const most = 2
	for _, list := range []struct {
		prefix string
		names  []string
	}{{"every ", s.Kinds}, {"tenant ", s.Tenants}, {"residency ", s.Residencies}, {"environment ", s.Environments}} {
		switch {
		case len(list.names) > most:
			out = append(out, fmt.Sprintf("%s%s and %d more", list.prefix, list.names[0], len(list.names)-1))
		case len(list.names) > 0:
			out = append(out, list.prefix+strings.Join(list.names, ", "))
		}
	}
	if len(s.Plans)+len(s.Cells)+len(out) == 0 {
		out = append(out, "everything")
	}
	return out
}

// shared adds the folders of the fleet that a file imports.
func (g *grapher) shared(id, file string) {
	p, err := readPage(g.fsys, file)
	if err != nil {
		return
	}
	for spec := range p.syntax.ImportSpecs() {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		target, _, _ = strings.Cut(target, ":")
		folder := path.Base(target)
		if strings.HasPrefix(target, modulePath) || !strings.Contains(target, ".") || slices.Contains([]string{plansDir, cellsDir, policiesDir}, folder) {
			continue
		}
		if _, err := fs.Stat(g.fsys, folder); err != nil {
			continue
		}
		shared := "shared/" + folder
		if !slices.ContainsFunc(g.Nodes, func(n Node) bool { return n.ID == shared }) {
			g.node(Node{ID: shared, Class: ClassShared, Label: folder + "/", Note: "shared definitions"})
		}
		g.edge(shared, id, "")
	}
}

// A batch is tenants that are shown as one.
type batch struct {
	plan, cell, account string
	tenants             []Tenant
}

// tenants adds tenants one by one, or in batches as large as needed.
func (g *grapher) tenants() {
	if len(g.fleet.Tenants) <= MostTenants {
		for _, t := range g.fleet.Tenants {
			id := "tenant/" + t.Name
			g.node(Node{ID: id, Class: ClassTenant, Label: t.Name, Note: noteOf(t), Origin: t.Origin})
			g.edge("cell/"+t.Cell, id, "")
			g.edge("plan/"+t.Plan, id, "")
		}
		return
	}
	for _, by := range []func(Tenant) batch{
		func(t Tenant) batch { return batch{plan: t.Plan, cell: t.Cell} },
		func(t Tenant) batch { return batch{cell: t.Cell} },
		func(t Tenant) batch { return batch{account: g.accountOf(t.Cell)} },
	} {
		batches := batched(g.fleet.Tenants, by)
		if len(batches) <= mostGroups && (len(g.fleet.Cells) <= mostGroups || batches[0].account != "") {
			g.batches(batches)
			return
		}
	}
	g.batches(batched(g.fleet.Tenants, func(Tenant) batch { return batch{} }))
}

func noteOf(t Tenant) string {
	if t.Lifecycle != "active" {
		return "tenant · " + t.Lifecycle
	}
	return "tenant"
}

func (g *grapher) accountOf(cell string) string {
	for _, c := range g.fleet.Cells {
		if c.Name == cell {
			return c.Account
		}
	}
	return ""
}

// batched groups tenants, in the order of what they have in common.
func batched(tenants []Tenant, by func(Tenant) batch) []batch {
	var out []batch
	for _, t := range tenants {
		key := by(t)
		i := slices.IndexFunc(out, func(b batch) bool { return b.plan == key.plan && b.cell == key.cell && b.account == key.account })
		if i < 0 {
			out, i = append(out, key), len(out)
		}
		out[i].tenants = append(out[i].tenants, t)
	}
	slices.SortFunc(out, func(a, b batch) int {
		return cmp.Or(cmp.Compare(a.cell, b.cell), cmp.Compare(a.plan, b.plan), cmp.Compare(a.account, b.account))
	})
	return out
}

// batches adds a node for each batch: its plans and lifecycles in numbers.
func (g *grapher) batches(list []batch) {
	edges := 0
	for _, b := range list {
		edges += len(plansOf(b))
	}
	for _, b := range list {
		id := strings.TrimSuffix("tenants/"+strings.Join(slices.DeleteFunc([]string{b.plan, b.cell, b.account}, func(s string) bool { return s == "" }), "/"), "/")
		n := Node{ID: id, Class: ClassTenant, Label: Thousands(len(b.tenants)) + " tenants", Count: len(b.tenants)}
		if len(b.tenants) == 1 {
			n.Label = "1 tenant"
		}
		n.Note = strings.Join(numbers(b), " · ")
		g.node(n)
		switch {
		case b.cell != "":
			g.edge("cell/"+b.cell, id, "")
		case b.account != "":
			g.edge("account/"+b.account, id, "")
		}
		if edges <= 2*mostGroups {
			for _, plan := range plansOf(b) {
				g.edge("plan/"+plan, id, "")
			}
		}
	}
}

func plansOf(b batch) []string {
	plans := names(b.tenants, func(t Tenant) string { return t.Plan })
	slices.Sort(plans)
	return slices.Compact(plans)
}

// numbers says what is in a batch.
func numbers(b batch) []string {
	var out []string
	switch {
	case b.plan != "":
		out = append(out, "on "+b.plan+" in "+b.cell)
	case b.cell != "":
		out = append(out, "in "+b.cell)
	case b.account != "":
		cells := names(b.tenants, func(t Tenant) string { return t.Cell })
		slices.Sort(cells)
		out = append(out, fmt.Sprintf("in %s cells of %s", Thousands(len(slices.Compact(cells))), b.account))
	}
	for _, lifecycle := range []string{"suspended", "offboarding"} {
		n := 0
		for _, t := range b.tenants {
			if t.Lifecycle == lifecycle {
				n++
			}
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%s %s", Thousands(n), lifecycle))
		}
	}
	return out
}

// Thousands writes a number with commas.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// broken tells of tenants and cells that can't be shown because their definitions can't be used.
func (g *grapher) broken() {
	counts := map[string]int{}
	for owner := range g.fleet.Broken {
		counts[owner.Class()]++
	}
	for _, class := range sortedKeys(counts) {
		if n := counts[class]; n > 0 {
			g.node(Node{ID: "broken/" + class, Class: class, Label: fmt.Sprintf("%s broken", Thousands(n)), Note: class + " · see tenantry validate", Count: n})
		}
	}
}
