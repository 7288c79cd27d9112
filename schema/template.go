package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// A place is what a template depends on besides the tenant's own data. Cells have a place of their
// own, without a plan.
type place struct {
	plan, cell, residency string
}

// A template is what an owner's data is filled into, once, to have everything evaluated.
type template struct {
	place

	rules []ruling // that are about the owner
	// value has the fields #of, for the tenant; resources, with the policies that deny unified;
	// checks, the policies on tenant and cell; rules, those that don't deny and those with exceptions;
	// lifted, as checks for policies that an exception takes off.
	value cue.Value
	// apart has #of; resources, without any policy; rules, each by its name. It finds out which
	// of them is broken, and is built when that is asked for the first time.
	apart *cue.Value
}

// A templateKey is what a template depends on, given the fleet's definitions.
type templateKey struct {
	place

	rulings string // as of rulingsKey
}

var (
	pathOf        = cue.MakePath(cue.Def("#of"))
	pathResources = cue.MakePath(cue.Str("resources"))
	pathResource  = cue.MakePath(cue.Str("resource"))
	pathChecks    = cue.MakePath(cue.Str("checks"))
	pathLifted    = cue.MakePath(cue.Str("lifted"))
)

// template returns the template of a place for those whom the rulings are about, compiled once.
func (e *engine) template(at place, rulings []ruling) (*template, error) {
	key := templateKey{at, rulingsKey(rulings)}
	if t, ok := e.templates[key]; ok {
		return t, nil
	}
	t := &template{place: at, rules: rulings}
	text := templateText{def: e.def, at: at, rules: t.rules}
	v, err := e.bare.inline(e.ctx, "template", text.fused())
	if err != nil {
		return nil, fmt.Errorf("template of %v: %w", at, err)
	}
	t.value = v
	e.templates[key] = t
	return t, nil
}

// taken returns the template with its policies apart.
func (e *engine) taken(t *template) (cue.Value, error) {
	if t.apart == nil {
		text := templateText{def: e.def, at: t.place, rules: t.rules}
		v, err := e.bare.inline(e.ctx, "apart", text.apart())
		if err != nil {
			return v, fmt.Errorf("template of %v: %w", t.place, err)
		}
		t.apart = &v
	}
	return *t.apart, nil
}

// unfilled is a plan with its template made present, without a tenant.
func (e *engine) unfilled(plan string) cue.Value {
	text := fmt.Sprintf("package engine\nimport %q\n(plans[%q] & {resources: _})\n", e.def.module+"/"+plansDir, plan)
	v, err := e.packages.inline(e.ctx, "unfilled", text)
	if err != nil {
		return cue.Value{} // it compiled when the plan was read
	}
	return v
}

// selectsKind tells whether a policy is about a kind.
func (p *policyDef) selectsKind(kind string) bool {
	return len(p.kinds) == 0 || slices.Contains(p.kinds, kind)
}

// mayRule are the policies that are about a place, for some tenants there if not for all.
func (e *engine) mayRule(at place) []ruling {
	var out []ruling
	for _, p := range e.def.policies {
		if p.maySelect(at, e.def.cells[at.cell].Environment) {
			out = append(out, ruling{policyDef: p})
		}
	}
	return out
}

// maySelect tells whether a policy is about a place, for some tenants there if not for all.
func (p *policyDef) maySelect(at place, environment string) bool {
	anybody := *p
	anybody.tenants = nil
	return anybody.selects(at, "anybody", environment)
}

// selects tells whether a policy is about a tenant in a place; or about the cell, if tenant is empty.
func (p *policyDef) selects(at place, tenant, environment string) bool {
	if tenant == "" && (len(p.plans) > 0 || len(p.tenants) > 0 || len(p.residencies) > 0 || p.ofTenants()) {
		return false
	}
	in := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return in(p.plans, at.plan) && in(p.tenants, tenant) && in(p.cells, at.cell) && in(p.residencies, at.residency) && in(p.environments, environment)
}

// A templateText writes the CUE of a template. Nothing in CUE is incremental, so everything that
// must hold is unified before the data is filled in. What is only referred to by let costs nothing
// until it is used.
type templateText struct {
	def   *definitions
	at    place
	rules []ruling
	known []string // the inputs that there are
	b     strings.Builder
}

func (t *templateText) line(format string, args ...any) {
	fmt.Fprintf(&t.b, format+"\n", args...)
}

func (t *templateText) fused() string {
	t.head()
	t.resources(true)
	t.checks("checks", func(r ruling) bool { return !r.lifted })
	t.checks("lifted", func(r ruling) bool { return r.lifted })
	t.policies(func(r ruling) bool { return !r.denies() || r.excepted() })
	return t.b.String()
}

func (t *templateText) apart() string {
	t.head()
	t.resources(false)
	t.policies(func(ruling) bool { return true })
	return t.b.String()
}

// filled is a definition with its inputs. Only those that it declares: each costs an evaluation.
func (t *templateText) filled(definition string, inputs, fields []string) string {
	var b strings.Builder
	b.WriteString("(" + definition + " & {")
	for _, input := range inputs {
		if slices.Contains(t.known, input) {
			b.WriteString(input + ": facts." + input + ", ")
		}
	}
	for _, field := range fields {
		b.WriteString(field + ": _, ")
	}
	return b.String() + "})"
}

// rule is a policy with its inputs.
func (t *templateText) rule(p ruling) string {
	return t.filled(fmt.Sprintf("policies[%q]", p.Name), p.inputs, late[policiesDir])
}

// head writes the imports, and what templates and policies may know.
func (t *templateText) head() {
	folder := plansDir
	if t.at.plan == "" {
		folder = cellsDir
	}
	t.line("package engine")
	t.line("import (\n%q\n%q", modulePath, t.def.module+"/"+folder)
	if len(t.rules) > 0 {
		t.line("%q", t.def.module+"/"+policiesDir)
	}
	t.line(")")
	cell := t.def.cells[t.at.cell]
	account := t.def.accounts[cell.Account]
	t.known = []string{"#cell", "#account", "#fleet"}
	t.line("facts: {")
	t.line("#cell: {name: %q, account: %q, region: %q, environment: %q}", cell.Name, cell.Account, cell.Region, cell.Environment)
	t.line("#account: {name: %q, id: %q}", account.Name, account.ID)
	t.line("#fleet: name: %q", t.def.fleet.name)
	if t.at.plan != "" {
		t.known = append(t.known, "#tenant", "#plan")
		bought := fmt.Sprintf("plans[%q]", t.at.plan)
		t.line("#tenant: #of")
		t.line("#plan: {name: %q, isolation: %[2]s.isolation, slo: %[2]s.slo, limits: %[2]s.limits, backup: %[2]s.backup}", t.at.plan, bought)
	}
	t.line("}")
	if t.at.plan != "" {
		t.line("#of: _") // checked before, and complete
	}
}

// resources writes the field resources, with the policies that deny or without any.
func (t *templateText) resources(ruled bool) {
	owner := t.at.cell
	t.line("resources: {")
	if t.at.plan == "" {
		t.line("%s.resources", t.filled(fmt.Sprintf("cells[%q]", t.at.cell), t.def.cells[t.at.cell].inputs, late[cellsDir]))
	} else {
		owner = `\(#of.#id)`
		t.line("%s.resources", t.filled(fmt.Sprintf("plans[%q]", t.at.plan), t.def.plans[t.at.plan].inputs, late[plansDir]))
		t.line("#of.overrides")
	}
	var each []ruling
	for _, r := range t.rules {
		if ruled && r.denies() && r.onResources {
			t.line("%s.resources", t.rule(r))
		}
		if ruled && r.denies() && r.onResource {
			each = append(each, r)
		}
	}
	prefix, first := t.def.fleet.name+"-"+owner+"-", oldest(t.written())
	account := t.def.accounts[t.def.cells[t.at.cell].Account].ID
	if kinds := t.settled(); kinds != nil {
		for _, name := range sortedKeys(kinds) {
			t.line(`%q: {#name: "%s%s", #unique: "\(#name)-%s"}`, name, prefix, cmp.Or(first[name], name), account)
			holds := func(r ruling) bool { return !r.spares(name) && r.selectsKind(kinds[name]) }
			t.line("%q: schema.#Kinds[%q]%s", name, kinds[name], t.all(each, holds))
		}
		t.line("}")
		return
	}
	t.line(`[Key=string]: {kind: string, #name: "%s%s", #unique: "\(#name)-%s", kinds[kind]`, prefix, keyName(first), account)
	for i, r := range each {
		if len(r.spared) > 0 {
			t.line("if %s {but%d[kind]}", otherThan(r.spared), i)
		}
	}
	t.line("}\n}\nlet kinds = {")
	for _, kind := range sortedKeys(t.def.kinds) {
		holds := func(r ruling) bool { return len(r.spared) == 0 && r.selectsKind(kind) }
		t.line("%q: schema.#Kinds[%q]%s", kind, kind, t.all(each, holds))
	}
	t.line("}")
	for i, r := range each {
		if len(r.spared) > 0 {
			t.line("let but%d = {", i)
			for _, kind := range sortedKeys(t.def.kinds) {
				t.line("%q: _%s", kind, t.all([]ruling{r}, func(r ruling) bool { return r.selectsKind(kind) }))
			}
			t.line("}")
		}
	}
}

// all are the constraints on a resource of the rulings that hold.
func (t *templateText) all(rules []ruling, holds func(ruling) bool) string {
	var out strings.Builder
	for _, r := range rules {
		if holds(r) {
			out.WriteString(" & " + t.rule(r) + ".resource")
		}
	}
	return out.String()
}

// otherThan is the condition that Key is none of some names.
func otherThan(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("Key != %q", name)
	}
	return strings.Join(parts, " && ")
}

// settled has the kinds of all resources if no tenant has others; nil if that depends.
func (t *templateText) settled() map[string]string {
	if t.at.plan == "" || !t.def.plans[t.at.plan].settled {
		return nil
	}
	return t.def.plans[t.at.plan].kinds
}

// checks writes the policies on tenants and cells.
func (t *templateText) checks(field string, which func(ruling) bool) {
	t.line("%s: {", field)
	for _, r := range t.rules {
		if r.onTenant && which(r) {
			t.line("%q: tenant: #of & %s.tenant", r.Name, t.rule(r))
		}
		if r.onCell && which(r) {
			t.line("%q: cell: facts.#cell & %s.cell", r.Name, t.rule(r))
		}
	}
	t.line("}")
}

// policies writes policies by their names, with their inputs filled in.
func (t *templateText) policies(which func(ruling) bool) {
	t.line("rules: {")
	for _, r := range t.rules {
		if which(r) {
			t.line("%q: %s", r.Name, t.rule(r))
		}
	}
	t.line("}")
}
