package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/resource"
)

// An answer is what the evaluation of one owner gives, on its way to being an Answer.
type answer struct {
	owner     resource.Owner
	tenant    *Tenant  // nil for a cell, and for a tenant that isn't sound
	body      *node    // a tenant's data, if it could be read
	label     ast.Node // the tenant's name in its file
	source    *source
	desired   []resource.Desired
	found     []Finding
	broken    string            // why the owner has no rendering; empty if it has
	kinds     map[string]string // of the resources by name
	excepted  []string          // the policies about the owner that exceptions take something off
	excused   []Breach          // what the exceptions let through
	offboards bool
	counts    []Count // what the tenant takes of what is limited
	stopped   bool    // see Answer.Stopped
}

// refuse adds a finding and makes the owner broken.
func (a *answer) refuse(at resource.Origin, format string, args ...any) {
	f := Finding{Origin: at, Severity: Error, Message: fmt.Sprintf(format, args...), Tenant: a.tenantName()}
	a.add(f)
}

func (a *answer) add(f Finding) {
	a.found = append(a.found, f)
	if a.broken == "" && (f.Severity == Error || f.Severity == Deny) {
		a.broken = f.String()
	}
}

func (a *answer) tenantName() string {
	if a.owner.Class() != "tenant" {
		return ""
	}
	return a.owner.Name()
}

// cell renders the resources of a cell.
func (e *engine) cell(c *cellDef) *answer {
	a := &answer{owner: resource.Cell(c.Name), source: c.source}
	at := place{cell: c.Name}
	a.broken = e.unruled(at, "")
	t, err := e.template(at, e.def.rulings(at, ""))
	if err != nil {
		a.refuse(c.Origin, "%v", err)
		return a
	}
	o := &evaluation{engine: e, answer: a, template: t, cell: c, own: c.resources, adopt: c.adopt, text: c.source}
	o.render(cue.Value{})
	return a
}

// tenant checks and renders one tenant, unless its plan is condemned. It calls step when it knows what
// is evaluated.
func (e *engine) tenant(f File, step func(Step), condemned map[string]string) *answer {
	src, found := parseTenant(f)
	a := &answer{owner: resource.Tenant(src.name()), source: src}
	for _, f := range found {
		a.add(f)
	}
	body := a.readBody(src)
	if body == nil {
		return a
	}
	a.body = body
	if reason := condemned[body.text("plan")]; reason != "" {
		a.stopped, a.broken = true, fmt.Sprintf("its plan %s can't be used: %s", body.text("plan"), reason)
		return a
	}
	step(e.stepOf(src, body))
	data := e.complete(body, src.name())
	if err := data.Unify(e.definition("#Tenant")).Validate(cue.Concrete(true)); err != nil {
		at := a.label
		remarks := diagnose(e.ctx, body, slot{def: e.definition("#Tenant"), at: at})
		if len(remarks) == 0 {
			remarks = []remark{{at: at, message: err.Error()}}
		}
		for _, r := range remarks {
			if len(r.path) == 1 && r.path[0] == "name" && body.get("name") == nil {
				continue // it is the file's name
			}
			a.refuse(src.at(r.at), "%s", r.message)
			body.drop(r.path)
		}
		data = e.complete(body, src.name())
	}
	e.inPlace(a, data)
	return a
}

// readBody reads a tenant's file up to what can be said without evaluating; nil if that is all.
func (a *answer) readBody(src *source) *node {
	if src.syntax == nil {
		return nil // said when it was read
	}
	if name := src.syntax.PackageName(); name != "fleet" {
		a.refuse(src.at(src.syntax), "the file must begin with \"package fleet\"")
	}
	root, refused := readData(src.syntax)
	for _, r := range refused {
		a.refuse(src.at(r.at), "%s", r.message)
	}
	for _, f := range root.fields {
		if f.name != "tenant" {
			a.refuse(src.at(f.label), "there is no field %q here; a tenant's file has only tenant: %s: {…}", f.name, src.name())
		}
	}
	all := root.get("tenant")
	if all == nil || all.kind != structNode {
		if len(refused) == 0 {
			a.refuse(src.at(src.syntax), "the file says nothing of a tenant; write tenant: %s: {…}", src.name())
		}
		return nil
	}
	for _, f := range all.fields {
		if f.name != src.name() {
			a.refuse(src.at(f.label), "the file is called %s.cue, so the tenant is %q, not %q", src.name(), src.name(), f.name)
		}
	}
	body := all.get(src.name())
	a.label = all.label(src.name())
	if body == nil && len(all.fields) == 1 {
		body, a.label = all.fields[0].value, all.fields[0].label // misnamed; what is in it can still be checked
	}
	if body != nil && body.kind != structNode {
		a.refuse(src.at(body.expr), "tenant.%s is not a group of fields in { }", src.name())
		return nil
	}
	if named := body.get("name"); named != nil && named.kind != refusedNode {
		if named.scalar != src.name() {
			a.refuse(src.at(named.expr), "name: %s is not the file's name; leave it out, or write %q", show(named), src.name())
		}
		body.drop([]string{"name"}) // the file's name is the tenant's
	}
	return body
}

// complete is a tenant's data with its name and with what the schema fills in, so that templates
// needn't have the schema of tenants in them.
func (e *engine) complete(n *node, name string) cue.Value {
	s := n.expression().(*ast.StructLit)
	if n.get("name") == nil {
		s.Elts = append(s.Elts, &ast.Field{Label: ast.NewIdent("name"), Value: ast.NewString(name)})
	}
	s.Elts = append(s.Elts, &ast.Field{Label: ast.NewIdent("#id"), Value: ast.NewString(n.firstName(name))})
	for _, f := range e.defaults {
		if label, _, _ := ast.LabelName(f.Label); n.get(label) == nil {
			s.Elts = append(s.Elts, f)
		}
	}
	return e.ctx.BuildExpr(s)
}

// placeOf is where a tenant's data puts it. All that decides which template the tenant is filled into
// must come from here: what is remembered of a tenant is used for as long as its place stays the same.
func placeOf(body *node) place {
	return place{plan: body.text("plan"), cell: body.text("cell"), residency: body.text("residency")}
}

// stepOf says what is about to be evaluated.
func (e *engine) stepOf(src *source, body *node) Step {
	s := Step{File: src.path}
	if p := e.def.plans[body.text("plan")]; p != nil {
		s.Plan, s.PlanFile = p.Name, p.source.path
	}
	return s
}

// inPlace finds the tenant's plan and cell and renders it there.
func (e *engine) inPlace(a *answer, data cue.Value) {
	body, src := a.body, a.source
	at := placeOf(body)
	plan, soundPlan := e.named(a, "plan", plansDir, at.plan, sortedKeys(e.def.plans))
	cell, soundCell := e.named(a, "cell", cellsDir, at.cell, sortedKeys(e.def.cells))
	if plan != "" {
		if broken := e.def.plans[plan]; soundPlan && broken != nil {
			e.checkNames(a, broken)
			data = e.complete(body, src.name())
		}
	}
	if !soundPlan || !soundCell {
		e.checkResidency(a, at)
		return
	}
	if reason := e.unruled(at, src.name()); reason != "" && a.broken == "" {
		a.broken = reason
	}
	t, err := e.template(at, e.def.rulings(at, src.name()))
	if err != nil {
		a.refuse(src.at(a.label), "%v", err)
		return
	}
	p, c := e.def.plans[plan], e.def.cells[cell]
	o := &evaluation{engine: e, answer: a, template: t, cell: c, plan: p, own: p.resources, adopt: adoptions(body), text: p.source}
	o.render(data)
	e.checkResidency(a, at)
	if a.broken != "" {
		a.desired = nil
		return
	}
	a.tenant = &Tenant{
		Name: src.name(), DisplayName: body.text("displayName"), Plan: plan, Cell: cell, Residency: at.residency,
		Lifecycle: body.text("lifecycle"), Contacts: contactsOf(body), Domains: domainsOf(body), Origin: src.at(a.label),
	}
	if a.tenant.Lifecycle == "" {
		a.tenant.Lifecycle = "active"
	}
	a.counts = append([]Count{{Of: placesOf(cell), Takes: p.capacity}}, quotaCounts(a.desired, e.def.accounts)...)
	if a.offboards = a.tenant.Lifecycle == "offboarding"; a.offboards {
		a.desired = nil
	}
}

// named checks that a plan or a cell exists and is sound. One that is spoiled breaks the tenant
// without a finding of its own: the finding is where the mistake is.
func (e *engine) named(a *answer, field, folder, name string, known []string) (string, bool) {
	if name == "" {
		return "", false // said by the schema
	}
	if slices.Contains(known, name) {
		return name, true
	}
	if reason := e.def.spoiled[folder+"/"+name]; reason != "" {
		if a.broken == "" {
			a.broken = fmt.Sprintf("its %s %s can't be used: %s", field, name, reason)
		}
		return name, false
	}
	a.refuse(a.source.at(a.body.get(field).expr), "%s: there is no %s %q%s", field, field, name, maybe(name, known))
	return "", false
}

// unruled says why an owner in this place can't be judged, if a policy that may be about it can't be used.
func (e *engine) unruled(at place, tenant string) string {
	for _, key := range sortedKeys(e.def.spoiled) {
		name, ok := strings.CutPrefix(key, policiesDir+"/")
		if !ok {
			continue
		}
		if p := e.def.unsound[name]; p == nil || p.selects(at, tenant, e.def.cells[at.cell].Environment) {
			return fmt.Sprintf("the policy %s can't be used: %s", name, e.def.spoiled[key])
		}
	}
	return ""
}

// checkNames finds overrides and adoptions of resources that the plan doesn't have.
func (e *engine) checkNames(a *answer, plan *planDef) {
	known := sortedKeys(plan.kinds)
	for _, field := range []string{"overrides", "adopt"} {
		inner := a.body.get(field)
		if inner == nil || inner.kind != structNode {
			continue
		}
		for _, f := range slices.Clone(inner.fields) {
			kind, ok := plan.kinds[f.name]
			if !ok {
				a.refuse(a.source.at(f.label), "%s.%s: the plan %s has no resource %q%s", field, f.name, plan.Name, f.name, maybe(f.name, known))
				inner.dropDeep([]string{f.name})
			} else if names := e.def.kinds[kind].fields; field == "overrides" && len(names) > 0 {
				e.checkAttributes(a, f, kind, names, plan)
			}
		}
	}
}

// checkAttributes finds overrides of attributes that the resource's kind doesn't have, and of those
// that the plan says nothing of: what a plan doesn't mention is not the tenant's to decide, or a
// tenant's file could give its role any permission.
func (e *engine) checkAttributes(a *answer, override field, kind string, known []string, plan *planDef) {
	offers, certain := plan.offers[override.name]
	for _, f := range slices.Clone(override.value.fields) {
		if slices.Contains(known, f.name) && certain && f.name != "kind" && !slices.Contains(offers, f.name) {
			a.refuse(a.source.at(f.label), "overrides.%s.%s: the plan %s says nothing of %s, so that it can't be overridden; the plan would have to allow it, at %s",
				override.name, f.name, plan.Name, f.name, plan.resources[override.name])
			override.value.dropDeep([]string{f.name})
		}
	}
	for _, attribute := range e.def.kinds[kind].named {
		e.checkAdditions(a, override, attribute, plan)
	}
	for _, f := range slices.Clone(override.value.fields) {
		if !slices.Contains(known, f.name) || f.name == "kind" {
			a.refuse(a.source.at(f.label), "overrides.%s.%s: %s has no attribute %q%s", override.name, f.name, kind, f.name, maybe(f.name, known))
			override.value.dropDeep([]string{f.name})
		}
	}
}

// checkAdditions finds names that an override adds to an attribute whose names are the plan's.
func (e *engine) checkAdditions(a *answer, override field, attribute string, plan *planDef) {
	names, certain := plan.offers[override.name+"."+attribute]
	value := override.value.get(attribute)
	if value == nil || !certain {
		return
	}
	for _, f := range slices.Clone(value.fields) {
		if !slices.Contains(names, f.name) {
			a.refuse(a.source.at(f.label), "overrides.%s.%s.%s: the plan %s has no %[3]q there, and a tenant can't add to it; the plan would have to, at %[5]s",
				override.name, attribute, f.name, plan.Name, plan.resources[override.name])
			value.dropDeep([]string{f.name})
		}
	}
}

func adoptions(body *node) map[string]string {
	out := map[string]string{}
	if inner := body.get("adopt"); inner != nil && inner.kind == structNode {
		for _, f := range inner.fields {
			out[f.name], _ = f.value.scalar.(string)
		}
	}
	return out
}

// readJSON decodes what the evaluator gives, numbers as they are written.
func readJSON(text []byte) (map[string]map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out map[string]map[string]any
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("read the rendering: %w", err)
	}
	return out, nil
}
