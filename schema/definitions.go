package schema

import (
	"slices"
	"time"

	"cuelang.org/go/cue"

	"tenantry.dev/reconciler/resource"
)

// definitions is what a fleet's files say, tenants aside, as plain data: what every evaluation
// needs to know. Read-only once it is made.
type definitions struct {
	module   string
	at       time.Time // when expiries are judged
	until    time.Time // the first moment after it at which something expires; zero if nothing does
	fleet    fleetDef
	accounts map[string]*Account
	cells    map[string]*cellDef // the sound ones
	plans    map[string]*planDef // the sound ones
	policies []*policyDef        // the sound ones, by name
	kinds    map[string]kindDef
	regions  map[string][]string // that a residency allows, by the residency
	// environments, windows, freezes, releases and teams are those of the fleet.
	environments map[string]Environment
	files        map[string][]string // the names of the files in a folder
	windows      []string
	freezes      []Freeze
	releases     []*releaseDef // by name
	teams        map[string]*accessDef
	// spoiled has, by "plans/team", the plans and cells that can't be used, with the reason.
	spoiled map[string]string
	// unsound has the policies that can't be used but whose selection can be read.
	unsound map[string]*policyDef
	shared  map[string]map[string]string // the kind of each resource of each cell
	left    map[string]bool              // files that are left out of their package
	// found has findings about what is in force all the same, such as an exception that expired.
	found    []Finding
	mentions []Mention
}

// knows tells whether a folder has a definition of this name, sound or not.
func (d *definitions) knows(folder, name string) bool {
	sound := false
	switch folder {
	case plansDir:
		_, sound = d.plans[name]
	case cellsDir:
		_, sound = d.cells[name]
	case accessDir:
		_, sound = d.teams[name]
	}
	return sound || d.spoiled[folder+"/"+name] != ""
}

// quotas bound what the fleet asks of its accounts, given what its cells count themselves.
func (d *definitions) quotas(cells []Count) []Limit {
	accounts := make([]Account, 0, len(d.accounts))
	for _, name := range sortedKeys(d.accounts) {
		accounts = append(accounts, *d.accounts[name])
	}
	n := sheet{src: d.fleet.source}
	return quotaLimits(accounts, d.kinds, cells, func(account, kind string) resource.Origin {
		return n.value("accounts", account, "quotas", kind)
	})
}

type fleetDef struct {
	name         string
	environments []string
	source       *source
}

type cellDef struct {
	Cell
	source    *source
	inputs    []string
	adopt     map[string]string
	resources map[string]resource.Origin
}

type planDef struct {
	Plan
	source    *source
	inputs    []string
	capacity  int
	resources map[string]resource.Origin
	kinds     map[string]string // of the resources by name, as far as it is known without a tenant
	// offers has the attributes that the template says something of, by resource. Those are what a
	// tenant may override, within what the template says. A resource that only some tenants have
	// isn't in it. Of attributes to whose names a tenant can't add, it has those names as well, by
	// "role.inlinePolicies".
	offers  map[string][]string
	settled bool // every tenant has these resources and no others
}

type policyDef struct {
	Policy
	source                                                  *source
	message                                                 string
	plans, tenants, cells, environments, residencies, kinds []string
	exceptions                                              []Exception

	onTenant, onCell, onResource, onResources bool

	// mentions are the attributes that the constraint on a resource is about; nil if that can't be told.
	mentions []string
	inputs   []string // that it declares, such as "#tenant"
}

// ofTenants tells whether the constraints say something of tenants or use their data.
func (p *policyDef) ofTenants() bool {
	return p.onTenant || p.onCell || slices.Contains(p.inputs, "#tenant") || slices.Contains(p.inputs, "#plan")
}

type kindDef struct {
	fields  []string // the attributes, and kind
	named   []string // the attributes to whose names a tenant can't add
	outputs []string
	global  bool
}

// readResidencies reads the regions that each residency allows.
func readResidencies(schema cue.Value) map[string][]string {
	out := map[string][]string{}
	_ = decode(schema.LookupPath(cue.ParsePath("#Residencies")), &out) // a test reads them all
	return out
}

// readKinds reads what the schema says of each kind.
func readKinds(schema cue.Value) map[string]kindDef {
	kinds := map[string]kindDef{}
	fields, err := schema.LookupPath(cue.ParsePath("#Kinds")).Fields()
	if err != nil {
		return kinds
	}
	for fields.Next() {
		var k kindDef
		_ = fields.Value().LookupPath(cue.ParsePath("#outputs")).Decode(&k.outputs) // a test reads them all
		k.global, _ = fields.Value().LookupPath(cue.ParsePath("#global")).Bool()
		k.fields = slices.DeleteFunc(fieldNames(fields.Value()), func(name string) bool { return name == previously })
		for _, name := range k.fields {
			if mark := lookup(fields.Value(), []string{name}).Attribute("plan"); mark.Err() == nil {
				k.named = append(k.named, name)
			}
		}
		kinds[fields.Selector().Unquoted()] = k
	}
	return kinds
}
